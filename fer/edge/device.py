"""A small computer by the whiteboard: a camera in, an annotated picture and numbers out.

No Streamlit and no TensorFlow. Pictures are in memory only; of the numbers, an hour at most.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from fer.emotions import EMOTIONS
from fer.faces import Faces, Picture
from fer.lesson import Lesson, LessonInfo, Snapshot
from fer.lesson.snapshot import LATELY
from fer.machine import give_back
from fer.vision.draw import draw
from fer.vision.media.camera import Camera

GLANCE: Final = 0.2  # seconds until the loop looks up from a camera that sends nothing
KEPT: Final = 3600  # seconds of numbers; a session that ran for days would only grow


class Reader(Protocol):
    """What finds, follows and reads: `fer.vision.stream.FaceStream`."""

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
    lesson, seen, told = _session(), 0, 0
    while not ending.is_set():
        shot = camera.newer(seen, GLANCE)
        if shot is not None:
            seen = shot.number
            faces = live.feed(shot.picture, shot.time)
            lesson.add(faces, max(shot.time - start, 0.0))
            watched = [screen for screen in screens if screen.watched]
            if watched:
                # Onto the picture itself, which nobody else reads: copies are what takes memory.
                draw(shot.picture, faces, blur=blur)
                for screen in watched:
                    screen.show(shot.picture)
        now = time.monotonic() - start
        if int(now) > told:
            told = int(now)
            tell(record(lesson.snapshot(now), datetime.now().astimezone()))
            give_back()
        if shot is None and camera.ended:
            if seen:  # a file's last moment, and all there is of one shorter than a second
                tell(record(lesson.snapshot(), datetime.now().astimezone()))
            break
        if now > KEPT:
            lesson, start, told = _session(), start + now, 0
    if camera.fault is not None:
        raise camera.fault


def _session() -> Lesson:
    return Lesson(LessonInfo("", datetime.now(UTC)), alerts=())


def record(now: Snapshot, clock: datetime) -> dict[str, Any]:
    """The class at this time as JSON takes it; null where nobody was read."""
    return {
        "time": clock.isoformat(timespec="seconds"),
        "faces": round(now.faces, 1),
        "shares": _shares(dict(zip(EMOTIONS, now.shares.tolist(), strict=True))),
        "looks": _shares(now.indicators),
        "mood": _shares(now.mood._asdict()),
        "silent": round(now.silent, 1),
    }


def sentence(told: Mapping[str, Any]) -> str:
    """The same record for a person."""
    clock, faces = str(told["time"])[11:19], told["faces"]
    noun = "face" if faces == 1 else "faces"
    if told["silent"] >= LATELY:
        return f"{clock}  no picture for {told['silent']:.0f} s"
    if not faces:
        return f"{clock}  nobody"
    if told["shares"][EMOTIONS[0]] is None:
        return f"{clock}  {faces:g} {noun}, not read yet"
    ranked = sorted(told["shares"].items(), key=lambda item: -item[1])
    shares = ", ".join(f"{name} {share:.0%}" for name, share in ranked[:3] if share >= 0.005)
    return f"{clock}  {faces:g} {noun}: {shares}; mood {told['mood']['balance']:+.2f}"


def _shares(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {
        name: None if math.isnan(number) else round(number, 4) for name, number in numbers.items()
    }
