"""The keeper saves in time, outlives faults, and lets go of what is not ours any more."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fer.lesson import Lesson
from fer.store import Autosave, GoneError, Store, StoreError
from fer.store.database import file_url
from tests.lesson.classes import crowd, new_lesson, run


class FakeStore(Store):
    """Notes what it is asked, and fails when it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.fault: Exception | None = None
        self.meanwhile: Callable[[], None] = lambda: None  # what happens while it saves

    def begin(self, lesson: Lesson, owner: str = "") -> None:
        self._call("begin", lesson, owner)

    def save(self, lesson: Lesson, owner: str = "") -> None:
        self._call("save", lesson, owner)

    def _call(self, name: str, lesson: Lesson, owner: str) -> None:
        self.calls.append((name, lesson.info.name, owner))
        self.meanwhile()
        if self.fault is not None:
            raise self.fault


class Steps:
    """A keeper whose clock is moved by hand."""

    def __init__(self) -> None:
        self.store, self.at = FakeStore(), 100.0
        self.keeper = Autosave(self.store, every=5, now=lambda: self.at)

    def after(self, seconds: float) -> list[str]:
        """What the store is asked in a turn so much later."""
        self.at += seconds
        asked = len(self.store.calls)
        self.keeper.turn()
        return [name for name, *_ in self.store.calls[asked:]]


def test_it_begins_at_once_and_saves_every_five_seconds() -> None:
    steps = Steps()
    steps.keeper.keep(new_lesson(name="a"), "anna")
    assert [steps.after(s) for s in (0, 4.9, 0.1, 4.9, 0.2)] == [
        ["begin"],
        [],
        ["save"],
        [],
        ["save"],
    ]
    assert steps.store.calls[-1] == ("save", "a", "anna")


def test_one_that_goes_on_is_not_begun_again() -> None:
    steps = Steps()
    steps.keeper.keep(new_lesson(), begun=True)
    assert steps.after(0) == ["save"]


def test_a_fault_is_noted_and_tried_again() -> None:
    steps, lesson = Steps(), new_lesson()
    steps.keeper.keep(lesson)
    steps.store.fault = StoreError("the disk is full")
    assert steps.after(0) == ["begin"]
    assert steps.keeper.fault(lesson.info.id) == "the disk is full"
    assert [steps.after(s) for s in (1, 4)] == [[], ["begin"]]  # it is not begun yet
    steps.store.fault = None
    assert [steps.after(s) for s in (5, 5)] == [["begin"], ["save"]]
    assert steps.keeper.fault(lesson.info.id) is None


def test_one_lesson_that_breaks_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    steps = Steps()
    steps.keeper.keep(new_lesson(name="a"))
    steps.keeper.keep(new_lesson(name="b"))
    steps.store.fault = ZeroDivisionError("a mistake of ours")
    assert steps.after(0) == ["begin", "begin"]
    assert "a mistake of ours" in caplog.text


def test_a_lesson_that_is_gone_is_told_and_not_tried_again() -> None:
    steps, lesson = Steps(), new_lesson()
    told: list[str] = []
    steps.keeper.keep(lesson, gone=lambda: told.append("gone"))
    steps.after(0)
    assert told == []
    steps.store.fault = GoneError("deleted, or in another process")
    assert [steps.after(s) for s in (5, 5, 500)] == [["save"], [], []]
    assert told == ["gone"]
    assert steps.keeper.fault(lesson.info.id) is None


def test_a_lesson_that_ends_during_a_save_is_saved_once_more() -> None:
    steps, lesson = Steps(), new_lesson()
    steps.keeper.keep(lesson)
    steps.after(0)
    ending = threading.Thread(target=steps.keeper.release, args=(lesson.info.id,))

    def end() -> None:
        steps.store.meanwhile = lambda: None
        ending.start()
        ending.join(0.2)  # it waits for the save in which we are

    steps.store.meanwhile = end
    steps.after(5)
    ending.join()
    assert [name for name, *_ in steps.store.calls] == ["begin", "save", "save"]


def test_releasing_saves_once_more() -> None:
    steps, lesson = Steps(), new_lesson()
    steps.keeper.keep(lesson)
    steps.after(0)
    assert steps.keeper.release(lesson.info.id) is None
    assert [name for name, *_ in steps.store.calls] == ["begin", "save"]
    assert steps.after(10) == []
    assert steps.keeper.release(lesson.info.id) is None


def test_a_lesson_that_ends_while_the_store_is_away_is_saved_when_it_is_back() -> None:
    steps, lesson = Steps(), new_lesson()
    id = lesson.info.id
    steps.keeper.keep(lesson)
    steps.store.fault = StoreError("the disk is full")
    assert steps.keeper.release(id) == "the disk is full"
    assert steps.after(5) == ["begin"]
    assert steps.keeper.fault(id) == "the disk is full"
    steps.store.fault = None
    assert [steps.after(5), steps.after(5)] == [["begin"], []]
    assert steps.keeper.fault(id) is None


def test_a_deleted_lesson_that_ends_is_let_go() -> None:
    steps, lesson = Steps(), new_lesson()
    steps.keeper.keep(lesson, begun=True)
    steps.store.fault = GoneError("not kept any more")
    assert steps.keeper.release(lesson.info.id) == "not kept any more"
    assert steps.keeper.fault(lesson.info.id) is None
    assert steps.after(100) == []


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_its_thread_saves_by_itself_and_at_the_end(tmp_path: Path) -> None:
    store, lesson = Store(file_url(tmp_path / "lessons.sqlite3")), new_lesson()
    keeper = Autosave(store, every=0.05).start()
    keeper.keep(lesson)
    run(lesson, crowd(happy=1), range(10))
    wait_until(lambda: store.find().found == 1)
    wait_until(lambda: store.find().lessons[0].duration == 10)
    run(lesson, crowd(happy=1), range(10, 20))
    lesson.finish(20)
    keeper.close()
    assert store.load(lesson.info.id).ended == 20
    store.close()


def test_what_somebody_wrote_is_saved_at_the_next_turn() -> None:
    steps = Steps()
    steps.keeper.keep(new_lesson())
    assert steps.after(0) == ["begin"]
    assert steps.after(1) == []
    steps.keeper.soon(new_lesson().info.id)  # another one
    assert steps.after(0.1) == []
    kept = new_lesson()
    steps.keeper.keep(kept)
    assert steps.after(0) == ["begin"]
    steps.keeper.soon(kept.info.id)
    assert steps.after(0.1) == ["save"]
    assert steps.after(1) == []
