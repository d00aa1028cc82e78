"""Read the newest frame of a camera, a network stream or a file, and reconnect when it breaks off.

OpenCV reads all three. A thread takes every frame as it comes, so that no old frame waits in a
queue, and decodes only as many as are asked for.
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

Log = Callable[[str], None]

SIZE: Final = (1280, 720)  # requested of a camera, which may choose another
PATIENCE: Final = 5000  # milliseconds for a stream to open, and for its next frame
PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds between tries; the last one is repeated
USUAL_RATE: Final = 25.0  # frames a second, for a file without a rate
LATE: Final = 1.0  # seconds of delay from which a file's playback clock is set anew


class Capture(Protocol):
    """The methods of `cv2.VideoCapture` that are used here."""

    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, Picture]: ...
    def get(self, what: int, /) -> float: ...
    def release(self) -> None: ...


class CameraFrame(NamedTuple):
    """A frame with its number from 1 and the monotonic time at which it was taken."""

    number: int
    time: float
    picture: Picture


def open_capture(source: str) -> Capture | None:
    """Open a camera by its number, an address or a file; return None if that fails."""
    # `Camera` reports a failure itself, once.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if source.isdigit():
        capture = cv2.VideoCapture(int(source))
        # USB 2 is too slow for 1280x720 in any other format.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, SIZE[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, SIZE[1])
    else:
        waits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, PATIENCE, cv2.CAP_PROP_READ_TIMEOUT_MSEC, PATIENCE]
        # One thread, as each thread of a decoder holds frames of its own in memory.
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, [*waits, cv2.CAP_PROP_N_THREADS, 1])
    if capture.isOpened():
        return capture  # type: ignore[return-value]  # OpenCV's types know no dtype
    capture.release()
    return None


class Camera:
    """Holds the newest frame of a source, at most `rate` per second.

    A file is played at its own speed and ends. A camera or stream that breaks off is opened again
    and again until it returns.
    """

    def __init__(
        self,
        source: str,
        rate: float,
        *,
        log: Log,
        opener: Callable[[str], Capture | None] = open_capture,
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        self.source, self._rate, self._log = source, rate, log
        self._opener, self._pauses = opener, pauses
        self._is_file = not source.isdigit() and "://" not in source
        if self._is_file and not Path(source).is_file():
            raise DataError(
                f"{without_password(source)}: no such file; give a camera's number, a stream's "
                "address or a file"
            )
        self._changed = threading.Condition()
        self._newest: CameraFrame | None = None
        self._ending = threading.Event()
        self.ended = False  # the file was read to its end, or `close` was called
        self.fault: DataError | None = None
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def newer(self, than: int, wait: float) -> CameraFrame | None:
        """Return the newest frame with a number above `than`; None if none comes in `wait` s."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > than or self.ended, wait)
            return self._newest if self._number > than else None

    def close(self) -> None:
        """Release the camera; give up after a second if its driver hangs."""
        self._ending.set()
        self._thread.join(1.0)

    @property
    def _number(self) -> int:
        return self._newest.number if self._newest else 0

    def _run(self) -> None:
        """Open the source and read it, again and again until it ends or `close` is called."""
        name = self.source if self._is_file else f"camera {without_password(self.source)}"
        tries, lost = 0, False
        while not self._ending.is_set():
            capture = self._opener(self.source)
            before = self._number
            if capture is not None:
                with suppress(cv2.error):  # treated as the end of the frames
                    self._read(capture, f"fer: {name} is back" if lost else None)
                capture.release()
            if self._ending.is_set():
                break
            if self._is_file:
                if self._number == before:
                    self.fault = DataError(
                        f"{self.source}: not a video; choose an MP4, MOV, MKV, WebM or AVI file"
                    )
                break
            tries = 0 if self._number > before else tries
            if not tries:
                self._log(f"fer: {name} sends no pictures; trying again until it does")
            lost = True
            self._ending.wait(self._pauses[min(tries, len(self._pauses) - 1)])
            tries += 1
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def _read(self, capture: Capture, message: str | None) -> None:
        """Read frames until one doesn't come; log the message with the first."""
        start, due = time.monotonic(), 0.0
        rate = capture.get(cv2.CAP_PROP_FPS) if self._is_file else 0.0
        length = 1 / (rate if 1 <= rate <= 240 else USUAL_RATE)
        at = 0.0
        while not self._ending.is_set() and capture.grab():
            now = time.monotonic()
            if self._is_file:
                if now - start - at > LATE:  # the computer slept, or decoding is too slow
                    start = now - at
                self._ending.wait(max(start + at - now, 0.0))
                now, at = max(now, start + at), at + length
            # Accept a frame that is half a frame early: else 15 of 30 a second would become 10.
            if now < due - length / 2:
                continue
            due = max(due + 1 / self._rate, now)
            good, picture = capture.retrieve()
            if not good:
                return
            with self._changed:
                self._newest = CameraFrame(self._number + 1, now, picture)
                self._changed.notify_all()
            if message:
                self._log(message)
                message = None


def without_password(source: str) -> str:
    """Return the source without a user name and password, also if the address is mistyped."""
    kind, slashes, rest = source.partition("://")
    if not slashes:
        return source.rpartition("@")[2]
    entry = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return f"{kind}://{entry.rpartition('@')[2]}"
