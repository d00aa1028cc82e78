"""The queue of recordings: one for each owner, two are read at once, the others wait.

A recording belongs to its owner and not to a page, so that a reloaded page finds it.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time as clock
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import BinaryIO, Final

from fer.errors import BusyError, FerError
from fer.lesson.lesson import new_id
from fer.recordings.job import UNSEEN, RecordingJob, VideoReader
from fer.recordings.kept import RecordingFolder, RecordingOrder
from fer.recordings.upload import RecordingFile
from fer.store import Store, UnsavedFiles
from fer.vision.media.box import FILM, NICE
from fer.vision.media.decoder import Decoder, OwnDecoder

LOG: Final = logging.getLogger(__name__)

AT_ONCE: Final = FILM.at_once - 1  # recordings read at the same time; one more may be checked
WAITING: Final = 8  # recordings that may wait; each takes space on the disk
OF_CLIENT: Final = 4  # recordings of one network address that may wait or be read
NOTED: Final = 60.0  # seconds between the notes on the disk that a page has asked for it


@dataclass(frozen=True)
class Places:
    """How many recordings are read at the same time, and how many may wait."""

    at_once: int = AT_ONCE
    waiting: int = WAITING


@dataclass(frozen=True)
class Kept:
    """Where recordings and lessons survive a restart; without a folder they do not."""

    folder: RecordingFolder | None = None
    unsaved: UnsavedFiles | None = None  # for lessons that the store cannot take


class RecordingQueue:
    """The recordings that wait, are being read, or were read lately. Any thread may call it."""

    def __init__(
        self,
        reader: VideoReader,
        store: Store | None = None,
        lesson_count: Callable[[], int] = lambda: 0,
        places: Places = Places(),
        now: Callable[[], float] = clock.monotonic,
        *,
        kept: Kept | None = None,
        decoder: Decoder | None = None,
    ) -> None:
        self._reader, self._store, self._lesson_count = reader, store, lesson_count
        self._decoder = decoder or OwnDecoder()
        self._kept = kept or Kept()
        self._lost: dict[str, str] = {}  # by owner, names of recordings that a restart has lost
        self._places, self._now = places, now
        self._lock = threading.RLock()
        self._jobs: dict[str, RecordingJob] = {}  # by owner, in the order in which they start

    def begin(
        self, owner: str, data: BinaryIO, order: RecordingOrder, client: str = ""
    ) -> RecordingJob:
        """Copy the recording and add it to the queue; return its job.

        Raise DataError if it cannot be read, and BusyError if the queue is full, the owner has
        another recording in it, or `client`, a network address, has too many.
        """
        self._check_room(owner, client)
        order = replace(order, lesson_id=new_id(), begun=datetime.now(UTC))
        folder = self._kept.folder
        kept = None if folder is None else folder.new_file(order.lesson_id)
        file = RecordingFile(data, kept=kept)
        try:
            job = self._add(owner, order, file, client)
        except BaseException:
            file.close()
            raise
        if folder is not None:
            folder.write_note(owner, order)
        return job

    def resume(self) -> None:
        """Go on with the recordings that an earlier process has left, from their beginning."""
        if self._kept.folder is None:
            return
        for left in self._kept.folder.left(UNSEEN):
            if left.file is None:
                self._lost[left.owner] = left.order.file_name
                LOG.warning("recording of lesson %s was lost: no file", left.order.lesson_id)
                continue
            file = RecordingFile(None, kept=left.file)
            try:
                self._add(left.owner, left.order, file)
            except FerError as fault:
                file.close()
                self._lost[left.owner] = left.order.file_name
                LOG.warning("recording of lesson %s was lost: %s", left.order.lesson_id, fault)

    def lost(self, owner: str) -> str | None:
        """Return the name of the owner's recording that a restart has lost; else None."""
        return self._lost.get(owner)

    def _add(
        self, owner: str, order: RecordingOrder, file: RecordingFile, client: str = ""
    ) -> RecordingJob:
        """Put a job into the queue; raise BusyError if there is no room by now."""
        job = RecordingJob(
            *(owner, order, file, self._reader, self._store, self._lesson_count, self._now),
            decoder=self._decoder,
            unsaved=self._kept.unsaved,
            client=client,
        )
        with self._lock:
            self._check_room(owner, client)  # the owner's other tab may have begun one meanwhile
            self._lost.pop(owner, None)
            self._jobs.pop(owner, None)  # the new one goes to the end
            self._jobs[owner] = job
            self._start_next()
        return job

    def get(self, owner: str) -> RecordingJob | None:
        """Return the owner's job, whether it waits, runs or is over; None if there is none."""
        with self._lock:
            self._drop_unseen()
            job = self._jobs.get(owner)
            if job is not None:
                self._note_seen(job)
            return job

    def _note_seen(self, job: RecordingJob) -> None:
        if self._kept.folder is not None and not job.over and self._now() - job.noted > NOTED:
            job.noted = self._now()
            self._kept.folder.touch(job.order.lesson_id)
        job.seen = self._now()

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

    def _check_room(self, owner: str, client: str) -> None:
        with self._lock:
            self._drop_unseen()
            job = self._jobs.get(owner)
            if job is not None and not job.over:
                raise BusyError(
                    "another recording of yours is being read: wait for its end, or stop it"
                )
            going_on = [one for one in self._jobs.values() if not one.over]
            if client and sum(one.client == client for one in going_on) >= OF_CLIENT:
                raise BusyError(f"your network has {OF_CLIENT} recordings here; try later")
            if len(self._waiting()) >= self._places.waiting:
                raise BusyError(
                    f"the queue is full: {self._places.waiting} recordings wait; try later"
                )

    def _start_next(self) -> None:
        reading = sum(not (job.waiting or job.over) for job in self._jobs.values())
        for job in self._waiting()[: max(self._places.at_once - reading, 0)]:
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
