"""A camera over WebRTC: on one machine, and through networks that let only TCP through."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e import networks
from tests.e2e.conftest import ROOT, Launch, Server, chromium, served
from tests.e2e.networks import HOSTS, NOBODY, TURN_PORT, Inside, Network

SECRET = "a secret of the school's own"
CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
SAMPLE = ROOT / "fer/ui/sample.png"
TURN = {"FER_TURN_URL": f"turn:{HOSTS['relay']}:{TURN_PORT}?transport=tcp"}
AT_ONCE = 5.0  # seconds from Start to boxes
FRAME = "iframe[title*='webrtc']"
COLOURED = """video => {
  const [canvas, width, height] =
    [document.createElement("canvas"), video.videoWidth, video.videoHeight];
  if (!width) return 0;
  [canvas.width, canvas.height] = [width, height];
  const brush = canvas.getContext("2d");
  brush.drawImage(video, 0, 0);
  const { data } = brush.getImageData(0, 0, width, height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) {
    const [red, green, blue] = [data[at], data[at + 1], data[at + 2]];
    found += Math.max(red, green, blue) - Math.min(red, green, blue) > 60;
  }
  return found;
}"""  # pixels that a film in grey has not


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's camera sees: somebody before a grey wall."""
    picture = np.full((480, 640, 3), 120, np.uint8)
    face = cv2.resize(
        cv2.imread(str(SAMPLE), cv2.IMREAD_GRAYSCALE), (240, 240), interpolation=cv2.INTER_AREA
    )
    picture[120:360, 200:440] = face[:, :, None]
    path = tmp_path_factory.mktemp("camera") / "somebody.mjpeg"
    path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes() * 30)
    return path


def to_camera(page: Page, url: str) -> None:
    """Opens the page Live and chooses the camera."""
    page.goto(url)
    page.get_by_text("I understand").click()
    page.get_by_text("A camera").click()


def start_webrtc(page: Page) -> float:
    """Presses the WebRTC widget's Start; returns when that was."""
    button = page.frame_locator(FRAME).get_by_role("button", name="START")
    button.wait_for()
    button.click()
    return time.monotonic()


def start_socket(page: Page) -> None:
    """Presses the socket view's Start, once it is the camera's and no longer the other source's."""
    page.get_by_text("allow the camera").wait_for()
    page.get_by_role("button", name="Start").click()


def wait_for_boxes(page: Page, began: float) -> float:
    """Seconds from Start until the picture that comes back has a box on it."""
    video = page.frame_locator(FRAME).locator("video")
    while video.evaluate(COLOURED) < 100:
        assert time.monotonic() - began < 30, "no boxes came"
        time.sleep(0.1)
    return time.monotonic() - began


def test_boxes_are_on_the_picture_at_once(
    launch: Launch, film: Path, tiny_model: Path, tmp_path: Path
) -> None:
    browser = launch(*CAMERA, f"--use-file-for-fake-video-capture={film}")
    with served("app.py", tmp_path / "log", FER_MODEL=str(tiny_model)) as server:
        page = browser.new_page()
        to_camera(page, server.url)
        took = [wait_for_boxes(page, start_webrtc(page))]
        while min(took) > AT_ONCE and len(took) < 3:  # a busy machine may be late once
            page.frame_locator(FRAME).get_by_role("button", name="STOP").click()
            took.append(wait_for_boxes(page, start_webrtc(page)))
        assert min(took) < AT_ONCE
        expect(
            page.get_by_text(re.compile(r"readings a second · .* behind · WebRTC"))
        ).to_be_visible()
        page.get_by_text("The call's window").click()  # the camera's widget goes
        expect(page.get_by_role("button", name="Start")).to_be_visible()
        expect(page.get_by_text("Nothing is being read")).to_be_visible(timeout=20_000)
    browser.close()


School = Callable[..., AbstractContextManager[tuple[Page, Server]]]


@pytest.fixture
def network() -> Iterator[Network]:
    if fault := networks.missing():
        pytest.skip(fault)
    with networks.tcp_only() as network, networks.coturn(network, SECRET):
        yield network


@pytest.fixture
def school(
    network: Network, launch: Launch, film: Path, tiny_model: Path, tmp_path: Path
) -> School:
    """Opens the page Live across that network, the camera chosen."""
    program = tmp_path / "browser.sh"
    words = " ".join([*network.on("browser"), chromium()])
    program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    program.chmod(0o755)

    @contextmanager
    def visit(**environ: str) -> Iterator[tuple[Page, Server]]:
        server = Inside("app.py", environ | {"FER_MODEL": str(tiny_model)}, tmp_path / "log")
        server.network, server.port = network, 8080
        try:
            server.start()
            browser = launch(
                *CAMERA,
                f"--use-file-for-fake-video-capture={film}",
                # Browsers give cameras to https and localhost only.
                f"--unsafely-treat-insecure-origin-as-secure={server.url}",
                program=str(program),
            )
            page = browser.new_page()
            to_camera(page, server.url)
            yield page, server
            browser.close()
        finally:
            server.stop()

    return visit


def readings(server: Server, transport: str) -> float:
    """Frames that the server has analysed so far."""
    found = re.search(
        rf'fer_frames_total\{{transport="{transport}"\}} (.+)', server.answer("/metrics") or ""
    )
    return float(found[1]) if found else 0.0


def wait_for_readings(server: Server, transport: str) -> None:
    """Returns when a frame was analysed."""
    end = time.monotonic() + 30
    while not readings(server, transport):
        assert time.monotonic() < end, "no frame came"
        time.sleep(0.1)


def test_where_webrtc_cannot_connect_the_socket_is_taken(school: School) -> None:
    with school() as (page, server):
        start_socket(page)
        wait_for_readings(server, "socket")
        assert not readings(server, "webrtc")


def test_plain_webrtc_cannot_connect_there_and_says_so(school: School) -> None:
    with school(FER_LIVE="webrtc") as (page, server):
        start_webrtc(page)
        expect(page.get_by_text("No picture comes over WebRTC")).to_be_visible()
        assert not readings(server, "webrtc")


def test_a_relay_over_tcp_connects(school: School) -> None:
    with school(**TURN, FER_TURN_SECRET=SECRET) as (page, server):
        began = start_webrtc(page)
        wait_for_readings(server, "webrtc")
        wait_for_boxes(page, began)
        assert not readings(server, "socket")


def test_a_relay_that_is_not_there_is_not_waited_for(school: School) -> None:
    dead = f"turn:{NOBODY}:{TURN_PORT}?transport=tcp"
    with school(FER_TURN_URL=dead, FER_TURN_SECRET=SECRET) as (page, server):
        start_socket(page)
        wait_for_readings(server, "socket")


def test_a_relay_that_only_the_server_reaches_is_given_up(school: School, network: Network) -> None:
    network.block("browser", HOSTS["relay"])
    with school(**TURN, FER_TURN_SECRET=SECRET) as (page, server):
        start_webrtc(page)
        expect(page.get_by_text("Live ·")).to_be_visible()  # without another press
        wait_for_readings(server, "socket")
        # But once only: who comes back to the page later has not pressed it.
        page.get_by_role("link", name="About").click()
        page.get_by_role("heading", name="About").wait_for()
        page.get_by_role("link", name="Live").click()
        page.get_by_text("allow the camera").wait_for()
