"""What a lesson is called and was begun with, and the moments that its teacher marked."""

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
from fer.lesson.alerts import CALM, Alert, Duty, Fired
from fer.lesson.people import People, Person
from fer.lesson.seconds import HOLE, ROW, Gap, Rows, Series, count, holes, pool
from fer.lesson.snapshot import LATELY, LINE_POINTS, LINE_STEP, Snapshot

WHEN: Final = "{when}"  # in a lesson's name: the day and the minute in which it began
KINDS: Final = ("topic", "question", "note")
LONGEST_NAME: Final = 120
LONGEST_TEXT: Final = 500


def new_id() -> str:
    """An id that nobody can guess and any address can hold."""
    return secrets.token_urlsafe(12)


def clean(text: str, longest: int) -> str:
    """One line of text that every database and file takes: no control signs, no half letters."""
    line = " ".join(text.split())
    return "".join(sign for sign in line if unicodedata.category(sign) not in ("Cc", "Cs"))[
        :longest
    ].strip()


@dataclass(frozen=True)
class LessonInfo:
    """All that is known of a lesson when it begins."""

    name: str
    started: datetime  # with its time zone: that of the class
    acknowledged: datetime | None = None  # when the teacher said that the class knows and agrees
    region: str = ""
    model: str = ""
    version: str = ""  # the model's
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        for time in (self.started, self.acknowledged):
            if time is not None and time.utcoffset() is None:
                raise UsageError("a lesson's times need a time zone")
        object.__setattr__(self, "name", clean(self.name, LONGEST_NAME))

    def renamed(self, name: str) -> LessonInfo:
        """The same lesson under another name."""
        return replace(self, name=name)


@dataclass(frozen=True)
class Note:
    """Something that the teacher marked, in seconds from the lesson's start."""

    kind: str
    text: str
    time: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"a moment is a {', '.join(KINDS)}, not {self.kind!r}")
        object.__setattr__(self, "text", clean(self.text, LONGEST_TEXT))


LONGEST: Final = 12 * 3600  # seconds; a time beyond it is a fault of somebody's clock
LATE: Final = 5  # seconds; what is older than that stands, and may be saved for good


class Lesson:
    """One lesson's numbers. Times are seconds from its start, by a clock that goes steadily.

    >>> from datetime import datetime, UTC
    >>> session = Session(Lesson("Algebra", datetime(2026, 3, 2, 9, tzinfo=UTC)))
    >>> happy = Faces.of([[0, 0, 9, 9]], probabilities=[[0, 0, 0, 1, 0, 0, 0]])
    >>> session.add(happy, time=0.5), session.now(1.0).mood.balance
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
        self._moments: list[Note] = []
        self._duty = Duty(alerts)
        self._people = People() if individuals else None

    @classmethod
    def restored(
        cls,
        info: LessonInfo,
        seconds: Iterable[int],
        rows: Rows,
        *,
        pauses: Iterable[Gap] = (),
        moments: Iterable[Note] = (),
        fired: Iterable[Fired] = (),
        ended: float | None = None,
        alerts: Iterable[Alert] = CALM,
    ) -> Lesson:
        """A lesson as it was kept. One that has not ended goes on; its open alerts are over."""
        lesson = cls(info, alerts)
        places = np.fromiter(seconds, np.int64)
        if len(places):
            if not (places.min() >= 0 and places.max() < LONGEST):
                raise UsageError(f"a lesson's seconds are numbered from 0 to {LONGEST - 1}")
            lesson._reach(int(places.max()))
            lesson._rows[places] = rows
        length = lesson._length
        lesson._last, lesson._ended = float(length), ended
        lesson._pauses, lesson._moments = [*pauses], [*moments]
        lesson._duty.restore(fired, length)
        return lesson

    @property
    def info(self) -> LessonInfo:
        """What the lesson is called and was begun with."""
        return self._info

    @property
    def ended(self) -> float | None:
        """When it ended; None while it runs, or where it was cut off."""
        return self._ended

    @property
    def duration(self) -> float:
        """Seconds from its start to its end, or to the newest second that was counted."""
        return float(self._length) if self._ended is None else self._ended

    @property
    def moments(self) -> list[Note]:
        """What the teacher marked, in the order of time."""
        with self._lock:
            return sorted(self._moments, key=lambda moment: moment.time)

    @property
    def fired(self) -> list[Fired]:
        """The alerts that were told, those that last among them."""
        with self._lock:
            return [*self._duty.over, *self._duty.lasting]

    @property
    def pauses(self) -> list[Gap]:
        """The pauses alone; `gaps` has all that is missing."""
        with self._lock:
            return [*self._pauses]

    @property
    def alerts(self) -> list[Alert]:
        """The alerts on duty."""
        with self._lock:
            return self._duty.alerts

    def add(self, faces: Faces, time: float) -> bool:
        """The faces of a picture of that time. False where they don't count (paused, late)."""
        if not 0 <= time < LONGEST:  # NaN too
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
            self._duty.judge(self._rows, second)
        return True

    def mark(self, kind: str, text: str, time: float) -> Note:
        """Notes a moment: "topic", "question" or "note"."""
        moment = Note(kind, text, min(max(time, 0.0), LONGEST))
        with self._lock:
            self._moments.append(moment)
        return moment

    def rename(self, name: str) -> None:
        """Calls the lesson something else."""
        self._info = self._info.renamed(name)

    def pause(self, time: float) -> None:
        """Nothing counts from here on, until `go_on`."""
        with self._lock:
            if self._ended is None and not self._is_paused(time):
                start = min(max(time, self._last), LONGEST)
                self._pauses.append(Gap("pause", start))

    def go_on(self, time: float) -> None:
        """Ends the pause."""
        with self._lock:
            if self._pauses and self._pauses[-1].end is None:
                last = self._pauses[-1]
                self._pauses[-1] = replace(last, end=max(min(time, LONGEST), last.start))

    def finish(self, time: float) -> None:
        """Ends the lesson, its pause and its alerts. A second call changes nothing."""
        with self._lock:
            if self._ended is not None:
                return
            time = min(max(time, self._last), LONGEST)
            self.go_on(time)
            self._reach(max(int(np.ceil(time)), self._length) - 1)
            self._duty.judge(self._rows, self._length)
            self._duty.end(time)
            self._ended = time

    def watch(self, alerts: Iterable[Alert]) -> None:
        """Other alerts from here on; those that are no longer set are over."""
        with self._lock:
            self._duty.change(alerts)

    def now(self, time: float | None = None) -> Snapshot:
        """The class at this time; by default at that of the newest picture."""
        with self._lock:
            time = self._last if time is None else time
            second, silent = int(min(max(time, 0.0), LONGEST)), max(time - self._last, 0.0)
            first = (second // LINE_STEP - LINE_POINTS + 1) * LINE_STEP
            return Snapshot.of(
                time,
                lately=self._between(second - LATELY + 1, second + 1),
                line=pool(self._between(first, first + LINE_POINTS * LINE_STEP), LINE_STEP, first),
                # What nobody sees any more can't be told to last.
                alerts=tuple(self._duty.lasting) if silent < HOLE else (),
                paused=self._is_paused(time),
                silent=silent,
            )

    def series(self, points: int = 600) -> Series:
        """The whole lesson as so many stretches at most, or second by second where it is short."""
        rows = self.rows()
        return pool(rows, max(-(-len(rows) // points), 1))

    def whole(self) -> Series:
        """The whole lesson as one stretch; NaN where nothing was seen."""
        rows = self.rows()
        return pool(rows if len(rows) else np.zeros(1, ROW), max(len(rows), 1))

    def gaps(self) -> list[Gap]:
        """What is missing: pauses, and where no picture came."""
        with self._lock:
            pauses = [*self._pauses]
        return holes(self.rows(), pauses)

    def rows(self, start: int = 0) -> Rows:
        """The seconds' sums from that second to the end; those more than LATE old are final."""
        with self._lock:
            return self._between(start, max(self._length, int(np.ceil(self.duration))))

    def follow(self, single: bool) -> None:
        """Whether single faces are followed from here on; what was known of them goes."""
        with self._lock:
            if single != (self._people is not None):
                self._people = People() if single else None

    @property
    def following(self) -> bool:
        """Whether single faces are followed."""
        return self._people is not None

    def people(self) -> list[Person]:
        """Single faces, those first that may need attention; empty unless that was switched on."""
        with self._lock:
            return [] if self._people is None else self._people.all()

    def _between(self, start: int, end: int) -> Rows:
        """A copy of these seconds' rows; zeros before the start and after the end."""
        rows = np.zeros(max(end - start, 0), ROW)
        known = self._rows[max(start, 0) : max(min(end, self._length), 0)]
        rows[max(-start, 0) : max(-start, 0) + len(known)] = known
        return rows

    def _reach(self, second: int) -> None:
        if second >= len(self._rows):
            more = max(second + 1, 2 * len(self._rows)) - len(self._rows)
            self._rows = np.concatenate([self._rows, np.zeros(more, ROW)])
        self._length = max(self._length, second + 1)

    def _is_paused(self, time: float) -> bool:
        pause = self._pauses[-1] if self._pauses else None
        return pause is not None and pause.start <= time < (pause.end or np.inf)


@dataclass(frozen=True)
class LessonPlan:
    """What a lesson will be, once its first picture comes."""

    name: str = ""
    unnamed: str = ""  # its name where it has none, such as "Lesson of {when}"
    acknowledged: datetime | None = None
    region: str = ""
    model: str = ""
    version: str = ""
    alerts: tuple[Alert, ...] = CALM
    individuals: bool = False
    zone: tzinfo | None = None  # of the class; its report tells the time by it

    def begin(self, started: datetime, *, name: str = "", id: str = "") -> Lesson:
        """Begins it, under this name or id where it has one of its own."""
        agreed = self.acknowledged
        info = LessonInfo(
            name or self.name or self.unnamed.replace(WHEN, f"{started:%Y-%m-%d %H:%M}"),
            started,
            agreed and agreed.astimezone(started.tzinfo),  # one lesson, one clock
            self.region,
            self.model,
            self.version,
            id or new_id(),
        )
        return Lesson(info, self.alerts, individuals=self.individuals)
