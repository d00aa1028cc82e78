"""The network while it learns: its weights, its optimizer, their average, and the stage."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from fer.errors import ModelError
from fer.training import networks
from fer.training.data.batches import Batch
from fer.training.recipe import Recipe, heads_of
from fer.training.run_folder import State
from fer.training.schedule import begin_stage, by_group


def build(recipe: Recipe, *, fast: bool = False, pretrained: bool = False) -> keras.Model:
    """The recipe's network.

    `fast` asks for the form that trains quicker on torch; `pretrained` for the weights of another
    task, where the recipe begins with some: they may have to be fetched.
    """
    make = getattr(networks, recipe.network)
    known = inspect.signature(make).parameters
    told = {"fast": fast, "size": recipe.sizes[-1][1], "channels": recipe.channels}
    options = recipe.options | {name: value for name, value in told.items() if name in known}
    if "weights" in options and not pretrained:
        options["weights"] = None
    model: keras.Model = make(**options, heads=heads_of(recipe))
    return model


class Learner:
    """A recipe's network in training."""

    def __init__(self, recipe: Recipe, *, pretrained: bool) -> None:
        self.recipe = recipe
        self.model = build(recipe, fast=keras.backend.backend() == "torch", pretrained=pretrained)
        self.plain = build(recipe)  # the same weights, in the form that is saved and validated
        self.seeds = [v for v in self.model.variables if v.name == "seed_generator_state"]
        self.begin(0)
        self.average = Average(self.model, recipe.ema)

    def begin(self, stage: int) -> None:
        """Begin a stage, with a fresh optimizer for the layers that learn in it."""
        self.stage = stage
        self.optimizer = make_optimizer(self.recipe, begin_stage(self.model, self.recipe, stage))
        heads = heads_of(self.recipe)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        self.model.compile(
            self.optimizer,
            loss=dict.fromkeys(heads, loss),
            weighted_metrics={head: ["categorical_accuracy"] for head in heads},
            jit_compile=False,  # measured on a CPU: XLA and torch.compile cost more than they bring
        )
        self.optimizer.build(self.model.trainable_variables)

    def reseed(self, epoch: int) -> None:
        """Let an epoch's dropout depend on seed and epoch alone: a resumed run has the same.

        TensorFlow draws it by each layer's own state, torch by one for all.
        """
        rng = np.random.default_rng((self.recipe.seed, epoch))
        keras.utils.set_random_seed(int(rng.integers(2**32)))
        for seed in self.seeds:
            seed.assign([int(rng.integers(2**31)), 0])  # 31 bits: torch's are signed

    def step(self, batch: Batch, rate: float) -> dict[str, float]:
        """Learn from a batch; gives its losses and accuracies."""
        faces, goals, counts = batch
        self.optimizer.learning_rate = rate
        logs = self.model.train_on_batch(faces, goals, sample_weight=counts, return_dict=True)
        self.average.update()
        return {name: float(value) for name, value in logs.items()}

    def averaged(self) -> keras.Model:
        """The network with the average of its weights so far."""
        self.plain.set_weights(self.average.settle())
        return self.plain

    def state(self, epoch: int, seconds: float) -> State:
        """All that going on from here needs."""
        values: list[Any] = [keras.ops.convert_to_numpy(v) for v in self.optimizer.variables]
        weights = self.model.get_weights()
        return State(epoch, seconds, weights, values, self.average.values, self.stage)

    def restore(self, state: State, steps: int) -> None:
        """Go on from a state, after so many steps."""
        if not 0 <= state.stage < max(1, len(self.recipe.stages)):
            raise ModelError("made by another recipe")
        self.begin(state.stage)
        same = [tuple(v.shape) for v in self.optimizer.variables] == [
            value.shape for value in state.optimizer
        ]
        if not same or len(state.weights) != len(self.model.weights):
            raise ModelError("made by another recipe")
        self.model.set_weights(state.weights)
        for variable, value in zip(self.optimizer.variables, state.optimizer, strict=True):
            variable.assign(value)
        self.average.values = [np.array(value) for value in state.average]
        self.average.count = steps


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
