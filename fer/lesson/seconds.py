"""The numbers of a lesson: one row for each second, and means over stretches of time.

A row holds sums, so a longer stretch is the sum of its rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.lesson.indicators import INDICATORS, balance, indicators

Rows = npt.NDArray[np.void]
Array = npt.NDArray[np.float64]

ROW: Final = np.dtype(
    [
        ("frames", np.int32),  # pictures
        ("seen", np.int32),  # faces in them
        ("read", np.int32),  # of these, those with probabilities
        ("sums", np.float64, len(EMOTIONS)),  # of the probabilities
        ("words", np.int32, len(EMOTIONS)),  # faces whose most likely emotion it is
        (
            "looks",
            np.int32,
            len(INDICATORS),
        ),  # faces with each indicator (a stored name)
    ]
)
HOLE: Final = 3  # least seconds without a picture that count as a gap; a slow camera has fewer


@dataclass(frozen=True)
class Gap:
    """A stretch of time without numbers."""

    kind: str  # "pause", or "lost" if no picture came
    start: float
    end: float | None = None  # None while the pause lasts


@dataclass(frozen=True, eq=False)
class Series:
    """Means over equal stretches of a lesson; NaN for a stretch without data."""

    step: int  # length of a stretch in seconds
    times: Array  # the start of each stretch
    faces: Array  # mean number in a picture
    shares: Array  # (n, 7): mean probabilities
    words: Array  # (n, 7): share of the faces whose most likely emotion it is
    indicators: Array  # (n, 4): share of the faces that have it

    def __len__(self) -> int:
        return len(self.times)

    @property
    def balance(self) -> Array:
        """Return the mood line: happy minus the negative four, -1 to 1."""
        return balance(self.shares)

    def indicator(self, name: str) -> Array:
        """Return the share of faces with this indicator, for each stretch."""
        return np.asarray(self.indicators[:, INDICATORS.index(name)])


def count(faces: Faces) -> Rows:
    """Return one picture's faces as a row."""
    row = np.zeros((), ROW)
    read = faces.probabilities[faces.known]
    row["frames"], row["seen"], row["read"] = 1, len(faces), len(read)
    if len(read):
        row["sums"] = read.sum(axis=0, dtype=np.float64)
        row["words"] = np.bincount(read.argmax(axis=1), minlength=len(EMOTIONS))
        row["looks"] = indicators(read).sum(axis=0)
    return row


def pool(rows: Rows, step: int, first: int = 0) -> Series:
    """Return the means over stretches of `step` rows; the first row is second `first`."""
    stretches = -(-len(rows) // step)
    full = np.zeros(stretches * step, ROW)
    full[: len(rows)] = rows
    parts = full.reshape(stretches, step)
    sums = {name: parts[name].sum(axis=1, dtype=np.float64) for name in ROW.names or ()}
    read = sums["read"][:, None]
    return Series(
        step=step,
        times=first + step * np.arange(stretches, dtype=np.float64),
        faces=_means(sums["seen"], sums["frames"]),
        shares=_means(sums["sums"], read),
        words=_means(sums["words"], read),
        indicators=_means(sums["looks"], read),
    )


def series(rows: Rows, points: int = 600) -> Series:
    """Return the means over at most `points` equal stretches of at least a second each."""
    return pool(rows, max(-(-len(rows) // points), 1))


def whole(rows: Rows) -> Series:
    """Return the means over all rows, as one stretch."""
    return pool(rows if len(rows) else np.zeros(1, ROW), max(len(rows), 1))


def gaps(rows: Rows, pauses: Iterable[Gap]) -> list[Gap]:
    """Return the pauses, and the stretches outside them in which no picture came."""
    pauses = [*pauses]
    empty = rows["frames"] == 0
    for pause in pauses:
        end = len(rows) if pause.end is None else int(np.ceil(pause.end))
        empty[int(pause.start) : end] = False
    edges = np.flatnonzero(np.diff(np.r_[False, empty, False]))
    lost = [
        Gap("lost", float(start), float(end))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if end - start >= HOLE
    ]
    return sorted([*pauses, *lost], key=lambda gap: gap.start)


def _means(sums: Array, counts: Array) -> Array:
    means: Any = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return np.asarray(means, np.float64)
