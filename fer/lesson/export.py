"""A lesson as text: JSON that holds everything and can be read again, CSV for a spreadsheet."""

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
# What broken or hostile text may raise on its way.
FAULTS: Final = (
    *(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
    UsageError,
)
LARGEST: Final = 64 << 20  # characters; twelve hours take a tenth


def to_dict(lesson: Lesson) -> dict[str, Any]:
    """Everything that is known of a lesson but single faces, as JSON takes it."""
    rows, info = lesson.rows(), lesson.info
    told = np.flatnonzero(rows["frames"])
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
        "seconds": {"second": told.tolist()}
        | {name: rows[name][told].tolist() for name in ROW.names or ()},
        "pauses": [asdict(pause) for pause in lesson.pauses],
        "moments": [asdict(note) for note in lesson.notes],
        "alerts": [asdict(fired) for fired in lesson.fired],
    }


def to_json(lesson: Lesson) -> str:
    """`to_dict` as text."""
    return json.dumps(to_dict(lesson), ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Lesson:
    """The lesson that `to_json` wrote."""
    try:
        if len(text) > LARGEST:
            raise ValueError("it is too large")
        return from_dict(json.loads(text))
    except FAULTS as fault:
        raise DataError(f"this is no lesson's file that can be read: {fault}") from fault


def from_dict(told: Mapping[str, Any]) -> Lesson:
    """The lesson that `to_dict` told; whatever is wrong with it raises."""
    if told["format"] != FORMAT or told["version"] != VERSION:
        raise ValueError(f"it is not of the format {FORMAT} {VERSION}")
    if told["emotions"] != [*EMOTIONS] or told["looks"] != [*INDICATORS]:
        raise ValueError("its emotions or looks are others")
    columns = told["seconds"]
    rows = np.zeros(len(columns["second"]), ROW)
    for name in ROW.names or ():
        column = np.asarray(columns[name], np.float64).reshape(rows[name].shape)
        if not (np.isfinite(column).all() and (column >= 0).all()):
            raise ValueError(f"{name} holds what is no count")
        rows[name] = column
    info = dict(told["lesson"])
    for name in ("started", "acknowledged"):
        info[name] = info[name] and datetime.fromisoformat(info[name])
    return Lesson.restored(
        LessonInfo(**info),
        columns["second"],
        rows,
        pauses=[Gap("pause", *_stretch(one)) for one in told["pauses"]],
        notes=[Note(one["kind"], one["text"], _time(one["time"])) for one in told["moments"]],
        fired=[
            Fired(Alert(**one["alert"]), *_stretch(one), _time(one["peak"]))
            for one in told["alerts"]
        ],
        ended=None if told["ended"] is None else _time(told["ended"]),
    )


def _time(value: Any) -> float:
    if not 0 <= float(value) <= LONGEST:
        raise ValueError(f"{value} is no time in a lesson")
    return float(value)


def _stretch(one: Mapping[str, Any]) -> tuple[float, float | None]:
    return _time(one["start"]), None if one["end"] is None else _time(one["end"])


def to_csv(lesson: Lesson) -> str:
    """A row a second; cells stay empty where nothing is known.

    Columns: the second, the clock's time, faces in a picture, each emotion's mean probability, the
    share of faces with each look, the mood's balance, and which gap the second belongs to.
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
    """The gap that a whole second lies in."""
    for gap in missing:
        if gap.start <= second and (gap.end is None or second + 1 <= gap.end):
            return gap.kind
    return ""
