"""Read model/metrics.json: the measured accuracy of the network in model/."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.vision.classifier import runtime_folder


@dataclass(frozen=True)
class Bin:
    """The faces for which the network's confidence was in one interval."""

    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Shifted:
    """What was measured of one head on the same faces in worse pictures."""

    name: str  # of the change, as `evaluate --shifts` calls it
    accuracy: float
    balanced_accuracy: float
    ece: float


@dataclass(frozen=True)
class Figures:
    """What was measured of one head against the labels that it was trained on."""

    head: str
    split: str
    n: int
    accuracy: float
    balanced_accuracy: float
    ece: float
    confusion: list[list[int]]  # rows: the label; columns: the network's answer
    reliability: list[Bin]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)  # of the recall, 95 %

    def rows(self) -> list[list[float]]:
        """Return the confusion matrix as shares of each row."""
        return [[_share(count, sum(row)) for count in row] for row in self.confusion]

    def recall(self) -> dict[str, float]:
        """Return each emotion's recall: the share of its faces that the network recognised."""
        rows = self.rows()
        return {name: rows[at][at] for at, name in enumerate(EMOTIONS)}

    def precision(self) -> dict[str, float]:
        """Return each emotion's precision: the share of faces so named that are labelled so."""
        return {
            name: _share(self.confusion[at][at], sum(self.column(at)))
            for at, name in enumerate(EMOTIONS)
        }

    def column(self, at: int) -> list[int]:
        return [row[at] for row in self.confusion]


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """Return what `python -m fer evaluate` wrote beside the model; None if it was not run yet."""
    path = runtime_folder(folder) / "metrics.json"
    if not path.exists():
        return None
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError) as fault:
        raise ModelError(f"{path}: cannot be read ({fault})") from fault
    if not isinstance(read, dict):
        raise ModelError(f"{path}: not a JSON object")
    return read


def figures(metrics: dict[str, Any], head: str) -> Figures:
    """Return one head's figures, or those at the top level if the head has none of its own."""
    found = (metrics.get("heads") or {}).get(head, metrics)
    try:
        confusion = [[int(count) for count in row] for row in found["confusion"]]
        if [len(row) for row in confusion] != [len(EMOTIONS)] * len(EMOTIONS):
            raise ValueError("the confusion matrix is not 7 by 7")
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
            intervals={
                name: (float(one["recall_interval"][0]), float(one["recall_interval"][1]))
                for name, one in (found.get("per_class") or {}).items()
                if one.get("recall_interval")
            },
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise ModelError(f"metrics.json: no figures of the head {head} ({fault})") from fault


def shifts(metrics: dict[str, Any], head: str) -> list[Shifted]:
    """One head's figures in worse pictures; none where `--shifts` was not asked for."""
    try:
        return [
            Shifted(
                name,
                *(float(found[head][key]) for key in ("accuracy", "balanced_accuracy", "ece")),
            )
            for name, found in (metrics.get("shifts") or {}).items()
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        raise ModelError(f"metrics.json: no shifts of the head {head} ({fault})") from fault


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
