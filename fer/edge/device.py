"""A small computer by the whiteboard: a camera in, an annotated picture and numbers out.

No Streamlit and no TensorFlow. Pictures are in memory only; of the numbers, an hour at most.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from fer.draw import draw
from fer.edge.camera import Camera
from fer.edge.telling import record
from fer.faces import Faces
from fer.memory import give_back
from fer.session import Lesson, Session

Picture = npt.NDArray[np.uint8]

GLANCE: Final = 0.2  # seconds until the loop looks up from a camera that sends nothing
KEPT: Final = 3600  # seconds of numbers; a session that ran for days would only grow


class Reader(Protocol):
    """What finds, follows and reads: `fer.pipeline.Live`."""

    def feed(self, frame: Picture, time: float | None = None) -> Faces: ...


class Screen(Protocol):
    """Where the picture goes, if anybody looks: the stream's board, or a window."""

    @property
    def watched(self) -> bool: ...
    def show(self, picture: Picture) -> None: ...


def watch(
    camera: Camera,
    live: Reader,
    *,
    tell: Callable[[dict[str, Any]], None],
    ending: threading.Event,
    screens: Iterable[Screen] = (),
    blur: bool = False,
) -> None:
    """Until the file ends or `ending` is set: read every picture, tell the numbers each second."""
    screens = [*screens]
    start = time.monotonic()
    session, seen, told = _session(), 0, 0
    while not ending.is_set():
        shot = camera.newer(seen, GLANCE)
        if shot is not None:
            seen = shot.number
            faces = live.feed(shot.picture, shot.time)
            session.add(faces, max(shot.time - start, 0.0))
            watched = [screen for screen in screens if screen.watched]
            if watched:
                # Onto the picture itself, which nobody else reads: copies are what takes memory.
                draw(shot.picture, faces, blur=blur)
                for screen in watched:
                    screen.show(shot.picture)
        now = time.monotonic() - start
        if int(now) > told:
            told = int(now)
            tell(record(session.now(now), datetime.now().astimezone()))
            give_back()
        if shot is None and camera.ended:
            if seen:  # a file's last moment, and all there is of one shorter than a second
                tell(record(session.now(), datetime.now().astimezone()))
            break
        if now > KEPT:
            session, start, told = _session(), start + now, 0
    if camera.fault is not None:
        raise camera.fault


def _session() -> Session:
    return Session(Lesson("", datetime.now(UTC)), alerts=())
