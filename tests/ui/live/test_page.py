"""The page Live under AppTest: consent, waiting, a running lesson, its end."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fer.faces import Faces
from fer.server.lessons import ABANDONED, LiveLessons
from fer.server.state import LOADING, State
from fer.settings import Settings
from fer.store import Autosave, Store
from fer.store.database import file_url
from tests.server.fakes import Clock, FakeAnalyzer
from tests.server.test_lessons import NINE
from tests.ui.pages import text_of

PICTURE = np.zeros((120, 160, 3), np.uint8)
STATES: dict[str, State] = {}


def _script(name: str) -> None:
    from fer.ui.live import page as live
    from tests.ui.live.test_page import STATES

    live.page(STATES[name])


@pytest.fixture
def state(tiny_model: Path) -> State:
    return made(Settings(model=tiny_model, live="socket"))


def made(settings: Settings, **lessons: Any) -> State:
    analyzer = FakeAnalyzer()
    return State(settings, analyzer, LiveLessons(analyzer, **lessons), b"a secret of the tests")


def opened(state: State) -> AppTest:
    STATES["one"] = state
    return AppTest.from_function(_script, kwargs={"name": "one"}, default_timeout=60).run()


def agreed(state: State) -> AppTest:
    page = opened(state)
    return page.button[0].click().run()


def button(page: AppTest, label: str) -> AppTest:
    (found,) = [one for one in page.button if one.label == label]
    return found.click().run()


def feed(state: State, page: AppTest, times: int = 3) -> None:
    """Feed frames to this visit's lesson, as the live socket would."""
    live = state.lessons.open(page.session_state["live_lesson"], "socket")
    for _ in range(times):
        live.feed(PICTURE, time.monotonic())


def test_the_gate_comes_first(state: State) -> None:
    page = opened(state)
    assert not page.exception
    words = " ".join(text_of(page).split())
    for said in ("not a feeling", "know and agree", "2 February 2025", "graded"):
        assert said in words
    assert len(page.button) == 1
    assert not page.segmented_control


def test_a_network_that_cannot_be_loaded_is_named_before_anything_is_asked(state: State) -> None:
    state.not_ready = "model.onnx is cut off; fetch it again"
    page = opened(state)
    assert not page.exception
    assert "cannot read faces** (model.onnx is cut off; fetch it again)" in page.error[0].value
    assert not page.button
    state.not_ready = None
    assert page.run().button
    state.not_ready = LOADING
    assert not page.run().error


def test_in_the_union_it_stays_off(tiny_model: Path) -> None:
    page = opened(made(Settings(model=tiny_model, region="EU")))
    assert not page.exception
    assert "FER_MEDICAL_OR_SAFETY=1" in page.error[0].value
    assert not page.button


def test_a_medical_reason_lets_it_begin(tiny_model: Path) -> None:
    page = opened(made(Settings(model=tiny_model, region="EU", medical_or_safety=True)))
    assert [one.label for one in page.button] == ["I understand, and my students know and agree"]


def test_it_waits_for_the_first_picture(state: State) -> None:
    page = agreed(state)
    assert not page.exception
    assert "Press Start" in text_of(page)
    assert all(one.disabled for one in page.button if one.label != "Add")  # in a closed box
    assert len(state.lessons) == 0  # whoever only looks takes no place


def test_a_lesson_runs_and_ends(state: State) -> None:
    page = agreed(state)
    feed(state, page)
    page.run()
    assert not page.exception
    assert "1 face" in page.get("html")[0].proto.body
    button(page, "New topic")
    page = button(page, "Pause")
    assert "Paused" in text_of(page)
    button(page, "Go on")
    page = button(page, "Finish")
    assert not page.exception
    assert page.header[0].value.startswith("Lesson of ")
    assert "Mostly happy" in text_of(page)
    assert len(page.get("download_button")) == 4
    assert len(state.lessons) == 0
    page = button(page, "Begin another lesson")
    assert "Press Start" in text_of(page)


def test_a_lesson_has_its_consent_and_its_name_on_record(state: State) -> None:
    page = agreed(state)
    page.text_input(key="live_name").set_value("Algebra").run()
    feed(state, page)
    page.run()
    page.text_input(key="live_name").set_value("Geometry").run()
    button(page, "Finish")
    session = page.session_state["lesson_finished"]
    assert session.info.name == "Geometry"
    assert session.info.acknowledged is not None


def test_alerts_are_set_by_the_teacher(state: State) -> None:
    page = agreed(state)
    feed(state, page)
    page.run()
    page.checkbox(key="alert_flat").check().run()
    page.checkbox(key="alert_negative").uncheck().run()
    page.slider(key="alert_over_flat").set_value(70).run()
    live = state.lessons.running(page.session_state["live_lesson"], owner_of(page))
    assert live is not None and live.lesson is not None
    assert [(a.what, a.over) for a in live.lesson.alerts] == [("confused", 0.4), ("flat", 0.7)]


def test_single_faces_are_off_until_asked_for(tiny_model: Path) -> None:
    clock = Clock()
    state = made(Settings(model=tiny_model, live="socket"), now=clock)
    page = agreed(state)
    feed(state, page)
    page.run()
    assert "Single faces" not in text_of(page)
    page.toggle(key="individuals").set_value(True).run()
    live = state.lessons.open(page.session_state["live_lesson"], "socket")
    for _ in range(3):
        live.feed(PICTURE, clock.at)
        clock.at += 1
    page.run()
    assert not page.exception
    assert "Face 1" in page.get("html")[1].proto.body


def test_a_store_that_fails_is_told_and_the_lesson_goes_on(state: State) -> None:
    state.store_fault = "the disk is full; free some space"
    page = agreed(state)
    feed(state, page)
    page.run()
    assert not page.exception
    assert "the disk is full" in page.warning[0].value


def test_of_a_database_that_fails_no_address_is_shown(tiny_model: Path) -> None:
    address = "fantasy://u5er:pa55@somewhere/lessons"
    settings = Settings(
        model=tiny_model, live="socket", database_url=address, secret="of the tests"
    )
    page = agreed(State.of(settings, FakeAnalyzer()))
    assert not page.exception
    assert "(unknown kind of database; the URL must begin with" in page.warning[0].value
    for private in ("u5er", "pa55", "somewhere"):
        assert private not in text_of(page)


def test_a_lesson_without_a_name_has_the_time_of_its_beginning(tiny_model: Path) -> None:
    opened_at = Clock()
    wall = lambda: NINE + timedelta(seconds=opened_at.at)  # noqa: E731
    state = made(Settings(model=tiny_model, live="socket"), wall=wall)
    page = agreed(state)
    opened_at.at += 5400
    feed(state, page)
    live = state.lessons.running(page.session_state["live_lesson"], owner_of(page))
    assert live is not None and live.lesson is not None
    begun = live.lesson.info.started
    assert begun == NINE + timedelta(seconds=opened_at.at)
    assert live.lesson.info.name == f"Lesson of {begun:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize("stays", [True, False])
def test_a_lesson_may_begin_as_long_as_its_page_is_open(tiny_model: Path, stays: bool) -> None:
    clock = Clock()
    state = made(Settings(model=tiny_model, live="socket"), now=clock)
    page = agreed(state)
    for _ in range(2):
        clock.at += ABANDONED - 1
        if stays:
            page.run()  # as the view of the class does by itself, every second
        state.lessons.sweep()
    feed(state, page)
    begun = state.lessons.running(page.session_state["live_lesson"], owner_of(page))
    assert (begun is not None) == stays


def test_a_page_that_was_left_behind_does_not_take_the_lesson_back(
    tiny_model: Path, tmp_path: Path
) -> None:
    url = file_url(tmp_path / "lessons.sqlite3")
    here, there = Store(url), Store(url)
    state = made(
        Settings(model=tiny_model, live="socket"), store=here, autosave=Autosave(here, every=0)
    )
    elsewhere = LiveLessons(FakeAnalyzer(), there, Autosave(there, every=0))
    page = agreed(state)
    feed(state, page)
    page.run()
    lesson, me = page.session_state["live_lesson"], owner_of(page)
    state.lessons.save_due()
    assert elsewhere.resume(me) == lesson
    elsewhere.save_due()
    state.lessons.save_due()
    page.run()
    assert not page.exception
    assert "Press Start" in text_of(page)
    assert page.session_state["live_lesson"] != lesson
    elsewhere.save_due()
    assert elsewhere.running(lesson, me) is not None
    elsewhere.close()
    state.lessons.close()


def test_nobody_sees_another_ones_lesson(state: State) -> None:
    mine = agreed(state)
    feed(state, mine)
    other = agreed(state)
    assert other.session_state["live_lesson"] != mine.session_state["live_lesson"]
    assert "Press Start" in text_of(other)


def owner_of(page: AppTest) -> str:
    return str(page.session_state["visitor_alone"])


def test_faces_that_are_not_read_yet_are_only_counted() -> None:
    from fer.lesson import Lesson, LessonInfo
    from fer.ui.class_panel import panel

    session = Lesson(LessonInfo("x", NINE))
    session.add(Faces.of([[0, 0, 9, 9]] * 2), 0.5)
    _panel = panel(session.snapshot(1.0))
    assert "2 faces" in _panel
    assert "<b>–</b>negative" in _panel


def test_finish_says_until_it_is_so_that_a_lesson_is_not_saved(
    tiny_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "lessons.sqlite3"
    store = Store(file_url(path))
    state = made(
        Settings(model=tiny_model, live="socket"), store=store, autosave=Autosave(store, every=0)
    )
    state.store = store
    page = agreed(state)
    feed(state, page)
    page.run()
    store.engine.dispose()
    hidden = path.rename(path.with_suffix(".away"))
    path.mkdir()  # no database can be opened here
    page = button(page, "Finish")
    assert not page.exception
    assert "Download the report now: this lesson is not saved yet" in page.warning[0].value
    files = [one.proto.label for one in page.get("download_button")]
    assert files.count("Report") == 2  # at once below the warning, and as ever
    path.rmdir()
    hidden.rename(path)
    state.lessons.save_due()
    page.run()
    assert not page.warning
    assert "it is saved now" in page.success[0].value
    assert len(page.get("download_button")) == 4
    (kept,) = store.find(owner_of(page)).lessons
    assert kept.ended
    state.lessons.close()


def test_a_report_that_will_never_be_saved_does_not_promise_it(state: State) -> None:
    state.store_fault = "unknown kind of database"
    page = agreed(state)
    feed(state, page)
    page.run()
    page = button(page, "Finish")
    assert "this server will not save this lesson" in page.warning[0].value
    assert "unknown kind of database" in page.warning[0].value


def test_a_page_whose_lesson_was_ended_elsewhere_says_where_it_is(state: State) -> None:
    page = agreed(state)
    feed(state, page)
    page.run()
    live = state.lessons.running(page.session_state["live_lesson"], owner_of(page))
    assert live is not None
    live.finish()
    page.run()
    assert not page.exception
    assert "in History" in page.info[0].value
