"""A lesson from the first click to its deletion, on the app itself."""

import csv
import io
import json
import sqlite3
import statistics
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fer.store.database import file_url
from fer.tables import EXCEL_MARK
from tests.e2e.conftest import Launch, served
from tests.e2e.live_tab import FACES, LiveTab, coloured, wait_until

NAME = "Quadratic equations, 9c"


def begin(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="I understand").click()
    page.get_by_text("A camera").click()
    page.get_by_text("allow the camera").wait_for()


def faces_told(page: Page) -> int:
    """How many faces the panel beside the picture tells of."""
    words = page.locator(".fer-class .faces").inner_text().split()
    return int(words[0])


def download(page: Page, name: str) -> bytes:
    with page.expect_download() as given:
        page.get_by_role("button", name=name).click()
    return Path(given.value.path()).read_bytes()


def test_a_lesson_from_its_start_to_its_deletion(
    launch: Launch, class_camera: list[str], tmp_path: Path
) -> None:
    database = tmp_path / "lessons.sqlite3"
    browser = launch(*class_camera, "--use-fake-ui-for-media-stream")
    environ = {"FER_LIVE": "socket", "FER_DATABASE_URL": file_url(database)}
    with served("app.py", tmp_path / "log", **environ) as server:
        page = browser.new_page()
        tab = LiveTab(page, server)
        begin(page, server.url)
        page.get_by_label("Lesson").fill(NAME)
        page.get_by_label("Lesson").press("Enter")
        tab.press("Start")
        tab.expect_faces()
        laughing = coloured(tab.drawn(), "happy").sum()
        assert laughing > 100 * FACES  # the class laughs, all of it
        page.locator(".fer-class").wait_for()
        wait_until(lambda: abs(faces_told(page) - FACES) <= 0.1 * FACES, 15, "the numbers agree")

        tab.press("New topic")
        page.get_by_text("Marked at").wait_for()

        # The server is killed; the same browser finds its lesson again.
        wait_until(lambda: moments(database) == 1, 15, "it is kept")
        server.kill()
        server.start()
        page.reload()
        expect(page.get_by_text("goes on from before")).to_be_visible()
        expect(page.get_by_role("button", name="Finish")).to_be_enabled()
        page.get_by_text("A camera").click()
        page.get_by_text("allow the camera").wait_for()
        tab.press("Start")
        tab.expect_faces()

        tab.press("Finish")
        expect(page.locator("h2").first).to_have_text(NAME)
        check_downloads(page)

        page.goto(f"{server.url}/history")
        delete_the_lesson(page)
        assert NAME.encode() not in database_bytes(database)
        page.close()
    browser.close()


def check_downloads(page: Page) -> None:
    """All files of the lesson tell what happened in it: nine faces, and all of them happy."""
    told = json.loads(download(page, "Everything, for programs"))
    assert told["lesson"]["name"] == NAME
    assert told["lesson"]["acknowledged"]
    assert [one["kind"] for one in told["moments"]] == ["topic"]
    assert max(told["seconds"]["seen"]) >= 0.9 * FACES
    html = download(page, "Report").decode()
    assert NAME in html
    assert "Article 5(1)(f)" in html
    assert download(page, "The chart as a picture").startswith(b"\x89PNG")
    table = download(page, "Table, second by second").decode().removeprefix(EXCEL_MARK)
    read = [row for row in csv.DictReader(io.StringIO(table)) if row["happy"]]
    assert len(read) >= 3  # how many seconds there are depends on the machine
    assert statistics.median(float(row["happy"]) for row in read) > 0.5
    assert statistics.median(float(row["positive"]) for row in read) > 0.9


def delete_the_lesson(page: Page) -> None:
    """Delete it on the page History."""
    expect(page.get_by_text(NAME)).to_be_visible()
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Delete").or_(
        page.get_by_role("option", name="Delete")
    ).click()
    page.get_by_role("button", name="Delete").last.click()
    expect(page.get_by_text("There is no lesson yet")).to_be_visible()


def database_bytes(database: Path) -> bytes:
    """All that the file and its journal hold."""
    return b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))


def moments(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM moments").fetchone()[0])


@pytest.mark.parametrize("locale", ["es-MX", "hi-IN", "fr-FR"])
def test_the_browsers_language_is_spoken(launch: Launch, app_url: str, locale: str) -> None:
    from fer.ui.text import browser_language, load_texts

    browser = launch(f"--lang={locale}", f"--accept-lang={locale}")
    page = browser.new_page()
    page.goto(f"{app_url}/about")
    title = load_texts(browser_language(locale))["about.title"]
    expect(page.locator("h1").first).to_have_text(title)
    browser.close()
