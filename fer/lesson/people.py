"""Single faces over the last minutes, only where the teacher switched that on.

This stays in memory and ends with the lesson: it is neither stored nor written into a report. A
face is forgotten KEPT seconds after it was seen last, and the oldest first when there are MOST.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.faces import NOBODY, Faces
from fer.lesson.indicators import INDICATORS, indicators

KEPT: Final = 300  # seconds
MOST: Final = 200  # faces
JUDGED: Final = 60  # seconds that the order takes into account
ENOUGH: Final = 20  # seconds of them in which a face must have been read
OFTEN: Final = 0.5  # share of these seconds that were negative or confused
UNSEEN: Final = -1  # instead of an emotion's index

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
        """The word of the newest second in which the face was read."""
        read = self.words[self.words != UNSEEN]
        return EMOTIONS[read[-1]] if len(read) else None

    @property
    def may_need_attention(self) -> bool:
        """Whether the rule above is met. It is a reason to ask, never an answer."""
        return self.concern >= OFTEN


class People:
    """Keeps each face's last minutes in ring buffers, one entry a second."""

    def __init__(self) -> None:
        self._place: dict[int, int] = {}  # from a face's id to its row below
        self._second = -1
        self._sums = np.zeros((MOST, len(EMOTIONS)))  # of the current second
        self._words = np.full((MOST, KEPT), UNSEEN, np.int8)
        self._concerns = np.zeros((MOST, KEPT), bool)
        self._last = np.full(MOST, -KEPT)  # the second in which each was seen last

    def add(self, faces: Faces, second: int) -> None:
        """Add one picture's faces; pictures older than the current second are ignored."""
        if second < self._second:
            return
        if second > self._second:
            self._close_second(second)
        read = faces[faces.known & (faces.ids != NOBODY)]
        places = [self._row(id, second) for id in read.ids.tolist()]
        np.add.at(self._sums, places, read.probabilities)
        self._last[places] = second

    def all(self) -> list[Person]:
        """Return everybody, largest concern first, then the longest known."""
        people = [self._person(id, place) for id, place in self._place.items()]
        return sorted(people, key=lambda one: (-np.nan_to_num(one.concern, nan=-1.0), one.id))

    def _close_second(self, second: int) -> None:
        """Close the current second, and clear the ring buffers up to the new one."""
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
        # The current second is not closed yet: its entry in the ring is empty and left out.
        order = np.arange(self._second - KEPT + 1, self._second) % KEPT
        words = self._words[row, order]
        read = words[words != UNSEEN]
        same = float((read[1:] == read[:-1]).mean()) if len(read) > 1 else float("nan")
        lately = words[-JUDGED:] != UNSEEN
        concerns = self._concerns[row, order][-JUDGED:][lately]
        concern = float(concerns.mean()) if lately.sum() >= ENOUGH else float("nan")
        return Person(id, words, same, concern)
