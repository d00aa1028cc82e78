"""The texts: every language has all of them, and the code uses no missing one."""

import ast
import re
import string
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit_webrtc.config import Translations

from fer.emotions import EMOTIONS
from fer.lesson.report import ENGLISH
from fer.ui.text import FIRST, LANGUAGES, browser_language, load_texts

UI = Path(__file__).resolve().parents[2] / "fer" / "ui"
ASKING = {"text": ("",), "plural": (".one", ".many")}
# Keys that the code puts together, or hands to the browser as a whole.
WHOLE = ("emotion.", "browser.", "report.", "live.indicator.", "live.alert.", "live.amount_")
WHOLE += ("live.topic", "live.question", "model.shift.name.")


def asked() -> dict[str, set[str]]:
    """Return every key that the code uses by its full name, with the values that it passes."""
    found: dict[str, set[str]] = {}
    for path in [*UI.rglob("*.py"), UI.parents[1] / "app.py"]:
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            if call.func.id in ASKING and call.args and isinstance(call.args[0], ast.Constant):
                given = {word.arg for word in call.keywords if word.arg}
                given |= {"n"} if call.func.id == "plural" else set()
                for end in ASKING[call.func.id]:
                    found[f"{call.args[0].value}{end}"] = given
    return found


def places(sentence: str) -> set[str]:
    """Return the names of the values in a sentence."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("name", [name for name in LANGUAGES if name != FIRST])
def test_no_language_lacks_a_sentence(name: str) -> None:
    ours = load_texts(FIRST)
    theirs = {
        key: words for key, words in load_texts(name).items() if not key.startswith("report.")
    }
    assert sorted(theirs) == sorted(ours)
    for key, sentence in ours.items():
        assert places(theirs[key]) == places(sentence), key
        assert theirs[key], key
        # What is bold stays bold, and no link gets lost.
        assert theirs[key].count("**") == sentence.count("**"), key
        assert re.findall(r"\]\(([^)]+)\)", theirs[key]) == re.findall(
            r"\]\(([^)]+)\)", sentence
        ), key


@pytest.mark.parametrize("key", sorted(asked()))
def test_what_the_pages_ask_for_is_there(key: str) -> None:
    assert key in load_texts(FIRST)
    wanted = places(load_texts(FIRST)[key])
    assert wanted == asked()[key] or (key.endswith(".one") and wanted <= asked()[key])


def test_nothing_is_said_that_no_page_asks_for() -> None:
    rest = {key for key in load_texts(FIRST) if not key.startswith(WHOLE)}
    assert rest - asked().keys() == set()


@pytest.mark.parametrize("name", [name for name in LANGUAGES if name != FIRST])
def test_a_report_says_all_of_it_in_every_language(name: str) -> None:
    said = {key: words for key, words in load_texts(name).items() if key.startswith("report.")}
    assert sorted(said) == sorted(f"report.{key}" for key in ENGLISH)
    for key, sentence in ENGLISH.items():
        assert places(said[f"report.{key}"]) == places(sentence), key


def test_the_camera_over_webrtc_says_all_that_its_widget_can_say() -> None:
    """The keys are streamlit-webrtc's names; texts about a microphone are not needed."""
    widget = {key for key in Translations.__annotations__ if "microphone" not in key}
    said = {key for key in load_texts(FIRST) if key.startswith("browser.webrtc.")}
    assert said == {f"browser.webrtc.{key}" for key in widget}


def test_every_emotion_has_its_word() -> None:
    assert {f"emotion.{name}" for name in EMOTIONS} <= load_texts(FIRST).keys()


@pytest.mark.parametrize(
    ("locale", "name"),
    [("es-MX", "es"), ("hi_IN", "hi"), ("EN-gb", "en"), ("fr-FR", "en"), ("", "en"), (None, "en")],
)
def test_the_browser_chooses_first(locale: str | None, name: str) -> None:
    assert browser_language(locale) == name


def _script() -> None:
    import streamlit as st

    from fer.ui.text import language_chooser, text

    language_chooser()
    st.title(text("live.title"))


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_reader_chooses(name: str) -> None:
    page = AppTest.from_function(_script).run()
    page.sidebar.selectbox[0].set_value(name).run()
    assert not page.exception
    assert page.title[0].value == load_texts(name)["live.title"]
