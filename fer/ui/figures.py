"""model/metrics.json as the page needs it: numbers, and sentences that a teacher can use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fer.emotions import EMOTIONS
from fer.errors import ModelError

TENTHS: Final = (
    "hardly any",
    "about one",
    "about two",
    "about three",
    "about four",
    "about five",
    "about six",
    "about seven",
    "about eight",
    "about nine",
    "nearly all",
)
FEW: Final = 50  # with fewer faces a share is too loose to lean on


@dataclass(frozen=True)
class Bin:
    """The faces of which the network was about equally sure."""

    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Figures:
    """What was measured of one head against its own truth."""

    head: str
    split: str
    n: int
    accuracy: float
    balanced_accuracy: float
    ece: float
    confusion: list[list[int]]  # rows: the truth; columns: what the network said
    reliability: list[Bin]

    def rows(self) -> list[list[float]]:
        """The confusion as shares of each row."""
        return [[_share(count, sum(row)) for count in row] for row in self.confusion]

    def recall(self) -> dict[str, float]:
        """Of the faces that are each emotion, the share that is found."""
        rows = self.rows()
        return {name: rows[at][at] for at, name in enumerate(EMOTIONS)}

    def precision(self) -> dict[str, float]:
        """Of the faces called each emotion, the share that is."""
        return {
            name: _share(self.confusion[at][at], sum(self._column(at)))
            for at, name in enumerate(EMOTIONS)
        }

    def when_it_says(self, emotion: str) -> str:
        """One line: how far to trust this word."""
        at = EMOTIONS.index(emotion)
        column = self._column(at)
        if not sum(column):
            return f"It called no face **{emotion}**."
        tenths = _tenths(self.precision()[emotion])
        line = f"Of ten faces it calls **{emotion}**, **{TENTHS[tenths]}** {_are(tenths)}"
        return line + _rest(column, at, tenths, "are mostly") + _few(sum(column))

    def when_it_is(self, emotion: str) -> str:
        """One line: how many of these faces it finds."""
        at = EMOTIONS.index(emotion)
        row = self.confusion[at]
        if not sum(row):
            return f"There was no **{emotion}** face to find."
        tenths = _tenths(self.recall()[emotion])
        line = f"Of ten **{emotion}** faces it finds **{TENTHS[tenths]}**"
        return line + _rest(row, at, tenths, "are mostly called") + _few(sum(row))

    def _column(self, at: int) -> list[int]:
        return [row[at] for row in self.confusion]


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """What `python -m fer evaluate` wrote beside the model; None where it was not measured yet."""
    path = folder / "metrics.json"
    if not path.exists():
        return None
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError) as fault:
        raise ModelError(f"{path}: not readable ({fault})") from fault
    if not isinstance(read, dict):
        raise ModelError(f"{path}: not a table of figures")
    return read


def figures(metrics: dict[str, Any], head: str) -> Figures:
    """One head's figures; those at the top level where the head has none of its own."""
    found = (metrics.get("heads") or {}).get(head, metrics)
    try:
        confusion = [[int(count) for count in row] for row in found["confusion"]]
        if [len(row) for row in confusion] != [len(EMOTIONS)] * len(EMOTIONS):
            raise ValueError("the confusion is not 7 by 7")
        return Figures(
            head=head,
            split=str(metrics["split"]),
            n=int(found["n"]),
            accuracy=float(found["accuracy"]),
            balanced_accuracy=float(found["balanced_accuracy"]),
            ece=float(found["ece"]),
            confusion=confusion,
            reliability=[
                Bin(int(one["n"]), float(one["confidence"]), float(one["accuracy"]))
                for one in found.get("reliability") or []
                if one["n"]
            ],
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise ModelError(f"metrics.json: no figures of the head {head} ({fault})") from fault


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _tenths(share: float) -> int:
    return int(10 * share + 0.5)


def _are(tenths: int) -> str:
    return "is" if tenths == 1 else "are"


def _rest(counts: list[int], at: int, tenths: int, verb: str) -> str:
    others = [0 if other == at else count for other, count in enumerate(counts)]
    if tenths == 10 or not any(others):
        return "."
    return f"; the others {verb} {EMOTIONS[others.index(max(others))]}."


def _few(n: int) -> str:
    return f" (Only {n} such faces were seen: a loose figure.)" if n < FEW else ""
