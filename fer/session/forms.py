"""A lesson as text: JSON that holds everything and can be read again, CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from fer.emotions import EMOTIONS
from fer.errors import DataError, UsageError
from fer.session.alerts import Alert, Fired
from fer.session.lesson import Lesson, Moment
from fer.session.looks import LOOKS
from fer.session.seconds import ROW, Gap, pool
from fer.session.session import LONGEST, Session

FORMAT: Final = "fer-lesson"
VERSION: Final = 1
# What broken or hostile text may raise on its way.
FAULTS: Final = (
    *(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
    UsageError,
)
LARGEST: Final = 64 << 20  # characters; twelve hours take a tenth


def to_dict(session: Session) -> dict[str, Any]:
    """Everything that is known of a lesson but single faces, as JSON takes it."""
    rows, lesson = session.rows(), session.lesson
    told = np.flatnonzero(rows["frames"])
    return {
        "format": FORMAT,
        "version": VERSION,
        "lesson": asdict(lesson)
        | {
            "started": lesson.started.isoformat(),
            "acknowledged": lesson.acknowledged and lesson.acknowledged.isoformat(),
        },
        "ended": session.ended,
        "emotions": [*EMOTIONS],
        "looks": [*LOOKS],
        "seconds": {"second": told.tolist()}
        | {name: rows[name][told].tolist() for name in ROW.names or ()},
        "pauses": [asdict(pause) for pause in session.pauses],
        "moments": [asdict(moment) for moment in session.moments],
        "alerts": [asdict(fired) for fired in session.fired],
    }


def to_json(session: Session) -> str:
    """`to_dict` as text."""
    return json.dumps(to_dict(session), ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Session:
    """The lesson that `to_json` wrote."""
    try:
        if len(text) > LARGEST:
            raise ValueError("it is too large")
        return from_dict(json.loads(text))
    except FAULTS as fault:
        raise DataError(f"this is no lesson's file that can be read: {fault}") from fault


def from_dict(told: Mapping[str, Any]) -> Session:
    """The lesson that `to_dict` told; whatever is wrong with it raises."""
    if told["format"] != FORMAT or told["version"] != VERSION:
        raise ValueError(f"it is not of the format {FORMAT} {VERSION}")
    if told["emotions"] != [*EMOTIONS] or told["looks"] != [*LOOKS]:
        raise ValueError("its emotions or looks are others")
    columns = told["seconds"]
    rows = np.zeros(len(columns["second"]), ROW)
    for name in ROW.names or ():
        column = np.asarray(columns[name], np.float64).reshape(rows[name].shape)
        if not (np.isfinite(column).all() and (column >= 0).all()):
            raise ValueError(f"{name} holds what is no count")
        rows[name] = column
    lesson = dict(told["lesson"])
    for name in ("started", "acknowledged"):
        lesson[name] = lesson[name] and datetime.fromisoformat(lesson[name])
    return Session.restored(
        Lesson(**lesson),
        columns["second"],
        rows,
        pauses=[Gap("pause", *_stretch(one)) for one in told["pauses"]],
        moments=[Moment(one["kind"], one["text"], _time(one["time"])) for one in told["moments"]],
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


def to_csv(session: Session) -> str:
    """A row a second; cells stay empty where nothing is known.

    Columns: the second, the clock's time, faces in a picture, each emotion's mean probability, the
    share of faces with each look, the mood's balance, and which gap the second belongs to.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["second", "clock", "faces", *EMOTIONS, *LOOKS, "balance", "gap"])
    table.writerows(_seconds(session))
    return text.getvalue()


def _seconds(session: Session) -> Iterator[list[str]]:
    each, gaps, begun = pool(session.rows(), 1), session.gaps(), session.lesson.started
    numbers = np.column_stack([each.faces, each.shares, each.looks, each.balance])
    for second, row in enumerate(numbers):
        known = ["" if np.isnan(value) else f"{value:.4f}" for value in row]
        clock = (begun + timedelta(seconds=second)).replace(tzinfo=None, microsecond=0)
        yield [str(second), clock.isoformat(sep=" "), *known, _gap_at(gaps, second)]


def _gap_at(gaps: list[Gap], second: int) -> str:
    """The gap that a whole second lies in."""
    for gap in gaps:
        if gap.start <= second and (gap.end is None or second + 1 <= gap.end):
            return gap.kind
    return ""
