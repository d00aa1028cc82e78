"""How weights move: the recipe's optimizer, and their moving average."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from fer.training.recipe import Recipe
from fer.training.stages import by_group

KINDS: Final[dict[str, Any]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
}


def make_optimizer(
    recipe: Recipe, shares: Mapping[str, float] | None = None
) -> keras.optimizers.Optimizer:
    """The recipe's optimizer; normalisation and biases never decay.

    `shares` gives each variable's share of the rate, by its path; without it all have the same.
    """
    decay, first, second = recipe.decay, *recipe.betas
    kind = by_group(KINDS[recipe.optimizer]) if shares else KINDS[recipe.optimizer]
    if recipe.optimizer == "sgd":
        memory = {"momentum": first, "nesterov": True}
    else:
        memory = {"beta_1": first, "beta_2": second}
    optimizer = kind(
        recipe.rate,
        **memory,
        # AdamW has no form without; the others take none as None.
        weight_decay=decay if recipe.optimizer == "adamw" else decay or None,
    )
    if shares:
        optimizer.shares = dict(shares)
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
        if not self.momentum:
            return  # a copy is only looked at when an epoch ends
        keep = min(self.momentum, (1 + self.count) / (10 + self.count))  # forgets the start soon
        for value, weight in zip(self.values, self.model.weights, strict=True):
            value += (1 - keep) * (keras.ops.convert_to_numpy(weight) - value)

    def settle(self) -> list[npt.NDArray[np.float32]]:
        """The average as it stands."""
        if not self.momentum:
            self.values = [np.array(keras.ops.convert_to_numpy(w)) for w in self.model.weights]
        return self.values
