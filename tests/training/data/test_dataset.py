import cv2
import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.training.data.augment import Augmentation, augment
from fer.training.data.dataset import (
    FERPLUS,
    FERPLUS_OF_EMOTION,
    Dataset,
    balanced,
    fold,
    hold_out,
    one_hot,
    sized,
    sized_batches,
)
from fer.vision.classifier import batch_for, inputs
from fer.vision.crop import crops, fitted
from tests.training.faces import drawings


def voted(**votes: int) -> Dataset:
    row = [votes.get(name, 0) for name in FERPLUS]
    return Dataset("training", np.zeros((1, 48, 48), np.uint8), np.array([0]), np.array([row]))


def test_the_seven_emotions_stand_in_ferplus_columns_of_their_own_name() -> None:
    starts = {"angry": "ang", "disgust": "dis", "fear": "fea", "happy": "hap"}
    for emotion, column in zip(EMOTIONS, FERPLUS_OF_EMOTION, strict=True):
        assert FERPLUS[column].startswith(starts.get(emotion, emotion[:3]))


@pytest.mark.parametrize(
    ("votes", "majority"),
    [
        ({"happiness": 6, "neutral": 4}, "happy"),
        ({"happiness": 5, "neutral": 5}, None),  # a tie
        ({"contempt": 6, "neutral": 4}, None),  # leads, but is none of the seven
        ({"not_a_face": 10}, None),
        ({"unknown": 4, "fear": 3, "sadness": 3}, None),
        ({}, None),
    ],
)
def test_majority(votes: dict[str, int], majority: str | None) -> None:
    expected = -1 if majority is None else EMOTIONS.index(majority)
    assert voted(**votes).majority.tolist() == [expected]


@pytest.mark.parametrize(
    ("votes", "weight"),
    [({"fear": 5, "contempt": 5}, 1), ({"fear": 4, "not_a_face": 6}, 0), ({"contempt": 10}, 0)],
)
def test_a_face_without_votes_for_the_seven_teaches_the_crowd_nothing(
    votes: dict[str, int], weight: int
) -> None:
    shares, weights = voted(**votes).crowd
    assert weights.tolist() == [weight]
    assert shares.sum() == pytest.approx(1 if "fear" in votes else 0)


def test_take_keeps_rows_votes_and_order() -> None:
    data = drawings(20)
    some = data.take(np.array([3, 17, 5])).take(np.array([True, False, True]))
    assert some.places.tolist() == [3, 5]
    assert np.array_equal(some.faces, data.faces[[3, 5]])
    assert some.votes is not None
    assert data.votes is not None
    assert np.array_equal(some.votes, data.votes[[3, 5]])


def test_hold_out_keeps_byte_copies_together_and_repeats() -> None:
    data = drawings(400)
    double = Dataset("training", np.concatenate([data.faces, data.faces]), np.tile(data.labels, 2))
    rest, held = hold_out(double, 0.2)
    assert len(rest) + len(held) == len(double)
    assert not {*rest.digests} & {*held.digests}
    assert 0.1 < len(held) / len(double) < 0.3
    assert np.array_equal(hold_out(double, 0.2)[1].places, held.places)


def test_folds_cover_everything_once() -> None:
    data = drawings(200)
    parts = [fold(data, number, 4) for number in (1, 2, 3, 4)]
    assert sorted(np.concatenate([part.places for _, part in parts]).tolist()) == [*range(200)]
    for rest, part in parts:
        assert sorted([*rest.places, *part.places]) == [*range(200)]


def test_a_fold_is_drawn_independently_of_the_held_out_slice() -> None:
    data = drawings(1000)
    _, held = hold_out(data, 0.5)
    inside = [len(fold(held, number, 2)[1]) for number in (1, 2)]
    assert min(inside) > 0.35 * len(held)


def test_one_hot() -> None:
    assert one_hot(np.array([2, 0])).argmax(axis=1).tolist() == [2, 0]


@pytest.mark.parametrize(("most", "each"), [(100, 9), (5, 5)])
def test_balanced_data_has_as_many_faces_of_every_class(most: int, each: int) -> None:
    counts = [9, 4, 1, 7, 5, 3, 2]
    labels = np.repeat(np.arange(7), counts)
    faces = np.arange(len(labels), dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    even = balanced(Dataset("training", faces, labels), most, seed=1)
    assert np.bincount(even.labels).tolist() == [each] * 7
    for label, count in enumerate(counts):
        places = even.places[even.labels == label]
        assert set(labels[places]) == {label}
        # As often as need be, and no face twice before all were taken once.
        times = np.bincount(places)[np.unique(places)]
        assert len(times) == min(count, each)
        assert times.max() - times.min() <= 1
    again = balanced(Dataset("training", faces, labels), most, seed=1)
    assert np.array_equal(even.places, again.places)


# Faces for networks of 48, 100 and 224 pixels: the same in training and in the product.
FACES = drawings(6).faces


@pytest.mark.parametrize("size", [32, 48, 100, 224])
def test_training_validation_and_serving_make_the_same_face(size: int) -> None:
    learned = augment(FACES, Augmentation(), size, np.random.default_rng(0))[..., 0]
    measured = sized(FACES, size)
    boxes = np.array([[0, 0, 48, 48]], np.float32)
    served = np.concatenate([crops(face, boxes, size) for face in FACES])
    assert np.array_equal(learned, measured)
    assert np.array_equal(measured, served)


@pytest.mark.parametrize("size", [100, 224])
def test_a_large_face_is_no_finer_than_what_the_network_learned_from(size: int) -> None:
    large = cv2.resize(FACES[0], (480, 480), interpolation=cv2.INTER_NEAREST)
    assert np.array_equal(fitted(large, size), fitted(FACES[0], size))


def test_faces_come_in_batches_that_memory_bears() -> None:
    many = np.zeros((batch_for(224) + 3, 48, 48), np.uint8)
    assert [len(part) for part in sized_batches(many, 224)] == [batch_for(224), 3]
    for size in (32, 48, 100, 224):
        assert 8 <= batch_for(size) <= 256
        assert batch_for(size) * size**2 <= 256 * 48**2


def test_a_network_in_colours_is_given_the_grey_face_three_times() -> None:
    given = inputs(FACES, 48, 3)
    assert given.shape == (6, 48, 48, 3)
    assert all(np.array_equal(given[..., at], FACES) for at in range(3))
    assert inputs(FACES, 48).shape == (6, 48, 48, 1)
