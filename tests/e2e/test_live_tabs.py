"""Two tabs of one teacher: one lesson has one reader, and whoever ends it ends it for both."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Launch, served
from tests.e2e.live_tab import LiveTab, lessons, wait_until
from tests.e2e.test_journey import begin
from tests.e2e.test_webrtc import FRAME, start_webrtc, to_camera

LONGER = 3000  # ms: than a socket waits before it tries again, or a lesson's end takes to be seen


def finish(page: Page, url: str) -> None:
    """Ends the visitor's lesson in this tab, which reads nothing itself."""
    page.goto(url)
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_role("button", name="Begin another lesson")).to_be_visible()


def test_the_tab_that_starts_later_reads_alone(
    live_tab: LiveTab, new_tab: Callable[[], LiveTab]
) -> None:
    same = "source=camera&lesson=read-in-two-tabs"
    live_tab.open(same).start()
    other = new_tab().open(same).start()
    live_tab.expect_state("ended")
    live_tab.expect_message("Press Start to read this lesson here again. Another tab reads it now.")
    assert live_tab.running_tracks() == 0
    other.page.wait_for_timeout(LONGER)
    assert (len(live_tab.sockets), len(other.sockets)) == (1, 1)
    other.expect_faces()
    live_tab.start()  # takes it back
    other.expect_state("ended")


def test_a_lesson_that_another_tab_ends_is_not_begun_anew(
    live_tab: LiveTab, new_tab: Callable[[], LiveTab]
) -> None:
    begin(live_tab.page, live_tab.server.url)
    live_tab.start()
    expect(live_tab.page.get_by_role("button", name="Finish")).to_be_enabled()
    finish(new_tab().page, live_tab.server.url)
    live_tab.expect_state("idle")
    expect(live_tab.page.locator(".hint")).to_contain_text("Press Start and allow the camera")
    assert live_tab.running_tracks() == 0
    live_tab.page.wait_for_timeout(LONGER)
    live_tab.expect_state("idle")
    expect(live_tab.page.get_by_role("button", name="Finish")).to_be_disabled()


def rests(page: Page) -> bool:
    """One camera is there, and waits for Start."""
    frames = page.locator(FRAME).all()
    start = [one.content_frame.get_by_role("button", name="START") for one in frames]
    return [button.is_visible() for button in start] == [True]


def test_nor_is_it_over_webrtc(launch: Launch, class_camera: list[str], tmp_path: Path) -> None:
    with (
        served("tests/e2e/live_app.py", tmp_path / "log", FER_LIVE="webrtc") as server,
        launch("--use-fake-ui-for-media-stream", *class_camera) as browser,
    ):
        page = browser.new_page()
        to_camera(page, server.url)
        start_webrtc(page)
        expect(page.get_by_role("button", name="Finish")).to_be_enabled()
        finish(browser.new_page(), server.url)
        wait_until(lambda: rests(page), 60, "the next one alone, for a moment both are there")
        page.wait_for_timeout(LONGER)
        expect(page.get_by_role("button", name="Finish")).to_be_disabled()
        idle = lambda: [one["idle"] for one in lessons(server).values()]  # noqa: E731
        wait_until(lambda: min(idle(), default=3) > 2, 20, "the camera is off")
