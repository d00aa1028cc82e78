from pathlib import Path

import numpy as np
import pytest

from fer.errors import DataError, UsageError
from fer.vision.media.pictures import read_picture
from fer.vision.media.videos import Video, VideoLimits
from tests.hostile.recordings import jpeg_of, mjpeg
from tests.vision.media.media import (
    RATE,
    SECONDS,
    SIZE,
    TIMES,
    UPRIGHT,
    cut,
    flag,
    patches,
    write_sound,
    write_video,
)

FASTSTART = {"movflags": "faststart"}


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "lesson.mp4", options=FASTSTART)


def times_of(video: Video) -> list[float]:
    return [time for time, _ in video]


@pytest.mark.parametrize(
    ("name", "codec", "sound"),
    [
        ("a.mp4", "libx264", "aac"),
        ("a.mov", "libx264", "pcm_s16le"),
        ("a.mkv", "libx264", None),
        ("a.webm", "libvpx", "libopus"),
        ("a.ts", "libx264", "aac"),
    ],
)
def test_usual_kinds_are_read(tmp_path: Path, name: str, codec: str, sound: str | None) -> None:
    path = write_video(tmp_path / name, codec=codec, sound=sound)
    with Video(path) as video:
        assert video.size == SIZE
        assert video.rate == pytest.approx(RATE)
        assert video.duration == pytest.approx(SECONDS, abs=0.05)
        assert video.has_sound == (sound is not None)
        read = list(video)
        assert video.broken is None
    # Matroska and MPEG keep whole milliseconds or ticks.
    assert [time for time, _ in read] == pytest.approx(TIMES, abs=0.001)
    assert {frame.shape for _, frame in read} == {flag().shape}
    assert all(frame.dtype == np.uint8 and frame.flags.c_contiguous for _, frame in read)
    assert all(patches(frame) == UPRIGHT for _, frame in read)


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    times = [0, 0.04, 0.3, 0.31, 1.0, 1.7, 1.75, 2.6]
    assert times_of(Video(write_video(tmp_path / "a.mp4", times))) == pytest.approx(times)


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    late = write_video(tmp_path / "late.mp4", [time + 7 for time in TIMES], sound=None)
    assert times_of(Video(late)) == pytest.approx(TIMES)


def test_it_can_be_read_again_and_left_early(lesson: Path) -> None:
    with Video(lesson) as video:
        assert next(iter(video))[0] == 0
        assert times_of(video) == times_of(video)
        steps = iter(video)
        next(steps)
    steps.close()  # after the file was closed


@pytest.mark.parametrize(
    ("every", "times"),
    [
        (0.5, [0, 0.52, 1.0, 1.52]),  # the first frame in each half second
        (1.0, [0, 1]),
        (0.12, TIMES[::3]),  # which are not exact in binary
        (30.0, [0]),
        (0.001, TIMES),
    ],
)
def test_one_frame_in_each_stretch(lesson: Path, every: float, times: list[float]) -> None:
    assert times_of(Video(lesson, every)) == pytest.approx(times)


@pytest.mark.parametrize("every", [0, -1, float("nan")])
def test_a_stretch_of_no_time_is_refused(lesson: Path, every: float) -> None:
    with pytest.raises(UsageError, match="more than 0"):
        Video(lesson, every)


# How far the player has to turn to the left, and whether it mirrors: what the top left one becomes.
@pytest.mark.parametrize(
    ("turned", "red", "blue"),
    [
        ((0, False), "top left", "top right"),
        ((90, False), "bottom left", "top left"),
        ((180, False), "bottom right", "bottom left"),
        ((-90, False), "top right", "bottom right"),
        ((0, True), "top right", "top left"),
        ((180, True), "bottom left", "bottom right"),
        ((90, True), "bottom right", "top right"),
        ((-90, True), "top left", "bottom left"),
    ],
)
def test_a_turned_phone(tmp_path: Path, turned: tuple[float, bool], red: str, blue: str) -> None:
    video = Video(write_video(tmp_path / "phone.mp4", TIMES[:3], turned=turned))
    width, height = SIZE
    assert video.size == ((height, width) if abs(turned[0]) == 90 else SIZE)
    for _, frame in video:
        assert frame.shape[1::-1] == video.size
        assert patches(frame) == dict.fromkeys(UPRIGHT, "grey") | {red: "red", blue: "blue"}


def test_a_new_size_midway_is_brought_to_the_first(tmp_path: Path) -> None:
    parts = [
        write_video(tmp_path / f"{width}.ts", TIMES[:10], size=(width, height), sound=None)
        for width, height in (SIZE, (320, 240))
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    read = list(Video(both))
    assert len(read) == 20
    assert {frame.shape for _, frame in read} == {flag().shape}
    assert all(patches(frame) == UPRIGHT for _, frame in read)
    times = [time for time, _ in read]
    assert times == sorted(set(times))  # the second part's clock began anew


@pytest.mark.parametrize(("name", "sound"), [("a.mp4", "aac"), ("a.mkv", "aac"), ("b.mkv", None)])
def test_what_breaks_off_is_read_up_to_there(tmp_path: Path, name: str, sound: str | None) -> None:
    options = FASTSTART if name.endswith("mp4") else None
    video = Video(cut(write_video(tmp_path / name, sound=sound, options=options), 0.6))
    times = times_of(video)
    assert 0.3 * SECONDS < times[-1] < 0.9 * SECONDS
    assert times == pytest.approx(TIMES[: len(times)], abs=0.001)
    assert video.broken is not None
    assert f"breaks off at {times[-1] + 1 / RATE:.1f} s of {SECONDS:.1f} s" in video.broken


def test_damage_in_the_middle_costs_only_the_middle(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", sound=None, options=FASTSTART)
    data = bytearray(path.read_bytes())
    middle = slice(round(len(data) * 0.55), round(len(data) * 0.65))
    data[middle] = bytes(len(data[middle]))
    path.write_bytes(data)
    video = Video(path)
    times = times_of(video)
    assert len(TIMES) * 0.7 < len(times) < len(TIMES)
    assert times[-1] == pytest.approx(TIMES[-1])
    assert video.broken is not None
    assert "damaged at" in video.broken
    assert "\n" not in video.broken


def test_a_file_without_its_directory_is_refused(tmp_path: Path) -> None:
    unfinished = cut(write_video(tmp_path / "a.mp4"), 0.6)  # its directory comes last
    with pytest.raises(DataError, match="cut off before the end"):
        Video(unfinished)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("empty.mp4", b"", "the file is empty"),
        ("text.mp4", b"no video at all, only words\n" * 40, "not a video"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:5,\na.mp4\n", "not a video"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(300), "not a video"),
    ],
)
def test_what_is_no_video_is_one_line(
    tmp_path: Path, name: str, data: bytes, expected: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError) as fault:
        Video(tmp_path / name)
    message = str(fault.value)
    assert message.startswith(f"{tmp_path / name}: ")
    assert expected in message
    assert "\n" not in message


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="only sound") as refused:
        Video(write_sound(tmp_path / "song.m4a"))
    assert refused.value.fault == "sound"


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        Video(tmp_path / "none.mp4")
    with pytest.raises(DataError, match="cannot be opened"):
        Video(tmp_path)


def test_a_colon_in_a_name_is_no_protocol(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lesson.parent)
    Path("http:lesson.mp4").write_bytes(lesson.read_bytes())
    assert Video("http:lesson.mp4").size == SIZE


@pytest.mark.parametrize("ending", ["avi", "mov"])
@pytest.mark.parametrize(("orientation", "size"), [(1, (64, 48)), (6, (48, 64)), (8, (48, 64))])
def test_a_cameras_exif_data_is_no_damage(
    tmp_path: Path, ending: str, orientation: int, size: tuple[int, int]
) -> None:
    path = tmp_path / f"camera.{ending}"
    path.write_bytes(mjpeg(ending, orientation))
    video = Video(path)
    assert video.size == size
    assert len(times_of(video)) == 5
    assert video.broken is None


def test_exif_data_turns_a_video_as_it_turns_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "camera.avi"
    for orientation in (1, 3, 6, 8):
        path.write_bytes(mjpeg("avi", orientation))
        turned = next(iter(Video(path)))[1]
        (tmp_path / "picture.jpg").write_bytes(jpeg_of(orientation))
        assert np.abs(turned.astype(int) - read_picture(tmp_path / "picture.jpg")).mean() < 8


def test_a_descriptor_is_read_without_its_name(lesson: Path) -> None:
    with lesson.open("rb") as file:
        video = Video(file.fileno(), name="lesson")
        assert times_of(video) == times_of(Video(lesson))
        assert times_of(video) == times_of(Video(lesson))
        assert (video.size, video.duration) == (Video(lesson).size, Video(lesson).duration)


def test_a_frame_has_only_so_many_pixels(lesson: Path) -> None:
    most = SIZE[0] * SIZE[1]
    assert Video(lesson, limits=VideoLimits(most)).size == SIZE
    with pytest.raises(DataError, match="megapixels") as refused:
        Video(lesson, limits=VideoLimits(most - 1))
    assert refused.value.fault == "pixels"
