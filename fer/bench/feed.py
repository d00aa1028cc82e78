"""Make the video stream of a class from the one face that comes with the project."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np

from fer.faces import Picture

FACE: Final = Path(__file__).resolve().parent.parent / "ui" / "sample.png"
SIZE: Final = (1280, 720)
FPS: Final = 30
BITRATE: Final = 1_500_000  # the most that aiortc sends
LENGTH: Final = 30  # frames until the motion repeats


class Vp8:
    """Encodes and decodes VP8 as a live stream does: one thread, the fastest settings."""

    def __init__(self, size: tuple[int, int] = SIZE) -> None:
        self._size = size
        self._encoder: Any = av.CodecContext.create("libvpx", "w")
        self._encoder.width, self._encoder.height = size
        self._encoder.pix_fmt = "yuv420p"
        self._encoder.framerate = Fraction(FPS)
        self._encoder.bit_rate = BITRATE
        self._encoder.thread_count = 1
        self._encoder.options = {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0"}
        self._decoder: Any = av.CodecContext.create("vp8", "r")
        self._decoder.thread_count = 1

    def encode(self, frame: Picture) -> list[bytes]:
        """Return the packets of a BGR frame."""
        # OpenCV's conversion takes a tenth of the work of PyAV's `reformat`.
        planes = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420), np.uint8)
        made = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        return [bytes(packet) for packet in self._encoder.encode(made)]

    def decode(self, packets: list[bytes]) -> Picture:
        """Return the BGR frame in packets."""
        for packet in packets:
            for frame in self._decoder.decode(av.Packet(packet)):
                return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
        raise ValueError("these packets do not hold a whole frame")


class Feed:
    """Encoded frames of a gallery of moving faces, which repeat without end."""

    def __init__(self, faces: int, size: tuple[int, int] = SIZE) -> None:
        self.faces, self.size = faces, size
        stream = Vp8(size)
        self._packets = [stream.encode(gallery(faces, at, size)) for at in range(LENGTH)]

    def packets(self) -> Iterator[list[bytes]]:
        """Yield the packets of each frame."""
        while True:
            yield from self._packets


def gallery(faces: int, at: int = 0, size: tuple[int, int] = SIZE) -> Picture:
    """Return frame number `at` of a video call's gallery, in which each face moves in its tile."""
    side = math.ceil(math.sqrt(faces))
    width, height = size[0] // side, size[1] // side
    face: Any = cv2.imread(str(FACE))
    rng = np.random.default_rng(faces)  # the same tiles in every frame
    frame = np.full((size[1], size[0], 3), 24, np.uint8)
    for tile in range(faces):
        top, left = tile // side * height, tile % side * width
        frame[top : top + height - 2, left : left + width - 2] = rng.integers(60, 200, 3)
        zoom = rng.uniform(0.55, 0.75) * height / face.shape[0]
        turn = rng.uniform(0, 2 * np.pi) + 2 * np.pi * at / LENGTH
        large = cv2.resize(face, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
        if rng.random() < 0.5:
            large = large[:, ::-1]
        down = int((height - large.shape[0]) / 2 + 0.03 * height * np.sin(turn))
        right = int((width - large.shape[1]) / 2 + 0.05 * width * np.cos(turn))
        at_y, at_x = top + down, left + right
        frame[at_y : at_y + large.shape[0], at_x : at_x + large.shape[1]] = large
    return frame
