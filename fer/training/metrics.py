"""Compute how good answers are, in plain NumPy: every figure that a metrics.json holds.

All functions take probabilities, (n, classes), and the truth, (n,), an index into the classes. A
figure that the faces do not determine (for example the recall of an emotion that no face shows) is
None, never a made-up number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, TypedDict

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BINS: Final = 15
FIGURES: Final = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "per_class",
    "confusion",
    "roc_auc",
    "kappa",
    "log_loss",
    "ece",
)
LEAST: Final = 1e-12  # a probability of 0 for the truth would make the log-loss infinite
Z_95: Final = 1.959964  # the normal distribution's quantile for intervals of 95 %


# Faces whose top probability lies above `from` and at most at `to`: how many, their mean top
# probability, and the share of them that is right. (`from` is a Python keyword, so the class form
# of TypedDict cannot name it.)
Bin = TypedDict(
    "Bin",
    {"from": float, "to": float, "n": int, "confidence": float | None, "accuracy": float | None},
)


def figures(probabilities: Probabilities, truth: Ints, names: Sequence[str]) -> dict[str, Any]:
    """Return every figure of one set of answers against one truth; without faces, all None."""
    if not len(truth):
        return {"n": 0, **dict.fromkeys(FIGURES), "reliability": []}
    table = confusion(probabilities.argmax(axis=1), truth, len(names))
    bins = reliability(probabilities, truth)
    return {
        "n": len(truth),
        "accuracy": accuracy(table),
        "balanced_accuracy": balanced_accuracy(table),
        "macro_f1": macro_f1(table),
        "per_class": per_class(table, names),
        "confusion": table.tolist(),
        "roc_auc": roc_auc(probabilities, truth),
        "kappa": kappa(table),
        "log_loss": log_loss(probabilities, truth),
        "ece": calibration_error(bins),
        "reliability": bins,
    }


def confusion(answers: Ints, truth: Ints, classes: int) -> Ints:
    """Return how often each truth (row) was answered with each class (column)."""
    cells = np.bincount(truth * classes + answers, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def accuracy(table: Ints) -> float:
    """Return the share of a confusion matrix on its diagonal."""
    return float(np.trace(table) / table.sum())


def balanced_accuracy(table: Ints) -> float:
    """Return the mean recall of the classes that occur."""
    occurs = table.sum(axis=1)
    return float((np.diag(table)[occurs > 0] / occurs[occurs > 0]).mean())


def f_scores(table: Ints) -> list[float | None]:
    """Return each class's F1; None for one that neither occurs nor was answered."""
    right, either = np.diag(table), table.sum(axis=0) + table.sum(axis=1)
    return [_share(2 * int(hit), int(all_)) for hit, all_ in zip(right, either, strict=True)]


def macro_f1(table: Ints) -> float:
    """Return the mean F1 of the classes that occur or were answered."""
    return float(np.mean([score for score in f_scores(table) if score is not None]))


def per_class(table: Ints, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return precision, recall with its 95 % interval, F1 and the number of faces, by class."""
    occurs, answered, scores = table.sum(axis=1), table.sum(axis=0), f_scores(table)
    return {
        name: {
            "precision": _share(int(table[at, at]), int(answered[at])),
            "recall": _share(int(table[at, at]), int(occurs[at])),
            "recall_interval": wilson(int(table[at, at]), int(occurs[at])),
            "f1": scores[at],
            "n": int(occurs[at]),
        }
        for at, name in enumerate(names)
    }


def wilson(hits: int, n: int, z: float = Z_95) -> list[float] | None:
    """Return Wilson's interval of a share; None without faces.

    Unlike the usual interval it stays within 0 to 1, and it holds for the rare classes' few faces.
    """
    if not n:
        return None
    share, scale = hits / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    return [max(0.0, middle - half), min(1.0, middle + half)]


def kappa(table: Ints) -> float | None:
    """Return Cohen's kappa: agreement beyond what the row and column sums alone would give."""
    total = table.sum()
    by_chance = float((table.sum(axis=0) * table.sum(axis=1)).sum() / total**2)
    return None if by_chance >= 1 else (accuracy(table) - by_chance) / (1 - by_chance)


def roc_auc(probabilities: Probabilities, truth: Ints) -> float | None:
    """Return the mean over the classes of how often a face of it outranks one of another class."""
    areas = []
    for index in range(probabilities.shape[1]):
        shows = truth == index
        if shows.any() and not shows.all():
            areas.append(_area(probabilities[:, index], shows))
    return float(np.mean(areas)) if areas else None


def log_loss(probabilities: Probabilities, truth: Ints) -> float:
    """Return the mean of -log(probability given to the truth)."""
    given = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.clip(given, LEAST, 1)).mean())


def reliability(probabilities: Probabilities, truth: Ints, bins: int = BINS) -> list[Bin]:
    """Return confidence against accuracy, in equal-width bins of the top probability."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    table: list[Bin] = []
    for at in range(bins):
        inside = place == at
        some = bool(inside.any())
        table.append(
            {
                "from": at / bins,
                "to": (at + 1) / bins,
                "n": int(inside.sum()),
                "confidence": float(confidence[inside].mean()) if some else None,
                "accuracy": float(right[inside].mean()) if some else None,
            }
        )
    return table


def calibration_error(table: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean gap in a reliability table, by faces."""
    gaps = [
        row["n"] * abs(row["confidence"] - row["accuracy"])
        for row in table
        if row["confidence"] is not None and row["accuracy"] is not None
    ]
    return float(sum(gaps) / sum(row["n"] for row in table))


def further(probabilities: Probabilities, truth: Ints) -> dict[str, float | None]:
    """Return ten more figures that reports on this data set list."""
    answers = probabilities.argmax(axis=1)
    table = confusion(answers, truth, probabilities.shape[1])
    mse = mean_squared_error(answers, truth)
    return {
        "error_rate": 1 - accuracy(table),
        "accuracy": accuracy(table),
        "r2": r2(answers, truth),
        "roc_auc": roc_auc(probabilities, truth),
        "mse": mse,
        "rmse": float(np.sqrt(mse)),
        "explained_variance": explained_variance(answers, truth),
        "kappa": kappa(table),
        "precision": macro_precision(table),
        "jaccard": macro_jaccard(table),
    }


def mean_squared_error(answers: Ints, truth: Ints) -> float:
    """Return the mean squared difference of the classes' numbers."""
    return float(np.mean((answers - truth) ** 2.0))


def r2(answers: Ints, truth: Ints) -> float | None:
    """Return 1 - squared error / squared error of always answering the mean."""
    return _one_minus(mean_squared_error(answers, truth), float(np.var(truth)))


def explained_variance(answers: Ints, truth: Ints) -> float | None:
    """Return R² with the error's mean taken off: being always one too high costs nothing."""
    return _one_minus(float(np.var(truth - answers)), float(np.var(truth)))


def macro_precision(table: Ints) -> float:
    """Return the mean share of right answers by class; 0 for one that is never answered."""
    return _mean_share(np.diag(table), table.sum(axis=0), table)


def macro_jaccard(table: Ints) -> float:
    """Return the mean over the classes of hits among all faces that are of it or were called it."""
    hits = np.diag(table)
    return _mean_share(hits, table.sum(axis=0) + table.sum(axis=1) - hits, table)


def rounded(value: Any, places: int = 6) -> Any:
    """Return `value` with every float in it rounded, so that files stay readable and comparable."""
    if isinstance(value, dict):
        return {key: rounded(inner, places) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner, places) for inner in value]
    return round(value, places) if isinstance(value, float) else value


def _area(scores: Probabilities, shows: Bools) -> float:
    """Return the area under one ROC curve by ranks (Mann and Whitney's U); a tie counts half."""
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    with_it, without = int(shows.sum()), int((~shows).sum())
    return float((rank[shows].sum() - with_it * (with_it + 1) / 2) / (with_it * without))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _one_minus(part: float, whole: float) -> float | None:
    return 1 - part / whole if whole else None


def _mean_share(hits: Any, among: Any, table: Ints) -> float:
    """Return the mean over the classes that occur or were answered."""
    counts = (table.sum(axis=0) + table.sum(axis=1)) > 0
    return float(np.mean(hits[counts] / np.maximum(among[counts], 1)))
