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

LOG: Final = logging.getLogger(__name__)

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


class Autosave:
    """Saves lessons one at a time, so that an older save never overwrites a newer one."""

    def __init__(
        self, store: Store, every: float = EVERY, now: Callable[[], float] = clock.monotonic
    ):
        self._store, self._every, self._now = store, every, now
        self._saving = threading.Lock()
        self._stuck: tuple[str, float] | None = None  # a slow failure, and when to try again
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, save_due: Callable[[], None]) -> None:
        """Start the thread that calls `save_due` about once a second."""
        self._thread = threading.Thread(
            target=self._run, args=(save_due,), name="autosave", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, after the save in progress."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

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
                return False
            try:
                if state.gone:
                    return True
                if self._stuck is not None and self._now() < self._stuck[1]:
                    state.fault = self._stuck[0]
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
            LOG.info("this process no longer saves lesson %s: %s", lesson.info.id, fault)
            return True
        except StoreError as fault:
            state.fault = str(fault)
        except Exception as fault:  # the thread must live on: the other lessons need it
            LOG.exception("lesson %s could not be saved", lesson.info.id)
            state.fault = f"the lesson could not be saved ({fault})"
        else:
            state.fault = None
        slow = state.fault is not None and self._now() - begun > SLOW
        self._stuck = (state.fault or "", self._now() + self._every) if slow else None
        return state.fault is None

    def _write(self, lesson: Lesson, owner: str, state: SaveState) -> None:
        if not state.stored:
            self._store.begin(lesson, owner)
            state.stored, state.renamed = True, False
            return
        if state.renamed:
            self._store.rename(lesson.info.id, lesson.info.name, owner)
            state.renamed = False
        self._store.save(lesson, owner)

    def _run(self, save_due: Callable[[], None]) -> None:
        while not self._stop.wait(min(self._every / 4, 1.0)):
            save_due()
