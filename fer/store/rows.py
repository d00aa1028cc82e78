"""Turn a lesson into rows of the tables, and rows into a lesson."""

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

# For each field of `ROW`, the columns that hold it.
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    **{name: (name,) for name in COUNTS},
    "sums": SUMS,
    "words": WORDS,
    "looks": LOOKING,
}


@dataclass(frozen=True)
class LessonSummary:
    """What a list shows of a stored lesson."""

    id: str
    name: str
    started: datetime
    duration: float  # seconds
    ended: bool
    faces: float | None  # mean number in a picture; None without pictures
    balance: float | None  # of the mood, over the whole lesson; None if no face was read


def lesson_row(lesson: Lesson) -> dict[str, Any]:
    """Return the lesson's row in the table of lessons."""
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
    """Return the columns of the lesson's row that change while it runs.

    The name is not among them: another page may have set it.
    """
    means = whole(lesson.rows())
    return {
        "ended": lesson.ended,
        "duration": lesson.duration,
        "faces": _known(means.faces[0]),
        "balance": _known(means.balance[0]),
    }


def summary(row: Mapping[Any, Any]) -> LessonSummary:
    """Return the summary of a lesson from its row."""
    return LessonSummary(
        id=row["id"],
        name=row["name"],
        started=_time(row["started"], row["zone"]),
        duration=row["duration"],
        ended=row["ended"] is not None,
        faces=row["faces"],
        balance=row["balance"],
    )


def end_of_data(lesson: Lesson) -> float:
    """Return the time of a lesson's last second or note: where it ends if nobody finished it."""
    return max([lesson.duration, *(note.time for note in lesson.notes)])


def write(connection: sa.Connection, lesson: Lesson) -> None:
    """Write the lesson's rows in the other tables, as far as they may have changed."""
    lesson_id = lesson.info.id
    newest = connection.scalar(
        sa.select(sa.func.max(SECONDS.c.second)).where(SECONDS.c.lesson == lesson_id)
    )
    start = 0 if newest is None else max(newest - LATE, 0)
    late = sa.delete(SECONDS).where(SECONDS.c.lesson == lesson_id, SECONDS.c.second >= start)
    connection.execute(late)
    _insert(connection, SECONDS, lesson_id, _seconds(lesson, start))
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
        connection.execute(sa.delete(table).where(table.c.lesson == lesson_id))
        placed = [{"place": place} | row for place, row in enumerate(found)]
        _insert(connection, table, lesson_id, placed)


def read(connection: sa.Connection, info: Mapping[Any, Any]) -> Lesson:
    """Return the lesson whose row in the table of lessons is `info`."""

    def rows_of(table: sa.TableClause, order: str) -> Sequence[sa.Row[Any]]:
        query = sa.select(table).where(table.c.lesson == info["id"]).order_by(table.c[order])
        return connection.execute(query).all()

    seconds = rows_of(SECONDS, "second")
    width = len(SECONDS.columns) - 1  # all but the one with the lesson's id
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
        notes=[Note(one.kind, one.text, one.time) for one in rows_of(MOMENTS, "place")],
        pauses=[Gap("pause", one.begun, one.ended) for one in rows_of(PAUSES, "place")],
        fired=[
            Fired(
                Alert(one.what, one.line, one.seconds, one.faces, one.margin, one.rest),
                *(one.begun, one.ended, one.peak),
            )
            for one in rows_of(ALERTS, "place")
        ],
        ended=info["ended"],
    )


def _insert(
    connection: sa.Connection, table: sa.TableClause, lesson_id: str, rows: list[dict[str, Any]]
) -> None:
    if rows:
        connection.execute(sa.insert(table), [{"lesson": lesson_id} | row for row in rows])


def _seconds(lesson: Lesson, start: int) -> list[dict[str, Any]]:
    """Return a row for each second with a picture, from `start` on."""
    rows = lesson.rows(start)
    filled = np.flatnonzero(rows["frames"])
    names = ("second", *(column for columns in FIELDS.values() for column in columns))
    parts = [
        rows[field][filled].reshape(len(filled), len(columns)).T.tolist()
        for field, columns in FIELDS.items()
    ]
    columns = [(start + filled).tolist(), *(column for part in parts for column in part)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _time(seconds: float, zone: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone(timedelta(seconds=zone)))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
