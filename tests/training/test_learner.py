from dataclasses import replace

import keras
import numpy as np
import pytest

from fer.training.learner import Average, make_optimizer
from fer.training.recipe import Recipe

PLAIN = Recipe("plain", "a test", "vgg")


def one_weight(value: float) -> keras.Model:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[value]], np.float32)])
    return model


def test_the_average_follows_the_weights_and_forgets_their_start() -> None:
    model = one_weight(100)
    average = Average(model, 0.99)
    model.set_weights([np.array([[1.0]], np.float32)])
    before = float(average.values[0][0, 0])
    for _ in range(200):
        average.update()
    assert before == 100
    assert average.values[0][0, 0] == pytest.approx(1, abs=0.1)


def test_without_momentum_the_average_is_the_weights() -> None:
    model = one_weight(3)
    average = Average(model, 0)
    model.set_weights([np.array([[5.0]], np.float32)])
    average.update()
    assert average.settle()[0][0, 0] == 5


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_only_kernels_decay(kind: str) -> None:
    recipe = replace(PLAIN, optimizer=kind, decay=0.5, rate=0.1)
    optimizer = make_optimizer(recipe)
    layer = keras.layers.Dense(2)
    layer.build((None, 2))
    layer.set_weights([np.ones((2, 2), np.float32), np.ones(2, np.float32)])
    optimizer.build(layer.trainable_variables)
    still = [keras.ops.zeros(variable.shape) for variable in layer.trainable_variables]
    optimizer.apply(still, layer.trainable_variables)
    kernel, bias = layer.get_weights()
    assert (kernel < 1).all()
    assert (bias == 1).all()
