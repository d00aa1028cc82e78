"""The lessons that run, whoever looks at them: a browser that comes back finds its own again.

A lesson has the id of the live picture that it counts. It begins with the first picture, goes on
through lost connections, page reloads and a killed server, and ends when its teacher says so or
when no picture has come for a quarter of an hour.
"""

from __future__ import annotations

import contextlib
import threading
import time as clock
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from fer.faces import Faces
from fer.lesson import Lesson, Note
from fer.lesson.lesson import LessonPlan
from fer.store import Autosave, GoneError, Store, StoreError, broke_off

# Seconds without a picture after which a lesson is over, or without its page one that never began.
ABANDONED: Final = 900.0
NEWS_EVERY: Final = 0.9  # seconds; a class doesn't change faster
MINUTE: Final = 12  # points of the mood line, five seconds each


@dataclass(eq=False)
class Running:
    """A lesson that runs."""

    session: Lesson
    owner: str
    origin: float  # our clock's time at the lesson's start
    heard: float  # when a picture came last, or somebody came back to it
    news: dict[str, Any] = field(default_factory=dict)
    told: float = float("-inf")  # when the news were made


class Lessons:
    """All that run in this process. For any thread."""

    def __init__(
        self,
        store: Store | None = None,
        keeper: Autosave | None = None,
        now: Callable[[], float] = clock.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._keeper, self._now, self._wall = store, keeper, now, wall
        self._lock = threading.RLock()
        self._planned: dict[str, tuple[LessonPlan, str, float]] = {}  # and when a page said so last
        self._running: dict[str, Running] = {}

    def plan(self, id: str, owner: str, plan: LessonPlan) -> None:
        """The lesson with that id will be this if its first picture comes before long."""
        with self._lock:
            if id not in self._running:
                self._planned[id] = plan, owner, self._now()

    def heard(self, id: str, faces: Faces) -> None:
        """A picture of that lesson was read just now."""
        now = self._now()
        with self._lock:
            running = self._running.get(id) or self._begin(id, now)
        if running is not None:
            running.heard = now
            running.session.add(faces, now - running.origin)

    def get(self, id: str, owner: str) -> Running | None:
        """That lesson, if it runs and is this owner's."""
        running = self._running.get(id)
        return running if running is not None and running.owner == owner else None

    def time(self, running: Running) -> float:
        """Seconds since that lesson's start."""
        return self._now() - running.origin

    def back(self, owner: str) -> str | None:
        """The id of the lesson that this owner has running, or had when it was cut off just now.

        Another process may still have it: who asked last goes on with it. Those that were cut off
        longer ago are ended where they broke off.
        """
        with self._lock:
            mine = [one for one in self._running.values() if one.owner == owner]
        if mine:
            return max(mine, key=lambda one: one.heard).session.info.id
        if self._store is None or self._keeper is None:
            return None
        for kept in self._store.left_open(owner, quiet=ABANDONED):
            self._store.end(kept.id, owner)
        for kept in self._store.left_open(owner, quiet=0.0):
            with contextlib.suppress(GoneError):  # ended or deleted meanwhile
                return self._go_on(self._store.adopt(kept.id, owner), owner)
        return None

    def news(self, id: str) -> dict[str, Any] | None:
        """The class in a few numbers, for a page that has no Python at hand; None before any."""
        running = self._running.get(id)
        if running is None:
            return None
        now = self._now()
        if now - running.told >= NEWS_EVERY:
            running.told = now
            running.news = _news(running.session, now - running.origin)
        return running.news

    def mark(self, id: str, owner: str, kind: str, text: str = "") -> Note | None:
        """Notes a moment of a lesson that runs, as of now."""
        running = self.get(id, owner)
        if running is None:
            return None
        moment = running.session.mark(kind, text, self.time(running))
        if self._keeper is not None:
            self._keeper.soon(id)
        return moment

    def rename(self, id: str, owner: str, name: str) -> None:
        """Calls a lesson that runs something else, here and where it is kept."""
        running = self.get(id, owner)
        if running is None:
            return
        running.session.rename(name)
        if self._store is not None:
            with contextlib.suppress(StoreError):  # not kept yet; it has its name here
                self._store.rename(id, name, owner)

    def finish(self, id: str, owner: str) -> Lesson | None:
        """Ends that lesson and saves it; what is left is its record."""
        with self._lock:
            running = self.get(id, owner)
            self._planned.pop(id, None)
            if running is None:
                return None
            del self._running[id]
        return self._end(running.session, self.time(running))

    def fault(self, id: str) -> str | None:
        """Why that lesson could not be saved lately."""
        return None if self._keeper is None else self._keeper.fault(id)

    def tidy(self) -> None:
        """Ends the lessons of which no picture has come for long, and drops old plans."""
        since = self._now() - ABANDONED
        with self._lock:
            over = [running for running in self._running.values() if running.heard < since]
            for running in over:
                del self._running[running.session.info.id]
            self._planned = {id: one for id, one in self._planned.items() if one[2] >= since}
        for running in over:
            self._end(running.session, broke_off(running.session))

    def close(self) -> None:
        """Saves all that run; they can go on in another process."""
        if self._keeper is not None:
            self._keeper.close()
        if self._store is not None:
            self._store.close()

    def _begin(self, id: str, now: float) -> Running | None:
        if id not in self._planned:
            return None
        plan, owner, _ = self._planned.pop(id)
        started = self._wall()
        started = started if plan.zone is None else started.astimezone(plan.zone)
        return self._run(plan.begin(started, id=id), owner, now, begun=False)

    def _go_on(self, session: Lesson, owner: str) -> str:
        passed = (self._wall() - session.info.started).total_seconds()
        with self._lock:
            id = session.info.id
            if id not in self._running:
                origin = self._now() - max(passed, session.duration)
                self._run(session, owner, origin, begun=True).heard = self._now()
        return id

    def _run(self, session: Lesson, owner: str, origin: float, *, begun: bool) -> Running:
        running = Running(session, owner, origin, heard=origin)
        self._running[session.info.id] = running
        if self._keeper is not None:
            self._keeper.keep(session, owner, begun=begun, gone=lambda: self._drop(running))
        return running

    def _end(self, session: Lesson, time: float) -> Lesson:
        session.finish(time)
        if self._keeper is not None:
            self._keeper.release(session.info.id)
        return session

    def _drop(self, running: Running) -> None:
        """It was deleted, or another process has it: no end of ours is written."""
        id = running.session.info.id
        with self._lock:
            if self._running.get(id) is running:
                del self._running[id]


def _news(session: Lesson, time: float) -> dict[str, Any]:
    now = session.now(time)
    return {
        "time": round(time),
        "faces": round(now.faces),
        "shares": _numbers(now.shares),
        "looks": {name: _number(share) for name, share in now.looks.items()},
        "balance": _number(now.mood.balance),
        "liveliness": _number(now.mood.liveliness),
        "line": _numbers(now.line.balance[-MINUTE:]),
        "alerts": [fired.alert.what for fired in now.alerts],
        "paused": now.paused,
    }


def _number(value: float) -> float | None:
    return None if value != value else round(float(value), 3)  # JSON has no NaN


def _numbers(values: Any) -> list[float | None]:
    return [_number(value) for value in values]
