"""A lesson: its name and settings, and its numbers over time. It never holds a picture."""

from __future__ import annotations

import secrets
import threading
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Final

import numpy as np

from fer.errors import UsageError
from fer.faces import Faces
from fer.lesson.alerts import CALM, Alert, Fired, Monitors
from fer.lesson.people import People, Person
from fer.lesson.seconds import HOLE, ROW, Gap, Rows, count, pool
from fer.lesson.snapshot import LATELY, LINE_POINTS, LINE_STEP, Snapshot

WHEN: Final = "{when}"  # in a lesson's name: the day and the minute in which it began
KINDS: Final = ("topic", "question", "note")
LONGEST_NAME: Final = 120
LONGEST_TEXT: Final = 500
LONGEST: Final = 12 * 3600  # seconds; a later time comes from a wrong clock
LATE: Final = 5  # seconds; rows older than this are final and may be saved for good


def new_id() -> str:
    """Return a random id that nobody can guess, of letters that a URL may hold."""
    return secrets.token_urlsafe(12)


def clean(text: str, longest: int) -> str:
    """Return `text` as one line that any database and file can hold, at most `longest` characters.

    Control characters and unpaired surrogates are removed.
    """
    line = " ".join(text.split())
    return "".join(sign for sign in line if unicodedata.category(sign) not in ("Cc", "Cs"))[
        :longest
    ].strip()


@dataclass(frozen=True)
class LessonInfo:
    """The facts about a lesson that are known when it begins."""

    name: str
    started: datetime  # with its time zone: that of the class
    acknowledged: datetime | None = None  # when the teacher confirmed the class's consent
    region: str = ""
    model: str = ""
    version: str = ""  # the model's
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        for time in (self.started, self.acknowledged):
            if time is not None and time.utcoffset() is None:
                raise UsageError("a lesson's start and consent need a time zone")
        object.__setattr__(self, "name", clean(self.name, LONGEST_NAME))

    def renamed(self, name: str) -> LessonInfo:
        """Return the same lesson under another name."""
        return replace(self, name=name)


@dataclass(frozen=True)
class LessonPlan:
    """The settings of a lesson that begins with its first picture."""

    name: str = ""
    unnamed: str = ""  # the name of a lesson without one, such as "Lesson of {when}"
    acknowledged: datetime | None = None
    region: str = ""
    model: str = ""
    version: str = ""
    alerts: tuple[Alert, ...] = CALM
    individuals: bool = False
    zone: tzinfo | None = None  # of the class, for the times in the report

    def begin(self, started: datetime, *, name: str = "", lesson_id: str = "") -> Lesson:
        """Return a new lesson that began at `started`; `name` and `lesson_id` override the plan."""
        agreed = self.acknowledged
        info = LessonInfo(
            name or self.name or self.unnamed.replace(WHEN, f"{started:%Y-%m-%d %H:%M}"),
            started,
            agreed and agreed.astimezone(started.tzinfo),  # the same zone for both times
            self.region,
            self.model,
            self.version,
            lesson_id or new_id(),
        )
        return Lesson(info, self.alerts, individuals=self.individuals)


@dataclass(frozen=True)
class Note:
    """What a teacher marks during a lesson."""

    kind: str  # one of KINDS
    text: str
    time: float  # seconds from the lesson's start

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"unknown kind of note {self.kind!r}; use one of {', '.join(KINDS)}")
        object.__setattr__(self, "text", clean(self.text, LONGEST_TEXT))


class Lesson:
    """The numbers of one lesson. Any thread may call it. Times are seconds from its start.

    >>> from datetime import datetime, UTC
    >>> lesson = Lesson(LessonInfo("Algebra", datetime(2026, 3, 2, 9, tzinfo=UTC)))
    >>> happy = Faces.of([[0, 0, 9, 9]], probabilities=[[0, 0, 0, 1, 0, 0, 0]])
    >>> lesson.add(happy, time=0.5), lesson.snapshot(1.0).mood.balance
    (True, 1.0)
    """

    def __init__(
        self, info: LessonInfo, alerts: Iterable[Alert] = CALM, *, individuals: bool = False
    ) -> None:
        self._lock = threading.RLock()
        self._info = info
        self._rows = np.zeros(600, ROW)
        self._length = 0  # rows in use
        self._last = 0.0  # the newest picture's time
        self._ended: float | None = None
        self._pauses: list[Gap] = []
        self._notes: list[Note] = []
        self._monitors = Monitors(alerts)
        self._people = People() if individuals else None

    @classmethod
    def restored(
        cls,
        info: LessonInfo,
        seconds: Iterable[int],
        rows: Rows,
        *,
        pauses: Iterable[Gap] = (),
        notes: Iterable[Note] = (),
        fired: Iterable[Fired] = (),
        ended: float | None = None,
    ) -> Lesson:
        """Return a lesson as it was stored. It can go on unless it has ended; its alerts end."""
        lesson = cls(info)
        places = np.fromiter(seconds, np.int64)
        if len(places):
            if not (places.min() >= 0 and places.max() < LONGEST):
                raise UsageError(f"a lesson's seconds are numbered from 0 to {LONGEST - 1}")
            lesson._reach(int(places.max()))
            lesson._rows[places] = rows
        length = lesson._length
        lesson._last, lesson._ended = float(length), ended
        lesson._pauses, lesson._notes = [*pauses], [*notes]
        lesson._monitors.restore(fired, length)
        return lesson

    @property
    def info(self) -> LessonInfo:
        """Return the lesson's name and the other facts that were known at its start."""
        return self._info

    @property
    def ended(self) -> float | None:
        """Return when it ended; None if it runs or was cut off."""
        return self._ended

    @property
    def duration(self) -> float:
        """Return the seconds from its start to its end, or to the newest second with a picture."""
        return float(self._length) if self._ended is None else self._ended

    @property
    def notes(self) -> list[Note]:
        """Return the teacher's notes in the order of time."""
        with self._lock:
            return sorted(self._notes, key=lambda note: note.time)

    @property
    def fired(self) -> list[Fired]:
        """Return the alerts that fired, including those that last."""
        with self._lock:
            return [*self._monitors.ended, *self._monitors.lasting]

    @property
    def pauses(self) -> list[Gap]:
        """Return the pauses; `seconds.gaps` also finds the stretches without a picture."""
        with self._lock:
            return [*self._pauses]

    @property
    def alerts(self) -> list[Alert]:
        """Return the alerts that are set."""
        with self._lock:
            return self._monitors.alerts

    def add(self, faces: Faces, time: float) -> bool:
        """Count a picture's faces; return False if too late, in a pause or after the end."""
        if not 0 <= time < LONGEST:  # false for NaN too
            return False
        row, second = count(faces), int(time)
        with self._lock:
            if self._ended is not None or self._is_paused(time) or time < self._last - LATE:
                return False
            self._reach(second)
            for name in ROW.names or ():
                self._rows[name][second] += row[name]
            self._last = max(self._last, time)
            if self._people is not None:
                self._people.add(faces, second)
            self._monitors.process(self._rows, second)
        return True

    def mark(self, kind: str, text: str, time: float) -> Note:
        """Add a note of this kind: "topic", "question" or "note"."""
        note = Note(kind, text, min(max(time, 0.0), LONGEST))
        with self._lock:
            self._notes.append(note)
        return note

    def rename(self, name: str) -> None:
        """Give the lesson another name."""
        self._info = self._info.renamed(name)

    def pause(self, time: float) -> None:
        """Pause: faces at later times are not counted until `resume`."""
        with self._lock:
            if self._ended is None and not self._is_paused(time):
                start = min(max(time, self._last), LONGEST)
                self._pauses.append(Gap("pause", start))

    def resume(self, time: float) -> None:
        """End the pause."""
        with self._lock:
            if self._pauses and self._pauses[-1].end is None:
                last = self._pauses[-1]
                self._pauses[-1] = replace(last, end=max(min(time, LONGEST), last.start))

    def finish(self, time: float) -> None:
        """End the lesson, its pause and its alerts; a second call changes nothing."""
        with self._lock:
            if self._ended is not None:
                return
            time = min(max(time, self._last), LONGEST)
            self.resume(time)
            self._reach(max(int(np.ceil(time)), self._length) - 1)
            self._monitors.process(self._rows, self._length)
            self._monitors.end(time)
            self._ended = time

    def set_alerts(self, alerts: Iterable[Alert]) -> None:
        """Set these alerts from now on; end what fired of alerts that are no longer set."""
        with self._lock:
            self._monitors.set(alerts)

    def snapshot(self, time: float | None = None) -> Snapshot:
        """Return the class at `time`, by default at the newest picture's time."""
        with self._lock:
            time = self._last if time is None else time
            second, silent = int(min(max(time, 0.0), LONGEST)), max(time - self._last, 0.0)
            first = (second // LINE_STEP - LINE_POINTS + 1) * LINE_STEP
            return Snapshot.of(
                time,
                lately=self._between(second - LATELY + 1, second + 1),
                line=pool(self._between(first, first + LINE_POINTS * LINE_STEP), LINE_STEP, first),
                # Without pictures it is unknown whether an alert still lasts.
                alerts=tuple(self._monitors.lasting) if silent < HOLE else (),
                paused=self._is_paused(time),
                silent=silent,
            )

    def rows(self, start: int = 0) -> Rows:
        """Return a copy of the seconds from `start` on; those more than LATE old are final."""
        with self._lock:
            return self._between(start, max(self._length, int(np.ceil(self.duration))))

    def follow_people(self, follow: bool) -> None:
        """Begin to follow single faces, or stop and delete their data."""
        with self._lock:
            if follow != (self._people is not None):
                self._people = People() if follow else None

    def people(self) -> list[Person] | None:
        """Return the single faces, largest concern first; None if they are not followed."""
        with self._lock:
            return None if self._people is None else self._people.all()

    def _between(self, start: int, end: int) -> Rows:
        """Return a copy of these seconds' rows; zeros before the start and after the end."""
        rows = np.zeros(max(end - start, 0), ROW)
        known = self._rows[max(start, 0) : max(min(end, self._length), 0)]
        rows[max(-start, 0) : max(-start, 0) + len(known)] = known
        return rows

    def _reach(self, second: int) -> None:
        """Make room for this second."""
        if second >= len(self._rows):
            more = max(second + 1, 2 * len(self._rows)) - len(self._rows)
            self._rows = np.concatenate([self._rows, np.zeros(more, ROW)])
        self._length = max(self._length, second + 1)

    def _is_paused(self, time: float) -> bool:
        pause = self._pauses[-1] if self._pauses else None
        return pause is not None and pause.start <= time < (pause.end or np.inf)
