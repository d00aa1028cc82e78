"""The queue of recordings: one for each owner, two are read at once, the others wait.

A recording belongs to its owner and not to a page, so that a reloaded page finds it.
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
from fer.vision.media.box import FILM, NICE
from fer.vision.media.decoder import Decoder, OwnDecoder

AT_ONCE: Final = FILM.at_once - 1  # recordings read at the same time; one more may be checked
WAITING: Final = 8  # recordings that may wait; each takes space on the disk


class RecordingQueue:
    """The recordings that wait, are being read, or were read lately. Any thread may call it."""

    def __init__(
        self,
        reader: VideoReader,
        store: Store | None = None,
        lesson_count: Callable[[], int] = lambda: 0,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
        now: Callable[[], float] = clock.monotonic,
        decoder: Decoder | None = None,
    ) -> None:
        self._reader, self._store, self._lesson_count = reader, store, lesson_count
        self._decoder = decoder or OwnDecoder()
        self._at_once, self._most_waiting, self._now = at_once, waiting, now
        self._lock = threading.RLock()
        self._jobs: dict[str, RecordingJob] = {}  # by owner, in the order in which they start

    def begin(self, owner: str, data: BinaryIO, order: RecordingOrder) -> RecordingJob:
        """Copy the recording and add it to the queue; return its job.

        Raise DataError if it cannot be read, and BusyError if the queue is full or the owner has
        another recording in it.
        """
        self._check_room(owner)
        file = RecordingFile(data)
        try:
            job = RecordingJob(
                owner,
                order,
                file,
                self._reader,
                self._store,
                self._lesson_count,
                self._now,
                self._decoder,
            )
            with self._lock:
                self._check_room(owner)  # the owner's other tab may have begun one meanwhile
                self._jobs.pop(owner, None)  # the new one goes to the end
                self._jobs[owner] = job
                self._start_next()
        except BaseException:
            file.close()
            raise
        return job

    def get(self, owner: str) -> RecordingJob | None:
        """Return the owner's job, whether it waits, runs or is over; None if there is none."""
        with self._lock:
            self._drop_unseen()
            job = self._jobs.get(owner)
            if job is not None:
                job.seen = self._now()
            return job

    def place(self, job: RecordingJob) -> int:
        """Return the job's place in the queue, from 1; 0 if it no longer waits."""
        with self._lock:
            waiting = self._waiting()
            return waiting.index(job) + 1 if job in waiting else 0

    def cancel(self, owner: str) -> None:
        """Stop the owner's job, or remove it if it still waits."""
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
                    "another recording of yours is being read: wait for its end, or stop it"
                )
            if len(self._waiting()) >= self._most_waiting:
                raise BusyError(
                    f"the queue is full: {self._most_waiting} recordings wait; try later"
                )

    def _start_next(self) -> None:
        reading = sum(not (job.waiting or job.over) for job in self._jobs.values())
        for job in self._waiting()[: max(self._at_once - reading, 0)]:
            job.waiting = False
            threading.Thread(target=self._read, args=(job,), name="recording", daemon=True).start()

    def _read(self, job: RecordingJob) -> None:
        if sys.platform == "linux":  # only there `nice` affects single threads
            os.nice(NICE)
        try:
            job.run()
        finally:
            with self._lock:
                self._drop_unseen()
                self._start_next()

    def _drop_unseen(self) -> None:
        """Remove the jobs that no page has shown for an hour; a running job stops by itself."""
        since = self._now() - UNSEEN
        for job in [*self._jobs.values()]:
            if job.seen < since and (job.over or job.waiting):
                self._drop(job)

    def _drop(self, job: RecordingJob) -> None:
        self._jobs.pop(job.owner, None)
        if job.waiting:
            job.file.close()
