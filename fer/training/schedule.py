"""Compute a run's progress, and the learning rate, face size and stage that go with it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from fer.errors import UsageError
from fer.training.recipe import Recipe


@dataclass
class Pace:
    """A run's length: a number of epochs, or a number of minutes with as many epochs as fit.

    With minutes the schedule follows the clock, so the rate has come down to zero when time is up,
    however busy the machine was. `spent` is the time that the run used before it was interrupted.
    """

    epochs: int
    steps: int  # in an epoch
    minutes: float | None = None
    spent: float = 0.0  # seconds
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Time spent training so far, including before an interruption."""
        return self.spent + time.monotonic() - self.started

    def fraction(self, epoch: int, step: int) -> float:
        """Return how much of the run is done, 0 to 1."""
        if self.minutes is not None:
            return min(1.0, self.seconds / (60 * self.minutes))
        return min(1.0, (epoch + step / self.steps) / self.epochs)

    def left(self, epoch: int, step: int) -> float:
        """Return the seconds to go, at the speed so far."""
        done = self.fraction(epoch, step)
        return self.seconds * (1 - done) / done if done else math.inf


def rate_at(recipe: Recipe, fraction: float) -> float:
    """Return the learning rate at this share of the run. Each stage has a cycle of its own."""
    fraction = within_stage(recipe, fraction)
    if recipe.schedule == "constant":
        return recipe.rate
    warmup = recipe.warmup
    if fraction < warmup:
        # One-cycle starts at a 25th of its peak, as its inventor did; the plain warm-up at zero.
        low = recipe.rate / 25 if recipe.schedule == "one-cycle" else 0.0
        return low + (recipe.rate - low) * fraction / warmup
    turn = (fraction - warmup) / (1 - warmup)
    return recipe.rate * (1 + math.cos(math.pi * turn)) / 2


def size_at(recipe: Recipe, fraction: float) -> int:
    """Return the size of the faces at this share of the run."""
    return [size for start, size in recipe.sizes if start <= fraction][-1]


def stops_early(recipe: Recipe, losses: Sequence[float]) -> bool:
    """Return True if val_loss has not improved for as many validations as the recipe waits."""
    patience = recipe.early_stopping
    if not patience or len(losses) <= patience:
        return False
    return min(losses[-patience:]) > min(losses[:-patience]) - recipe.min_delta


def is_over(recipe: Recipe, epoch: int, losses: Sequence[float], pace: Pace) -> bool:
    """Return True if the epochs or the minutes are used up, or the recipe stops early."""
    if pace.minutes is None and epoch >= recipe.epochs:
        return True
    return stops_early(recipe, losses) or pace.fraction(epoch, 0) >= 1


def plateau_factor(recipe: Recipe, losses: Sequence[float]) -> float:
    """Return what the rate is multiplied by after these val_losses (reduce on plateau)."""
    factor, best, waited = 1.0, math.inf, 0
    for loss in losses if recipe.plateau else ():
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited >= recipe.plateau:
            factor, waited = factor * recipe.plateau_factor, 0
    return factor


def stage_at(recipe: Recipe, fraction: float) -> int:
    """Return the stage's number at this share of the run; always 0 for a recipe without stages."""
    return max((n for n, (start, _) in enumerate(recipe.stages) if start <= fraction), default=0)


def within_stage(recipe: Recipe, fraction: float) -> float:
    """Return how much of its stage is done, 0 to 1."""
    starts = [start for start, _ in recipe.stages] or [0.0]
    stage = stage_at(recipe, fraction)
    end = [*starts[1:], 1.0][stage]
    return (fraction - starts[stage]) / (end - starts[stage])


def group_of(recipe: Recipe, layer: str) -> int | None:
    """Return the layer's group, counted from the earliest; None if no group names it."""
    for number, names in enumerate(recipe.groups):
        if layer.startswith(names):
            return number
    return None


def begin_stage(model: keras.Model, recipe: Recipe, stage: int) -> dict[str, float]:
    """Let only the stage's layers learn; return each variable's share of the rate, by its path."""
    if not recipe.stages:
        return {}
    first = len(recipe.groups) - recipe.stages[stage][1]
    shares: dict[str, float] = {}
    for layer in model.layers:
        if not layer.weights:
            continue
        group = group_of(recipe, layer.name)
        if group is None:
            raise UsageError(f"recipe {recipe.name}: no group names the layer {layer.name}")
        layer.trainable = group >= first or isinstance(layer, keras.layers.BatchNormalization)
        share = recipe.slower ** (len(recipe.groups) - 1 - group)
        shares |= {weight.path: share for weight in layer.trainable_weights}
    return shares


def by_group(kind: type[Any]) -> type[Any]:
    """Return an optimizer class whose variables learn at shares of its rate.

    A share scales the step, not the gradient: Adam would undo a gradient's scale.
    """

    class ByGroup(kind):  # type: ignore[misc]  # its base is only known when it is made
        shares: dict[str, float]

        def _backend_update_step(
            self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
        ) -> None:
            pairs = [*zip(grads, trainable_variables, strict=True)]
            for share in sorted({self.shares[variable.path] for _, variable in pairs}):
                some = [pair for pair in pairs if self.shares[pair[1].path] == share]
                super()._backend_update_step(
                    [grad for grad, _ in some],
                    [variable for _, variable in some],
                    learning_rate * share,
                )

    return ByGroup
