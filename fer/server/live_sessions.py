"""Lessons that are running: each one's newest faces, and how well it keeps up.

Whoever brings a lesson's frames (a WebSocket, WebRTC, a test) feeds them to its LiveSession, and
whoever shows the lesson reads from the same object. No picture is held once it is answered.
"""

from __future__ import annotations

import re
import statistics
import threading
import time as clock
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from fer.errors import BusyError, LiveError
from fer.faces import Faces
from fer.lesson.lesson import new_id
from fer.server.clock import FrameClock

BGR = npt.NDArray[np.uint8]
Clock = Callable[[], float]

ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
LATELY: Final = 5.0  # seconds that a rate looks back on
REMEMBERED: Final = 64  # answers
MOST: Final = 16  # lessons at once
IDLE: Final = 120.0  # seconds without a frame after which a lesson ends
GIVES_WAY: Final = 15.0  # seconds without a frame after which a lesson makes room, if need be


class Stream(Protocol):
    """What follows the faces of one stream: pipeline.Live, or a test's stand-in."""

    def feed(self, frame: BGR, time: float | None = None) -> Faces: ...
    def close(self) -> None: ...


class Streams(Protocol):
    """What begins streams: pipeline.Analyzer, or a test's stand-in."""

    def live(self) -> Stream: ...


class Watcher(Protocol):
    """Who is told of everything that happens, to count it. Called in any thread."""

    def answered(self, transport: str, faces: int, seconds: float) -> None: ...
    def left_out(self, transport: str) -> None: ...
    def delayed(self, transport: str, seconds: float) -> None: ...


class Listener(Protocol):
    """Who counts a lesson's faces over time: lessons.Lessons. Called in any thread."""

    def heard(self, id: str, faces: Faces) -> None: ...
    def news(self, id: str) -> dict[str, Any] | None: ...


class LiveSession:
    """One lesson's stream, whoever brings its frames."""

    def __init__(
        self,
        id: str,
        transport: str,
        streams: Streams,
        watcher: Callable[[], Watcher | None] = lambda: None,
        now: Clock = clock.monotonic,
        listener: Listener | None = None,
    ) -> None:
        self.id, self.transport = id, transport
        self._listener = listener
        self.faces, self.size = Faces.none(), (0, 0)
        self.left_out = 0  # frames dropped so far
        self.used = now()  # when it was opened or fed last
        self._streams, self._watcher, self._now = streams, watcher, now
        self._stream: Stream | None = None
        self._ended = False
        self._times = FrameClock()
        self._busy, self._counting = threading.Lock(), threading.Lock()
        self._answers: deque[float] = deque(maxlen=REMEMBERED)
        self._delays: deque[float] = deque(maxlen=REMEMBERED)

    def feed(self, frame: BGR, time: float) -> Faces:
        """The faces as of this BGR frame, whose sender says that it is of this time (seconds).

        A frame that comes while another is worked on is left out, and answered with what is known.
        """
        self.used = begun = self._now()
        if not self._busy.acquire(blocking=False):
            self.note_left_out()
            return self.faces
        try:
            if self._ended:
                raise LiveError("this lesson has ended; open the page again")
            # Here and not before: the first stream may have to wait until the network is loaded.
            self._stream = self._stream or self._streams.live()
            faces = self._stream.feed(frame, self._times.time(time, begun))
            self.faces, self.size = faces, (frame.shape[1], frame.shape[0])
        finally:
            self._busy.release()
        answered = self._now()
        with self._counting:
            self._answers.append(answered)
        if self._listener is not None:
            self._listener.heard(self.id, faces)
        if watcher := self._watcher():
            watcher.answered(self.transport, len(faces), answered - begun)
        return faces

    @property
    def fed(self) -> bool:
        """Whether a frame of it was ever answered."""
        return bool(self._answers)

    def note_left_out(self) -> None:
        """A frame was dropped."""
        with self._counting:
            self.left_out += 1
        if watcher := self._watcher():
            watcher.left_out(self.transport)

    def note_delay(self, seconds: float) -> None:
        """So long after a frame was taken its answer was sent."""
        with self._counting:
            self._delays.append(seconds)
        if watcher := self._watcher():
            watcher.delayed(self.transport, seconds)

    def news(self) -> dict[str, Any] | None:
        """The class in a few numbers, where somebody counts."""
        return None if self._listener is None else self._listener.news(self.id)

    def rate(self) -> float:
        """Frames analysed a second, lately."""
        now = self._now()
        with self._counting:
            lately = [at for at in self._answers if now - at <= LATELY]
        return (len(lately) - 1) / max(now - lately[0], 0.001) if len(lately) > 1 else 0.0

    def delay(self) -> float | None:
        """Seconds from a frame to its answer, the median of the last ones; None before any."""
        with self._counting:
            return statistics.median(self._delays) if self._delays else None

    def close(self) -> None:
        """Ends it; waits for the frame that is being worked on."""
        with self._busy:
            self._ended = True
            stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


class Sessions:
    """All lessons of a process: only so many at once, and idle ones end. For any thread."""

    def __init__(
        self,
        streams: Streams,
        most: int = MOST,
        now: Clock = clock.monotonic,
        listener: Listener | None = None,
    ) -> None:
        self.watcher: Watcher | None = None
        self._listener = listener
        self._streams, self._most, self._now = streams, most, now
        self._lock = threading.Lock()
        self._open: dict[str, LiveSession] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, id: str | None, transport: str) -> LiveSession:
        """The lesson of that id, which goes on if it is still there; with None a new one."""
        id = new_id() if id is None else id
        if not ID.fullmatch(id):
            raise LiveError("a lesson's id is 8 to 64 letters, digits, - or _")
        with self._lock:
            ended = self._take_idle(IDLE, keep=id)
            if id not in self._open and len(self._open) >= self._most:
                # Whoever loads the page again leaves a lesson behind that nobody feeds any more.
                ended += self._take_idle(GIVES_WAY)
            session = self._open.get(id)
            if session is None and len(self._open) < self._most:
                session = LiveSession(
                    id, transport, self._streams, lambda: self.watcher, self._now, self._listener
                )
                self._open[id] = session
            if session is not None:
                session.transport, session.used = transport, self._now()
        for one in ended:
            one.close()
        if session is None:
            raise BusyError(f"the server is busy with {self._most} lessons; try later")
        return session

    def get(self, id: str) -> LiveSession | None:
        """The lesson of that id, if it is still there."""
        return self._open.get(id)

    def all(self) -> list[LiveSession]:
        """Those that are running."""
        with self._lock:
            return [*self._open.values()]

    def close(self, id: str) -> None:
        """Ends that lesson, if it is there."""
        with self._lock:
            session = self._open.pop(id, None)
        if session is not None:
            session.close()

    def close_idle(self) -> None:
        """Ends those that had no frame for two minutes."""
        with self._lock:
            ended = self._take_idle(IDLE)
        for session in ended:
            session.close()

    def close_all(self) -> None:
        """Ends all of them."""
        with self._lock:
            ended = [*self._open.values()]
            self._open.clear()
        for session in ended:
            session.close()

    def _take_idle(self, seconds: float, keep: str | None = None) -> list[LiveSession]:
        since = self._now() - seconds
        idle = [one for one in self._open.values() if one.used < since and one.id != keep]
        for session in idle:
            del self._open[session.id]
        return idle
