"""A call's window, read through the browser's screen sharing."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page

from fer.vision.boxes import overlaps
from tests.e2e.conftest import Launch
from tests.e2e.live_tab import CALL, LiveTab, wait_until
from tests.e2e.server import Server
from tests.gallery_feed import GALLERIES

SCREEN = "source=screen"
SIZE = (1280, 720)
SAME = 0.3  # IoU from which a box is about that face
ENOUGH = 0.9  # of the faces
CALL_PAGE = f"""<title>{CALL}</title>
<style>body {{ margin: 0; overflow: hidden }} img {{ display: block; width: 100vw }}</style>
<img src="picture.jpg">"""


@pytest.fixture
def call(live_browser: BrowserContext, tmp_path: Path) -> Iterator[Page]:
    """Another tab with a call of 25 people."""
    page = live_browser.new_page()
    page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
    name = "25_mild_0.jpg"
    if not (GALLERIES / name).is_file():
        pytest.skip(f"no galleries in {GALLERIES}")
    (tmp_path / "picture.jpg").write_bytes((GALLERIES / name).read_bytes())
    (tmp_path / "call.html").write_text(CALL_PAGE)
    page.goto((tmp_path / "call.html").as_uri())
    yield page
    page.close()


def known_faces() -> np.ndarray:
    corners = np.array(json.loads((GALLERIES / "faces.json").read_text())["25_mild_0.jpg"])
    return np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]]).astype(np.float32)


def boxes(tab: LiveTab) -> np.ndarray:
    """What was read last, in the call page's own pixels."""
    lesson = tab.lesson()
    if lesson is None or not lesson["faces"]:
        return np.zeros((0, 4), np.float32)
    rows = np.array([face[1:5] for face in lesson["faces"]], np.float32)
    across, down = SIZE[0] / lesson["size"][0], SIZE[1] / lesson["size"][1]
    return rows * np.float32([across, down, across, down])


def found(tab: LiveTab) -> float:
    """The share of the known faces that have a box."""
    known, seen = known_faces(), boxes(tab)
    return float((overlaps(known, seen).max(axis=1, initial=0) >= SAME).mean())


def framed(drawn: np.ndarray, box: np.ndarray) -> bool:
    """Whether the canvas has a line around this box, in the call page's pixels."""
    high, wide = drawn.shape[:2]
    left, top, width, height = box * np.float32([wide / SIZE[0], high / SIZE[1]] * 2)
    lines = np.zeros((high, wide), np.uint8)
    corner, far = (round(left), round(top)), (round(left + width), round(top + height))
    cv2.rectangle(lines, corner, far, 1, 3)
    return bool((drawn[..., 3] > 0)[lines > 0].mean() > 0.7)


@pytest.mark.data
def test_a_gallery_in_another_tab(live_tab: LiveTab, call: Page) -> None:
    live_tab.open(SCREEN).press("Start")
    wait_until(lambda: found(live_tab) >= ENOUGH, 30, f"{ENOUGH:.0%} of the faces are found")
    live_tab.page.wait_for_timeout(1500)  # a still picture is read once a second
    drawn, seen = live_tab.drawn(), boxes(live_tab)
    assert found(live_tab) >= ENOUGH
    assert all(framed(drawn, box) for box in seen)
    live_tab.expect_faces(len(seen))
    beside = seen + np.float32([0.7, 0.4, 0, 0]) * seen[:, [2, 3, 2, 3]]
    assert not any(framed(drawn, box) for box in beside)
    # A picture that stands still is read at least once a second all the same.
    lesson = live_tab.lesson()
    assert lesson is not None and lesson["rate"] >= 1

    call.close()
    live_tab.expect_state("ended")
    live_tab.expect_message("Press Start to choose a window again.")
    assert live_tab.running_tracks() == 0


def test_a_screen_that_is_not_shared(launch: Launch, live_server: Server) -> None:
    with launch("--use-fake-ui-for-media-stream=deny") as context:
        tab = LiveTab(context.new_page(), live_server).open(SCREEN)
        tab.press("Start")
        tab.expect_state("denied")
        tab.expect_message("Press Start again and choose the call")
