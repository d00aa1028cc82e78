"""The queue of recordings: one per owner, two read at once, the others wait.

A recording belongs to its owner and not to a page, so a page that is loaded again finds it.
"""

from __future__ import annotations

import os
import sys
import threading
import time as clock
from collections.abc import Callable
from typing import BinaryIO, Final

from fer.errors import BusyError
from fer.recordings.job import UNSEEN, RecordingJob, RecordingOrder, VideoReader
from fer.recordings.upload import RecordingFile
from fer.store import Store

AT_ONCE: Final = 2  # recordings read at the same time
WAITING: Final = 8  # recordings that may wait; each of them takes room on the disk
NICE: Final = 10  # live classes go first when the processor is busy


class RecordingQueue:
    """The recordings that wait, are read, or were read lately. For any thread."""

    def __init__(
        self,
        reader: VideoReader,
        store: Store | None = None,
        lessons: Callable[[], int] = lambda: 0,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
        now: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._reader, self._store, self._lessons = reader, store, lessons
        self._at_once, self._most_waiting, self._now = at_once, waiting, now
        self._lock = threading.RLock()
        self._jobs: dict[str, RecordingJob] = {}  # by owner, in the order of their turns

    def begin(self, owner: str, data: BinaryIO, order: RecordingOrder) -> RecordingJob:
        """Copy the recording and add it to the queue; return its job.

        Raises DataError if it cannot be read, and BusyError if the queue is full or the owner has
        another recording in it.
        """
        self._check_room(owner)
        file = RecordingFile(data)
        try:
            job = RecordingJob(
                owner, order, file, self._reader, self._store, self._lessons, self._now
            )
            with self._lock:
                self._check_room(owner)  # another tab may have been faster
                self._jobs.pop(owner, None)  # the new one goes to the end
                self._jobs[owner] = job
                self._start_next()
        except BaseException:
            file.close()
            raise
        return job

    def get(self, owner: str) -> RecordingJob | None:
        """Return this owner's job (waiting, being read, or over and not yet forgotten) or None."""
        with self._lock:
            self._drop_unseen()
            job = self._jobs.get(owner)
            if job is not None:
                job.seen = self._now()
            return job

    def place(self, job: RecordingJob) -> int:
        """Return how many jobs start up to and with this one; 0 if it no longer waits."""
        with self._lock:
            waiting = self._waiting()
            return waiting.index(job) + 1 if job in waiting else 0

    def cancel(self, owner: str) -> None:
        """Stop the owner's job; one that only waits is removed."""
        with self._lock:
            job = self._jobs.get(owner)
            if job is None:
                return
            if job.waiting:
                self._drop(job)
            else:
                job.stop()

    def forget(self, owner: str) -> None:
        """Remove the owner's job if it is over, so that another recording can begin."""
        with self._lock:
            job = self._jobs.get(owner)
            if job is not None and job.over:
                self._drop(job)

    def _waiting(self) -> list[RecordingJob]:
        return [job for job in self._jobs.values() if job.waiting]

    def _check_room(self, owner: str) -> None:
        with self._lock:
            self._drop_unseen()
            job = self._jobs.get(owner)
            if job is not None and not job.over:
                raise BusyError(
                    "another recording of yours is being read, one at a time: wait for its end or "
                    "stop it"
                )
            if len(self._waiting()) >= self._most_waiting:
                raise BusyError(
                    f"the queue is full: {self._most_waiting} recordings are waiting; try later"
                )

    def _start_next(self) -> None:
        reading = sum(not (job.waiting or job.over) for job in self._jobs.values())
        for job in self._waiting()[: max(self._at_once - reading, 0)]:
            job.waiting = False
            threading.Thread(target=self._read, args=(job,), name="recording", daemon=True).start()

    def _read(self, job: RecordingJob) -> None:
        if sys.platform == "linux":  # there it applies to this thread and those that it starts
            os.nice(NICE)
        try:
            job.run()
        finally:
            with self._lock:
                self._drop_unseen()
                self._start_next()

    def _drop_unseen(self) -> None:
        """Remove the jobs that nobody has asked for in an hour; one being read stops by itself."""
        since = self._now() - UNSEEN
        for job in [*self._jobs.values()]:
            if job.seen < since and (job.over or job.waiting):
                self._drop(job)

    def _drop(self, job: RecordingJob) -> None:
        self._jobs.pop(job.owner, None)
        if job.waiting:
            job.file.close()
