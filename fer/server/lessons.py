"""Live lessons: one object holds everything about a lesson that runs in this process.

A lesson is `waiting` once a page joins it or a socket opens it. It is `running` from its first
picture after a page has joined it, through lost connections, page reloads and a killed server. It
has `ended` when its teacher finished it, or when no picture came for a quarter of an hour. It is
`lost` when it was deleted, or when another process runs it now.

Locks, always taken in this order: the registry's guards its dictionary; a lesson's `_lock` guards
its fields for microseconds; `_feeding` alone is held during inference. No lock but `_feeding` is
held while a detector, the store or a socket works.
"""

from __future__ import annotations

import contextlib
import math
import re
import statistics
import threading
import time as clock
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Literal, Protocol

from fer.errors import BusyError, LiveError
from fer.faces import Faces, Picture
from fer.lesson import Alert, Lesson, Note, Snapshot
from fer.lesson.lesson import LessonPlan, new_id
from fer.server.clock import FrameClock
from fer.server.metrics import Metrics
from fer.store import Autosave, GoneError, SaveState, Store, end_of_data
from fer.store.database import PATIENCE

LiveState = Literal["waiting", "running", "ended", "lost"]
Transport = Literal["socket", "webrtc"]
Clock = Callable[[], float]

ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
MOST: Final = 16  # lessons that may have a stream at once
MOST_OF_OWNER: Final = 2  # of one visitor
OF_CLIENT: Final = 0.75  # the share of all places that one network address may have
STREAM_IDLE: Final = 120.0  # seconds without a picture after which a stream is closed
STREAM_YIELDS: Final = 15.0  # the same, if another lesson needs the place
ABANDONED: Final = 900.0  # seconds without a picture (or page, while waiting) that end a lesson
SNAPSHOT_EVERY: Final = 0.9  # seconds; a class changes slowly
RATE_OVER: Final = 5.0  # seconds over which the rate is computed
REMEMBERED: Final = 64  # newest answers and delays, for rate and median
FINISH_WITHIN: Final = 4.0  # seconds that saving takes at most when a lesson is finished
CLOSE_WITHIN: Final = 2.5  # seconds that saving all lessons takes at most when the server stops
STREAMS_WITHIN: Final = 0.5  # seconds of them for the frames that are being read
ENDED: Final = "this lesson has ended; reload the page"
ENDED_KEPT: Final = 256  # newest ids of ended lessons, whose frames are refused


class FaceStream(Protocol):
    """Follows the faces of one stream: `vision.stream.FaceStream`, or a test's fake."""

    def feed(self, frame: Picture, time: float | None = None) -> Faces: ...
    def close(self) -> None: ...


class Streams(Protocol):
    """Opens streams: `vision.analyzer.Analyzer`, or a test's fake."""

    def live(self) -> FaceStream: ...


class Connection(Protocol):
    """A client's connection. `end` may be called in any thread and does not wait."""

    def end(self, reason: str, *, replaced: bool = False) -> None: ...


@dataclass
class FrameCounts:
    """Counts of a lesson's frames."""

    dropped: int = 0
    answers: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))  # times
    delays: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))  # seconds


# Pages, sockets and the registry all do what they do to a lesson through its one owner.
class LiveLesson:  # noqa: PLR0904
    """One lesson that runs or waits in this process. For any thread."""

    def __init__(self, lesson_id: str, registry: LiveLessons) -> None:
        self.id = lesson_id
        self.owner = ""
        self.plan: LessonPlan | None = None  # None until a page has joined
        self.state: LiveState = "waiting"
        self.lesson: Lesson | None = None  # the numbers; None before the first picture
        self.transport: Transport = "socket"
        self.opened = False  # whether it holds one of the places for a stream
        self.client = ""  # the network address whose frames opened it
        self.faces, self.size = Faces.none(), (0, 0)
        self.saved = SaveState()
        now = registry.now()
        self.last_frame = now  # when it was opened, or its last frame came
        self.last_seen = now  # when a picture was last counted or a page last joined
        self._registry = registry
        self._lock, self._feeding = threading.RLock(), threading.Lock()
        self._stream: FaceStream | None = None
        self._frame_clock = FrameClock()
        self._counts = FrameCounts()
        self._connection: Connection | None = None
        self._origin = 0.0  # the registry's clock at the lesson's start
        self._snapshot: Snapshot | None = None
        self._snapshot_at = float("-inf")

    # Called by the live socket and WebRTC.

    def feed(self, frame: Picture, time: float) -> Faces:
        """Read a BGR frame and return its faces; `time` is in seconds, by the client's clock.

        While another frame is being read, drop this one and return the newest faces.
        """
        begun = self._registry.now()
        if not self._feeding.acquire(blocking=False):
            self.note_dropped()
            return self.faces
        try:
            faces = self._feed(frame, time, begun)
        finally:
            self._feeding.release()
        self._registry.metrics.answered(self.transport, len(faces), self._registry.now() - begun)
        return faces

    def add(self, faces: Faces, time: float | None = None) -> None:
        """Count one picture's faces; `time` is in seconds of the lesson, by default now."""
        now = self._registry.now()
        with self._lock:
            if self.state == "waiting" and self.plan is not None:
                self._begin(self.plan, now)
            if self.state != "running" or self.lesson is None:
                return
            self.last_seen = now
            lesson, at = self.lesson, now - self._origin if time is None else time
        lesson.add(faces, at)

    def connect(self, connection: Connection) -> Connection | None:
        """Make this the lesson's connection; return the one that it replaces, to be closed."""
        with self._lock:
            before, self._connection = self._connection, connection
        return before

    def disconnect(self, connection: Connection) -> None:
        """Remove a connection that has closed.

        A lesson that never had a picture loses its place, so that nobody holds one with garbage.
        """
        with self._lock:
            if self._connection is not connection:
                return
            self._connection = None
            unused = self.transport == "socket" and not self._counts.answers
        if unused:
            self._registry.release_place(self)

    def note_dropped(self) -> None:
        """Count a frame that was dropped."""
        with self._lock:
            self._counts.dropped += 1
        self._registry.metrics.dropped(self.transport)

    def note_delay(self, seconds: float) -> None:
        """Count an answer that was sent `seconds` after its frame was taken."""
        with self._lock:
            self._counts.delays.append(seconds)
        self._registry.metrics.delayed(self.transport, seconds)

    @property
    def dropped(self) -> int:
        """Return how many frames were dropped so far."""
        return self._counts.dropped

    def rate(self) -> float:
        """Return the frames read per second, over the last RATE_OVER seconds."""
        now = self._registry.now()
        with self._lock:
            lately = [at for at in self._counts.answers if now - at <= RATE_OVER]
        return (len(lately) - 1) / max(now - lately[0], 0.001) if lately else 0.0

    def delay(self) -> float | None:
        """Return the median of the last delays in seconds; None before the first answer."""
        with self._lock:
            return statistics.median(self._counts.delays) if self._counts.delays else None

    # Called by a page.

    def time(self) -> float:
        """Return the seconds since the lesson's start."""
        return self._registry.now() - self._origin

    def snapshot(self) -> Snapshot | None:
        """Return a snapshot of the class, at most SNAPSHOT_EVERY old; None without data."""
        now = self._registry.now()
        with self._lock:
            lesson, known = self.lesson, self._snapshot
            if lesson is None or (known and now - self._snapshot_at < SNAPSHOT_EVERY):
                return known
            version = known.version + 1 if known else 1
            self._snapshot_at = now
        made = replace(lesson.snapshot(now - self._origin), version=version)
        with self._lock:
            self._snapshot = made
        return made

    def mark(self, kind: str, text: str = "") -> Note | None:
        """Add a note at the present time and return it; None if the lesson does not run."""
        if (lesson := self._to_change()) is None:
            return None
        return lesson.mark(kind, text, self.time())

    def pause(self) -> None:
        """Pause: count no faces until `resume`."""
        if lesson := self._to_change():
            lesson.pause(self.time())

    def resume(self) -> None:
        """End the pause."""
        if lesson := self._to_change():
            lesson.resume(self.time())

    def set_alerts(self, alerts: tuple[Alert, ...]) -> None:
        """Set these alerts from now on."""
        if lesson := self._to_change():
            lesson.set_alerts(alerts)

    def follow_people(self, follow: bool) -> None:
        """Begin to follow single faces, or stop and delete their data."""
        if lesson := self._to_change():
            lesson.follow_people(follow)

    def rename(self, name: str) -> None:
        """Give the lesson another name, here and in the store."""
        if lesson := self._to_change():
            lesson.rename(name)
            self.saved.renamed = True
            self._registry.save(self)

    def finish(self) -> Lesson | None:
        """End the lesson and save it; return its numbers, or None if it never ran.

        Wait for the frame that is being read, then close the stream and the connection.
        """
        return self._end(None)

    def discard(self) -> None:
        """End the lesson without saving it, because it is being deleted."""
        with self._lock:
            self.state = "lost"
        self.close_stream()
        self._close_connection()
        self._registry.forget(self, ended=True)

    # Called by the registry.

    def join(self, owner: str, plan: LessonPlan) -> bool:
        """Set the page's plan if the lesson waits; return False if another owner has the lesson."""
        with self._lock:
            if self.state != "waiting" or (self.plan is not None and self.owner != owner):
                return self.owner == owner
            self.owner, self.plan, self.last_seen = owner, plan, self._registry.now()
            return True

    def adopt(self, lesson: Lesson, owner: str, passed: float) -> None:
        """Continue a stored lesson that began `passed` seconds ago, unless it runs here already."""
        now = self._registry.now()
        with self._lock:
            if self.state != "waiting":
                return
            self.owner, self.lesson, self.state = owner, lesson, "running"
            self._origin, self.last_seen = now - max(passed, lesson.duration), now
            self.saved = SaveState(stored=True, due=now, generation=self._registry.generation)

    def mark_lost(self) -> None:
        """Set the state `lost`: the lesson was deleted, or another process runs it now."""
        with self._lock:
            self.state = "lost"
        self._close_connection()
        self._registry.forget(self, ended=False)
        self.close_stream(STREAMS_WITHIN)

    def end_at_last_data(self) -> None:
        """End the lesson at its last second or note, because nobody finished it, and save it."""
        lesson = self.lesson
        self._end(None if lesson is None else end_of_data(lesson))

    def close_stream(self, within: float = -1) -> None:
        """Close the stream after the frame that is being read; the next frame opens another.

        Wait for that frame; with `within`, so many seconds at most, and else leave the stream open.
        """
        if not self._feeding.acquire(timeout=within):
            return
        try:
            stream, self._stream = self._stream, None
        finally:
            self._feeding.release()
        if stream is not None:
            stream.close()

    @property
    def runs(self) -> bool:
        """Return True if the lesson is running, so that pictures are counted."""
        return self.state == "running"

    def _feed(self, frame: Picture, time: float, begun: float) -> Faces:
        if self.state in ("ended", "lost"):
            raise LiveError(ENDED)
        if not self.opened:  # the stream was closed meanwhile; BusyError if no place is free
            self._registry.open(self.id, self.transport, self.client)
        self.last_frame = begun
        # Opened here and not in `open`: the first stream may wait until the network is loaded.
        self._stream = self._stream or self._registry.streams.live()
        faces = self._stream.feed(frame, self._frame_clock.time(time, begun))
        self.faces, self.size = faces, (frame.shape[1], frame.shape[0])
        with self._lock:
            self._counts.answers.append(self._registry.now())
        self.add(faces)
        return faces

    def _begin(self, plan: LessonPlan, now: float) -> None:
        """Begin the lesson with its first picture. The caller holds the lock."""
        started = self._registry.wall()
        started = started if plan.zone is None else started.astimezone(plan.zone)
        self.lesson = plan.begin(started, lesson_id=self.id)
        self._origin, self.last_seen, self.state = now, now, "running"
        self.saved = SaveState(due=now)

    def _to_change(self) -> Lesson | None:
        """Return the lesson, to be saved and shown at once after a change; None if not running."""
        with self._lock:
            if self.state != "running":
                return None
            self._snapshot_at = float("-inf")
            self.saved.due = min(self.saved.due, self._registry.now())
            return self.lesson

    def _end(self, time: float | None) -> Lesson | None:
        with self._lock:
            ran, lesson = self.state == "running", self.lesson
        with self._feeding:  # wait for the frame that is being read: it still counts
            time = self.time() if time is None else time
            with self._lock:
                if self.state not in ("ended", "lost"):
                    self.state = "ended"
        self.close_stream()
        self._close_connection()
        self.opened = False
        if not ran or lesson is None:
            self._registry.forget(self, ended=True)
            return None
        lesson.finish(time)
        if self._registry.save(self, FINISH_WITHIN):
            self._registry.forget(self, ended=True)
        return lesson

    def _close_connection(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.end(ENDED)


class LiveLessons:
    """The registry of all lessons that run or wait in this process. Any thread may call it."""

    def __init__(
        self,
        streams: Streams,
        store: Store | None = None,
        autosave: Autosave | None = None,
        most: int = MOST,
        now: Clock = clock.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.streams, self.now, self.wall = streams, now, wall
        self.metrics = Metrics()
        self._store, self._autosave, self._most = store, autosave, most
        self._lock = threading.RLock()
        self._lessons: dict[str, LiveLesson] = {}
        self._ended: deque[str] = deque(maxlen=ENDED_KEPT)

    def __len__(self) -> int:
        """Return the number of lessons that hold a place for a stream."""
        return len(self.all())

    def join(self, lesson_id: str, owner: str, plan: LessonPlan) -> LiveLesson | None:
        """Set a waiting lesson's plan and return the lesson; None if another owner has it.

        An open page calls this again and again; a waiting lesson without its page is removed.
        """
        with self._lock:
            live = self._get_or_make(lesson_id)
        return live if live.join(owner, plan) else None

    def get(self, lesson_id: str, owner: str) -> LiveLesson | None:
        """Return the owner's lesson with this id if it waits or runs, else None."""
        live = self._lessons.get(lesson_id)
        if live is None or live.owner != owner or live.state not in ("waiting", "running"):
            return None
        return live if live.plan is not None or live.runs else None

    def running(self, lesson_id: str, owner: str) -> LiveLesson | None:
        """Return the owner's lesson with this id if it runs, else None."""
        live = self.get(lesson_id, owner)
        return live if live is not None and live.runs else None

    def open(self, lesson_id: str | None, transport: Transport, client: str = "") -> LiveLesson:
        """Return the lesson with this id (a new one for None), with a place for its stream.

        Frames of a lesson that no page has joined are answered but not counted. Raise BusyError if
        no place is free, or its owner or `client` has as many as they may have, and LiveError if
        the lesson has ended or the id is malformed.
        """
        lesson_id = new_id() if lesson_id is None else lesson_id
        with self._lock:
            if lesson_id in self._ended:
                raise LiveError(ENDED)
            idle = self._free_place(lesson_id, client)
            full = self._full(lesson_id, client)
            live = None if full else self._get_or_make(lesson_id)
            if live is not None and live.state in ("waiting", "running"):
                if not live.opened:
                    live.opened, live.last_frame, live.client = True, self.now(), client
                live.transport = transport
        for one in idle:
            one.close_stream()
        if live is None:
            raise BusyError(full or "")
        if not live.opened:
            raise LiveError(ENDED)
        return live

    def last_frame(self, lesson_id: str) -> float | None:
        """Return when a lesson's last frame came, by `now`'s clock; None if it holds no place."""
        live = self._lessons.get(lesson_id)
        return live.last_frame if live is not None and live.opened else None

    def resume(self, owner: str) -> str | None:
        """Return the id of the owner's running lesson, also of one that was cut off; else None.

        Take the lesson over if another process runs it. End lessons that were cut off more than
        ABANDONED seconds ago, at their last second or note.
        """
        mine = [one for one in [*self._lessons.values()] if one.owner == owner and one.runs]
        if mine:
            return max(mine, key=lambda one: one.last_seen).id
        if self._store is None or self._autosave is None:
            return None
        # A lesson that ended here and is still to be saved is open in the store, but not cut off.
        for kept in self._store.left_open(owner, quiet=ABANDONED):
            if kept.id not in self._lessons:
                with contextlib.suppress(GoneError):  # it was ended or deleted meanwhile
                    self._store.end(kept.id, owner)
        for kept in self._store.left_open(owner, quiet=0.0):
            if kept.id in self._lessons and self._lessons[kept.id].state != "waiting":
                continue
            with contextlib.suppress(GoneError):  # it was ended or deleted meanwhile
                return self._adopt(self._store.adopt(kept.id, owner), owner)
        return None

    def all(self) -> list[LiveLesson]:
        """Return the lessons that hold a place for a stream."""
        with self._lock:
            return [one for one in self._lessons.values() if one.opened]

    def count(self, transport: str) -> int:
        """Return how many lessons with a place use this transport."""
        return sum(one.transport == transport for one in self.all())

    def rename(self, lesson_id: str, owner: str, name: str) -> None:
        """Give a lesson another name, whether it runs here or is only stored."""
        if live := self.running(lesson_id, owner):
            live.rename(name)
        elif self._store is not None:
            self._store.rename(lesson_id, name, owner)

    def delete(self, lesson_id: str, owner: str) -> None:
        """Delete a lesson for good, whether it runs here or is only stored."""
        if live := self.get(lesson_id, owner):
            live.discard()
            if self._autosave is not None:
                self._autosave.drop_file(lesson_id)
        if self._store is not None:
            self._store.delete(lesson_id, owner)

    def sweep(self) -> None:
        """Close idle streams, end abandoned lessons, and remove those that never began."""
        since = self.now() - ABANDONED
        with self._lock:
            idle = self._free_idle_places(STREAM_IDLE)
            silent = [one for one in self._lessons.values() if one.last_seen < since]
        for one in idle:
            one.close_stream()
        for one in silent:
            if one.runs:
                one.end_at_last_data()
            elif one.state == "waiting" and not one.opened:
                self.forget(one, ended=False)

    def save_due(self) -> None:
        """Save every lesson whose save is due. Autosave's thread calls this."""
        now = self.now()
        # The one that has waited longest comes first, so that none starves while saves fail.
        for one in sorted([*self._lessons.values()], key=lambda one: one.saved.due):
            due = one.lesson is not None and one.saved.due <= now
            if due and self.save(one) and one.state == "ended":
                self.forget(one, ended=True)

    @property
    def generation(self) -> int:
        """Return the store's generation: which file it uses, if the first one was moved away."""
        return 0 if self._store is None else self._store.generation

    def unsaved(self, owner: str) -> list[LiveLesson]:
        """Return the owner's lessons that have ended and could not be saved yet."""
        lessons = [*self._lessons.values()]
        return [one for one in lessons if one.owner == owner and one.state == "ended"]

    def save(self, live: LiveLesson, within: float = PATIENCE) -> bool:
        """Save one lesson now; return False if that failed and must be tried again."""
        lesson = live.lesson
        if self._autosave is None or lesson is None or live.state == "lost":
            return True
        done = self._autosave.save(lesson, live.owner, live.saved, within)
        if live.saved.gone:
            live.mark_lost()
        return done

    def close(self, within: float = CLOSE_WITHIN) -> None:
        """Save all lessons without ending them, and close their streams and the store.

        This takes about `within` seconds at most, whatever the store does. Lessons that are not
        saved by then go into files, which the next start takes in.
        """
        until = clock.monotonic() + within
        for one in [*self._lessons.values()]:
            one.close_stream(max(until - within + STREAMS_WITHIN - clock.monotonic(), 0.0))
        left = [one for one in [*self._lessons.values()] if one.lesson is not None]
        # In a thread of its own, because a store may also hang where no limit reaches.
        saving = threading.Thread(target=self._save_all, args=(left, until), daemon=True)
        saving.start()
        early = [one for one in [*left] if one.saved.fault is not None]
        self._write_files(early)
        saving.join(max(until - clock.monotonic(), 0.0))
        self._write_files([one for one in [*left] if one not in early])
        if self._autosave is not None:
            self._autosave.release()
        with self._lock:
            self._lessons.clear()

    def forget(self, live: LiveLesson, *, ended: bool) -> None:
        """Remove a lesson from the registry; if it has `ended`, refuse its frames from now on."""
        live.opened = False
        with self._lock:
            if self._lessons.get(live.id) is live:
                del self._lessons[live.id]
            if ended and live.id not in self._ended:
                self._ended.append(live.id)

    def release_place(self, live: LiveLesson) -> None:
        """Free the place of a lesson without pictures; remove it if no page has joined."""
        with self._lock:
            live.opened = False
            if live.plan is None and live.state == "waiting":
                self._lessons.pop(live.id, None)

    def _write_files(self, lessons: list[LiveLesson]) -> None:
        """Write a file for each of these lessons, except lost ones, which another process saves."""
        for one in lessons:
            if one.lesson is not None and one.state != "lost" and self._autosave is not None:
                self._autosave.write_file(one.lesson, one.owner, one.saved)

    def _save_all(self, left: list[LiveLesson], until: float) -> None:
        """Save these lessons until that time, removing them from the list; close the store."""
        if self._autosave is not None:
            self._autosave.stop(max(until - clock.monotonic(), 0.0))
        for one in [*left]:
            if clock.monotonic() < until and self.save(one, until - clock.monotonic()):
                left.remove(one)
        if self._store is not None:
            self._store.close()

    def _adopt(self, lesson: Lesson, owner: str) -> str:
        lesson_id = lesson.info.id
        passed = (self.wall() - lesson.info.started).total_seconds()
        with self._lock:
            if lesson_id in self._ended:
                self._ended.remove(lesson_id)
            live = self._get_or_make(lesson_id)
        live.adopt(lesson, owner, passed)
        return lesson_id

    def _full(self, lesson_id: str, client: str) -> str | None:
        """Return why this lesson can get no place; None if it has one or can get one."""
        live, opened = self._lessons.get(lesson_id), self.all()
        if live is not None and live.opened:
            return None
        owner = live.owner if live is not None else ""
        most = math.ceil(self._most * OF_CLIENT)
        reason = None
        if len(opened) >= self._most:
            reason = f"the server is busy with {self._most} lessons; try later"
        elif owner and sum(one.owner == owner for one in opened) >= MOST_OF_OWNER:
            reason = f"you run {MOST_OF_OWNER} lessons already; finish one first"
        elif client and sum(one.client == client for one in opened) >= most:
            reason = f"your network runs {most} lessons already; try later"
        return reason

    def _free_place(self, lesson_id: str, client: str) -> list[LiveLesson]:
        """Free the places of idle lessons if this lesson needs one; return those lessons."""
        live = self._lessons.get(lesson_id)
        if live is not None and live.opened:
            return []
        idle = self._free_idle_places(STREAM_IDLE)
        if self._full(lesson_id, client):
            # A reloaded page may have left a lesson without frames.
            idle += self._free_idle_places(STREAM_YIELDS)
        return idle

    def _get_or_make(self, lesson_id: str) -> LiveLesson:
        """Return the lesson with this id; make it if there is none. The caller holds the lock."""
        if not ID.fullmatch(lesson_id):
            raise LiveError("malformed lesson id: it must be 8 to 64 letters, digits, - or _")
        if lesson_id not in self._lessons:
            self._lessons[lesson_id] = LiveLesson(lesson_id, self)
        return self._lessons[lesson_id]

    def _free_idle_places(self, seconds: float) -> list[LiveLesson]:
        """Free the places of lessons idle for `seconds`; return them. The caller holds the lock."""
        since = self.now() - seconds
        idle = [one for one in self._lessons.values() if one.opened and one.last_frame < since]
        for one in idle:
            one.opened = False
            if one.plan is None and not one.runs:
                del self._lessons[one.id]
        return idle
