from collections.abc import Sequence

import keras
import numpy as np
import pytest

from fer.errors import ModelError
from fer.training.networks import vgg
from fer.training.networks.grow import grow
from tests.training.faces import drawings

SMALL = ((4, 4), (6, 6))
FACES = drawings(32).faces[..., None].astype(np.float32)


def trained(stages: Sequence[Sequence[int]] = SMALL) -> keras.Model:
    """Build a network whose normalisations have seen faces and whose heads lean somewhere."""
    keras.utils.set_random_seed(0)
    model = vgg(stages, dropout=0.0)
    for _ in range(60):
        model(FACES, training=True)
    return model


@pytest.mark.parametrize(
    "stages",
    [SMALL, ((4, 4), (9, 9)), ((5, 7), (6, 8)), ((4, 4), (6, 6, 6)), ((6, 6, 6), (8, 8, 8, 8))],
)
def test_a_grown_network_answers_as_the_small_one(stages: Sequence[Sequence[int]]) -> None:
    small, large = trained(), vgg(stages, dropout=0.0)
    grow(large, small)
    before, after = small.predict_on_batch(FACES), large.predict_on_batch(FACES)
    for head, answers in before.items():
        assert np.allclose(after[head], answers, atol=1e-4)


def test_new_channels_learn_from_the_first_steps_on() -> None:
    large = vgg(((4, 4), (9, 9, 9)), dropout=0.0)
    grow(large, trained())
    before = [np.array(weight) for weight in large.get_weights()]
    large.compile(
        "sgd",
        loss=dict.fromkeys(("crowd", "fer2013"), keras.losses.MeanSquaredError()),
        jit_compile=False,
    )
    goals = dict.fromkeys(("crowd", "fer2013"), np.eye(7, dtype=np.float32)[np.arange(32) % 7])
    for _ in range(2):
        large.train_on_batch(FACES, goals)
    for weight, old, new in zip(large.weights, before, large.get_weights(), strict=True):
        if weight.path.endswith("crowd/kernel") or "conv2b" in weight.path:
            assert (np.abs(new - old)[..., 6:, :] > 0).any(), weight.path


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (((8, 4), (6, 6)), "conv1a: weights of shape"),
        (((4, 4), (6, 6), (6, 6)), "layers that this one lacks"),
    ],
)
def test_a_larger_network_does_not_fit_in(source: Sequence[Sequence[int]], why: str) -> None:
    with pytest.raises(ModelError, match=why):
        grow(vgg(SMALL), vgg(source))


def test_a_new_convolution_that_changes_the_width_is_refused() -> None:
    with pytest.raises(ModelError, match="must keep the number of channels"):
        grow(vgg(((4, 4), (6, 6, 8))), vgg(SMALL))
