"""Pictures from a camera, a stream or a file, always the newest; what breaks off is tried again.

OpenCV reads all three. A thread takes every frame off the camera as it comes, so that none waits in
a queue and grows old, and decodes only those that somebody will look at.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import cv2

from fer.errors import DataError
from fer.faces import Picture

Say = Callable[[str], None]

SIZE: Final = (1280, 720)  # asked of a camera, which gives what it has
PATIENCE: Final = 5000  # milliseconds for a stream to open, and for its next frame
PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before it is tried again; the last one stays
USUAL_RATE: Final = 25.0  # frames a second, for a file that doesn't say
LATE: Final = 1.0  # seconds behind its own time at which a file's clock is set anew


class Capture(Protocol):
    """What `cv2.VideoCapture` is, as far as it is used."""

    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, Picture]: ...
    def get(self, what: int, /) -> float: ...
    def release(self) -> None: ...


class Shot(NamedTuple):
    """A picture, which one it is, and when it was taken by the monotonic clock."""

    number: int
    time: float
    picture: Picture


def open_capture(source: str) -> Capture | None:
    """A camera's number, an address or a file; None where it gives nothing now."""
    cv2.utils.logging.setLogLevel(
        cv2.utils.logging.LOG_LEVEL_SILENT
    )  # what is wrong is told once, in our own words
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if source.isdigit():
        capture = cv2.VideoCapture(int(source))
        # Cameras on USB 2 have no room for 1280x720 in any other form.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, SIZE[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, SIZE[1])
    else:
        waits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, PATIENCE, cv2.CAP_PROP_READ_TIMEOUT_MSEC, PATIENCE]
        # Each thread of a decoder holds frames of its own.
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, [*waits, cv2.CAP_PROP_N_THREADS, 1])
    if capture.isOpened():
        return capture  # type: ignore[return-value]  # OpenCV's types know no dtype
    capture.release()
    return None


class Camera:
    """The newest picture of a source, at most so many a second.

    A file is played at its own pace and ends; anything else is opened again for as long as it
    takes.
    """

    def __init__(
        self,
        source: str,
        rate: float,
        *,
        say: Say,
        opener: Callable[[str], Capture | None] = open_capture,
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        self.source, self._rate, self._say = source, rate, say
        self._opener, self._pauses = opener, pauses
        self._is_file = not source.isdigit() and "://" not in source
        if self._is_file and not Path(source).is_file():
            raise DataError(
                f"{shown(source)}: no such file; a camera is a number, a stream an address"
            )
        self._changed = threading.Condition()
        self._newest: Shot | None = None
        self._ending = threading.Event()
        self.ended = False  # a file that was read to its end, or the camera was closed
        self.fault: DataError | None = None
        self._thread = threading.Thread(target=self._watch, name="camera", daemon=True)
        self._thread.start()

    def newer(self, than: int, wait: float) -> Shot | None:
        """The newest picture, if one newer than that number comes within so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > than or self.ended, wait)
            return self._newest if self._number > than else None

    def close(self) -> None:
        """Let the camera go. One that hangs is left to the process's end."""
        self._ending.set()
        self._thread.join(1.0)

    @property
    def _number(self) -> int:
        return self._newest.number if self._newest else 0

    def _watch(self) -> None:
        name = self.source if self._is_file else f"camera {shown(self.source)}"
        tries, lost = 0, False
        while not self._ending.is_set():
            capture = self._opener(self.source)
            before = self._number
            if capture is not None:
                with suppress(cv2.error):  # as good as no more pictures
                    self._take(capture, f"fer: {name} is back" if lost else None)
                capture.release()
            if self._ending.is_set():
                break
            if self._is_file:
                if self._number == before:
                    self.fault = DataError(f"{self.source}: this is not a video that can be read")
                break
            tries = 0 if self._number > before else tries
            if not tries:
                self._say(f"fer: {name} sends no pictures; trying again until it does")
            lost = True
            self._ending.wait(self._pauses[min(tries, len(self._pauses) - 1)])
            tries += 1
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def _take(self, capture: Capture, greeting: str | None) -> None:
        """Frame after frame, until one doesn't come."""
        start, due = time.monotonic(), 0.0
        told = capture.get(cv2.CAP_PROP_FPS) if self._is_file else 0.0
        length = 1 / (told if 1 <= told <= 240 else USUAL_RATE)
        at = 0.0
        while not self._ending.is_set() and capture.grab():
            now = time.monotonic()
            if self._is_file:
                if now - start - at > LATE:  # the computer slept, or decoding is too slow
                    start = now - at
                self._ending.wait(max(start + at - now, 0.0))
                now, at = max(now, start + at), at + length
            # Half a frame early is early enough: else 15 of 30 would be taken as 10.
            if now < due - length / 2:
                continue
            due = max(due + 1 / self._rate, now)
            good, picture = capture.retrieve()
            if not good:
                return
            with self._changed:
                self._newest = Shot(self._number + 1, now, picture)
                self._changed.notify_all()
            if greeting:
                self._say(greeting)
                greeting = None


def shown(source: str) -> str:
    """The source without the passwords that an address may hold, a mistyped one too."""
    kind, slashes, rest = source.partition("://")
    if not slashes:
        return source.rpartition("@")[2]
    entry = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return f"{kind}://{entry.rpartition('@')[2]}"
