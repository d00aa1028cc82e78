"""Every figure against one computed by hand or by its definition."""

import math

import numpy as np
import pytest

from fer.training.metrics import (
    Probabilities,
    accuracy,
    balanced_accuracy,
    calibration_error,
    confusion,
    explained_variance,
    f_scores,
    figures,
    further,
    kappa,
    log_loss,
    macro_f1,
    macro_jaccard,
    macro_precision,
    mean_squared_error,
    per_class,
    r2,
    reliability,
    roc_auc,
    rounded,
    wilson,
)

NAMES = ("cat", "dog", "owl")
# Two of three cats and one of two dogs are right, no owl occurs, one cat was called an owl.
TRUTH = np.array([0, 0, 0, 1, 1])
SAID = np.array([0, 0, 2, 1, 0])
TABLE = confusion(SAID, TRUTH, 3)


def answers(count: int, classes: int, seed: int) -> tuple[Probabilities, np.ndarray]:
    """Return random answers with ties that are better than chance."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, count)
    scores = rng.integers(1, 6, (count, classes)).astype(float)
    scores[np.arange(count), truth] += rng.integers(0, 4, count)
    return scores / scores.sum(axis=1, keepdims=True), truth


def area_by_pairs(scores: np.ndarray, shows: np.ndarray) -> float:
    """Return how often a face of the class outranks one of another, counted pair by pair."""
    wins = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high in scores[shows]
        for low in scores[~shows]
    ]
    return sum(wins) / len(wins)


def test_confusion_has_the_truth_in_rows_and_what_was_said_in_columns() -> None:
    assert TABLE.tolist() == [[2, 0, 1], [1, 1, 0], [0, 0, 0]]


def test_accuracies_by_hand() -> None:
    assert accuracy(TABLE) == pytest.approx(3 / 5)
    assert balanced_accuracy(TABLE) == pytest.approx((2 / 3 + 1 / 2) / 2)  # owls do not occur


def test_each_class_by_hand() -> None:
    found = per_class(TABLE, NAMES)
    intervals = {name: row.pop("recall_interval") for name, row in found.items()}
    assert intervals == {"cat": wilson(2, 3), "dog": wilson(1, 2), "owl": None}
    assert found["cat"] == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "n": 3})
    assert found["dog"] == pytest.approx({"precision": 1, "recall": 1 / 2, "f1": 2 / 3, "n": 2})
    assert found["owl"] == {"precision": 0.0, "recall": None, "f1": 0.0, "n": 0}
    assert macro_f1(TABLE) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_a_class_that_nobody_shows_or_names_has_no_figures() -> None:
    table = confusion(np.array([0, 1]), np.array([0, 1]), 3)
    owl = per_class(table, NAMES)["owl"]
    assert owl.pop("n") == 0
    assert set(owl.values()) == {None}
    assert f_scores(table) == [1.0, 1.0, None]
    assert macro_f1(table) == balanced_accuracy(table) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(seed: int) -> None:
    probabilities, truth = answers(60, 4, seed)
    for row in per_class(confusion(probabilities.argmax(axis=1), truth, 4), "abcd").values():
        precision, recall = row["precision"], row["recall"]
        assert precision
        assert recall
        assert row["f1"] == pytest.approx(2 / (1 / precision + 1 / recall))


def test_kappa_by_hand() -> None:
    by_chance = (3 * 3 + 2 * 1 + 0 * 1) / 25  # sums of truth times sums of what was said
    assert kappa(TABLE) == pytest.approx((3 / 5 - by_chance) / (1 - by_chance))
    assert kappa(confusion(np.array([0, 1]), np.array([0, 1]), 2)) == 1
    assert kappa(confusion(np.array([0, 0]), np.array([0, 0]), 2)) is None  # nothing left to chance


@pytest.mark.parametrize("seed", range(8))
def test_roc_auc_counts_pairs_with_ties_as_half(seed: int) -> None:
    probabilities, truth = answers(40, 3, seed)
    slow = [area_by_pairs(probabilities[:, at], truth == at) for at in range(3)]
    assert len(np.unique(probabilities[:, 0])) < 40  # there are ties
    assert roc_auc(probabilities, truth) == pytest.approx(np.mean(slow))


def test_roc_auc_leaves_out_classes_that_do_not_occur() -> None:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.5, 0.4, 0.1]])
    assert roc_auc(probabilities, np.array([0, 1, 1])) == 1.0
    assert roc_auc(probabilities, np.array([1, 1, 1])) is None


def test_log_loss_by_hand_and_never_infinite() -> None:
    probabilities = np.array([[0.5, 0.5], [0.2, 0.8]], np.float32)
    expected = -(np.log(0.5) + np.log(0.2)) / 2
    assert log_loss(probabilities, np.array([0, 0])) == pytest.approx(expected, rel=1e-6)
    assert np.isfinite(log_loss(np.array([[0.0, 1.0]]), np.array([0])))


def test_reliability_by_hand() -> None:
    # Four faces: 0.9 right, 0.9 wrong, 0.6 right, and 0.8, the upper edge of the bin below it.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    table = reliability(probabilities, np.array([0, 1, 1, 1]), bins=5)
    assert [row["n"] for row in table] == [0, 0, 1, 1, 2]
    assert [(row["from"], row["to"]) for row in table][-1] == (0.8, 1.0)
    assert table[0]["confidence"] is None
    assert table[4]["confidence"] == pytest.approx(0.9)
    assert table[4]["accuracy"] == pytest.approx(0.5)
    gaps = 1 * abs(0.6 - 1) + 1 * abs(0.8 - 1) + 2 * abs(0.9 - 0.5)
    assert calibration_error(table) == pytest.approx(gaps / 4)


@pytest.mark.parametrize("seed", range(5))
def test_calibration_error_is_the_weighted_gap_of_fifteen_bins(seed: int) -> None:
    probabilities, truth = answers(200, 7, seed)
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    slow = 0.0
    for at in range(15):
        inside = (sure > at / 15) & (sure <= (at + 1) / 15)
        if inside.any():
            slow += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    table = reliability(probabilities, truth)
    assert sum(row["n"] for row in table) == 200
    assert calibration_error(table) == pytest.approx(slow)


def test_certain_answers_fall_into_the_last_bin() -> None:
    table = reliability(np.array([[1.0, 0.0]]), np.array([0]))
    assert len(table) == 15
    assert table[-1] == {"from": 14 / 15, "to": 1.0, "n": 1, "confidence": 1.0, "accuracy": 1.0}


def test_figures_hang_together() -> None:
    probabilities, truth = answers(90, 3, 1)
    found = figures(probabilities, truth, NAMES)
    assert found["n"] == 90 == sum(map(sum, found["confusion"]))
    recalls = [row["recall"] for row in found["per_class"].values()]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert found["ece"] == calibration_error(found["reliability"])


def test_no_faces_have_no_figures() -> None:
    found = figures(np.zeros((0, 3)), np.zeros(0, np.int64), NAMES)
    assert found.keys() == figures(*answers(9, 3, 0), NAMES).keys()
    assert found.pop("n") == 0
    assert not any(found.values())


def test_rounded_reaches_every_float() -> None:
    assert rounded({"a": [0.12345678, {"b": None}], "n": 3}) == {
        "a": [0.123457, {"b": None}],
        "n": 3,
    }


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [  # from the table in Newcombe (1998), method 3, and by hand for the ends
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilson_gives_the_published_intervals(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx([low, high], abs=1e-4)


def test_an_interval_of_no_faces_is_none() -> None:
    assert wilson(0, 0) is None


# Six faces of classes 0, 0, 1, 2, 2, 2, answered with 0, 1, 1, 2, 2, 0.
NUMBERED_TRUTH = np.array([0, 0, 1, 2, 2, 2])
NUMBERED_ANSWERS = np.array([0, 1, 1, 2, 2, 0])
NUMBERED_TABLE = confusion(NUMBERED_ANSWERS, NUMBERED_TRUTH, 7)
# Off by 0, 1, 0, 0, 0, -2: squares 0, 1, 0, 0, 0, 4.
MSE = 5 / 6
# The mean is 7/6, the squares sum to 13: variance 13/6 - 49/36 = 29/36.
VARIANCE = 29 / 36
# Said less true has mean -1/6, so its variance is 5/6 - 1/36 = 29/36: as much as the truth's own.
ERROR_VARIANCE = 29 / 36


def confident(said: np.ndarray) -> np.ndarray:
    return np.eye(7)[said] * 0.9 + 0.1 / 7


def test_the_errors_of_numbers() -> None:
    assert mean_squared_error(NUMBERED_ANSWERS, NUMBERED_TRUTH) == pytest.approx(MSE)
    assert r2(NUMBERED_ANSWERS, NUMBERED_TRUTH) == pytest.approx(1 - MSE / VARIANCE)
    assert explained_variance(NUMBERED_ANSWERS, NUMBERED_TRUTH) == pytest.approx(
        1 - ERROR_VARIANCE / VARIANCE
    )


def test_always_one_too_high_explains_everything_and_is_still_wrong() -> None:
    assert explained_variance(NUMBERED_TRUTH + 1, NUMBERED_TRUTH) == 1
    assert r2(NUMBERED_TRUTH + 1, NUMBERED_TRUTH) == pytest.approx(1 - 1 / VARIANCE)


def test_precision_and_jaccard_over_the_classes_that_occur() -> None:
    # Class 0: said twice, right once, in three faces together. Class 1: said twice, right once, two
    # faces together. Class 2: said twice, right twice, three faces together.
    assert macro_precision(NUMBERED_TABLE) == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    assert macro_jaccard(NUMBERED_TABLE) == pytest.approx((1 / 3 + 1 / 2 + 2 / 3) / 3)


def test_a_class_that_is_never_said_counts_as_zero() -> None:
    table = confusion(np.array([0, 0]), np.array([0, 1]), 7)
    assert macro_precision(table) == pytest.approx((1 / 2 + 0) / 2)
    assert macro_jaccard(table) == pytest.approx((1 / 2 + 0) / 2)


def test_the_whole_list() -> None:
    found = further(confident(NUMBERED_ANSWERS), NUMBERED_TRUTH)
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


def test_figures_that_the_faces_do_not_determine_are_none() -> None:
    found = further(confident(np.array([1, 1])), np.array([1, 1]))
    assert found["r2"] is found["explained_variance"] is found["kappa"] is found["roc_auc"] is None
    assert found["jaccard"] == found["precision"] == 1
