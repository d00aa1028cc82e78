"""The settings of a lesson under AppTest; each test page is a visit of its own."""

import pytest
from streamlit.testing.v1 import AppTest

from fer.faces import Faces
from fer.lesson import CALM, Alert, Lesson
from fer.lesson.lesson import LessonPlan
from fer.server.lessons import LiveLesson, LiveLessons
from tests.server.fakes import FakeAnalyzer

LESSONS: list[LiveLesson] = []
OWN = Alert("flat", 0.7, 45)


def _script() -> None:
    from fer.ui.live.controls import options
    from tests.ui.live.test_controls import LESSONS

    options(LESSONS[-1] if LESSONS else None)


def begun() -> LiveLesson:
    """Return a running lesson."""
    lessons = LiveLessons(FakeAnalyzer())
    lessons.join("lesson-one", "me", LessonPlan())
    live = lessons.open("lesson-one", "socket")
    live.add(Faces.none())
    return live


@pytest.fixture
def lesson() -> Lesson:
    LESSONS[:] = [begun()]
    lesson = LESSONS[0].lesson
    assert lesson is not None
    return lesson


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
    assert lesson.people() is not None


def test_another_visit_finds_the_lesson_as_it_was_set(lesson: Lesson) -> None:
    """Also after a reload or in a second tab."""
    lesson.set_alerts([OWN])
    lesson.follow_people(True)
    page = visit()
    assert lesson.alerts == [OWN]
    assert lesson.people() is not None
    assert page.checkbox(key="alert_flat").value
    assert page.slider(key="alert_over_flat").value == round(100 * OWN.over)
    assert page.toggle(key="individuals").value


def test_a_visit_that_changes_nothing_leaves_what_another_changed(lesson: Lesson) -> None:
    page = visit()
    lesson.set_alerts([OWN])  # in the other tab
    page.run()
    assert lesson.alerts == [OWN]


def test_what_was_chosen_before_the_lesson_goes_with_it() -> None:
    LESSONS.clear()
    page = visit()
    page.checkbox(key="alert_flat").check().run()
    LESSONS.append(begun())
    page.run()
    lesson = LESSONS[0].lesson
    assert lesson is not None
    assert "flat" in {alert.what for alert in lesson.alerts}
