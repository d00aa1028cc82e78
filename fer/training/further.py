"""The long list of figures that the ResNet-34 report gives, in plain NumPy.

Four of them (mean squared error and its root, R², explained variance) take the emotions' numbers as
quantities: angry 0, disgust 1 and so on. The order means nothing, so neither do they; they are here
to stand beside the report's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fer.training.metrics import Ints, Probabilities, accuracy, confusion, kappa, roc_auc


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
