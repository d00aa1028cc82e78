"""Read the frames of a camera, and report the class as numbers once a second.

Frames stay in memory; numbers are kept for an hour at most. Neither Streamlit nor
TensorFlow is loaded.
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

FRAME_WAIT: Final = 0.2  # seconds to wait for a frame before the clock is read again
LESSON_LENGTH: Final = 3600  # seconds; a lesson that ran for days would fill the memory


class FrameReader(Protocol):
    """Finds, follows and classifies faces, as `fer.vision.stream.FaceStream` does."""

    def feed(self, frame: Picture, time: float | None = None) -> Faces: ...


class Screen(Protocol):
    """Shows annotated frames: `fer.edge.mjpeg.Board` or `fer.edge.window.Window`."""

    @property
    def has_viewers(self) -> bool: ...
    def show(self, picture: Picture) -> None: ...


def read_camera(
    camera: Camera,
    stream: FrameReader,
    *,
    report: Callable[[dict[str, Any]], None],
    ending: threading.Event,
    screens: Iterable[Screen] = (),
    blur: bool = False,
) -> None:
    """Read every frame and report the numbers each second, until a file ends or `ending` is set.

    Raise the camera's error if it failed.
    """
    screens = [*screens]
    start = time.monotonic()
    lesson, seen, reported = _new_lesson(), 0, 0
    while not ending.is_set():
        frame = camera.newer(seen, FRAME_WAIT)
        if frame is not None:
            seen = frame.number
            faces = stream.feed(frame.picture, frame.time)
            lesson.add(faces, max(frame.time - start, 0.0))
            _show(frame.picture, faces, screens, blur)
        now = time.monotonic() - start
        if int(now) > reported:
            reported = int(now)
            report(record(lesson.snapshot(now), datetime.now().astimezone()))
            give_back()
        if frame is None and camera.ended:
            if seen:  # the end of a file, and the only report of one shorter than a second
                report(record(lesson.snapshot(), datetime.now().astimezone()))
            break
        if now > LESSON_LENGTH:
            lesson, start, reported = _new_lesson(), start + now, 0
    if camera.fault is not None:
        raise camera.fault


def _show(picture: Picture, faces: Faces, screens: Iterable[Screen], blur: bool) -> None:
    """Draw the faces and show the frame on the screens that have viewers."""
    viewed = [screen for screen in screens if screen.has_viewers]
    if viewed:
        # Draw on the frame itself: nothing else reads it, and a copy would take memory.
        draw(picture, faces, blur=blur)
        for screen in viewed:
            screen.show(picture)


def _new_lesson() -> Lesson:
    return Lesson(LessonInfo("", datetime.now(UTC)), alerts=())


def record(snapshot: Snapshot, clock: datetime) -> dict[str, Any]:
    """Return a snapshot as JSON values; a share is None if no face was read."""
    return {
        "time": clock.isoformat(timespec="seconds"),
        "faces": round(snapshot.faces, 1),
        "shares": _shares(dict(zip(EMOTIONS, snapshot.shares.tolist(), strict=True))),
        "looks": _shares(snapshot.indicators),
        "mood": _shares(snapshot.mood._asdict()),
        "silent": round(snapshot.silent, 1),
    }


def sentence(numbers: Mapping[str, Any]) -> str:
    """Return a record as a line of text for the terminal."""
    clock, faces = str(numbers["time"])[11:19], numbers["faces"]
    noun = "face" if faces == 1 else "faces"
    if numbers["silent"] >= LATELY:
        return f"{clock}  no picture for {numbers['silent']:.0f} s"
    if not faces:
        return f"{clock}  nobody"
    if numbers["shares"][EMOTIONS[0]] is None:
        return f"{clock}  {faces:g} {noun}, not read yet"
    ranked = sorted(numbers["shares"].items(), key=lambda item: -item[1])
    shares = ", ".join(f"{name} {share:.0%}" for name, share in ranked[:3] if share >= 0.005)
    return f"{clock}  {faces:g} {noun}: {shares}; mood {numbers['mood']['balance']:+.2f}"


def _shares(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {
        name: None if math.isnan(number) else round(number, 4) for name, number in numbers.items()
    }
