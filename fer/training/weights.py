"""How weights move: the recipe's optimizer, and their moving average."""

from __future__ import annotations

import keras
import numpy as np

from fer.training.recipes import Recipe


def make_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """The recipe's optimizer; normalisation and biases never decay."""
    decay, first, second = recipe.decay, *recipe.betas
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(
            recipe.rate, momentum=first, nesterov=True, weight_decay=decay or None
        )
    elif recipe.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(
            recipe.rate, beta_1=first, beta_2=second, weight_decay=decay
        )
    else:
        optimizer = keras.optimizers.Adam(
            recipe.rate, beta_1=first, beta_2=second, weight_decay=decay or None
        )
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


class Average:
    """A moving average of all weights, normalisation statistics included; momentum 0 is a copy."""

    def __init__(self, model: keras.Model, momentum: float) -> None:
        self.model, self.momentum, self.count = model, momentum, 0
        self.values = [np.array(keras.ops.convert_to_numpy(w)) for w in model.weights]

    def update(self) -> None:
        self.count += 1
        keep = min(self.momentum, (1 + self.count) / (10 + self.count))  # forgets the start soon
        for value, weight in zip(self.values, self.model.weights, strict=True):
            value += (1 - keep) * (keras.ops.convert_to_numpy(weight) - value)
