"""Follow single faces over the last minutes, if the teacher switched that on.

The data stays in memory and ends with the lesson: it is neither stored nor written into a report.
A face is forgotten KEPT seconds after it was last seen; beyond MOST faces, the one that was not
seen for the longest time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.faces import NOBODY, Faces
from fer.lesson.indicators import INDICATORS, indicators

KEPT: Final = 300  # seconds of each face's past
MOST: Final = 200  # faces
JUDGED: Final = 60  # newest seconds, from which a face's concern is computed
ENOUGH: Final = 20  # of these seconds, how many must hold a reading
OFTEN: Final = 0.5  # least share of negative or confused seconds for `may_need_attention`
UNSEEN: Final = -1  # stands for an emotion's index in a second without a reading

_CONCERNS: Final = [INDICATORS.index("negative"), INDICATORS.index("confused")]


@dataclass(frozen=True, eq=False)
class Person:
    """One followed face. It has a number and no name."""

    id: int
    words: npt.NDArray[np.int8]  # one a second, the newest last: index in EMOTIONS, or UNSEEN
    stability: float  # share of seconds with the same word as the one before; NaN before two
    concern: float  # share of the last minute that was negative or confused; NaN: too few

    @property
    def word(self) -> str | None:
        """Return the emotion of the newest second with a reading; None before the first."""
        read = self.words[self.words != UNSEEN]
        return EMOTIONS[read[-1]] if len(read) else None

    @property
    def may_need_attention(self) -> bool:
        """Return True if the face was often negative or confused: a reason to ask the person."""
        return self.concern >= OFTEN


class People:
    """Keeps each face's last minutes in ring buffers, one entry a second."""

    def __init__(self) -> None:
        self._place: dict[int, int] = {}  # each face's id and its row in the arrays below
        self._second = -1
        self._sums = np.zeros((MOST, len(EMOTIONS)))  # of the current second
        self._words = np.full((MOST, KEPT), UNSEEN, np.int8)
        self._concerns = np.zeros((MOST, KEPT), bool)
        self._last = np.full(MOST, -KEPT)  # the second in which each face was last seen

    def add(self, faces: Faces, second: int) -> None:
        """Add one picture's faces; ignore a picture from before the current second."""
        if second < self._second:
            return
        if second > self._second:
            self._close_second(second)
        read = faces[faces.known & (faces.ids != NOBODY)]
        places = [self._row(id, second) for id in read.ids.tolist()]
        np.add.at(self._sums, places, read.probabilities)
        self._last[places] = second

    def all(self) -> list[Person]:
        """Return all faces: the largest concern first, then the lowest id."""
        people = [self._person(id, place) for id, place in self._place.items()]
        return sorted(people, key=lambda one: (-np.nan_to_num(one.concern, nan=-1.0), one.id))

    def _close_second(self, second: int) -> None:
        """Write the current second into the ring buffers, and clear them up to the new second."""
        read = self._sums.any(axis=1)
        total = self._sums[read].sum(axis=1, keepdims=True)
        at = self._second % KEPT
        self._words[read, at] = self._sums[read].argmax(axis=1)
        self._concerns[read, at] = indicators(self._sums[read] / total)[:, _CONCERNS].any(axis=1)
        self._sums[:] = 0
        passed = range(max(self._second + 1, second - KEPT + 1), second + 1)
        self._words[:, [one % KEPT for one in passed]] = UNSEEN
        self._second = second
        for id in [id for id, row in self._place.items() if self._last[row] <= second - KEPT]:
            del self._place[id]

    def _row(self, id: int, second: int) -> int:
        """Return the row of a face; a new face may take over the row of a forgotten one."""
        known = self._place.get(id)
        if known is not None:
            return known
        if len(self._place) == MOST:
            del self._place[min(self._place, key=lambda one: (self._last[self._place[one]], one))]
        row = min(set(range(MOST)) - set(self._place.values()))
        self._words[row], self._sums[row], self._last[row] = UNSEEN, 0, second
        self._place[id] = row
        return row

    def _person(self, id: int, row: int) -> Person:
        # The current second is left out: it is not in the ring buffers yet.
        order = np.arange(self._second - KEPT + 1, self._second) % KEPT
        words = self._words[row, order]
        read = words[words != UNSEEN]
        same = float((read[1:] == read[:-1]).mean()) if len(read) > 1 else float("nan")
        lately = words[-JUDGED:] != UNSEEN
        concerns = self._concerns[row, order][-JUDGED:][lately]
        concern = float(concerns.mean()) if lately.sum() >= ENOUGH else float("nan")
        return Person(id, words, same, concern)
