import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.errors import DataError
from fer.vision.media.camera import Camera, Capture, open_capture, without_password
from tests.edge.feeds import RATE, FakeCapture, Picture, until, write_class

QUICK = (0.01, 0.02)


def quiet(_: str) -> None:
    """Discard a log line."""


def test_the_newest_picture_is_given_not_the_next() -> None:
    camera = Camera("0", 1000, log=quiet, opener=lambda _: FakeCapture(500, 0.005))
    try:
        first = camera.newer(0, 2)
        assert first is not None
        time.sleep(0.2)
        second = camera.newer(first.number, 2)
        assert second is not None
        assert second.number > first.number + 5
        assert second.time > first.time
        assert camera.newer(10_000, 0.01) is None
    finally:
        camera.close()


def test_no_more_pictures_a_second_than_asked_for_are_decoded() -> None:
    rate, seconds = 20, 1.0
    camera = Camera("0", rate, log=quiet, opener=lambda _: FakeCapture(500, 0.005))
    try:
        time.sleep(seconds)
        shot = camera.newer(0, 1)
        assert shot is not None
        assert shot.number <= rate * seconds + 3
    finally:
        camera.close()


def test_an_unplugged_camera_is_told_once_and_tried_until_it_is_back() -> None:
    lines: list[str] = []
    plugged: list[Capture | None] = [FakeCapture(3), None, None, None, FakeCapture(10_000)]
    opened = iter(plugged)
    camera = Camera("0", 100, log=lines.append, opener=lambda _: next(opened), pauses=QUICK)
    try:
        assert until(lambda: len(lines) == 2)
        assert lines == [
            "fer: camera 0 sends no pictures; trying again until it does",
            "fer: camera 0 is back",
        ]
        assert not camera.ended
    finally:
        camera.close()
    assert camera.ended
    assert all(one.released for one in plugged if isinstance(one, FakeCapture))


def test_a_camera_that_is_not_there_yet_is_waited_for_ever_longer() -> None:
    times: list[float] = []

    def opener(_: str) -> None:
        times.append(time.monotonic())

    camera = Camera("7", 10, log=quiet, opener=opener, pauses=(0.02, 0.2))
    try:
        assert until(lambda: len(times) == 4)
    finally:
        camera.close()
    waits = np.diff(times)
    assert waits[0] < 0.15 < waits[1]
    assert waits[2] > 0.15


def test_a_camera_whose_driver_fails_is_as_good_as_unplugged() -> None:
    class Broken(FakeCapture):
        def retrieve(self) -> tuple[bool, Picture]:
            raise cv2.error("driver")

    lines: list[str] = []
    broken = Broken(5)
    camera = Camera("0", 10, log=lines.append, opener=lambda _: broken, pauses=(5.0,))
    try:
        assert until(lambda: lines)
        assert broken.released
    finally:
        camera.close()


def test_a_file_is_played_at_its_own_pace_and_ends(tmp_path: Path) -> None:
    video = write_class(tmp_path / "class.mp4", faces=1, seconds=1.0)
    begun, numbers, times = time.monotonic(), [0], []
    camera = Camera(str(video), 100, log=quiet)
    while shot := camera.newer(numbers[-1], 3):
        numbers.append(shot.number)
        times.append(shot.time)
    assert camera.ended and camera.fault is None
    assert 0.8 < time.monotonic() - begun < 4
    assert numbers[-1] == RATE
    assert times[-1] - times[0] == pytest.approx(1.0 - 1 / RATE, abs=0.15)


def test_a_file_that_is_none_is_a_clear_fault(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        Camera(str(tmp_path / "none.mp4"), 10, log=quiet)
    words = tmp_path / "words.mp4"
    words.write_text("words")
    camera = Camera(str(words), 10, log=quiet)
    assert until(lambda: camera.ended)
    assert "words.mp4: not a video" in str(camera.fault)


def test_a_mistyped_address_is_told_without_its_password() -> None:
    with pytest.raises(DataError, match=r"^10\.0\.0\.5/live: no such file"):
        Camera("rtsp:/me:secret@10.0.0.5/live", 10, log=quiet)


def test_what_cannot_be_opened_is_none_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert open_capture("http://127.0.0.1:9/stream") is None
    assert open_capture("99") is None
    assert capfd.readouterr().err == ""


def test_an_address_is_shown_without_its_password() -> None:
    assert without_password("rtsp://me:secret@10.0.0.5/live@1") == "rtsp://10.0.0.5"
    assert without_password("rtsp://10.0.0.5:554/user=a&password=secret") == "rtsp://10.0.0.5:554"
    assert without_password("http://cam?pwd=secret") == "http://cam"
    assert without_password("0") == "0"
