import json
import math
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer.edge.device import read_camera, record, sentence
from fer.edge.window import Window
from fer.emotions import EMOTIONS
from fer.errors import DataError, UsageError
from fer.faces import Faces
from fer.lesson import INDICATORS, Lesson, LessonInfo
from fer.vision.media.camera import Camera
from tests.cli.fakes import SHARES
from tests.edge.feeds import FakeCapture, Picture, write_class

CLOCK = datetime(2026, 3, 2, 9, 0, 7, tzinfo=UTC)
BOX = [10.0, 10.0, 20.0, 16.0]


class OneHappyFace:
    """Read the same face in every frame."""

    fed = 0

    def feed(self, frame: Picture, time: float | None = None) -> Faces:
        self.fed += 1
        return Faces.of([BOX], probabilities=[SHARES], ids=[1])


class FakeScreen:
    """A screen that keeps the frames it is shown."""

    def __init__(self, has_viewers: bool = True) -> None:
        self.has_viewers, self.pictures = has_viewers, list[Picture]()

    def show(self, picture: Picture) -> None:
        self.pictures.append(picture.copy())


def quiet(_: str) -> None:
    """Print nothing."""


def reports_of(count: int, wait: float, **more: Any) -> list[dict[str, Any]]:
    """Return the reports on a camera that sends `count` frames and then fails."""
    reports: list[dict[str, Any]] = []
    ending = threading.Event()
    captures = iter([FakeCapture(count, wait)])

    def opener(_: str) -> FakeCapture | None:
        capture = next(captures, None)
        if capture is None:
            ending.set()
        return capture

    camera = Camera("0", 1000, log=quiet, opener=opener, pauses=(0.05,))
    try:
        read_camera(camera, OneHappyFace(), report=reports.append, ending=ending, **more)
    finally:
        camera.close()
    return reports


def test_each_second_has_a_report_of_the_class() -> None:
    reports = reports_of(160, 0.01)
    assert len(reports) in (1, 2, 3)  # 1.6 seconds, more on a slow machine
    for line in reports:
        assert line["faces"] == 1
        assert line["shares"] == pytest.approx(dict(zip(EMOTIONS, SHARES, strict=True)), abs=1e-3)
        assert line["looks"]["positive"] == 1
        assert line["mood"]["balance"] > 0
        assert json.loads(json.dumps(line, allow_nan=False)) == line


def test_frames_are_shown_only_on_screens_with_viewers() -> None:
    viewed, unviewed = FakeScreen(), FakeScreen(has_viewers=False)
    reports_of(30, 0.01, screens=[viewed, unviewed])
    assert viewed.pictures and not unviewed.pictures
    picture = viewed.pictures[-1]
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 1  # the capture's have one colour


def test_blur_hides_the_faces() -> None:
    class Sharp(FakeCapture):
        def retrieve(self) -> tuple[bool, Picture]:
            noise = np.random.default_rng(0).integers(0, 255, (36, 64, 3))
            return True, noise.astype(np.uint8)

    def inside(blur: bool) -> int:
        screen, ending = FakeScreen(), threading.Event()
        camera = Camera("0", 1000, log=quiet, opener=lambda _: Sharp(1000))
        threading.Timer(0.3, ending.set).start()
        read_camera(
            camera,
            OneHappyFace(),
            report=lambda _: None,
            ending=ending,
            screens=[screen],
            blur=blur,
        )
        camera.close()
        return len(np.unique(screen.pictures[-1][14:22, 14:26].reshape(-1, 3), axis=0))

    assert inside(blur=True) < inside(blur=False) / 2


def test_a_file_ends_with_a_last_report(tmp_path: Path) -> None:
    video = write_class(tmp_path / "short.mp4", faces=1, seconds=0.5)
    reports: list[dict[str, Any]] = []
    camera = Camera(str(video), 100, log=quiet)
    read_camera(camera, OneHappyFace(), report=reports.append, ending=threading.Event())
    assert [line["faces"] for line in reports] == [1]


def test_a_file_that_is_not_a_video_raises_its_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("words")
    camera = Camera(str(tmp_path / "a.mp4"), 100, log=quiet)
    with pytest.raises(DataError, match="not a video"):
        read_camera(camera, OneHappyFace(), report=lambda _: None, ending=threading.Event())


def at(faces: Faces | None, second: float = 1.0) -> dict[str, Any]:
    lesson = Lesson(LessonInfo("", CLOCK))
    if faces is not None:
        lesson.add(faces, 0.5)
    return record(lesson.snapshot(second), CLOCK)


def test_unread_shares_are_null() -> None:
    reports = at(Faces.of([BOX]))
    assert reports["faces"] == 1
    for part, names in (("shares", EMOTIONS), ("looks", INDICATORS)):
        assert reports[part] == dict.fromkeys(names)
    assert reports["time"] == "2026-03-02T09:00:07+00:00"
    assert reports["silent"] == 0.5


@pytest.mark.parametrize(
    ("faces", "second", "words"),
    [
        (Faces.of([BOX], probabilities=[SHARES]), 1.0, "1 face: happy 82%, "),
        (Faces.of([BOX, BOX], probabilities=[SHARES] * 2), 1.0, "2 faces: happy 82%, "),
        (Faces.of([BOX]), 1.0, "1 face, not read yet"),
        (Faces.none(), 1.0, "nobody"),
        (Faces.of([BOX], probabilities=[SHARES]), 30.0, "no picture for 30 s"),
    ],
)
def test_the_line_for_the_terminal(faces: Faces, second: float, words: str) -> None:
    line = sentence(at(faces, second))
    assert line.startswith("09:00:07  ")
    assert words in line
    assert str(math.nan) not in line


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have a screen")
def test_a_window_without_a_screen_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match="has no screen"):
        Window(lambda: None, {})


def test_a_window_with_headless_opencv_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match="opencv-python-headless"):
        Window(lambda: None, {"DISPLAY": ":0"})
