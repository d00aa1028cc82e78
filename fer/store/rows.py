"""A lesson as the tables' rows, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from fer.lesson import Alert, Fired, Gap, Lesson, LessonInfo, Note
from fer.lesson.lesson import LATE
from fer.lesson.seconds import ROW, whole
from fer.store.schema import ALERTS, COUNTS, LOOKING, MOMENTS, PAUSES, SECONDS, SUMS, WORDS

# The row's field: the columns that hold it.
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    **{name: (name,) for name in COUNTS},
    "sums": SUMS,
    "words": WORDS,
    "looks": LOOKING,
}


@dataclass(frozen=True)
class Kept:
    """A lesson in a list."""

    id: str
    name: str
    started: datetime
    duration: float  # seconds
    ended: bool
    faces: float | None  # in a picture, on average; None where there was none
    balance: float | None  # the mood's, over the whole lesson; None where nobody was read


def of_lesson(lesson: Lesson) -> dict[str, Any]:
    """The lesson's own row."""
    info = lesson.info
    zone = info.started.utcoffset() or timedelta()
    return {
        "id": info.id,
        "name": info.name,
        "started": info.started.timestamp(),
        "zone": round(zone.total_seconds()),
        "acknowledged": info.acknowledged and info.acknowledged.timestamp(),
        "region": info.region,
        "model": info.model,
        "version": info.version,
    } | progress(lesson)


def progress(lesson: Lesson) -> dict[str, Any]:
    """What changes of that row while the lesson goes on. Not the name: another page may set it."""
    means = whole(lesson.rows())
    return {
        "ended": lesson.ended,
        "duration": lesson.duration,
        "faces": _known(means.faces[0]),
        "balance": _known(means.balance[0]),
    }


def kept(row: Mapping[Any, Any]) -> Kept:
    """The lesson's own row as a list shows it."""
    return Kept(
        id=row["id"],
        name=row["name"],
        started=_time(row["started"], row["zone"]),
        duration=row["duration"],
        ended=row["ended"] is not None,
        faces=row["faces"],
        balance=row["balance"],
    )


def broke_off(lesson: Lesson) -> float:
    """Where a lesson ends that nobody ended: with its last second or moment."""
    return max([lesson.duration, *(note.time for note in lesson.notes)])


def write(connection: sa.Connection, lesson: Lesson) -> None:
    """The rows below the lesson's own: only what may have changed since the last time."""
    id = lesson.info.id
    newest = connection.scalar(
        sa.select(sa.func.max(SECONDS.c.second)).where(SECONDS.c.lesson == id)
    )
    start = 0 if newest is None else max(newest - LATE, 0)
    late = sa.delete(SECONDS).where(SECONDS.c.lesson == id, SECONDS.c.second >= start)
    connection.execute(late)
    _insert(connection, SECONDS, id, _seconds(lesson, start))
    fired: list[dict[str, Any]] = [
        {
            "what": one.alert.what,
            "line": one.alert.over,
            "seconds": one.alert.seconds,
            "faces": one.alert.faces,
            "margin": one.alert.margin,
            "rest": one.alert.rest,
            "begun": one.start,
            "ended": one.end,
            "peak": one.peak,
        }
        for one in lesson.fired
    ]
    pauses: list[dict[str, Any]] = [{"begun": one.start, "ended": one.end} for one in lesson.pauses]
    moments: list[dict[str, Any]] = [
        {"kind": one.kind, "text": one.text, "time": one.time} for one in lesson.notes
    ]
    for table, found in ((MOMENTS, moments), (PAUSES, pauses), (ALERTS, fired)):
        connection.execute(sa.delete(table).where(table.c.lesson == id))
        _insert(connection, table, id, [{"place": at} | one for at, one in enumerate(found)])


def read(connection: sa.Connection, info: Mapping[Any, Any]) -> Lesson:
    """The session of a lesson's own row and all that belongs to it."""

    def of(table: sa.TableClause, order: str) -> Sequence[sa.Row[Any]]:
        mine = sa.select(table).where(table.c.lesson == info["id"]).order_by(table.c[order])
        return connection.execute(mine).all()

    seconds = of(SECONDS, "second")
    width = len(SECONDS.columns) - 1  # all but the lesson's id
    numbers = np.array([one[1:] for one in seconds], np.float64).reshape(len(seconds), width)
    rows, at = np.zeros(len(seconds), ROW), 1
    for field, columns in FIELDS.items():
        rows[field] = numbers[:, at : at + len(columns)].reshape(rows[field].shape)
        at += len(columns)
    acknowledged = info["acknowledged"]
    return Lesson.restored(
        LessonInfo(
            id=info["id"],
            name=info["name"],
            started=_time(info["started"], info["zone"]),
            acknowledged=None if acknowledged is None else _time(acknowledged, info["zone"]),
            region=info["region"],
            model=info["model"],
            version=info["version"],
        ),
        numbers[:, 0].astype(int).tolist(),
        rows,
        notes=[Note(one.kind, one.text, one.time) for one in of(MOMENTS, "place")],
        pauses=[Gap("pause", one.begun, one.ended) for one in of(PAUSES, "place")],
        fired=[
            Fired(
                Alert(one.what, one.line, one.seconds, one.faces, one.margin, one.rest),
                *(one.begun, one.ended, one.peak),
            )
            for one in of(ALERTS, "place")
        ],
        ended=info["ended"],
    )


def _insert(
    connection: sa.Connection, table: sa.TableClause, id: str, rows: list[dict[str, Any]]
) -> None:
    if rows:
        connection.execute(sa.insert(table), [{"lesson": id} | row for row in rows])


def _seconds(lesson: Lesson, start: int) -> list[dict[str, Any]]:
    """The seconds with a picture from `start` on."""
    rows = lesson.rows(start)
    told = np.flatnonzero(rows["frames"])
    names = ("second", *(column for columns in FIELDS.values() for column in columns))
    parts = [
        rows[field][told].reshape(len(told), len(columns)).T.tolist()
        for field, columns in FIELDS.items()
    ]
    columns = [(start + told).tolist(), *(column for part in parts for column in part)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _time(seconds: float, zone: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone(timedelta(seconds=zone)))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
