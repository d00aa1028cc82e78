"""Saves running lessons every few seconds, in a thread of its own.

A lesson goes on in memory whatever happens to the store: a fault is noted for the page to show, and
the next turn tries again.
"""

from __future__ import annotations

import logging
import threading
import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fer.lesson import Lesson
from fer.store.errors import GoneError, StoreError
from fer.store.store import Store

log = logging.getLogger(__name__)

EVERY: Final = 5.0  # seconds; what a kill costs at most


@dataclass
class _Charge:
    """A lesson in the keeper's care."""

    lesson: Lesson
    owner: str
    begun: bool  # whether the store has it already
    gone: Callable[[], None]  # called where it is not ours to save any more
    due: float  # when it is to be saved
    fault: str | None = None
    last: bool = False  # the lesson is over: one save that succeeds is the last one


class Autosave:
    """Keeps lessons: `keeper.keep(session)` when one begins, `keeper.release(id)` when it ends.

    `start` runs the thread; without it, whoever calls `turn` does its work.
    """

    def __init__(
        self, store: Store, every: float = EVERY, now: Callable[[], float] = clock.monotonic
    ) -> None:
        self._store, self._every, self._now = store, every, now
        self._lock = threading.Lock()  # of the charges; never held while the store works
        self._saving = threading.Lock()  # one save at a time, so that none overtakes another
        self._charges: dict[str, _Charge] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def keep(
        self,
        lesson: Lesson,
        owner: str = "",
        *,
        begun: bool = False,
        gone: Callable[[], None] = lambda: None,
    ) -> None:
        """Saves it from now on; `begun` where it was adopted from the store and goes on.

        Where it is deleted, or another process adopts it, it is let go and `gone` is called.
        """
        charge = _Charge(lesson, owner, begun, gone, self._now())
        with self._lock:
            self._charges[lesson.info.id] = charge

    def release(self, id: str) -> str | None:
        """Saves it once more and lets it go; gives what was wrong with that, if anything.

        Where the store has a fault, further turns try it again: the lesson stays in memory.
        """
        with self._lock:
            charge = self._charges.get(id)
        if charge is None:
            return None
        charge.last = True
        self._save(charge)
        return charge.fault

    def soon(self, id: str) -> None:
        """Saves it at the next turn: it holds something that somebody wrote."""
        with self._lock:
            if charge := self._charges.get(id):
                charge.due = min(charge.due, self._now())

    def fault(self, id: str) -> str | None:
        """Why that lesson could not be saved the last time; None where it was."""
        with self._lock:
            charge = self._charges.get(id)
            return None if charge is None else charge.fault

    def turn(self) -> None:
        """Saves all that is due."""
        now = self._now()
        with self._lock:
            due = [charge for charge in self._charges.values() if charge.due <= now]
        for charge in due:
            self._save(charge)

    def start(self) -> Autosave:
        """Begins the thread that takes the turns."""
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Ends the thread and saves everything once more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            ids = [*self._charges]
        for id in ids:
            self.release(id)

    def _run(self) -> None:
        while not self._stop.wait(min(self._every / 4, 1.0)):
            self.turn()

    def _save(self, charge: _Charge) -> None:
        id = charge.lesson.info.id
        with self._saving:
            with self._lock:
                if self._charges.get(id) is not charge:
                    return  # it was let go meanwhile
            charge.due = self._now() + self._every
            if not self._done(charge):
                return
            with self._lock:
                if self._charges.get(id) is charge:
                    del self._charges[id]

    def _done(self, charge: _Charge) -> bool:
        """Tries to save it; whether that was the last time."""
        last = charge.last  # before: an end that comes meanwhile is not in this save
        try:
            if charge.begun:
                self._store.save(charge.lesson, charge.owner)
            else:
                self._store.begin(charge.lesson, charge.owner)
                charge.begun = True
            charge.fault = None
            return last
        except GoneError as fault:  # it must not come back, nor be in another process's way
            charge.fault = str(fault)
            log.info("a lesson is let go: %s", fault)
            charge.gone()
            return True
        except StoreError as fault:
            charge.fault = str(fault)
        except Exception as fault:  # the thread must live on: the other lessons need it
            log.exception("a lesson could not be saved")
            charge.fault = f"it could not be saved ({fault})"
        return False
