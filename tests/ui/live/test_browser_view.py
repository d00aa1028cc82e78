"""The browser's part as Python hands it over. How it behaves is tested in a browser, in e2e/."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
from streamlit.testing.v1 import AppTest

from fer.emotions import EMOTIONS
from fer.server import protocol
from fer.server.live_socket import IN_FLIGHT
from fer.ui.live.browser_view import FOLDER, IN_PAGE, IN_WORKER, State, joined, script
from fer.ui.text import FIRST, texts
from fer.vision.draw import colour_of, ink_on

IMPORTS = re.compile(r'^import \{([^}]*)\} from "(?:\./)?([^"]+)";$', re.M)
EXPORTS = re.compile(r"^export (?:async )?(?:const|class|function) (\w+)", re.M)
TOP_LEVEL = re.compile(r"^(?:async )?(?:const|let|class|function) (\w+)", re.M)
BUNDLES = pytest.mark.parametrize("names", [IN_PAGE, IN_WORKER], ids=["page", "worker"])


def all_of_english(prefix: str) -> dict[str, str]:
    start = f"{prefix}."
    found = texts(FIRST)
    return {key.removeprefix(start): found[key] for key in found if key.startswith(start)}


def source(name: str) -> str:
    return (FOLDER / name).read_text()


def test_every_module_is_in_one_bundle() -> None:
    assert sorted(IN_PAGE + IN_WORKER) == sorted(
        path.name if path.parent == FOLDER else f"../{path.name}"
        for path in [*FOLDER.glob("*.js"), *FOLDER.parent.glob("*.js")]
    )


@BUNDLES
def test_a_module_stands_after_what_it_imports(names: tuple[str, ...]) -> None:
    for at, name in enumerate(names):
        for wanted, origin in IMPORTS.findall(source(name)):
            assert origin in names[:at], f"{name} needs {origin} before it"
            given = EXPORTS.findall(source(origin))
            missing = {one.strip() for one in wanted.split(",")} - set(given)
            assert not missing, f"{origin} gives {name} no {missing}"


@BUNDLES
def test_no_import_is_left(names: tuple[str, ...]) -> None:
    assert not re.findall(r"^\s*import\b.*", joined(names), re.M)
    assert not re.findall(r"^export (?!default ).*", joined(names), re.M)


@BUNDLES
def test_no_name_is_there_twice(names: tuple[str, ...]) -> None:
    found = TOP_LEVEL.findall(joined(names))
    assert len(found) > len(names)
    assert len(found) == len(set(found))


def test_the_worker_is_a_text_within_the_page_and_one_function_is_given() -> None:
    first, rest = script().split("\n", 1)
    assert json.loads(first.removeprefix("const WORKER = ").removesuffix(";")) == joined(IN_WORKER)
    assert len(re.findall(r"^export default ", rest, re.M)) == 1
    assert "export" not in joined(IN_WORKER)


@pytest.mark.skipif(not shutil.which("node"), reason="no node here; the browser tests read it too")
@pytest.mark.parametrize("text", [script(), joined(IN_WORKER)], ids=["page", "worker"])
def test_it_is_javascript(text: str, tmp_path: Path) -> None:
    file = tmp_path / "script.mjs"
    file.write_text(text)
    checked = subprocess.run(["node", "--check", str(file)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_both_sides_agree_on_a_frame() -> None:
    link = source("connection.js")
    assert f"const VERSION = {protocol.VERSION};" in link
    assert f"new ArrayBuffer({protocol.HEADER.size})" in link
    assert f"this.inflight = {IN_FLIGHT};" in link


SENTENCES = all_of_english("browser.live")
BEGINNINGS = ("state_", "hint_", "denied_", "not_found_", "taken_")  # the ends depend


@pytest.mark.parametrize("key", SENTENCES)
def test_every_sentence_is_said(key: str) -> None:
    text = joined(IN_PAGE)
    begun = any(key.startswith(start) and f"`{start}${{" in text for start in BEGINNINGS)
    assert begun or f'"{key}"' in text


def test_every_sentence_that_is_asked_for_is_there() -> None:
    asked = [line for line in joined(IN_PAGE).splitlines() if "say(" in line]
    literals = {
        literal
        for line in asked
        for literal in re.findall(
            r'"(\w+)"', re.sub(r'=== "\w+"|"(?:ended|denied|aria-label)"', "", line)
        )
    }
    assert len(literals) > 10
    assert literals - {"idle", "socket"} <= SENTENCES.keys()


@pytest.mark.parametrize("state", get_args(State))
def test_every_state_has_its_word(state: str) -> None:
    assert f"state_{state}" in SENTENCES


def _page() -> None:
    from fer.emotions import EMOTIONS
    from fer.ui.live.browser_view import live_view

    said = {
        "visit": "mine",
        "words": {"start": "Go"},
        "emotions": {name: name for name in EMOTIONS},
    }
    live_view("token", "lesson-1", "camera", autostart=True, **said)
    live_view("token", "lesson-1", key="another", **said)


def test_it_is_shown() -> None:
    page = AppTest.from_function(_page, default_timeout=60).run().run()
    assert not page.exception
    shown = [one.proto for one in page.get("bidi_component")]
    (camera,), (screen,) = (json.loads(one.json) for one in shown)
    assert (camera["source"], camera["autostart"]) == ("camera", True)
    assert (screen["source"], screen["autostart"]) == ("screen", False)
    assert (camera["token"], camera["session"], camera["visit"]) == ("token", "lesson-1", "mine")
    assert all(one.js_content == script() for one in shown)


def test_the_looks_are_those_of_the_drawn_pictures() -> None:
    shown = AppTest.from_function(_page, default_timeout=60).run().get("bidi_component")[0].proto
    looks = json.loads(shown.json)[0]["looks"]
    assert [name for name, _, _ in looks] == list(EMOTIONS)  # an answer names them by their place
    for name, colour, ink in looks:
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
    """Or the browser would take a lesson that was ended for a server that was lost."""

    def told(page: AppTest, lesson: str) -> dict[str, Any]:
        page.session_state["lesson"] = lesson
        shown = page.run().get("bidi_component")[0].proto
        return dict(json.loads(shown.json)[0])

    first, second = (AppTest.from_function(_capturing, default_timeout=60) for _ in range(2))
    one, next, other = told(first, "lesson-1"), told(first, "lesson-2"), told(second, "lesson-2")
    assert (one["session"], next["session"], other["session"]) == ("lesson-1", *["lesson-2"] * 2)
    assert one["visit"] == next["visit"] != other["visit"]
