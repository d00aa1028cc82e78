"""Save live lessons every few seconds, in a thread of its own.

A lesson goes on in memory whatever happens to the store: an error is noted for the page to show,
and the next save tries again.
"""

from __future__ import annotations

import logging
import threading
import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fer.lesson import Lesson
from fer.store.database import PATIENCE, time_left, time_limit
from fer.store.errors import TOO_SLOW, GoneError, StoreError
from fer.store.store import Store
from fer.store.unsaved import UnsavedFiles

LOG: Final = logging.getLogger(__name__)

FILE_EVERY: Final = 60.0  # seconds between the files of a running lesson that cannot be saved
CHECK_EVERY: Final = 5.0  # seconds between checks of the database
EVERY: Final = 5.0  # seconds between saves; a killed process loses no more than these
SLOW: Final = 1.0  # seconds; a save that fails after so many would fail for the other lessons too


@dataclass
class SaveState:
    """How far one lesson is saved."""

    stored: bool = False  # whether the store has its row
    due: float = 0.0  # the monotonic time of the next save
    renamed: bool = False  # whether the store still has the old name
    fault: str | None = None  # why the last save failed
    gone: bool = False  # whether it was deleted, or another process saves it now
    generation: int = 0  # the store's, when it got the row
    filed: float | None = None  # when a file was written that holds the lesson meanwhile
    filed_whole: bool = False  # whether that was after the lesson's end


class Autosave:
    """Saves lessons one at a time, so that an older save never overwrites a newer one."""

    def __init__(
        self,
        store: Store,
        every: float = EVERY,
        now: Callable[[], float] = clock.monotonic,
        files: UnsavedFiles | None = None,
    ):
        self._store, self._every, self._now, self._files = store, every, now, files
        self._check_at = now()
        self._saving = threading.Lock()
        self._stuck: tuple[str, float] | None = None  # a slow failure, and when to try again
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, save_due: Callable[[], None]) -> None:
        """Start the thread that calls `save_due` about once a second."""
        if self._files is not None:
            self._files.reserve()
        self._thread = threading.Thread(
            target=self._run, args=(save_due,), name="autosave", daemon=True
        )
        self._thread.start()

    def stop(self, within: float | None = None) -> None:
        """Stop the thread, after the save in progress; wait for that, or `within` seconds."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(within)

    def take_in(self) -> None:
        """Save the lessons that are in files, if the database works."""
        if self._files is None:
            return
        try:
            count = self._files.take_in(self._store.take_in)
        except StoreError:  # logged; the files stay, and the next check tries again
            return
        if count:
            LOG.warning("%s lessons were taken in from %s", count, self._files.folder)

    def write_file(self, lesson: Lesson, owner: str, state: SaveState) -> bool:
        """Write a lesson that cannot be saved into a file; return False if that failed too."""
        if self._files is not None and self._files.write(lesson, owner, hold=True):
            state.filed, state.filed_whole = self._now(), lesson.ended is not None
            LOG.error(
                "lesson %s is not saved (%s); a file in %s holds it, which the next start takes in",
                *(lesson.info.id, state.fault, self._files.folder),
            )
            return True
        LOG.error("lesson %s is not saved (%s), nor in a file", lesson.info.id, state.fault)
        return False

    def save(self, lesson: Lesson, owner: str, state: SaveState, within: float = PATIENCE) -> bool:
        """Save what is new in a lesson. Return False and set `state.fault` if that failed.

        Take `within` seconds at most, also if another lesson is being saved. While the database is
        stuck, fail at once, so that each lesson's page soon says so and none waits for another.

        Set `state.gone` if the lesson was deleted or another process saves it. Later calls then
        do nothing, so that a deleted lesson does not come back.
        """
        with time_limit(within):
            if not self._saving.acquire(timeout=time_left(within)):
                state.fault = TOO_SLOW
                self._keep_file(lesson, owner, state)
                return False
            try:
                if state.gone:
                    return True
                if self._stuck is not None and self._now() < self._stuck[1]:
                    state.fault = self._stuck[0]
                    self._keep_file(lesson, owner, state)
                    return False
                return self._save(lesson, owner, state)
            finally:
                self._saving.release()

    def _save(self, lesson: Lesson, owner: str, state: SaveState) -> bool:
        begun = self._now()
        state.due = begun + self._every
        try:
            self._write(lesson, owner, state)
        except GoneError as fault:
            state.gone, state.fault = True, str(fault)
            self.drop_file(lesson.info.id)
            LOG.info("this process no longer saves lesson %s: %s", lesson.info.id, fault)
            return True
        except StoreError as fault:
            state.fault = str(fault)
        except Exception as fault:  # the thread must live on: the other lessons need it
            LOG.exception("lesson %s could not be saved", lesson.info.id)
            state.fault = f"the lesson could not be saved ({fault})"
        else:
            state.fault = None
        self._note_stuck(state.fault, begun)
        self._keep_file(lesson, owner, state)
        return state.fault is None

    def _note_stuck(self, fault: str | None, begun: float) -> None:
        """Note a failure that took so long that the next lesson's save would fail too."""
        slow = fault is not None and self._now() - begun > SLOW
        self._stuck = (fault or "", self._now() + self._every) if slow else None

    def _keep_file(self, lesson: Lesson, owner: str, state: SaveState) -> None:
        """Write a file for a lesson that has ended and is not saved; remove it once it is."""
        if self._files is None:
            return
        if state.fault is None and state.filed is not None:
            self._files.remove(lesson.info.id)
            state.filed = None
        elif state.fault is not None and self._file_is_due(lesson, state):
            self.write_file(lesson, owner, state)

    def drop_file(self, lesson_id: str) -> None:
        """Remove a lesson's file, because the lesson is deleted or another process has it."""
        if self._files is not None:
            self._files.remove(lesson_id)

    def release(self) -> None:
        """Leave the files to the next start, because this process ends."""
        if self._files is not None:
            self._files.release()

    def _file_is_due(self, lesson: Lesson, state: SaveState) -> bool:
        """Return True if no file has all of a lesson that has ended, or a minute ago of another."""
        if state.filed is None:
            return True
        if lesson.ended is not None:
            return not state.filed_whole
        return self._now() - state.filed >= FILE_EVERY

    def _write(self, lesson: Lesson, owner: str, state: SaveState) -> None:
        generation = self._store.generation
        begin = not state.stored or state.generation != generation
        if begin:
            self._store.begin(lesson, owner)
            state.stored, state.generation = True, generation
        if state.renamed:
            self._store.rename(lesson.info.id, lesson.info.name, owner)
            state.renamed = False
        if not begin:
            self._store.save(lesson, owner)

    def _run(self, save_due: Callable[[], None]) -> None:
        while not self._stop.wait(min(self._every / 4, 1.0)):
            try:
                self._check()
                save_due()
            except Exception:  # the thread must live on: every lesson needs it
                LOG.exception("saving failed")

    def _check(self) -> None:
        """See now and then that the database works: it may be away, moved or damaged."""
        if (begun := self._now()) < self._check_at:
            return
        try:
            with self._saving:
                self._store.check()
                self.take_in()
        except StoreError as fault:  # logged; the store's `fault` is what pages show
            self._note_stuck(str(fault), begun)
        self._check_at = self._now() + CHECK_EVERY
