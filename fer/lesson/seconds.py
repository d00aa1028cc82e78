"""A row a second: what was counted in it, and what such rows say together.

Everything is kept as sums, so that any stretch of time is the sum of its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.lesson.indicators import INDICATORS, balance, looks

Rows = npt.NDArray[np.void]
Array = npt.NDArray[np.float64]

ROW: Final = np.dtype(
    [
        ("frames", np.int32),  # pictures
        ("seen", np.int32),  # faces in them
        ("read", np.int32),  # of these, with probabilities
        ("sums", np.float64, len(EMOTIONS)),  # of the probabilities
        ("words", np.int32, len(EMOTIONS)),  # faces whose first word it is
        ("looks", np.int32, len(INDICATORS)),  # faces that look so
    ]
)
HOLE: Final = 3  # seconds without a picture that count as a gap; fewer are a slow camera


@dataclass(frozen=True)
class Gap:
    """A stretch that nothing is known of: "pause", or "lost" where no picture came."""

    kind: str
    start: float
    end: float | None = None  # None while the pause lasts


@dataclass(frozen=True, eq=False)
class Series:
    """Means over equal stretches of a lesson; NaN where nothing was seen, or nothing read."""

    step: int  # seconds a stretch
    times: Array  # where each begins
    faces: Array  # in a picture
    shares: Array  # (n, 7): mean probabilities
    words: Array  # (n, 7): share of the faces whose first word it is
    looks: Array  # (n, 4): share of the faces that look so

    def __len__(self) -> int:
        return len(self.times)

    @property
    def balance(self) -> Array:
        """The mood line: happy less the negative four, -1 to 1."""
        return balance(self.shares)

    def look(self, name: str) -> Array:
        """One look's share of the faces."""
        return np.asarray(self.looks[:, INDICATORS.index(name)])


def count(faces: Faces) -> Rows:
    """One picture's faces as a row."""
    row = np.zeros((), ROW)
    read = faces.probabilities[faces.known]
    row["frames"], row["seen"], row["read"] = 1, len(faces), len(read)
    if len(read):
        row["sums"] = read.sum(axis=0, dtype=np.float64)
        row["words"] = np.bincount(read.argmax(axis=1), minlength=len(EMOTIONS))
        row["looks"] = looks(read).sum(axis=0)
    return row


def pool(rows: Rows, step: int, first: int = 0) -> Series:
    """Stretches of `step` rows, of which the first one is second number `first`."""
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
        looks=_means(sums["looks"], read),
    )


def holes(rows: Rows, pauses: list[Gap]) -> list[Gap]:
    """The pauses, and the stretches outside them in which no picture came."""
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
