"""Boxes: they give what the decoder in this process gives; what harms one harms nobody else."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer.errors import BusyError, DataError
from fer.vision.media.box import LARGEST_FILE, LIVE, PHOTO
from fer.vision.media.decoder import BoxedDecoder, Boxes, Costs, OwnDecoder, Starter
from fer.vision.media.pictures import BROUGHT, DecodeLimits, decode
from tests.hostile import pictures, recordings
from tests.hostile.pictures import noise, saved
from tests.vision.media.media import cut, write_sound, write_video

if not sys.platform.startswith("linux"):
    pytest.skip("boxes are made on Linux", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[3]
FRAME = DecodeLimits(8_000_000, 8_000_000, passes=4, formats=("JPEG",), rotate=False)
GOOD = saved(noise(64, 48), "JPEG")
SLOW = "png-chunks"  # takes seconds to read


@pytest.fixture(scope="module")
def decoder() -> Iterator[BoxedDecoder]:
    made = BoxedDecoder()
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def starter() -> Iterator[Starter]:
    made = Starter()
    yield made
    made.close()


@pytest.fixture
def slow() -> bytes:
    return pictures.WORST[SLOW]()


@contextmanager
def boxes(starter: Starter, costs: Costs | None = None, **limits: float) -> Iterator[Boxes]:
    """Boxes for photos with other limits."""
    made = Boxes(replace(PHOTO, **limits), starter, costs or Costs())  # type: ignore[arg-type]
    yield made
    made.close()


def starters() -> list[int]:
    """The processes of this one that start boxes."""
    found = []
    for number in Path("/proc").iterdir():
        with suppress(OSError, IndexError):
            told = (number / "stat").read_text().rpartition(")")[2].split()
            if told[1] == str(os.getpid()) and b"decode_child" in (number / "cmdline").read_bytes():
                found.append(int(number.name))
    return found


def boxes_of(starter: int) -> list[int]:
    return [*map(int, Path(f"/proc/{starter}/task/{starter}/children").read_text().split())]


def gone(number: int, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


# What a box gives is what the decoder in this process gives.


@pytest.mark.parametrize("at", range(len(pictures.good())))
def test_a_photo_is_the_same(decoder: BoxedDecoder, at: int) -> None:
    data = pictures.good()[at]
    with decoder.photo(data, "a") as frame, OwnDecoder().photo(data, "a") as expected:
        assert np.array_equal(frame, expected)


def test_a_live_frame_is_the_callers_own(decoder: BoxedDecoder) -> None:
    frames = [decoder.frame(saved(noise(64, 48, seed=at), "JPEG"), "a", FRAME) for at in range(2)]
    for at, frame in enumerate(frames):
        assert np.array_equal(frame, decode(saved(noise(64, 48, seed=at), "JPEG"), "a"))


@pytest.mark.parametrize("at", range(len(recordings.good())))
def test_a_recording_is_the_same(decoder: BoxedDecoder, tmp_path: Path, at: int) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(recordings.good()[at])
    results = []
    for each in (decoder, OwnDecoder()):
        try:
            film = each.film(path, 0.2, "a")
            frames = list(film)
            told = film.size, film.rate, film.duration, film.created, film.broken
            results.append((told, [time for time, _ in frames], [f for _, f in frames]))
        except DataError as fault:
            results.append((str(fault), fault.fault, []))
    assert results[0][:2] == results[1][:2]
    assert all(map(np.array_equal, results[0][2], results[1][2]))


def test_a_recording_without_a_name_is_read_twice(decoder: BoxedDecoder, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    with path.open("rb") as file:
        path.unlink()
        film = decoder.film(Path(f"/proc/self/fd/{file.fileno()}"), 0.5, "a")
        assert [time for time, _ in film] == [time for time, _ in film]


@pytest.mark.parametrize("damage", ["sound", "cut"])
def test_a_recordings_faults_are_told(decoder: BoxedDecoder, tmp_path: Path, damage: str) -> None:
    if damage == "cut":
        options = {"movflags": "faststart"}
        film = decoder.film(cut(write_video(tmp_path / "a.mp4", options=options), 0.6), 0.2, "a")
        assert len(list(film)) > 2
        assert film.broken is not None
    else:
        with pytest.raises(DataError, match="b: it holds only sound") as refused:
            decoder.film(write_sound(tmp_path / "b.mp4"), 0.2, "b")
        assert refused.value.fault == "sound"


@pytest.mark.parametrize(
    "data", [b"", b"no picture", GOOD[:200], b"\0\0\0\x18ftypheic" + bytes(40)]
)
def test_a_pictures_faults_are_told(decoder: BoxedDecoder, data: bytes) -> None:
    with pytest.raises(DataError) as expected:
        decode(data, "a.jpg", BROUGHT)
    with pytest.raises(DataError) as refused, decoder.photo(data, "a.jpg"):
        pass
    assert (str(refused.value), refused.value.fault) == (str(expected.value), expected.value.fault)


# What harms a box costs its visitor one sentence, and nobody else anything.


def good_is_read(made: Boxes) -> int:
    """Read a good picture; return the process that did."""
    with made.child() as child:
        assert child.picture(GOOD, "b", BROUGHT).shape == (48, 64, 3)
        return child.number


def refused(made: Boxes, data: bytes) -> DataError:
    """Return why a picture is refused."""
    with made.child() as child, pytest.raises(DataError) as fault:
        child.picture(data, "a.png", BROUGHT)
    return fault.value


def test_a_box_that_computes_too_long_is_ended(starter: Starter, slow: bytes) -> None:
    costs = Costs()
    with boxes(starter, costs, processor=0.0) as made:
        fault = refused(made, slow)
        assert str(fault).startswith("a.png: takes too long to decode")
        assert fault.fault == "costly"
        assert costs.lost == {"took too much processor time": 1}
        good_is_read(made)


def test_a_box_that_hangs_is_ended(starter: Starter, slow: bytes) -> None:
    with boxes(starter, wall=0.5) as made:
        number = good_is_read(made)
        assert str(refused(made, slow)).startswith("a.png: takes too long to decode")
        assert gone(number)


def test_what_takes_too_much_memory_is_refused(starter: Starter) -> None:
    large = saved(Image.new("RGB", (5000, 4000)), "JPEG", quality=20)
    with boxes(starter, memory=60_000_000) as made:
        number = good_is_read(made)
        assert str(refused(made, large)).startswith("a.png: takes too much memory")
        # Whatever it left behind is gone with it.
        assert good_is_read(made) != number


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (signal.SIGSEGV, "a.png: cannot be read: it is damaged"),
        (signal.SIGKILL, "a.png: takes too"),
    ],
)
def test_a_box_that_crashes_is_replaced(starter: Starter, by: signal.Signals, said: str) -> None:
    with boxes(starter) as made:
        with made.child() as child:
            os.kill(child.number, by)
            assert gone(child.number)
            with pytest.raises(DataError, match=said):
                child.picture(GOOD, "a.png", BROUGHT)
        good_is_read(made)


def test_a_box_that_ends_while_it_waits_costs_nobody_anything(starter: Starter) -> None:
    with boxes(starter) as made:
        number = good_is_read(made)
        os.kill(number, signal.SIGKILL)
        assert gone(number)
        assert good_is_read(made) != number


def test_a_recordings_box_that_ends_is_one_sentence(decoder: BoxedDecoder, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(recordings.many_references(1280, 720, 40))
    film = iter(decoder.film(path, 0.1, "a.mp4"))
    next(film)
    before = decoder.costs.lost.total()
    for number in starters():
        for child in boxes_of(number):
            os.kill(child, signal.SIGKILL)
    with pytest.raises(DataError, match=r"a\.mp4: "):
        list(film)
    assert decoder.costs.lost.total() == before + 1
    with decoder.photo(GOOD, "b") as frame:
        assert frame.shape == (48, 64, 3)


def test_the_process_that_starts_boxes_is_started_again() -> None:
    decoder = BoxedDecoder()
    before = set(starters())
    decoder.start()
    (number,) = set(starters()) - before
    children = boxes_of(number)
    os.kill(number, signal.SIGKILL)
    assert all(gone(each) for each in (number, *children))
    with decoder.photo(GOOD, "a") as frame:
        assert frame.shape == (48, 64, 3)
    decoder.close()
    assert set(starters()) == before


def test_ctrl_c_in_the_terminal_ends_no_box(decoder: BoxedDecoder) -> None:
    for number in starters():
        for each in (number, *boxes_of(number)):
            os.kill(each, signal.SIGINT)
    before = decoder.costs.lost.total()
    with decoder.photo(GOOD, "b") as frame:
        assert frame.shape == (48, 64, 3)
    assert decoder.costs.lost.total() == before


def test_others_are_served_while_one_computes(decoder: BoxedDecoder, slow: bytes) -> None:
    done = threading.Event()

    def read() -> None:
        with suppress(DataError), decoder.photo(slow, "slow"):
            pass
        done.set()

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(5):
        assert decoder.frame(GOOD, "a", FRAME).shape == (48, 64, 3)
    assert not done.is_set()
    thread.join(60)


def test_so_many_are_at_work(starter: Starter) -> None:
    with boxes(starter, at_once=2, wall=0.5) as made:
        with made.child() as first, made.child() as second:
            assert first.number != second.number
            with pytest.raises(BusyError, match="busy"), made.child():
                pass
        good_is_read(made)


def test_a_box_is_replaced_after_many_pictures(starter: Starter) -> None:
    with boxes(starter, uses=2) as made:
        numbers = [good_is_read(made) for _ in range(4)]
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]


@pytest.mark.parametrize("size", [[1_000_000, 1_000_000], [0, 9], [-4, -4]])
def test_a_box_that_lies_about_its_frame_is_ended(starter: Starter, size: list[int]) -> None:
    with boxes(starter) as made:
        number = good_is_read(made)
        with made.child() as child, pytest.raises(DataError):
            child.shared({"size": size})
        assert gone(number)


def test_a_file_beyond_all_limits_is_refused(decoder: BoxedDecoder) -> None:
    with pytest.raises(DataError) as refused, decoder.photo(bytes(LARGEST_FILE + 1), "a"):
        pass
    assert refused.value.fault == "size"


def test_no_picture_stays_in_the_shared_memory(starter: Starter) -> None:
    with boxes(starter) as made:
        with made.child() as child:
            frame = child.picture(saved(noise(64, 48), "PNG"), "a", BROUGHT)
            assert frame.any()
        assert not frame.any()


# A box has nothing of the server's.


def test_boxes_know_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_TESTS", "xyzzy")
    before = set(starters())
    starter = Starter()
    starter.start()
    (number,) = set(starters()) - before
    assert b"xyzzy" not in Path(f"/proc/{number}/environ").read_bytes()
    with boxes(starter) as made, made.child() as child:
        places = list(Path(f"/proc/{child.number}/fd").iterdir())
        assert len(places) == 6  # nothing, nothing, nothing, its link, the bytes, the frame
    starter.close()


def test_boxes_end_with_the_server() -> None:
    script = """
import os, signal
from fer.vision.media.decoder import BoxedDecoder
decoder = BoxedDecoder()
decoder.start()
starter = open(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read().split()[0]
print(starter, open(f"/proc/{starter}/task/{starter}/children").read(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    numbers = ended.stdout.split()
    assert len(numbers) == 3, ended.stderr
    assert all(gone(int(number)) for number in numbers)


@pytest.mark.parametrize("name", ["webp-flat-16mp", "png-50mp", "jpeg-50mp-turned"])
def test_the_largest_picture_fits_into_a_box(decoder: BoxedDecoder, name: str) -> None:
    decoder.costs.memory = 0
    with decoder.photo(pictures.WORST[name](), name) as frame:
        assert frame.nbytes > 40_000_000
    assert 0 < decoder.costs.memory <= 450_000_000


def test_a_small_file_cannot_make_a_recording_take_gigabytes(
    decoder: BoxedDecoder, tmp_path: Path
) -> None:
    """145 kB took 2,083 MB: the decoder keeps sixteen frames of 49 megapixels."""
    path = tmp_path / "a.mp4"
    path.write_bytes(recordings.WORST["references-12mp"]())
    with pytest.raises(DataError, match="megapixels") as refused:
        decoder.film(path, 1.0, "a.mp4")
    assert refused.value.fault == "pixels"


@pytest.mark.slow
def test_a_4k_recording_fits_into_a_box(decoder: BoxedDecoder, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    options = {"preset": "ultrafast", "x264-params": "ref=5:bframes=3"}
    path.write_bytes(recordings.video(4096, 2304, 16, options=options, flat=True))
    decoder.costs.memory = 0
    film = decoder.film(path, 0.1, "a.mp4")
    assert len(list(film)) == 16
    assert film.broken is None
    assert 0 < decoder.costs.memory <= 450_000_000


@pytest.mark.slow
def test_a_recording_whose_frames_are_all_kept_is_refused(
    decoder: BoxedDecoder, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(recordings.WORST["references-4k"]())
    decoder.costs.memory = 0
    with pytest.raises(DataError, match=r"a\.mp4: takes too much memory"):
        list(decoder.film(path, 0.1, "a.mp4"))
    assert 0 < decoder.costs.memory <= 450_000_000


def test_live_frames_are_bounded(decoder: BoxedDecoder) -> None:
    """EXIF data spread over segments took 2.2 seconds of a server's processor for one frame."""
    data = pictures.jpeg_with_exif(
        pictures.exif_list(pictures.RATIONAL, 2_900_000, pictures.RESOLUTION)
    )
    begun, spent = time.process_time(), decoder.costs.spent
    assert decoder.frame(data, "a", FRAME).shape == (16, 16, 3)
    assert time.process_time() - begun + decoder.costs.spent - spent < 0.3
    assert LIVE.processor <= 2.0
