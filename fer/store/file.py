"""The file of an SQLite database while it is in use: moved away, replaced, damaged."""

from __future__ import annotations

import logging
import os
import sqlite3
import time as clock
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fer.store.errors import DAMAGED, StoreError

LOG: Final = logging.getLogger(__name__)
FIRST_PAUSE: Final = 1.0  # seconds between the second try and the third; then doubled
LONGEST_PAUSE: Final = 10.0
JOURNAL_MAGIC: Final = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")  # of the write-ahead log
CHECK_SECONDS: Final = 1.0  # that a check of the pages may take
CHECK_SHARE: Final = 0.05  # of the time that checks may take in all
STEPS: Final = 10_000  # of SQLite's machine between two looks at the clock


class Backoff:
    """Pauses between tries: none, then each twice the one before, up to LONGEST_PAUSE."""

    def __init__(self, now: Callable[[], float] = clock.monotonic) -> None:
        self._now, self._next = now, now()
        self.tries = 0  # that failed

    def grow(self) -> None:
        """Note a try that failed."""
        pause = FIRST_PAUSE * 2.0 ** (self.tries - 1) if self.tries else 0.0
        self._next, self.tries = self._now() + min(pause, LONGEST_PAUSE), self.tries + 1

    def check(self, fault: str | None) -> None:
        """Raise StoreError with the earlier fault if it is too early for another try."""
        if fault is not None and self._now() < self._next:
            raise StoreError(fault)


class DatabaseFile:
    """Looks after the file of an SQLite database, and the write-ahead log beside it."""

    def __init__(self, path: Path, now: Callable[[], float] = clock.monotonic) -> None:
        self.path, self._now = path, now
        self._journal = path.with_name(f"{path.name}-wal")
        self._known: tuple[int, int] | None = None  # device and number of the file in use
        self._next_check = now()
        self.damaged = False  # until another file is in its place, or a check finds it whole

    def prepare(self) -> None:
        """Create the file and its folder for their owner only; raise StoreError if that fails."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # SQLite gives its journal files the permissions of this file.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as fault:
            LOG.error("%s: %s", self.path, fault.strerror)  # the path is not for a page
            raise StoreError(
                f"The folder for lessons cannot be written to ({fault.strerror}): change its "
                "permissions, or set XDG_DATA_HOME or FER_DATABASE_URL."
            ) from fault
        self._known, self.damaged = self._identity(), False

    def moved(self) -> bool:
        """Return True if another file, or none, is now where the one in use was."""
        return self._identity() != self._known

    def check_pages(self) -> None:
        """Raise StoreError if the file or its write-ahead log is damaged.

        The pages of a large file are read less often, so that this takes CHECK_SHARE of the time.
        """
        # Never open the database itself here: closing it would drop SQLite's locks on it.
        if not _begins(self._journal, JOURNAL_MAGIC):
            self._report("its write-ahead log was overwritten")
        if (begun := self._now()) < self._next_check:
            return
        damage = self._damage()
        self._next_check = self._now() + (self._now() - begun) / CHECK_SHARE
        if damage:
            self._report(damage)
        self.damaged = False

    def _damage(self) -> str | None:
        """Return what SQLite finds wrong, reading with a connection that knows no page yet."""
        until = self._now() + CHECK_SECONDS
        connection = sqlite3.connect(self.path, CHECK_SECONDS)
        try:
            connection.set_progress_handler(lambda: self._now() > until, STEPS)
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError:  # busy, or it took too long: not damaged
            return None
        except sqlite3.DatabaseError as fault:
            return str(fault)
        finally:
            connection.close()
        return None if found == "ok" else str(found)

    def _report(self, damage: str) -> None:
        self.damaged = True
        LOG.error("%s is damaged: %s", self.path, damage)
        raise StoreError(DAMAGED)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _begins(path: Path, wanted: tuple[bytes, ...]) -> bool:
    """Return True if a file is absent or empty, or begins with one of these."""
    try:
        with path.open("rb") as file:
            first = file.read(len(wanted[0]))
    except OSError:
        return True
    return not first or first in wanted
