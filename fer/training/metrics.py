"""How good answers are, in plain NumPy: every figure that a metrics.json holds.

All take probabilities, (n, classes), and the truth, (n,), an index into the classes. A figure that
the faces cannot tell (the recall of an emotion nobody shows, say) is None, never a made-up number.
"""

from __future__ import annotations

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
LEAST: Final = 1e-12  # a probability of 0 for what was true would make the log-loss infinite


# Faces whose top probability lies above `from` and at most at `to`: how many, its mean, and the
# share of them that is right. (`from` is a word of Python's, so the class form cannot say it.)
Bin = TypedDict(
    "Bin",
    {"from": float, "to": float, "n": int, "confidence": float | None, "accuracy": float | None},
)


def confusion(said: Ints, truth: Ints, classes: int) -> Ints:
    """How often each truth (row) was called each class (column)."""
    cells = np.bincount(truth * classes + said, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def accuracy(table: Ints) -> float:
    """The share of a confusion matrix on its diagonal."""
    return float(np.trace(table) / table.sum())


def balanced_accuracy(table: Ints) -> float:
    """The mean recall of the classes that occur."""
    shown = table.sum(axis=1)
    return float((np.diag(table)[shown > 0] / shown[shown > 0]).mean())


def f_scores(table: Ints) -> list[float | None]:
    """Each class's F1; None for one that neither occurs nor was said."""
    right, seen = np.diag(table), table.sum(axis=0) + table.sum(axis=1)
    return [_share(2 * int(hit), int(all_)) for hit, all_ in zip(right, seen, strict=True)]


def macro_f1(table: Ints) -> float:
    """The mean F1 of the classes that occur or were said."""
    return float(np.mean([score for score in f_scores(table) if score is not None]))


def per_class(table: Ints, names: Sequence[str]) -> dict[str, dict[str, float | int | None]]:
    """Precision, recall, F1 and number of faces, a class a name."""
    shown, said, scores = table.sum(axis=1), table.sum(axis=0), f_scores(table)
    return {
        name: {
            "precision": _share(int(table[at, at]), int(said[at])),
            "recall": _share(int(table[at, at]), int(shown[at])),
            "f1": scores[at],
            "n": int(shown[at]),
        }
        for at, name in enumerate(names)
    }


def kappa(table: Ints) -> float | None:
    """Cohen's kappa: agreement beyond what the two sums alone would give."""
    total = table.sum()
    by_chance = float((table.sum(axis=0) * table.sum(axis=1)).sum() / total**2)
    return None if by_chance >= 1 else (accuracy(table) - by_chance) / (1 - by_chance)


def roc_auc(probabilities: Probabilities, truth: Ints) -> float | None:
    """Mean over the classes of how often a face that shows it outranks one that does not."""
    areas = []
    for index in range(probabilities.shape[1]):
        shows = truth == index
        if shows.any() and not shows.all():
            areas.append(_area(probabilities[:, index], shows))
    return float(np.mean(areas)) if areas else None


def _area(scores: Probabilities, shows: Bools) -> float:
    """Area under one ROC curve by ranks (Mann and Whitney's U); a tie counts half."""
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    with_it, without = int(shows.sum()), int((~shows).sum())
    return float((rank[shows].sum() - with_it * (with_it + 1) / 2) / (with_it * without))


def log_loss(probabilities: Probabilities, truth: Ints) -> float:
    """The mean of -log(probability given to what was true)."""
    given = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.clip(given, LEAST, 1)).mean())


def reliability(probabilities: Probabilities, truth: Ints, bins: int = BINS) -> list[Bin]:
    """The faces in equal-width bins of their top probability: how sure against how often right."""
    sure = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    place = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    table: list[Bin] = []
    for at in range(bins):
        inside = place == at
        some = bool(inside.any())
        table.append(
            {
                "from": at / bins,
                "to": (at + 1) / bins,
                "n": int(inside.sum()),
                "confidence": float(sure[inside].mean()) if some else None,
                "accuracy": float(right[inside].mean()) if some else None,
            }
        )
    return table


def calibration_error(table: Sequence[Bin]) -> float:
    """Expected calibration error: the mean gap in a reliability table, weighted by faces."""
    gaps = [
        row["n"] * abs(row["confidence"] - row["accuracy"])
        for row in table
        if row["confidence"] is not None and row["accuracy"] is not None
    ]
    return float(sum(gaps) / sum(row["n"] for row in table))


def figures(probabilities: Probabilities, truth: Ints, names: Sequence[str]) -> dict[str, Any]:
    """Every figure of one set of answers against one truth; of no faces, None."""
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


def rounded(value: Any, places: int = 6) -> Any:
    """The same, with every float in it rounded: files stay readable and alike."""
    if isinstance(value, dict):
        return {key: rounded(inner, places) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner, places) for inner in value]
    return round(value, places) if isinstance(value, float) else value


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def further(probabilities: Probabilities, truth: Ints) -> dict[str, float | None]:
    """All of the list; None where the faces cannot tell a figure."""
    said = probabilities.argmax(axis=1)
    table = confusion(said, truth, probabilities.shape[1])
    mse = mean_squared_error(said, truth)
    return {
        "error_rate": 1 - accuracy(table),
        "accuracy": accuracy(table),
        "r2": r2(said, truth),
        "roc_auc": roc_auc(probabilities, truth),
        "mse": mse,
        "rmse": float(np.sqrt(mse)),
        "explained_variance": explained_variance(said, truth),
        "kappa": kappa(table),
        "precision": macro_precision(table),
        "jaccard": macro_jaccard(table),
    }


def mean_squared_error(said: Ints, truth: Ints) -> float:
    """The mean squared distance of the numbers."""
    return float(np.mean((said - truth) ** 2.0))


def r2(said: Ints, truth: Ints) -> float | None:
    """1 less the squared error over that of always saying the mean; None where all are alike."""
    return _left(mean_squared_error(said, truth), float(np.var(truth)))


def explained_variance(said: Ints, truth: Ints) -> float | None:
    """The same with the error's mean taken off: being always one too high costs nothing."""
    return _left(float(np.var(truth - said)), float(np.var(truth)))


def macro_precision(table: Ints) -> float:
    """The mean share of right answers among those of a class; 0 for one that is never said."""
    return _mean_share(np.diag(table), table.sum(axis=0), table)


def macro_jaccard(table: Ints) -> float:
    """The mean over the classes of hits among all faces that show it or were said to."""
    hits = np.diag(table)
    return _mean_share(hits, table.sum(axis=0) + table.sum(axis=1) - hits, table)


def _mean_share(hits: Any, among: Any, table: Ints) -> float:
    """Over the classes that occur or were said."""
    counts = (table.sum(axis=0) + table.sum(axis=1)) > 0
    return float(np.mean(hits[counts] / np.maximum(among[counts], 1)))


def _left(part: float, whole: float) -> float | None:
    return 1 - part / whole if whole else None
