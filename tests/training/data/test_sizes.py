"""Faces for networks of 48, 100 and 224 pixels: the same whether learned from or served."""

import cv2
import numpy as np
import pytest

from fer.training.data.augment import Augmentation, augment
from fer.training.data.dataset import sized, sized_batches
from fer.vision.classifier import batch_for, inputs
from fer.vision.crop import crops, fitted
from tests.training.faces import drawings

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
