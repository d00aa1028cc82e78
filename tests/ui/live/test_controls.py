"""The settings of a lesson under AppTest, each test page a visit of its own."""

import pytest
from streamlit.testing.v1 import AppTest

from fer.lesson import CALM, Alert, Lesson
from tests.lesson.classes import new_lesson

LESSONS: list[Lesson] = []
OWN = Alert("flat", 0.7, 45)


def _script() -> None:
    from types import SimpleNamespace

    from fer.ui.live.controls import options
    from tests.ui.live.test_controls import LESSONS

    options(SimpleNamespace(session=LESSONS[-1]) if LESSONS else None)


@pytest.fixture
def lesson() -> Lesson:
    LESSONS[:] = [new_lesson()]
    return LESSONS[0]


def visit() -> AppTest:
    page = AppTest.from_function(_script, default_timeout=60).run()
    assert not page.exception
    return page


def test_a_visit_sets_what_the_lesson_watches(lesson: Lesson) -> None:
    page = visit()
    assert lesson.alerts == list(CALM)
    page.checkbox(key="alert_flat").check().run()
    assert {alert.what for alert in lesson.alerts} == {alert.what for alert in CALM} | {"flat"}
    page.toggle(key="individuals").set_value(True).run()
    assert lesson.following


def test_another_visit_finds_the_lesson_as_it_was_set(lesson: Lesson) -> None:
    """After a reload, or in a second tab."""
    lesson.watch([OWN])
    lesson.follow(True)
    page = visit()
    assert lesson.alerts == [OWN]
    assert lesson.following
    assert page.checkbox(key="alert_flat").value
    assert page.slider(key="alert_over_flat").value == round(100 * OWN.over)
    assert page.toggle(key="individuals").value


def test_a_visit_that_changes_nothing_leaves_what_another_changed(lesson: Lesson) -> None:
    page = visit()
    lesson.watch([OWN])  # in the other tab
    page.run()
    assert lesson.alerts == [OWN]


def test_what_was_chosen_before_the_lesson_goes_with_it() -> None:
    LESSONS.clear()
    page = visit()
    page.checkbox(key="alert_flat").check().run()
    begun = new_lesson()
    LESSONS.append(begun)
    page.run()
    assert "flat" in {alert.what for alert in begun.alerts}
