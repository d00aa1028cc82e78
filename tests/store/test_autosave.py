"""Autosave saves one lesson at a time, tries again after errors, and stops at a GoneError."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fer.lesson import Lesson
from fer.store import Autosave, GoneError, SaveState, Store, StoreError
from fer.store.database import file_url
from tests.lesson.classes import crowd, new_lesson, run


class FakeStore(Store):
    """Records its calls, and raises what a test sets."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.generation = 0
        self.raises: Exception | None = None
        self.meanwhile: Callable[[], None] = lambda: None  # what happens while it saves

    def begin(self, lesson: Lesson, owner: str = "") -> None:
        self._call("begin")

    def save(self, lesson: Lesson, owner: str = "") -> None:
        self._call("save")

    def rename(self, lesson_id: str, name: str, owner: str = "") -> None:
        self._call(f"rename {name}")

    def _call(self, name: str) -> None:
        self.calls.append(name)
        self.meanwhile()
        if self.raises is not None:
            raise self.raises


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def autosave(store: FakeStore) -> Autosave:
    return Autosave(store, every=5, now=lambda: 100.0)


def test_a_lesson_is_begun_once_and_then_saved(autosave: Autosave, store: FakeStore) -> None:
    lesson, state = new_lesson(), SaveState()
    assert autosave.save(lesson, "anna", state)
    assert state == SaveState(stored=True, due=105.0)
    assert autosave.save(lesson, "anna", state)
    assert store.calls == ["begin", "save"]


def test_a_new_name_is_written_before_the_numbers(autosave: Autosave, store: FakeStore) -> None:
    state = SaveState(stored=True, renamed=True)
    assert autosave.save(new_lesson(name="Sets"), "anna", state)
    assert not state.renamed
    assert store.calls == ["rename Sets", "save"]


@pytest.mark.parametrize("stored", [False, True])
def test_an_error_is_noted_and_tried_again(
    autosave: Autosave, store: FakeStore, stored: bool
) -> None:
    lesson, state = new_lesson(), SaveState(stored=stored, renamed=stored)
    store.raises = StoreError("the disk is full")
    assert not autosave.save(lesson, "anna", state)
    assert state.fault == "the disk is full"
    assert (state.stored, state.renamed) == (stored, stored)
    assert state.due == 105.0
    store.raises = None
    assert autosave.save(lesson, "anna", state)
    assert state.fault is None


def test_an_unforeseen_error_does_not_end_the_thread(autosave: Autosave, store: FakeStore) -> None:
    state = SaveState(stored=True)
    store.raises = ValueError("odd")
    assert not autosave.save(new_lesson(), "", state)
    assert state.fault == "the lesson could not be saved (odd)"


def test_a_lesson_of_another_process_is_not_saved_again(
    autosave: Autosave, store: FakeStore
) -> None:
    state = SaveState(stored=True)
    store.raises = GoneError("this lesson was deleted")
    assert autosave.save(new_lesson(), "", state)
    assert (state.gone, state.fault) == (True, "this lesson was deleted")
    store.raises = None
    assert autosave.save(new_lesson(), "", state)
    assert store.calls == ["save"]  # it must not come back


def test_saves_never_overlap(autosave: Autosave, store: FakeStore) -> None:
    at_work, most, lock = [0], [0], threading.Lock()

    def meanwhile() -> None:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        time.sleep(0.01)
        with lock:
            at_work[0] -= 1

    store.meanwhile = meanwhile
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: autosave.save(new_lesson(), "", SaveState()), range(8)))
    assert most == [1]


def test_a_save_does_not_wait_for_a_slow_one_longer_than_it_may(
    autosave: Autosave, store: FakeStore
) -> None:
    slow, waiting = threading.Event(), SaveState()
    store.meanwhile = lambda: slow.wait(10)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(autosave.save, new_lesson(), "", SaveState())
        while not store.calls:
            time.sleep(0.01)
        begun = time.monotonic()
        assert not autosave.save(new_lesson(), "", waiting, within=0.2)
        assert time.monotonic() - begun < 2
        assert waiting.fault == "the database takes too long; check how busy its server is"
        slow.set()
        assert first.result(10)
    assert autosave.save(new_lesson(), "", waiting)
    assert waiting.fault is None


def test_while_the_database_is_stuck_only_one_lesson_waits_for_it(store: FakeStore) -> None:
    clock = [100.0]
    autosave = Autosave(store, every=5, now=lambda: clock[0])
    store.raises = StoreError("another program has locked the database")

    def wait() -> None:
        clock[0] += 4.0

    store.meanwhile = wait
    states = [SaveState() for _ in range(16)]
    assert not any(autosave.save(new_lesson(), "", state) for state in states)
    assert {state.fault for state in states} == {"another program has locked the database"}
    assert store.calls == ["begin"]
    clock[0] += 5.0
    store.raises, store.meanwhile = None, lambda: None
    assert all(autosave.save(new_lesson(), "", state) for state in states)


def test_an_error_that_comes_at_once_concerns_its_lesson_alone(
    autosave: Autosave, store: FakeStore
) -> None:
    store.raises = StoreError("an odd lesson")
    assert not autosave.save(new_lesson(), "", SaveState())
    store.raises = None
    assert autosave.save(new_lesson(), "", SaveState())


def test_the_thread_saves_until_it_is_stopped(tmp_path: Path) -> None:
    store, lesson, state = Store(file_url(tmp_path / "a.sqlite3")), new_lesson(), SaveState()
    autosave = Autosave(store, every=0.05)
    autosave.start(lambda: autosave.save(lesson, "", state))
    run(lesson, crowd(happy=1), range(10))
    until = time.monotonic() + 20
    while store.find().found != 1 or store.find().lessons[0].duration != 10:
        assert time.monotonic() < until
        time.sleep(0.02)
    autosave.stop()
    run(lesson, crowd(happy=1), range(10, 20))
    time.sleep(0.2)
    assert store.find().lessons[0].duration == 10
    store.close()
