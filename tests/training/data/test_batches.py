import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from fer.errors import DataError
from fer.training.data.augment import Augmentation
from fer.training.data.batches import COMMON, Batches, class_weights, targets
from fer.training.data.dataset import FERPLUS, FERPLUS_OF_EMOTION, Dataset, one_hot
from fer.training.recipe import Recipe, heads_of
from tests.training.faces import drawings

DATA = drawings(100)
PLAIN = Recipe("plain", "a test", "vgg", batch=16)


@pytest.mark.parametrize("kind", ["labels", "votes", "fusion", "both"])
def test_every_head_gets_shares_that_sum_to_one(kind: str) -> None:
    recipe = replace(PLAIN, targets=kind, soften=0.3)
    goals, weights = targets(recipe, DATA)
    assert set(goals) == set(weights) == set(heads_of(recipe))
    for head, values in goals.items():
        assert np.allclose(values.sum(axis=1)[weights[head] > 0], 1)


def test_fusion_is_half_label_and_half_votes() -> None:
    goals, _ = targets(replace(PLAIN, targets="fusion"), DATA)
    assert np.allclose(goals["emotion"], (one_hot(DATA.labels) + DATA.crowd[0]) / 2)


def test_a_face_without_votes_keeps_its_plain_label() -> None:
    assert DATA.votes is not None
    votes = DATA.votes.copy()
    votes[3] = 0
    unknown = replace(DATA, votes=votes)
    for kind in ("fusion", "both"):
        goals, weights = targets(replace(PLAIN, targets=kind, soften=0.5), unknown)
        head = heads_of(replace(PLAIN, targets=kind))[-1]
        assert np.array_equal(goals[head][3], one_hot(DATA.labels)[3])
        if kind == "both":
            assert weights["crowd"][3] == 0


def test_votes_are_asked_for_by_name_where_there_are_none() -> None:
    bare = Dataset("training", DATA.faces, DATA.labels)
    with pytest.raises(DataError, match=r"plain learns from FER\+ votes"):
        targets(replace(PLAIN, targets="both"), bare)
    assert targets(PLAIN, bare)[0]["emotion"].shape == (100, 7)


def test_an_epoch_shows_each_face_once_and_repeats_by_its_seed() -> None:
    recipe = replace(PLAIN, augmentation=Augmentation(flip=True, rotate=5, mixup=0.2))
    batches = Batches(recipe, DATA)
    first = [faces for faces, _, _ in batches.epoch(3, 32)]
    again = [faces for faces, _, _ in batches.epoch(3, 32)]
    other = [faces for faces, _, _ in batches.epoch(4, 32)]
    assert len(first) == len(DATA) // 16
    assert first[0].shape == (16, 32, 32, 1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_leaving_an_epoch_early_ends_its_thread() -> None:
    before = threading.active_count()
    epoch = Batches(PLAIN, drawings(2000)).epoch(0, 48)
    next(epoch)
    epoch.close()  # type: ignore[attr-defined]
    until = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.05)
    assert threading.active_count() == before


def test_a_fault_while_making_a_batch_reaches_the_trainer() -> None:
    broken = Batches(PLAIN, DATA)
    broken.targets["emotion"] = broken.targets["emotion"][:3]
    with pytest.raises(IndexError):
        list(broken.epoch(0, 48))


@pytest.mark.slow
def test_processes_make_the_same_batches_as_the_thread() -> None:
    recipe = Recipe(
        "mixed",
        "a test",
        "vgg",
        batch=8,
        augmentation=Augmentation(flip=True, rotate=10, mixup=0.2),
    )
    data = drawings(40)
    alone, together = Batches(recipe, data), Batches(recipe, data, workers=2)
    try:
        for epoch in (0, 1):
            pairs = zip(alone.epoch(epoch, 32), together.epoch(epoch, 32), strict=True)
            for mine, theirs in pairs:
                assert np.array_equal(mine[0], theirs[0])
                assert np.array_equal(mine[1]["emotion"], theirs[1]["emotion"])
    finally:
        together.close()


def with_rare_disgust() -> Dataset:
    """Drawings of which every 50th is of disgust, and all voters agree."""
    labels = np.where(np.arange(400) % 50 == 0, 1, np.arange(400) % 2 * 3)
    votes = np.zeros((400, len(FERPLUS)), np.int64)
    votes[np.arange(400), np.array(FERPLUS_OF_EMOTION)[labels]] = 10
    return replace(drawings(400), labels=labels, votes=votes)


def test_a_rare_expression_counts_more_and_common_ones_alike() -> None:
    data = with_rare_disgust()
    recipe = replace(PLAIN, targets="both", class_weight={"crowd": 0.5})
    goals, counts = targets(recipe, data)
    weights = class_weights(recipe, goals, counts)
    rare, common = weights["crowd"][data.labels == 1], weights["crowd"][data.labels != 1]
    assert np.ptp(rare) == 0
    assert np.ptp(common) == 0
    assert rare[0] / common[0] == pytest.approx((COMMON / 0.02) ** 0.5, rel=1e-4)
    assert weights["crowd"].mean() == pytest.approx(1)  # the learning rate means the same
    assert (weights["fer2013"] == 1).all()


def test_a_face_that_counts_for_nothing_stays_so() -> None:
    data = with_rare_disgust()
    assert data.votes is not None
    votes = data.votes.copy()
    votes[0] = 0
    recipe = replace(PLAIN, targets="both", class_weight={"crowd": 1.0})
    assert Batches(recipe, replace(data, votes=votes)).weights["crowd"][0] == 0


def test_a_teachers_answers_are_mixed_into_the_targets() -> None:
    recipe = replace(PLAIN, targets="both", teach={"crowd": 0.25})
    answers = {"crowd": np.full((100, 7), 1 / 7, np.float32)}
    alone, with_teacher = Batches(recipe, DATA), Batches(recipe, DATA, answers=answers)
    expected = 0.75 * alone.targets["crowd"] + 0.25 / 7
    assert np.allclose(with_teacher.targets["crowd"], expected)
    assert np.array_equal(with_teacher.targets["fer2013"], alone.targets["fer2013"])
