from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fer.errors import DataError
from fer.vision.media.video_writer import Recording
from fer.vision.media.videos import Video
from tests.vision.media.media import (
    RATE,
    SECONDS,
    SIZE,
    TIMES,
    UPRIGHT,
    Frame,
    codecs,
    cut,
    flag,
    lengths,
    patches,
    write_video,
)

FRAME = 1 / RATE
SOUND_PIECE = 0.05  # seconds; sound comes in pieces, so its end isn't exact


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("recording") / "lesson.mp4")


def record(path: Path, video: Video, codec: str | None = None) -> Recording:
    with Recording(path, video.size, video, codec=codec) as out:
        for time, frame in video:
            out.add(time, frame)
    return out


def fill(out: Recording, frames: Iterable[Frame], ended: type[BaseException] | None = None) -> None:
    """Add the frames at the usual rate, then end the recording."""
    with out:
        for at, frame in enumerate(frames):
            out.add(at * FRAME, frame)
        if ended is not None:
            raise ended


def only(folder: Path) -> str:
    (found,) = folder.iterdir()
    return found.name


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file can grow beyond this: the system then fails as on a full disk."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_times_colours_and_sound_are_kept(lesson: Path, tmp_path: Path, codec: str) -> None:
    made = record(tmp_path / "out" / "new.mp4", Video(lesson), codec)
    assert made.kept
    assert made.lacks is None
    assert made.frames == len(TIMES)
    assert made.seconds == pytest.approx(SECONDS)
    assert only(made.path.parent) == "new.mp4"
    read = list(Video(made.path))
    assert [time for time, _ in read] == pytest.approx(TIMES)
    assert all(patches(frame) == UPRIGHT for _, frame in read)
    assert lengths(made.path) == pytest.approx(lengths(lesson), abs=SOUND_PIECE)
    assert lengths(made.path)["video"] == pytest.approx(SECONDS)


def test_it_starts_to_play_before_it_has_arrived(lesson: Path, tmp_path: Path) -> None:
    data = record(tmp_path / "new.mp4", Video(lesson)).path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    times = [0, 0.04, 0.3, 0.31, 1.0, 1.7, 1.75, 2.6]
    made = record(tmp_path / "new.mp4", Video(write_video(tmp_path / "a.mp4", times)))
    assert [time for time, _ in Video(made.path)] == pytest.approx(times, abs=1e-4)


def test_few_frames_keep_all_the_sound(lesson: Path, tmp_path: Path) -> None:
    made = record(tmp_path / "new.mp4", Video(lesson, every=0.5))
    assert lengths(made.path)["audio"] == pytest.approx(SECONDS, abs=SOUND_PIECE)
    assert lengths(made.path)["video"] == pytest.approx(made.seconds, abs=0.001)


@pytest.mark.parametrize(
    ("name", "codec", "sound", "kept_as"),
    [
        ("a.mov", "libx264", "pcm_s16le", "aac"),
        ("a.mkv", "libx264", "flac", "flac"),
        ("a.webm", "libvpx", "libopus", "opus"),
        ("a.avi", "mpeg4", "pcm_s16le", "aac"),
        ("a.ts", "libx264", "aac", "aac"),
        ("a.avi", "mpeg4", "libmp3lame", "mp3"),
        ("a.mp4", "libx264", None, None),
    ],
)
def test_sound_of_every_kind_comes_along(
    tmp_path: Path, name: str, codec: str, sound: str | None, kept_as: str | None
) -> None:
    made = record(
        tmp_path / "new.mp4", Video(write_video(tmp_path / name, codec=codec, sound=sound))
    )
    assert made.lacks is None
    assert codecs(made.path).get("audio") == kept_as
    if sound:
        assert lengths(made.path)["audio"] == pytest.approx(SECONDS, abs=2 * SOUND_PIECE)


def test_sound_stays_beside_its_picture(tmp_path: Path) -> None:
    """Frames and sound stay in step for a file whose clock starts late."""
    late = write_video(tmp_path / "late.mkv", [time + 5 for time in TIMES])
    made = record(tmp_path / "new.mp4", Video(late))
    assert lengths(made.path)["audio"] == pytest.approx(SECONDS, abs=2 * SOUND_PIECE)


@pytest.mark.parametrize("size", [(161, 121), (160, 121), (1, 1), (33, 64)])
def test_odd_sizes_are_made_even(lesson: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    with Recording(tmp_path / "odd.mp4", size, Video(lesson)) as out:
        for time in TIMES[:5]:
            out.add(time, flag(*size))
    assert Video(out.path).size == tuple(side + side % 2 for side in size)


def test_a_frame_of_another_size_is_a_mistake(lesson: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="a frame of"),
        Recording(tmp_path / "a.mp4", SIZE, Video(lesson)) as out,
    ):
        out.add(0, flag(80, 60))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ended", [KeyboardInterrupt, RuntimeError])
def test_what_was_done_is_kept_when_it_is_stopped(
    lesson: Path, tmp_path: Path, ended: type[BaseException]
) -> None:
    half = TIMES[: len(TIMES) // 2]
    out = Recording(tmp_path / "a.mp4", SIZE, Video(lesson))
    with pytest.raises(ended):
        fill(out, [flag()] * len(half), ended)
    assert out.kept
    assert only(tmp_path) == "a.mp4"
    assert [time for time, _ in Video(out.path)] == pytest.approx(half)
    assert out.seconds == pytest.approx(half[-1] + FRAME)
    for length in lengths(out.path).values():  # of the sound no more than of the pictures
        assert length == pytest.approx(out.seconds, abs=SOUND_PIECE)


def test_stopped_before_the_first_frame_leaves_nothing(lesson: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        Recording(tmp_path / "a.mp4", SIZE, Video(lesson)) as out,
    ):
        raise KeyboardInterrupt
    assert not out.kept
    assert not list(tmp_path.iterdir())


def test_a_video_that_breaks_off_is_kept_up_to_there(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4", options={"movflags": "faststart"})
    video = Video(cut(whole, 0.6))
    made = record(tmp_path / "new.mp4", video)
    assert video.broken
    assert made.kept
    assert 0 < made.seconds < SECONDS
    assert lengths(made.path)["video"] == pytest.approx(made.seconds)
    assert lengths(made.path)["audio"] <= made.seconds + SOUND_PIECE


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on a file's size")
def test_a_full_disk_keeps_what_fits(lesson: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    room = 400_000
    out = Recording(tmp_path / "a.mp4", SIZE, Video(lesson))
    frames = (noise.integers(0, 255, flag().shape, np.uint8) for _ in range(400))
    expected = r"a\.mp4: the disk is full; make room"
    with full_disk(room), pytest.raises(DataError, match=expected) as fault:
        fill(out, frames)
    assert "\n" not in str(fault.value)
    assert only(tmp_path) == "a.mp4"
    assert out.path.stat().st_size <= room
    assert out.kept
    read = [time for time, _ in Video(out.path)]
    assert len(read) * FRAME == pytest.approx(out.seconds, abs=3 * FRAME)
    assert out.seconds > SECONDS / 4


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on a file's size")
def test_a_disk_too_full_for_anything_leaves_nothing(lesson: Path, tmp_path: Path) -> None:
    out = Recording(tmp_path / "a.mp4", SIZE, Video(lesson))
    with full_disk(100), pytest.raises(DataError, match="the disk is full"):
        fill(out, [flag()] * len(TIMES))
    assert not out.kept
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_named(lesson: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"a\.mp4: cannot be written"),
        Recording(tmp_path / "file" / "a.mp4", SIZE, Video(lesson)),
    ):
        pass
