"""Training in stages: the last layers first, then more of them, the earlier the slower.

Normalisation learns in every stage: its statistics have to follow the data whatever else is held.
"""

from __future__ import annotations

from typing import Any

import keras

from fer.errors import UsageError
from fer.training.recipe import Recipe


def stage_at(recipe: Recipe, fraction: float) -> int:
    """The number of the stage at this share of the run; a recipe without stages has only 0."""
    return max((n for n, (start, _) in enumerate(recipe.stages) if start <= fraction), default=0)


def within_stage(recipe: Recipe, fraction: float) -> float:
    """How much of its stage is done, 0 to 1."""
    starts = [start for start, _ in recipe.stages] or [0.0]
    stage = stage_at(recipe, fraction)
    end = [*starts[1:], 1.0][stage]
    return (fraction - starts[stage]) / (end - starts[stage])


def group_of(recipe: Recipe, layer: str) -> int | None:
    """The layer's group, counted from the earliest; None for one that no group names."""
    for number, names in enumerate(recipe.groups):
        if layer.startswith(names):
            return number
    return None


def begin_stage(model: keras.Model, recipe: Recipe, stage: int) -> dict[str, float]:
    """Let the stage's layers learn and no others; gives each variable's share of the rate."""
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
    """An optimizer of this kind whose variables learn at shares of its rate.

    A share scales the step, not the gradient: Adam would undo a gradient's scale.
    """

    class ByGroup(kind):  # type: ignore[misc]
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
