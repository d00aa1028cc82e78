"""The page History in a browser: lessons that are there already, and what is done with them."""

import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from fer.emotions import EMOTIONS
from fer.lesson import Lesson, LessonInfo
from fer.server.identity import owner_of
from fer.store import Store
from fer.store.database import file_url
from tests.e2e.conftest import ROOT, Launch, Server, Visit, served
from tests.lesson.classes import faces, mixed, run

SCRIPT = """
import streamlit as st

from fer import server
from fer.server.state import shared
from fer.settings import Settings

state = shared(Settings.from_env())
if __name__ == "__main__":
    from fer.ui.history import page

    page.page(state)
else:
    app = st.App(
        __file__,
        lifespan=server.lifespan(state),
        routes=server.routes(state),
        middleware=server.middleware(state.settings),
    )
"""
SIDEWAYS = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
ALGEBRA, BIOLOGY = "Algebra in the morning", "Biology of the pond"


def taught(name: str, day: int, minutes: int, cheer: float) -> Lesson:
    """A class of twelve whose cheer comes and goes; for half a minute nobody saw it."""
    made, middle = Lesson(LessonInfo(name, datetime(2026, 3, day, 9, 30, tzinfo=UTC))), 30 * minutes
    for second in range(60 * minutes):
        happy = max(cheer + 0.15 * np.sin(second / 90), 0.0)
        if not middle <= second < middle + 30:
            run(
                made,
                faces(*[mixed(happy=happy, neutral=1 - happy)] * 12),
                range(second, second + 1),
            )
    made.finish(60 * minutes)
    return made


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "lessons.sqlite3"


@pytest.fixture
def server(tmp_path: Path, database: Path, tiny_model: Path) -> Iterator[Server]:
    script = tmp_path / "history_app.py"
    script.write_text(SCRIPT)
    environ = {"FER_DATABASE_URL": file_url(database), "PYTHONPATH": str(ROOT)}
    log = tmp_path / "log"
    with served(str(script), log, FER_MODEL=str(tiny_model), **environ) as server:
        yield server


@pytest.fixture
def tab(browser: BrowserContext, server: Server) -> Iterator[Visit]:
    """A tab whose lessons nobody has seen yet, with the cookie."""
    browser.clear_cookies()
    page = browser.new_page()
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})
    yield Visit(page, server.url)
    page.close()


@pytest.fixture
def store(database: Path, tab: Visit) -> Iterator[Store]:
    """The server's own store, with two lessons of the tab's browser."""
    tab.open()
    store = Store(file_url(database))
    for session in (taught(ALGEBRA, 2, 10, 0.3), taught(BIOLOGY, 3, 6, 0.1)):
        if session.info.name == BIOLOGY:
            session.mark("note", "frogs and newts", 100)
        store.begin(session, owner(tab))
    yield store
    store.close()


def owner(tab: Visit) -> str:
    """Who the tab's browser is to the server."""
    cookies = {one["name"]: one["value"] for one in tab.page.context.cookies(tab.url)}
    found = owner_of(cookies)
    assert found is not None
    return found


def row(page: Page, name: str) -> Locator:
    """A lesson's row in the list."""
    return page.locator("[class*=st-key-history_lesson_]").filter(has_text=name)


def press(where: Page | Locator, name: str) -> None:
    where.get_by_role("button", name=name).click()


def search(page: Page, words: str) -> None:
    page.get_by_label("Search").fill(words)
    page.get_by_label("Search").press("Enter")


def deed(page: Page, name: str, label: str) -> None:
    """Chooses from a lesson's menu."""
    press(row(page, name), "More")
    page.get_by_role("menuitem", name=label).or_(page.get_by_role("option", name=label)).click()


def export(page: Page) -> dict[str, bytes]:
    with page.expect_download() as download:
        press(page, "Export all")
    with zipfile.ZipFile(download.value.path()) as files:
        return {name: files.read(name) for name in files.namelist()}


def test_lessons_are_found_named_and_opened(tab: Visit, store: Store) -> None:
    page = tab.open()
    expect(page.get_by_text(BIOLOGY)).to_be_visible()
    expect(page.get_by_text(ALGEBRA)).to_be_visible()
    search(page, "newts")
    expect(page.get_by_text(ALGEBRA)).to_have_count(0)
    deed(page, BIOLOGY, "Rename")
    page.get_by_label("Name").fill("Ponds & <i>frogs</i>")
    press(page, "Save")
    expect(page.get_by_text("is now called “Ponds & <i>frogs</i>”")).to_be_visible()
    press(row(page, "Ponds & <i>frogs</i>"), "Open")
    expect(page.locator("h2").first).to_have_text("Ponds & <i>frogs</i>")
    assert "lesson=" in page.url
    # A bookmark leads there again, and the browser's own button back to where it came from.
    page.reload()
    expect(page.locator("h2").first).to_have_text("Ponds & <i>frogs</i>")
    press(page, "All lessons")
    expect(page.get_by_text(ALGEBRA)).to_be_visible()
    page.go_back()
    expect(page.locator("h2").first).to_have_text("Ponds & <i>frogs</i>")


def test_another_browser_sees_none_of_them(tab: Visit, store: Store, launch: Launch) -> None:
    (kept, _) = store.find(owner(tab)).lessons
    other = Visit(launch().new_page(), tab.url)
    page = other.open()
    expect(page.get_by_text("There is no lesson yet")).to_be_visible()
    assert owner(other) != owner(tab)
    page = other.open(f"/?lesson={kept.id}")
    expect(page.get_by_text("not there any more")).to_be_visible()
    expect(page.get_by_text(kept.name)).to_have_count(0)
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_two_lessons_on_one_chart(tab: Visit, store: Store, width: int, scheme: str) -> None:
    tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    tab.page.set_viewport_size({"width": width, "height": 900})
    page = tab.open()
    for picked, name in enumerate((BIOLOGY, ALGEBRA), start=1):
        row(page, name).get_by_text("Compare").click()
        expect(page.get_by_role("button", name=f"Compare ({picked} of 2 chosen)")).to_be_visible()
    press(page, "Compare (2 of 2 chosen)")
    expect(page.locator("h2").first).to_have_text("Two lessons")
    charts = page.get_by_test_id("stVegaLiteChart")
    expect(charts).to_have_count(1 + len(EMOTIONS))
    whole = page.get_by_test_id("stMainBlockContainer").bounding_box()
    assert whole is not None
    for at in range(1 + len(EMOTIONS)):
        drawing = charts.nth(at).locator("svg, canvas").first
        expect(drawing).to_be_visible()
        box = drawing.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= whole["x"] + whole["width"]
    # The lines have letters, for whom colours don't help.
    expect(charts.first).to_contain_text("A")
    expect(charts.first).to_contain_text("B")
    assert page.evaluate(SIDEWAYS) <= 0
    expect(page.get_by_role("row", name="Length 10:00 6:00")).to_be_visible()


def test_what_is_exported_outlives_a_restart_and_a_deletion(
    tab: Visit, store: Store, server: Server, database: Path
) -> None:
    files = export(tab.open())
    assert len(files) == 4
    told = {
        lesson["lesson"]["name"]: lesson
        for lesson in (json.loads(text) for name, text in files.items() if name.endswith(".json"))
    }
    assert sorted(told) == [ALGEBRA, BIOLOGY]
    assert told[BIOLOGY]["moments"] == [{"kind": "note", "text": "frogs and newts", "time": 100}]
    assert told[ALGEBRA]["ended"] == 600
    assert len(told[ALGEBRA]["seconds"]["second"]) == 600 - 30
    tables = sorted(len(text.splitlines()) for name, text in files.items() if name.endswith(".csv"))
    assert tables == [1 + 360, 1 + 600]

    server.stop()
    server.start()
    page = tab.open()
    expect(page.get_by_text(BIOLOGY)).to_be_visible()
    assert holding(database, BIOLOGY)

    deed(page, BIOLOGY, "Delete")
    expect(page.get_by_text("cannot be brought back")).to_be_visible()
    press(page, "Delete for good")
    expect(page.get_by_text(f"“{BIOLOGY}” is deleted")).to_be_visible()
    expect(page.get_by_text(ALGEBRA)).to_be_visible()
    assert not holding(database, BIOLOGY)
    assert not holding(database, "newts")
    assert holding(database, ALGEBRA)
    assert [name for name in export(page) if name.endswith(".json")] == [
        name for name in files if name.endswith(".json") and ALGEBRA.encode() in files[name]
    ]


def holding(database: Path, words: str) -> list[str]:
    """The database's files, its journal among them, in which these bytes stand."""
    found = database.parent.glob(f"{database.name}*")
    return [path.name for path in found if words.encode() in path.read_bytes()]
