"""Six faces of classes 0, 0, 1, 2, 2, 2 called 0, 1, 1, 2, 2, 0; all expected values by hand."""

import math

import numpy as np
import pytest

from fer.training.metrics import (
    confusion,
    explained_variance,
    further,
    macro_jaccard,
    macro_precision,
    mean_squared_error,
    r2,
)

TRUTH = np.array([0, 0, 1, 2, 2, 2])
SAID = np.array([0, 1, 1, 2, 2, 0])
TABLE = confusion(SAID, TRUTH, 7)
# Off by 0, 1, 0, 0, 0, -2: squares 0, 1, 0, 0, 0, 4.
MSE = 5 / 6
# The mean is 7/6, the squares sum to 13: variance 13/6 - 49/36 = 29/36.
VARIANCE = 29 / 36
# Said less true has mean -1/6, so its variance is 5/6 - 1/36 = 29/36: as much as the truth's own.
ERROR_VARIANCE = 29 / 36


def answers(said: np.ndarray) -> np.ndarray:
    return np.eye(7)[said] * 0.9 + 0.1 / 7


def test_the_errors_of_numbers() -> None:
    assert mean_squared_error(SAID, TRUTH) == pytest.approx(MSE)
    assert r2(SAID, TRUTH) == pytest.approx(1 - MSE / VARIANCE)
    assert explained_variance(SAID, TRUTH) == pytest.approx(1 - ERROR_VARIANCE / VARIANCE)


def test_always_one_too_high_explains_everything_and_is_still_wrong() -> None:
    assert explained_variance(TRUTH + 1, TRUTH) == 1
    assert r2(TRUTH + 1, TRUTH) == pytest.approx(1 - 1 / VARIANCE)


def test_precision_and_jaccard_over_the_classes_that_occur() -> None:
    # Class 0: said twice, right once, in three faces together. Class 1: said twice, right once, two
    # faces together. Class 2: said twice, right twice, three faces together.
    assert macro_precision(TABLE) == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    assert macro_jaccard(TABLE) == pytest.approx((1 / 3 + 1 / 2 + 2 / 3) / 3)


def test_a_class_that_is_never_said_counts_as_zero() -> None:
    table = confusion(np.array([0, 0]), np.array([0, 1]), 7)
    assert macro_precision(table) == pytest.approx((1 / 2 + 0) / 2)
    assert macro_jaccard(table) == pytest.approx((1 / 2 + 0) / 2)


def test_the_whole_list() -> None:
    found = further(answers(SAID), TRUTH)
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["error_rate"] == pytest.approx(2 / 6)
    assert found["mse"] == pytest.approx(MSE)
    assert found["rmse"] == pytest.approx(math.sqrt(MSE))
    # By chance: (2*2 + 1*2 + 3*2) of 36 agree.
    assert found["kappa"] == pytest.approx((4 / 6 - 12 / 36) / (1 - 12 / 36))
    # Class against the rest, ties half. 0: of 2 x 4 pairs 1 x 3 won, 1 x 1 and 1 x 3 tied, 1 lost.
    # 1: 1 x 4 won, 1 x 1 tied, of 5. 2: 2 x 3 won, 1 x 3 tied, of 9.
    areas = [(3 + 4 / 2) / 8, (4 + 1 / 2) / 5, (6 + 3 / 2) / 9]
    assert found["roc_auc"] == pytest.approx(sum(areas) / 3)


def test_what_the_faces_cannot_tell_is_none() -> None:
    found = further(answers(np.array([1, 1])), np.array([1, 1]))
    assert found["r2"] is found["explained_variance"] is found["kappa"] is found["roc_auc"] is None
    assert found["jaccard"] == found["precision"] == 1
