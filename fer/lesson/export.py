"""Write a lesson as JSON, which can be read again, and as CSV for a spreadsheet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from fer.emotions import EMOTIONS
from fer.errors import DataError, UsageError
from fer.lesson.alerts import Alert, Fired
from fer.lesson.indicators import INDICATORS
from fer.lesson.lesson import LONGEST, Lesson, LessonInfo, Note
from fer.lesson.seconds import ROW, Gap, gaps, pool
from fer.tables import csv_text

FORMAT: Final = "fer-lesson"
VERSION: Final = 1
# What `from_dict` may raise for broken or hostile text.
FAULTS: Final = (
    *(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
    UsageError,
)
LARGEST: Final = 64 << 20  # characters; a lesson of twelve hours takes a tenth of it


def to_dict(lesson: Lesson) -> dict[str, Any]:
    """Return all numbers of a lesson except those of single faces, ready for JSON."""
    rows, info = lesson.rows(), lesson.info
    filled = np.flatnonzero(rows["frames"])
    return {
        "format": FORMAT,
        "version": VERSION,
        "lesson": asdict(info)
        | {
            "started": info.started.isoformat(),
            "acknowledged": info.acknowledged and info.acknowledged.isoformat(),
        },
        "ended": lesson.ended,
        "emotions": [*EMOTIONS],
        "looks": [*INDICATORS],
        "seconds": {"second": filled.tolist()}
        | {name: rows[name][filled].tolist() for name in ROW.names or ()},
        "pauses": [asdict(pause) for pause in lesson.pauses],
        "moments": [asdict(note) for note in lesson.notes],
        "alerts": [asdict(fired) for fired in lesson.fired],
    }


def to_json(lesson: Lesson) -> str:
    """Return a lesson as JSON text; `from_json` reads it."""
    return json.dumps(to_dict(lesson), ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Lesson:
    """Return the lesson that `to_json` wrote; raise DataError for any other text."""
    try:
        if len(text) > LARGEST:
            raise ValueError(f"it has more than {LARGEST} characters")
        return from_dict(json.loads(text))
    except FAULTS as fault:
        raise DataError(f"this file holds no lesson that can be read: {fault}") from fault


def from_dict(data: Mapping[str, Any]) -> Lesson:
    """Return the lesson that `to_dict` wrote; raise one of FAULTS for other data."""
    if data["format"] != FORMAT or data["version"] != VERSION:
        raise ValueError(f"it is not of the format {FORMAT} {VERSION}")
    if data["emotions"] != [*EMOTIONS] or data["looks"] != [*INDICATORS]:
        raise ValueError("it has other emotions or indicators than this program")
    columns = data["seconds"]
    rows = np.zeros(len(columns["second"]), ROW)
    for name in ROW.names or ():
        column = np.asarray(columns[name], np.float64).reshape(rows[name].shape)
        if not (np.isfinite(column).all() and (column >= 0).all()):
            raise ValueError(f"{name} holds a negative or infinite number")
        rows[name] = column
    info = dict(data["lesson"])
    for name in ("started", "acknowledged"):
        info[name] = info[name] and datetime.fromisoformat(info[name])
    return Lesson.restored(
        LessonInfo(**info),
        columns["second"],
        rows,
        pauses=[Gap("pause", *_stretch(one)) for one in data["pauses"]],
        notes=[Note(one["kind"], one["text"], _time(one["time"])) for one in data["moments"]],
        fired=[
            Fired(Alert(**one["alert"]), *_stretch(one), _time(one["peak"]))
            for one in data["alerts"]
        ],
        ended=None if data["ended"] is None else _time(data["ended"]),
    )


def _time(value: Any) -> float:
    if not 0 <= float(value) <= LONGEST:
        raise ValueError(f"{value} is not a time between 0 and {LONGEST} seconds")
    return float(value)


def _stretch(one: Mapping[str, Any]) -> tuple[float, float | None]:
    return _time(one["start"]), None if one["end"] is None else _time(one["end"])


def to_csv(lesson: Lesson) -> str:
    """Return a CSV table with a row for each second; unknown values are empty cells.

    Columns: the second, the clock's time, faces in a picture, each emotion's mean probability, the
    share of faces with each indicator, the mood's balance, and the kind of gap, if any.
    """
    columns = ("second", "clock", "faces", *EMOTIONS, *INDICATORS, "balance", "gap")
    return csv_text(columns, _seconds(lesson))


def _seconds(lesson: Lesson) -> Iterator[list[str]]:
    each, missing, begun = (
        pool(lesson.rows(), 1),
        gaps(lesson.rows(), lesson.pauses),
        lesson.info.started,
    )
    numbers = np.column_stack([each.faces, each.shares, each.indicators, each.balance])
    for second, row in enumerate(numbers):
        known = ["" if np.isnan(value) else f"{value:.4f}" for value in row]
        clock = (begun + timedelta(seconds=second)).replace(tzinfo=None, microsecond=0)
        yield [str(second), clock.isoformat(sep=" "), *known, _gap_at(missing, second)]


def _gap_at(missing: list[Gap], second: int) -> str:
    """Return the kind of the gap that this whole second lies in, or ""."""
    for gap in missing:
        if gap.start <= second and (gap.end is None or second + 1 <= gap.end):
            return gap.kind
    return ""
