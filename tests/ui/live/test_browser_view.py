"""The live view's data for the browser. Its behaviour is tested in tests/e2e."""

import json
import re
from typing import Any, get_args

import pytest
from streamlit.testing.v1 import AppTest

from fer.emotions import EMOTIONS, SURE
from fer.server.browser_files import browser_files
from fer.ui import BROWSER
from fer.ui.live.browser_view import ViewState, browser_text
from fer.ui.text import FIRST, load_texts
from fer.vision.draw import colour_of, ink_on

CODE = "\n".join(path.read_text() for path in [*BROWSER.glob("*.js"), *BROWSER.glob("live/*.js")])


def all_of_english(prefix: str) -> dict[str, str]:
    start = f"{prefix}."
    found = load_texts(FIRST)
    return {key.removeprefix(start): found[key] for key in found if key.startswith(start)}


SENTENCES = all_of_english("browser.live")
BEGINNINGS = ("state_", "hint_", "denied_", "not_found_", "taken_")  # the ends depend


@pytest.mark.parametrize("key", SENTENCES)
def test_every_sentence_is_used(key: str) -> None:
    begun = any(key.startswith(start) and f"`{start}${{" in CODE for start in BEGINNINGS)
    assert begun or f'"{key}"' in CODE


def test_every_sentence_that_is_asked_for_is_there() -> None:
    asked = set(re.findall(r'\btext\("(\w+)"', CODE))
    assert len(asked) > 10
    assert asked <= SENTENCES.keys()


@pytest.mark.parametrize("state", get_args(ViewState))
def test_every_state_has_its_word(state: str) -> None:
    assert f"state_{state}" in SENTENCES


def _page() -> None:
    from fer.emotions import EMOTIONS
    from fer.ui.live.browser_view import ViewOptions, live_view

    words = {name: name for name in EMOTIONS}
    options = ViewOptions({"start": "Go"}, words, autostart=True)
    live_view("token", "lesson-1", "camera", visit="mine", options=options)
    live_view("token", "lesson-1", visit="mine", options=ViewOptions({}, words), key="another")


def test_it_is_shown() -> None:
    page = AppTest.from_function(_page, default_timeout=60).run().run()
    assert not page.exception
    shown = [one.proto for one in page.get("bidi_component")]
    (camera,), (screen,) = (json.loads(one.json) for one in shown)
    assert (camera["source"], camera["autostart"]) == ("camera", True)
    assert (screen["source"], screen["autostart"]) == ("screen", False)
    assert (camera["token"], camera["lessonId"], camera["visit"]) == ("token", "lesson-1", "mine")
    assert all(one.js_content == browser_text("loader.js") for one in shown)
    assert camera["main"] == browser_files(BROWSER).url("live/main.js")


def test_the_style_is_that_of_the_drawn_pictures() -> None:
    shown = AppTest.from_function(_page, default_timeout=60).run().get("bidi_component")[0].proto
    style = json.loads(shown.json)[0]["style"]
    assert style["sure"] == SURE
    rows = style["emotions"]
    assert [name for name, _, _ in rows] == list(EMOTIONS)  # an answer names them by their place
    for name, colour, ink in rows:
        bgr = colour_of(name)
        assert colour == "#{2:02X}{1:02X}{0:02X}".format(*bgr)
        assert ink == "#" + "".join(f"{part:02X}" for part in ink_on(bgr))


def _capturing() -> None:
    import streamlit as st

    from fer.server.lessons import LiveLessons
    from fer.server.state import State
    from fer.settings import Settings
    from fer.ui.live.source import source
    from tests.server.fakes import FakeAnalyzer

    analyzer = FakeAnalyzer()
    state = State(
        Settings(live="socket"), analyzer, LiveLessons(analyzer), b"a secret of the tests"
    )
    source(state, st.session_state["lesson"])


def test_a_visit_stays_the_same_when_its_lesson_is_another() -> None:
    """Otherwise the browser would take the end of a lesson for a restart of the server."""

    def told(page: AppTest, lesson: str) -> dict[str, Any]:
        page.session_state["lesson"] = lesson
        shown = page.run().get("bidi_component")[0].proto
        return dict(json.loads(shown.json)[0])

    first, second = (AppTest.from_function(_capturing, default_timeout=60) for _ in range(2))
    one, next, other = told(first, "lesson-1"), told(first, "lesson-2"), told(second, "lesson-2")
    assert (one["lessonId"], next["lessonId"], other["lessonId"]) == ("lesson-1", *["lesson-2"] * 2)
    assert one["visit"] == next["visit"] != other["visit"]
