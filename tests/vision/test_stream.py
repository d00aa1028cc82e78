import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.vision.analyzer import Analyzer
from fer.vision.stream import (
    DETECT_AFTER_CHANGE,
    DETECT_AT_LATEST,
    DETECT_EVERY,
    DETECT_SHARE,
    FIRST_READS,
    READS,
    READS_PER_FACE,
    FaceStream,
    search_wait,
)
from tests.vision.fakes import HAPPY, Squares, made_face, picture

FPS = 30


class Reads:
    """Reads every face as happy and counts the faces."""

    def __init__(self, cost: float = 0.0) -> None:
        self.counts: list[int] = []
        self.cost = cost  # seconds of the processor a face

    def __call__(self, frame: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        self.counts.append(len(boxes))
        until = time.thread_time() + self.cost * len(boxes)
        while time.thread_time() < until:
            pass
        shares = np.zeros((len(boxes), 7), np.float32)
        shares[:, HAPPY] = 1
        return shares


def grid(count: int) -> np.ndarray:
    side = int(np.ceil(np.sqrt(count)))
    places = [(10 + 44 * (at % side), 10 + 44 * (at // side), 30) for at in range(count)]
    return picture(*places, size=(44 * side + 20, 44 * side + 20))


def feed(live: FaceStream, frame: np.ndarray, seconds: float, fps: int = FPS) -> Faces:
    for at in range(int(seconds * fps)):
        live.feed(frame, at / fps)
    return live.faces


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_faces_are_there_at_once_and_stay_the_same() -> None:
    reads = Reads()
    live = FaceStream(Squares(), reads, background=False)
    faces = live.feed(grid(4), 0.0)
    assert faces.ids.tolist() == [0, 1, 2, 3]
    assert faces.words() == ["happy"] * 4
    assert feed(live, grid(4), 3).ids.tolist() == [0, 1, 2, 3]


def test_whole_scans_are_rare_and_looks_in_between_cost_less() -> None:
    detector = Squares()
    feed(FaceStream(detector, Reads(), background=False), grid(4), 8.5 * DETECT_EVERY)
    searches = len(detector.asked)
    assert searches == pytest.approx(8.5, abs=1)
    assert searches - detector.looked == pytest.approx(searches / detector.full_every, abs=1)


def test_a_newcomer_is_found_although_looks_spare_the_rest() -> None:
    detector = Squares()
    live = FaceStream(detector, Reads(), background=False)
    places = [(20, 20, 40), (120, 20, 40), (220, 20, 40), (20, 140, 40)]
    feed(live, picture(*places[:3]), 1.5)
    assert len(live.faces) == 3
    for at in range(int(1.5 * FPS), int((1.5 + detector.full_every) * FPS) + 1):
        live.feed(picture(*places), at / FPS)
    assert len(live.faces) == 4


def test_a_changed_picture_is_searched_at_once() -> None:
    detector = Squares()
    live = FaceStream(detector, Reads(), background=False)
    for at in range(10):
        live.feed(grid(4), at / FPS)
    before = len(detector.asked)
    for at in range(10, 10 + int(2 * DETECT_AFTER_CHANGE * FPS)):
        live.feed(grid(9), at / FPS)
    assert len(detector.asked) > before
    assert len(live.faces) == 9


@pytest.mark.parametrize(
    ("count", "rate"), [(1, READS_PER_FACE), (4, 4 * READS_PER_FACE), (49, READS), (100, READS)]
)
def test_reading_goes_round_as_often_as_is_bearable(count: int, rate: float) -> None:
    reads = Reads()
    live = FaceStream(Squares(), reads, background=False)
    seconds = 4.0
    assert len(feed(live, grid(count), seconds)) == count
    assert sum(reads.counts[1:]) == pytest.approx(rate * seconds, rel=0.1)
    assert max(reads.counts[1:]) <= rate / FPS + 1


def test_faces_that_are_read_by_turns_keep_their_own_words(tiny_model: Path) -> None:
    frame = np.zeros((240, 330, 3), np.uint8)
    expected = {}
    for at in range(20):
        left, top, word = 10 + 64 * (at % 5), 10 + 56 * (at // 5), EMOTIONS[at * 3 % 7]
        made_face(frame, left, top, 40, word)
        expected[left, top] = word
    live = FaceStream(
        Squares(), Analyzer(tiny_model, detector=Squares()).read_faces, background=False
    )
    for at in range(2 * FPS):
        live.feed(frame, at / FPS)
    places = [(left, top) for left, top, *_ in np.rint(live.faces.boxes).astype(int).tolist()]
    assert dict(zip(places, live.faces.words(), strict=True)) == expected


def test_a_slow_network_reads_less_instead_of_falling_behind() -> None:
    reads = Reads(cost=0.02)
    with FaceStream(Squares(), reads) as live:
        for at in range(30):
            live.feed(grid(9), at / FPS)
            time.sleep(0.01)
        wait_for(lambda: bool(live.feed(grid(9), 30 / FPS).known.all()))
        reads.counts.clear()
        for at in range(31, 31 + FPS):
            live.feed(grid(9), at / FPS)
    assert 0 < sum(reads.counts) < 0.5 / reads.cost


def test_new_faces_are_read_soon_but_not_all_in_one_frame() -> None:
    reads = Reads()
    with FaceStream(Squares(), reads) as live:
        wait_for(lambda: len(live.feed(grid(49), 0.0)) == 49)
        at = 0
        while not live.faces.known.all():
            at += 1
            assert at < 60
            live.feed(grid(49), at / FPS)
    assert max(reads.counts) <= FIRST_READS


def test_a_search_in_the_background_holds_nobody_up() -> None:
    detector = Squares(may_go=threading.Event())
    with FaceStream(detector, Reads()) as live:
        for at in range(10):
            assert len(live.feed(grid(4), at / FPS)) == 0
        assert len(detector.asked) <= 1  # one search, not a queue of them
        assert detector.may_go is not None
        detector.may_go.set()
        wait_for(lambda: len(live.feed(grid(4), 10 / FPS)) == 4)
        assert threading.get_ident() not in detector.threads


def test_the_searched_picture_may_be_drawn_on_meanwhile() -> None:
    detector = Squares(may_go=threading.Event())
    with FaceStream(detector, Reads()) as live:
        frame = grid(4)
        live.feed(frame, 0.0)
        frame[:] = 0
        assert detector.may_go is not None
        detector.may_go.set()
        wait_for(lambda: len(live.feed(grid(4), 0.1)) == 4)


def test_frames_that_come_too_fast_are_left_out_and_answered_all_the_same() -> None:
    detector = Squares()
    live = FaceStream(detector, Reads(), background=False)
    live.feed(grid(4), 0.0)
    detector.may_go = threading.Event()
    slow = threading.Thread(target=live.feed, args=(grid(4), 10.0))
    slow.start()
    wait_for(lambda: len(detector.asked) == 2)
    begun = time.monotonic()
    answers = [live.feed(grid(9), 10.0 + at) for at in range(5)]
    assert time.monotonic() - begun < 2
    assert [len(faces) for faces in answers] == [4] * 5
    assert live.left_out == 5
    detector.may_go.set()
    slow.join(20)
    assert not slow.is_alive()


def test_a_failing_detector_is_told_to_who_feeds() -> None:
    with FaceStream(Squares(fault=ValueError("broken")), Reads()) as live:
        live.feed(grid(4), 0.0)
        time.sleep(0.2)
        with pytest.raises(ValueError, match="broken"):
            live.feed(grid(4), 0.1)
        assert len(live.feed(grid(4), 0.2)) == 0  # and goes on


def test_the_clock_is_asked_where_no_time_is_given() -> None:
    with FaceStream(Squares(), Reads()) as live:
        wait_for(lambda: len(live.feed(grid(1))) == 1)


@pytest.mark.parametrize(
    "frames", [[grid(4), np.zeros((1, 1, 3), np.uint8), grid(4)], [grid(4), grid(9)[:90, :120]]]
)
def test_a_picture_may_change_its_size(frames: list[np.ndarray]) -> None:
    live = FaceStream(Squares(), Reads(), background=False)
    for at, frame in enumerate(frames):
        live.feed(frame, float(at))
    assert len(live.faces) > 0


def test_time_may_go_back() -> None:
    live = FaceStream(Squares(), Reads(), background=False)
    feed(live, grid(4), 3)
    assert len(feed(live, grid(4), 1)) == 4


def test_costly_searches_come_more_rarely_but_not_too_rarely() -> None:
    assert search_wait(0.0) == DETECT_EVERY
    assert search_wait(1.5 * DETECT_EVERY * DETECT_SHARE) == pytest.approx(1.5 * DETECT_EVERY)
    assert search_wait(100.0) == DETECT_AT_LATEST


def test_a_thorough_one_searches_every_frame_whole() -> None:
    """A new face must be found in its first frame."""
    detector = Squares()
    live = FaceStream(detector, Reads(), background=False, thorough=True)
    for at in range(10):
        live.feed(grid(4), at / FPS)
    assert len(live.feed(grid(9), 10 / FPS)) == 9
    assert (len(detector.asked), detector.looked) == (11, 0)
