"""The limit on searches of many lessons: pauses between them, and none for a single lesson."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest

from fer.vision.analyzer import Analyzer
from fer.vision.detect.shared import FEW, LimitedDetector, SearchLimit
from tests.server.fakes import Clock
from tests.server.server import wait_until
from tests.vision.fakes import Network, Squares, picture


@dataclass
class Machine:
    """Clocks that move only by `work` and `sleep`."""

    now: Clock = field(default_factory=Clock)
    spent: Clock = field(default_factory=Clock)
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now.at += seconds

    def work(self, seconds: float) -> None:
        """Use CPU time; twice as much time passes meanwhile."""
        self.spent.at += seconds
        self.now.at += 2 * seconds

    def limit(self, processors: int) -> SearchLimit:
        return SearchLimit(processors, self.now, self.spent, self.sleep)


def test_after_a_search_the_next_one_waits_as_long_as_it_worked() -> None:
    machine = Machine()
    limit = machine.limit(2)
    with limit.slot():
        machine.work(0.25)
    assert machine.slept == []
    with limit.slot():
        assert machine.slept == [pytest.approx(0.25)]
        machine.work(0.1)
    machine.now.at += 0.04
    with limit.slot():
        assert machine.slept[1:] == [pytest.approx(0.06)]


def test_who_searches_alone_never_waits() -> None:
    machine = Machine()
    limit = machine.limit(2)
    for _ in range(5):
        with limit.slot():
            machine.work(0.25)
        machine.now.at += 1.0
    assert machine.slept == []


def test_many_processors_need_no_pause() -> None:
    machine = Machine()
    limit = machine.limit(FEW)
    for _ in range(5):
        with limit.slot():
            machine.work(0.25)
    assert machine.slept == []


def test_a_search_that_fails_frees_its_slot() -> None:
    limit = Machine().limit(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), limit.slot():
            raise ValueError("broken")


@pytest.mark.parametrize("processors", [1, 2, 8, 9, 16])
def test_only_so_many_search_at_once(processors: int) -> None:
    limit = SearchLimit(processors, sleep=lambda seconds: None)
    allowed = max(processors // FEW, 1)
    lock, together = threading.Lock(), threading.Barrier(allowed)
    now = most = 0

    def search(_: int) -> None:
        nonlocal now, most
        with limit.slot():
            with lock:
                now += 1
                most = max(most, now)
            together.wait(10)  # comes through only if so many are here at once
            with lock:
                now -= 1

    with ThreadPoolExecutor(2 * allowed) as pool:
        list(pool.map(search, range(4 * allowed)))
    assert most == allowed


def test_the_detector_behind_it_is_the_same() -> None:
    frame, squares = picture((40, 40, 60), (160, 80, 50)), Squares()
    limited = LimitedDetector(squares, SearchLimit(2))
    assert (limited.name, limited.full_every) == (squares.name, squares.full_every)
    assert limited.detect(frame, 5.0, 300) == squares.detect(frame)
    assert squares.asked[0] == (5.0, 300)
    known = np.array([[40, 40, 60, 60]], np.float32)
    assert limited.redetect(frame, known) == squares.redetect(frame, known)


def test_lessons_share_the_limit_and_photos_have_none() -> None:
    squares = Squares(may_go=threading.Event())
    analyzer = Analyzer(detector=squares, classifier=Network(), share_searches=True)
    frame = picture((40, 40, 60))
    lessons = [analyzer.live() for _ in range(3)]
    for lesson in lessons:
        lesson.feed(frame, 0.0)
    allowed = min(max((os.cpu_count() or 1) // FEW, 1), len(lessons))
    wait_until(lambda: len(squares.asked) == allowed)
    with ThreadPoolExecutor(1) as pool:
        photo = pool.submit(analyzer.photo, frame)
        wait_until(lambda: len(squares.asked) == allowed + 1)  # and the lessons still wait
        squares.may_go.set()
        assert len(photo.result(10)) == 1
    wait_until(lambda: len(squares.asked) == len(lessons) + 1)
    for lesson in lessons:
        lesson.close()
