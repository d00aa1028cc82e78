"""model/metrics.json as the page needs it: numbers, and sentences that a teacher can use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer.classify import runtime_folder
from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.report.trust import FEW
from fer.ui.words import say


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
        column, said = self._column(EMOTIONS.index(emotion)), word(emotion)
        if not sum(column):
            return say("model.says.never", word=said) + say("model.end")
        tenths = _tenths(self.precision()[emotion])
        line = {
            0: say("model.says.none", word=said),
            1: say("model.says.one", word=said),
            10: say("model.says.all", word=said),
        }.get(tenths) or say("model.says.many", word=said, number=_number(tenths))
        other = _most_of_the_rest(column, emotion) if tenths < 10 else None
        rest = say("model.says.rest", other=other) if other else say("model.end")
        return line + rest + _few(sum(column))

    def when_it_is(self, emotion: str) -> str:
        """One line: how many of these faces it finds."""
        row, said = self.confusion[EMOTIONS.index(emotion)], word(emotion)
        if not sum(row):
            return say("model.finds.never", word=said) + say("model.end")
        tenths = _tenths(self.recall()[emotion])
        line = {
            0: say("model.finds.none", word=said),
            1: say("model.finds.one", word=said),
            10: say("model.finds.all", word=said),
        }.get(tenths) or say("model.finds.many", word=said, number=_number(tenths))
        other = _most_of_the_rest(row, emotion) if tenths < 10 else None
        rest = say("model.finds.rest", other=other) if other else say("model.end")
        return line + rest + _few(sum(row))

    def _column(self, at: int) -> list[int]:
        return [row[at] for row in self.confusion]


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """What `python -m fer evaluate` wrote beside the model; None where it was not measured yet."""
    path = runtime_folder(folder) / "metrics.json"
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


def word(emotion: str) -> str:
    """An emotion's word alone, for sentences and axes."""
    return say(f"emotion.{emotion}")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _tenths(share: float) -> int:
    return int(10 * share + 0.5)


def _number(tenths: int) -> str:
    return say("model.numbers").split()[tenths]


def _most_of_the_rest(counts: list[int], emotion: str) -> str | None:
    """The word that most of the other faces have; None where there are none."""
    others = dict(zip(EMOTIONS, counts, strict=True)) | {emotion: 0}
    most = max(others, key=others.__getitem__)
    return word(most) if others[most] else None


def _few(n: int) -> str:
    return f" {say('model.few', n=n)}" if n < FEW else ""
