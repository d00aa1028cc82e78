"""Cameras for the tests: a fake capture, and a video of moving faces."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from fer.bench.feed import gallery

Picture = npt.NDArray[np.uint8]
RATE = 10


class FakeCapture:
    """A capture of `count` grey pictures, each a little lighter, which then fails."""

    def __init__(self, count: int, wait: float = 0.01) -> None:
        self.left, self.wait, self.released = count, wait, False
        self.shade = 0

    def grab(self) -> bool:
        time.sleep(self.wait)
        self.left -= 1
        self.shade += 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, Picture]:
        return True, np.full((36, 64, 3), min(self.shade, 255), np.uint8)

    def get(self, what: int, /) -> float:
        return float(RATE) if what == cv2.CAP_PROP_FPS else 0.0

    def release(self) -> None:
        self.released = True


def write_class(path: Path, faces: int = 9, seconds: float = 3.0) -> Path:
    """Write a video of a gallery of moving faces."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for at in range(round(seconds * RATE)):
            picture = gallery(faces, at % 30, (640, 360))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        out.mux(stream.encode())
    return path


def until(true: Callable[[], object], seconds: float = 10.0) -> bool:
    """Return True if `true` returns a true value within `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.01)
    return False
