"""The page Live under AppTest: the gate, waiting, a lesson that runs, its end."""

import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fer.faces import Faces
from fer.server.lessons import ABANDONED, Lessons
from fer.server.live_sessions import Sessions
from fer.server.state import State
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


def made(settings: Settings, lessons: Lessons | None = None) -> State:
    analyzer, lessons = FakeAnalyzer(), lessons or Lessons()
    sessions = Sessions(analyzer, listener=lessons)
    return State(settings, analyzer, sessions, b"a secret of the tests", lessons)


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
    """Pictures for this visit's lesson, as the socket would bring them."""
    session = state.sessions.open(page.session_state["live_lesson"], "socket")
    for _ in range(times):
        session.feed(PICTURE, time.monotonic())


def test_the_gate_comes_first(state: State) -> None:
    page = opened(state)
    assert not page.exception
    words = " ".join(text_of(page).split())
    for said in ("not a feeling", "know and agree", "2 February 2025", "graded"):
        assert said in words
    assert len(page.button) == 1
    assert not page.segmented_control


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
    assert len(state.sessions) == 0  # whoever only looks takes no place


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
    assert len(state.sessions) == 0
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
    (running,) = [state.lessons.get(page.session_state["live_lesson"], owner_of(page))]
    assert running is not None
    assert [(a.what, a.over) for a in running.session.alerts] == [("confused", 0.4), ("flat", 0.7)]


def test_single_faces_are_off_until_asked_for(state: State) -> None:
    page = agreed(state)
    feed(state, page)
    page.run()
    assert "Single faces" not in text_of(page)
    page.toggle(key="individuals").set_value(True).run()
    session = state.sessions.open(page.session_state["live_lesson"], "socket")
    for _ in range(3):
        session.feed(PICTURE, time.monotonic())
        time.sleep(1.0)
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
    assert page.warning[0].value.endswith("no such kind of database is known")
    for private in ("u5er", "pa55", "somewhere"):
        assert private not in text_of(page)


def test_a_lesson_without_a_name_has_the_time_of_its_beginning(tiny_model: Path) -> None:
    opened_at = Clock()
    lessons = Lessons(wall=lambda: NINE + timedelta(seconds=opened_at.at))
    state = made(Settings(model=tiny_model, live="socket"), lessons)
    page = agreed(state)
    opened_at.at += 5400
    feed(state, page)
    running = lessons.get(page.session_state["live_lesson"], owner_of(page))
    assert running is not None
    begun = running.session.info.started
    assert begun == NINE + timedelta(seconds=opened_at.at)
    assert running.session.info.name == f"Lesson of {begun:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize("stays", [True, False])
def test_a_lesson_may_begin_as_long_as_its_page_is_open(tiny_model: Path, stays: bool) -> None:
    clock = Clock()
    lessons = Lessons(now=clock)
    state = made(Settings(model=tiny_model, live="socket"), lessons)
    page = agreed(state)
    for _ in range(2):
        clock.at += ABANDONED - 1
        if stays:
            page.run()  # as the view of the class does by itself, every second
        lessons.tidy()
    feed(state, page)
    begun = lessons.get(page.session_state["live_lesson"], owner_of(page))
    assert (begun is not None) == stays


def test_a_page_that_was_left_behind_does_not_take_the_lesson_back(
    tiny_model: Path, tmp_path: Path
) -> None:
    url = file_url(tmp_path / "lessons.sqlite3")
    old, new = Autosave(here := Store(url), every=0), Autosave(there := Store(url), every=0)
    lessons, elsewhere = Lessons(here, old), Lessons(there, new)
    state = made(Settings(model=tiny_model, live="socket"), lessons)
    page = agreed(state)
    feed(state, page)
    page.run()
    lesson, me = page.session_state["live_lesson"], owner_of(page)
    old.turn()
    assert elsewhere.back(me) == lesson
    new.turn()
    old.turn()
    page.run()
    assert not page.exception
    assert "Press Start" in text_of(page)
    assert page.session_state["live_lesson"] != lesson
    new.turn()
    assert elsewhere.get(lesson, me) is not None
    elsewhere.close()
    lessons.close()


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
    _panel = panel(session.now(1.0))
    assert "2 faces" in _panel
    assert "<b>–</b>negative" in _panel
