"""The recordings that are read in this process: one a visitor, few at once, the others in line.

They belong to their owner and not to a page, so a page that is loaded again finds its own.
"""

from __future__ import annotations

import os
import sys
import threading
import time as clock
from collections.abc import Callable
from typing import BinaryIO, Final

from fer.errors import BusyError
from fer.recordings.job import UNSEEN, Job, Order, VideoReader
from fer.recordings.upload import RecordingFile
from fer.store import Store

MOST: Final = 2  # read at once
LINE: Final = 8  # waiting; each of them lies on the disk
NICE: Final = 10  # live classes go first where the processor is short


class Recordings:
    """All that are read, wait, or were read lately. For any thread."""

    def __init__(
        self,
        reader: VideoReader,
        store: Store | None = None,
        lessons: Callable[[], int] = lambda: 0,
        most: int = MOST,
        line: int = LINE,
        now: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._reader, self._store, self._lessons = reader, store, lessons
        self._most, self._longest, self._now = most, line, now
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}  # by owner
        self._line: list[Job] = []
        self._reading = 0

    def begin(self, owner: str, data: BinaryIO, order: Order) -> Job:
        """Copies the recording and has it read; DataError where it can't be, BusyError if full."""
        self._check_room(owner)
        file = RecordingFile(data)
        try:
            job = Job(owner, order, file, self._reader, self._store, self._lessons, self._now)
            with self._lock:
                self._check_room(owner)  # another tab may have been faster
                self._jobs[owner] = job
                self._line.append(job)
                self._go_on()
        except BaseException:
            file.close()
            raise
        return job

    def get(self, owner: str) -> Job | None:
        """This owner's recording: waiting, being read, or read and not yet forgotten."""
        with self._lock:
            self._tidy()
            job = self._jobs.get(owner)
            if job is not None:
                job.seen = self._now()
            return job

    def place(self, job: Job) -> int:
        """Its place in the line, from 1; 0 where its turn has come."""
        with self._lock:
            return self._line.index(job) + 1 if job in self._line else 0

    def cancel(self, owner: str) -> None:
        """Ends the reading; one that only waits is gone."""
        with self._lock:
            job = self._jobs.get(owner)
            if job in self._line:
                self._drop(job)
            elif job is not None:
                job.stop()

    def forget(self, owner: str) -> None:
        """Makes room for another recording, once this one is over."""
        with self._lock:
            job = self._jobs.get(owner)
            if job is not None and job.over:
                self._drop(job)

    def _check_room(self, owner: str) -> None:
        with self._lock:
            self._tidy()
            job = self._jobs.get(owner)
            if job is not None and not job.over:
                raise BusyError("another recording of yours is being read; one at a time")
            if len(self._line) >= self._longest:
                raise BusyError(f"{self._longest} recordings are waiting already; try later")

    def _go_on(self) -> None:
        while self._line and self._reading < self._most:
            job = self._line.pop(0)
            self._reading += 1
            threading.Thread(target=self._read, args=(job,), name="recording", daemon=True).start()

    def _read(self, job: Job) -> None:
        if sys.platform == "linux":  # there it counts for this thread and those that it starts
            os.nice(NICE)
        try:
            job.run()
        finally:
            with self._lock:
                self._reading -= 1
                self._tidy()
                self._go_on()

    def _tidy(self) -> None:
        """Lets go of those that nobody has asked for in a long time; one being read sees to it."""
        since = self._now() - UNSEEN
        for job in [*self._jobs.values()]:
            if job.seen < since and (job.over or job in self._line):
                self._drop(job)

    def _drop(self, job: Job) -> None:
        self._jobs.pop(job.owner, None)
        if job in self._line:
            self._line.remove(job)
            job.file.close()
