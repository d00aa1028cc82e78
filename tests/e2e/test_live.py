"""The camera over the socket: what the teacher sees, and what happens when something goes away."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import Launch, served
from tests.e2e.live_tab import FACES, SIDE, LiveTab, coloured, lessons, own_processes, wait_until
from tests.e2e.server import Server

SOON = 5  # seconds: what is promised for the first boxes, and for coming back
CAMERA = "source=camera"


def test_boxes_on_every_face(live_tab: LiveTab) -> None:
    live_tab.open(CAMERA).press("Start")
    wait_until(lambda: live_tab.drawn()[..., 3].any(), SOON, "boxes on the canvas")
    live_tab.expect_faces(FACES)
    drawn = live_tab.drawn()
    assert coloured(drawn, "happy").sum() > 100 * FACES  # the class laughs, all of it
    rows = np.array_split(drawn[..., 3] > 0, SIDE)
    tiles = [tile for row in rows for tile in np.array_split(row, SIDE, axis=1)]
    assert all(tile.any() for tile in tiles)

    said = re.fullmatch(
        rf"Live · {FACES} faces · (\d+\.\d) readings a second · (\d+) ms behind · socket",
        live_tab.figures,
    )
    assert said
    assert float(said[1]) > 0
    assert 0 < int(said[2]) < 3000  # boxes older than that would be taken away


def test_the_page_live(live_tab: LiveTab) -> None:
    page = live_tab.page
    page.goto(live_tab.server.url)
    page.get_by_text("I understand").click()
    page.get_by_text("A camera").click()
    expect(page.locator(".hint")).to_contain_text("allow the camera")
    live_tab.start()
    picture = page.locator("video").evaluate("(video) => video.srcObject.id")
    expect(page.get_by_role("button", name="Finish")).to_be_visible()  # the page ran again for it
    page.wait_for_timeout(2500)  # the figures beside it are made anew every second
    assert page.locator("video").evaluate("(video) => video.srcObject.id") == picture
    assert len(live_tab.sockets) == live_tab.open_sockets() == 1
    live_tab.expect_faces()
    live_tab.press("Finish")
    expect(page.get_by_role("button", name="Begin another lesson")).to_be_visible()


def test_stop_lets_everything_go(live_tab: LiveTab) -> None:
    live_tab.open(CAMERA).start()
    assert live_tab.running_tracks() == 1
    assert live_tab.open_sockets() == 1
    live_tab.press("Stop")
    live_tab.expect_state("idle")
    wait_until(lambda: not live_tab.open_sockets(), SOON, "the socket is closed")
    assert live_tab.running_tracks() == 0
    assert not live_tab.drawn()[..., 3].any()
    live_tab.start()  # and it can begin again


def test_a_rerun_leaves_the_picture_alone(live_tab: LiveTab) -> None:
    live_tab.open(CAMERA).start()
    live_tab.page.locator("video").evaluate("(video) => { video.before = video.srcObject.id; }")
    for _ in range(3):
        live_tab.page.get_by_text("Another widget").click()
        live_tab.page.locator("[data-test-script-state=notRunning]").wait_for()
    same = live_tab.page.locator("video").evaluate("(v) => v.before === v.srcObject.id")
    assert same
    assert len(live_tab.page.workers) == 1
    assert len(live_tab.sockets) == live_tab.open_sockets() == 1
    live_tab.expect_faces()


def test_a_reload_stops_it_and_start_goes_on(live_tab: LiveTab) -> None:
    before = live_tab.open(CAMERA).start().id
    live_tab.page.reload()
    live_tab.expect_state("idle")
    # A socket that stayed open would bring at least a picture a second.
    wait_until(
        lambda: lessons(live_tab.server)[before]["idle"] > 2, SOON, "nothing is sent any more"
    )
    live_tab.start()
    assert live_tab.id != before


def test_autostart_presses_start_once(live_tab: LiveTab) -> None:
    live_tab.open(CAMERA + "&autostart").expect_faces()
    live_tab.press("Stop")
    live_tab.page.get_by_text("Another widget").click()
    live_tab.page.locator("[data-test-script-state=notRunning]").wait_for()
    live_tab.expect_state("idle")
    live_tab.page.reload()
    live_tab.expect_faces()


def test_another_source_stops_and_waits(live_tab: LiveTab) -> None:
    live_tab.open(CAMERA + "&autostart").expect_faces()
    live_tab.page.get_by_text("screen", exact=True).click()
    live_tab.expect_state("idle")
    assert live_tab.running_tracks() == 0
    expect(live_tab.page.locator(".hint")).to_contain_text("choose the window")
    live_tab.page.get_by_text("camera", exact=True).click()
    expect(live_tab.page.locator(".hint")).to_contain_text("allow the camera")
    live_tab.expect_state("idle")
    live_tab.start()


def test_two_tabs_are_two_lessons(live_tab: LiveTab, new_tab: Callable[[], LiveTab]) -> None:
    live_tab.open(CAMERA).start()
    other = new_tab().open(CAMERA).start()
    assert live_tab.id != other.id
    for tab in (live_tab, other):
        lesson = tab.lesson()
        assert lesson is not None and len(lesson["faces"]) == FACES
        tab.expect_faces()
    other.press("Stop")
    other.expect_state("idle")
    live_tab.expect_faces()


def test_a_camera_that_is_denied_and_then_allowed(
    live_tab: LiveTab, live_browser: BrowserContext
) -> None:
    live_browser.clear_permissions()
    try:
        live_tab.open(CAMERA).press("Start")
        live_tab.expect_state("denied")
        live_tab.expect_message("Press the camera sign")
    finally:
        live_browser.grant_permissions(["camera"], origin=live_tab.server.url)
    live_tab.start()
    expect(live_tab.page.locator(".message")).to_be_empty()


LATE = """
const given = MediaDevices.prototype.getUserMedia;
MediaDevices.prototype.getUserMedia = async function (wanted) {
  await new Promise((allow) => { window.allow = allow; });
  return given.call(this, wanted);
};"""


def test_asking_can_be_called_off(live_tab: LiveTab) -> None:
    live_tab.page.add_init_script(LATE)
    live_tab.open(CAMERA).press("Start")
    live_tab.expect_state("asking")
    expect(live_tab.page.locator(".hint")).to_have_text("Allow it: the browser asks you now.")
    live_tab.press("Cancel")
    live_tab.expect_state("idle")
    live_tab.page.evaluate("window.allow()")  # too late: what is given now must be let go
    live_tab.page.wait_for_function("() => window.tracks.length === 1")
    wait_until(lambda: live_tab.running_tracks() == 0, SOON, "the camera is off")
    live_tab.expect_state("idle")


# What a browser lacks, and what is said then.
NO_MEDIA = "delete Navigator.prototype.mediaDevices"  # as at any address that isn't safe
NO_SHARING = "delete MediaDevices.prototype.getDisplayMedia"  # as on a phone
NO_PROCESSOR = "delete window.MediaStreamTrackProcessor;"  # as in Firefox and Safari
NO_CAPTURE = "delete window.ImageCapture;"  # as in Firefox


@pytest.mark.parametrize(
    ("source", "lack", "sentence"),
    [
        ("camera", NO_MEDIA, "Open this page with https://"),
        ("screen", NO_SHARING, "Choose the camera, or open this page on a computer"),
    ],
)
def test_a_browser_that_cannot(live_tab: LiveTab, source: str, lack: str, sentence: str) -> None:
    live_tab.page.add_init_script(lack)
    live_tab.open(f"source={source}")
    for _ in range(2):
        live_tab.expect_state("denied")
        live_tab.expect_message(sentence)
        live_tab.press("Start")


@pytest.mark.parametrize("lack", [NO_PROCESSOR, NO_PROCESSOR + NO_CAPTURE])
def test_a_browser_that_hands_pictures_over_otherwise(live_tab: LiveTab, lack: str) -> None:
    live_tab.page.add_init_script(lack)
    live_tab.open(CAMERA).start()
    assert live_tab.running_tracks() == 1
    live_tab.press("Stop")
    live_tab.expect_state("idle")
    assert live_tab.running_tracks() == 0


# As Chromium does where a site's policy forbids workers.
NO_WORKER = """
window.Worker = class {
  constructor() { setTimeout(() => this.onerror(new Event("error"))); }
  postMessage() {}
  terminate() {}
};"""


def test_a_site_that_forbids_workers(live_tab: LiveTab) -> None:
    live_tab.page.add_init_script(NO_WORKER)
    live_tab.open(CAMERA).expect_state("denied")
    live_tab.expect_message("Load the page again. If that does not help")
    live_tab.press("Start")
    live_tab.expect_state("denied")
    assert live_tab.running_tracks() == 0


def test_a_camera_that_gives_nothing_for_a_while(live_tab: LiveTab) -> None:
    live_tab.open(CAMERA).start()
    live_tab.page.evaluate("window.tracks[0].dispatchEvent(new Event('mute'))")
    live_tab.expect_message("If the window is minimised, bring it back")
    live_tab.expect_state("live")
    # The camera of the test goes on: what the worker gets meanwhile it keeps to itself.
    id = live_tab.id
    wait_until(lambda: lessons(live_tab.server)[id]["idle"] > 2, SOON, "nothing is sent any more")
    live_tab.page.evaluate("window.tracks[0].dispatchEvent(new Event('unmute'))")
    expect(live_tab.page.locator(".message")).to_be_empty()
    wait_until(lambda: lessons(live_tab.server)[id]["idle"] < 1, SOON, "pictures are sent again")


def test_it_can_be_used_without_a_mouse(live_tab: LiveTab) -> None:
    live_tab.open(CAMERA)
    button = live_tab.page.get_by_role("button", name="Start")
    button.focus()
    spoken = live_tab.page.get_by_role("status").first
    for words in (["Live", "Stop"], ["Off", "Start"]):
        live_tab.page.keyboard.press("Enter")
        expect(spoken).to_have_text(words[0], timeout=10_000)
        expect(live_tab.page.get_by_role("button", name=words[1])).to_be_focused()


def test_no_camera(launch: Launch, live_server: Server) -> None:
    with launch("--use-fake-device-for-media-stream=device-count=0") as context:
        context.grant_permissions(["camera"], origin=live_server.url)
        tab = LiveTab(context.new_page(), live_server).open(CAMERA)
        tab.press("Start")
        tab.expect_state("denied")
        tab.expect_message("Plug a camera in, then press Start again.")


def test_another_camera(launch: Launch, live_server: Server) -> None:
    with launch("--use-fake-device-for-media-stream=device-count=2") as context:
        context.grant_permissions(["camera"], origin=live_server.url)
        tab = LiveTab(context.new_page(), live_server).open(CAMERA)
        tab.press("Start")
        tab.expect_faces(0)
        cameras = tab.page.get_by_label("Which camera")
        expect(cameras.locator("option")).to_have_count(2)
        cameras.select_option(label="fake_device_1")
        wait_until(lambda: tab.label() == "fake_device_1", SOON, "the other camera runs")
        assert tab.running_tracks() == 1
        # One that has been unplugged since the list was made.
        cameras.evaluate("(list) => { list.add(new Option('Gone', 'gone')); }")
        cameras.select_option("gone")
        tab.expect_state("denied")
        tab.expect_message("Choose another camera, then press Start again.")
        assert tab.running_tracks() == 0
        tab.press("Start")
        tab.expect_faces(0)


def test_an_unplugged_camera(launch: Launch, class_camera: list[str], live_server: Server) -> None:
    with launch(*class_camera) as context:
        context.grant_permissions(["camera"], origin=live_server.url)
        tab = LiveTab(context.new_page(), live_server).open(CAMERA).start()
        capturing = own_processes("VideoCaptureService")
        assert capturing
        for process in capturing:
            os.kill(process, signal.SIGKILL)  # the nearest to pulling out a cable
        tab.expect_state("ended")
        tab.expect_message("Plug the camera in again, and it goes on by itself")
        assert not tab.drawn()[..., 3].any()
        tab.page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
        tab.expect_faces()


@pytest.fixture
def came_back(live_browser: BrowserContext, tmp_path: Path) -> Iterator[tuple[LiveTab, str, str]]:
    """A tab whose server was killed and started again; its lesson and its visit before that."""
    with served("tests/e2e/live_app.py", tmp_path / "log", FER_LIVE="socket") as server:
        live_browser.grant_permissions(["camera"], origin=server.url)
        tab = LiveTab(live_browser.new_page(), server)
        tab.open(f"{CAMERA}&lesson=before-and-after").start()
        before, visit = tab.id, tab.said("Visit")
        server.kill()
        tab.expect_state("reconnecting")
        tab.expect_message("You need do nothing: the connection was lost")
        wait_until(lambda: not tab.drawn()[..., 3].any(), SOON, "old boxes are gone")
        server.start()
        yield tab, before, visit
        tab.page.close()


def test_a_server_that_comes_back(came_back: tuple[LiveTab, str, str]) -> None:
    tab, before, _ = came_back
    wait_until(lambda: before in lessons(tab.server), SOON, "the lesson goes on")
    tab.expect_faces()
    expect(tab.page.locator(".message")).to_be_empty()


def test_the_page_comes_back_too(came_back: tuple[LiveTab, str, str]) -> None:
    """In a visit that never heard of the lesson."""
    tab, before, visit = came_back
    wait_until(lambda: tab.said("Visit") != visit, 60, "the page is back")
    tab.page.wait_for_timeout(2500)  # in which it could go astray
    assert tab.id == before
    assert list(lessons(tab.server)) == [before]
    tab.expect_faces()
