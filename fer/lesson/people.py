"""Single faces over the last minutes, only where the teacher switched that on.

This stays in memory and goes with the lesson: it is neither stored nor written into a report. The
oldest face is forgotten first, and so is every face that was not seen for as long as is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.faces import NOBODY, Faces
from fer.lesson.indicators import INDICATORS, looks

KEPT: Final = 300  # seconds
MOST: Final = 200  # faces
JUDGED: Final = 60  # seconds that the order looks back on
ENOUGH: Final = 20  # seconds of them in which a face must have been read
OFTEN: Final = 0.5  # of these seconds it looked negative or confused
UNSEEN: Final = -1  # in the place of a word

_CONCERNS: Final = [INDICATORS.index("negative"), INDICATORS.index("confused")]


@dataclass(frozen=True, eq=False)
class Person:
    """What is known of one followed face. It has a number, and no name."""

    id: int
    words: npt.NDArray[np.int8]  # a second each, the newest last; places in EMOTIONS, or UNSEEN
    stability: float  # of the seconds after another one, those with the same word; NaN before any
    concern: float  # of the last minute's seconds, those looking negative or confused; NaN: too few

    @property
    def word(self) -> str | None:
        """The word of the newest second in which the face was read."""
        read = self.words[self.words != UNSEEN]
        return EMOTIONS[read[-1]] if len(read) else None

    @property
    def may_need_attention(self) -> bool:
        """By the stated rule; it is a reason to ask, never an answer."""
        return self.concern >= OFTEN


class People:
    """Counts each face's second, and keeps the last minutes of them in rings."""

    def __init__(self) -> None:
        self._place: dict[int, int] = {}  # a face's id: its row below
        self._second = -1
        self._sums = np.zeros((MOST, len(EMOTIONS)))  # of the second that runs
        self._words = np.full((MOST, KEPT), UNSEEN, np.int8)
        self._concerns = np.zeros((MOST, KEPT), bool)
        self._last = np.full(MOST, -KEPT)  # the second in which each was seen last

    def add(self, faces: Faces, second: int) -> None:
        """The faces of one picture; what is older than the running second is left out."""
        if second < self._second:
            return
        if second > self._second:
            self._turn(second)
        read = faces[faces.known & (faces.ids != NOBODY)]
        places = [self._row(id, second) for id in read.ids.tolist()]
        np.add.at(self._sums, places, read.probabilities)
        self._last[places] = second

    def all(self) -> list[Person]:
        """Everybody, those first who may need attention: largest concern, then longest known."""
        people = [self._person(id, place) for id, place in self._place.items()]
        return sorted(people, key=lambda one: (-np.nan_to_num(one.concern, nan=-1.0), one.id))

    def _turn(self, second: int) -> None:
        """Closes the running second, and empties the rings' places up to the new one."""
        read = self._sums.any(axis=1)
        total = self._sums[read].sum(axis=1, keepdims=True)
        at = self._second % KEPT
        self._words[read, at] = self._sums[read].argmax(axis=1)
        self._concerns[read, at] = looks(self._sums[read] / total)[:, _CONCERNS].any(axis=1)
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
        # The running second is not closed yet, so its place in the ring stands empty and is left.
        order = np.arange(self._second - KEPT + 1, self._second) % KEPT
        words = self._words[row, order]
        read = words[words != UNSEEN]
        same = float((read[1:] == read[:-1]).mean()) if len(read) > 1 else float("nan")
        lately = words[-JUDGED:] != UNSEEN
        concerns = self._concerns[row, order][-JUDGED:][lately]
        concern = float(concerns.mean()) if lately.sum() >= ENOUGH else float("nan")
        return Person(id, words, same, concern)
