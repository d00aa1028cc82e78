"""Hands and eyes for a tab with live pictures: presses, and reads what is shown and drawn."""

import base64
import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from playwright.sync_api import Page, WebSocket, expect

from fer.bench.feed import LENGTH, gallery
from fer.emotions import COLOURS
from tests.e2e.server import Server

FACES = 9  # before the camera
SIDE = 3  # tiles in a row of it
CALL = "The call"  # the title of the tab that is shared

# Keeps every track that the page was given or made, to see later whether it was let go.
KEEP_TRACKS = """
window.tracks = [];
for (const name of ["getUserMedia", "getDisplayMedia"]) {
  const given = MediaDevices.prototype[name];
  MediaDevices.prototype[name] = async function (wanted) {
    const stream = await given.call(this, wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
}
const clone = MediaStreamTrack.prototype.clone;
MediaStreamTrack.prototype.clone = function () {
  const copy = clone.call(this);
  window.tracks.push(copy);
  return copy;
};
"""
RUNNING = "window.tracks.filter((track) => track.readyState === 'live').length"


def camera_file(folder: Path) -> Path:
    """What Chromium plays as a camera: the JPEGs of a small class, one after the other."""
    path = folder / "class.mjpeg"
    with path.open("wb") as file:
        for at in range(LENGTH):
            file.write(cv2.imencode(".jpg", gallery(FACES, at))[1].tobytes())
    return path


def camera_flags(file: Path) -> list[str]:
    """What makes Chromium have that file for a camera, and share the tab of the call."""
    return [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={file}",
        f"--auto-select-tab-capture-source-by-title={CALL}",
    ]


def wait_until(true: Callable[[], Any], seconds: float, what: str) -> None:
    """Returns as soon as it is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


@dataclass
class LiveTab:
    """One tab."""

    page: Page
    server: Server
    sockets: list[WebSocket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_viewport_size({"width": 1280, "height": 900})
        self.page.add_init_script(KEEP_TRACKS)
        self.page.on("websocket", self._note)

    def _note(self, socket: WebSocket) -> None:
        if "/ws/live" in socket.url:
            self.sockets.append(socket)

    def open(self, query: str) -> "LiveTab":
        """Goes to the component and waits until it stands there."""
        self.page.goto(f"{self.server.url}/?{query}")
        self.page.locator(".live[data-state]").wait_for()
        return self

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def start(self) -> "LiveTab":
        """Presses Start and waits for the first answer."""
        self.press("Start")
        self.expect_faces()
        return self

    def expect_state(self, state: str, seconds: float = 20) -> None:
        expect(self.page.locator(".live")).to_have_attribute(
            "data-state", state, timeout=1000 * seconds
        )

    def expect_message(self, part: str, seconds: float = 20) -> None:
        expect(self.page.locator(".message")).to_contain_text(part, timeout=1000 * seconds)

    def expect_faces(self, count: int = FACES, seconds: float = 20) -> None:
        expect(self.page.locator(".figures")).to_contain_text(
            re.compile(rf"· {count} faces?"), timeout=1000 * seconds
        )

    @property
    def figures(self) -> str:
        return self.page.locator(".figures").inner_text()

    @property
    def id(self) -> str:
        """The lesson that the page shows."""
        return self.said("Lesson")

    def said(self, what: str) -> str:
        """What the page says after this word, in Python's name."""
        line = self.page.get_by_test_id("stText").filter(has_text=what)
        return line.inner_text().removeprefix(f"{what} ")

    def lesson(self) -> dict[str, Any] | None:
        """What the server knows of this tab's lesson."""
        return lessons(self.server).get(self.id)

    def drawn(self) -> npt.NDArray[np.uint8]:
        """What stands on the canvas: height x width x BGRA."""
        png = self.page.locator("canvas").evaluate("(c) => c.toDataURL('image/png')")
        data = np.frombuffer(base64.b64decode(png.split(",")[1]), np.uint8)
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)

    def open_sockets(self) -> int:
        self.page.evaluate("0")  # until something is asked, nothing is heard of what has closed
        return sum(not socket.is_closed() for socket in self.sockets)

    def label(self) -> str:
        """The name of the camera whose picture is shown."""
        script = "(video) => video.srcObject?.getVideoTracks()[0].label ?? ''"
        return str(self.page.locator("video").evaluate(script))

    def running_tracks(self) -> int:
        """How many tracks keep a camera's or a capture's light on."""
        return int(self.page.evaluate(RUNNING))


def lessons(server: Server) -> dict[str, Any]:
    said = server.answer("/lessons")
    return {} if said is None else dict(json.loads(said))


def coloured(drawn: npt.NDArray[np.uint8], name: str) -> npt.NDArray[np.bool_]:
    """Where the canvas has exactly this emotion's colour."""
    colour = COLOURS[name].lstrip("#")
    bgr = [int(colour[at : at + 2], 16) for at in (4, 2, 0)]
    return np.asarray((drawn[..., :3] == bgr).all(axis=2) & (drawn[..., 3] == 255))


def own_processes(kind: str) -> list[int]:
    """The ids of those processes with this in their command line that the tests started."""
    said = subprocess.run(["ps", "-ewwo", "pid,ppid,args"], capture_output=True, text=True).stdout
    lines = [line.split(None, 2) for line in said.splitlines()[1:]]
    parents = {int(own): int(parent) for own, parent, *_ in lines}

    def ours(process: int) -> bool:
        return process == os.getpid() or (process in parents and ours(parents[process]))

    return [int(own) for own, _, *args in lines if args and kind in args[0] and ours(int(own))]
