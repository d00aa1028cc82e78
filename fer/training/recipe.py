"""Describe how a network is trained: `Recipe`, and `Overrides` of a few of its values."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from fer.errors import ModelError, UsageError
from fer.training.data.augment import Augmentation

Targets = Literal["labels", "votes", "fusion", "both"]


@dataclass(frozen=True)
class Recipe:
    """Everything that `python -m fer train --recipe NAME` needs; a run folder keeps a copy."""

    name: str
    about: str  # one line for the list of recipes
    network: str  # a function in networks/
    options: dict[str, Any] = field(default_factory=dict)  # its keyword arguments
    targets: Targets = "labels"  # FER2013's labels, FER+'s votes, their mean, or a head for each
    channels: int = 1  # 3: a grey face three times, for networks that take colours
    soften: float = 0.0  # share of the crowd's votes mixed into the label head's targets
    class_weight: dict[str, float] = field(
        default_factory=dict
    )  # by head: faces count by their expression's rarity to this power; absent: alike
    lift: dict[str, float] = field(
        default_factory=dict
    )  # by head: calibration raises an expression's odds by its rarity to this power; absent: not
    public_half: bool = False  # calibration also reads one half of PublicTest
    certainty: tuple[str, ...] = ()  # heads whose temperature depends on the face: see certainty.py
    teach: dict[str, float] = field(
        default_factory=dict
    )  # by head: share of the first network's own answers in the targets; needs `start`
    epochs: int = 20  # passes over the training split
    batch: int = 64  # faces a step
    sizes: tuple[tuple[float, int], ...] = (
        (0.0, 48),
    )  # (from this share of the run on, this size)
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    rate: float = 2e-3  # the highest learning rate
    betas: tuple[float, float] = (0.9, 0.99)  # Adam's decay rates; SGD takes the first as momentum
    decay: float = 0.0  # decoupled weight decay, never on normalisation and biases
    fade: float = 0.0  # the rate is divided by 1 + fade x steps (`decay` of old Keras)
    schedule: Literal["constant", "cosine", "one-cycle"] = "cosine"
    warmup: float = 0.1  # share of the run in which the rate rises
    ema: float = 0.0  # momentum of the weights' moving average; 0: none
    early_stopping: int = 0  # epochs without a better val_loss before the run stops; 0: never
    min_delta: float = 0.0  # what counts as better for early stopping
    plateau: int = 0  # epochs without a better val_loss before the rate falls; 0: never
    plateau_factor: float = 0.2  # what the rate is multiplied by then
    validate_every: int = 1  # epochs between validations (last tenth, last epoch: always)
    hold_out: float = 0.05  # share of Training that is kept for calibration
    balance: int = 0  # faces of each emotion in an epoch, by resampling; 0: all faces once
    groups: tuple[tuple[str, ...], ...] = ()  # layers by the start of their names, early to late
    stages: tuple[
        tuple[float, int], ...
    ] = ()  # (from this share of the run on, so many groups learn)
    slower: float = 1.0  # each group's rate, as a share of the next group's
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed must be from 0 to {2**32 - 1}, not {self.seed}")


def heads_of(recipe: Recipe) -> tuple[str, ...]:
    """Return the names of the network's outputs."""
    return ("crowd", "fer2013") if recipe.targets == "both" else ("emotion",)


def recipe_from(config: dict[str, Any]) -> Recipe:
    """Return the recipe in the content of a run folder's config.json."""
    try:
        values = dict(config["recipe"])
        values["augmentation"] = Augmentation(**values["augmentation"])
        values["sizes"] = tuple((start, size) for start, size in values["sizes"])
        values["betas"] = tuple(values["betas"])
        values["certainty"] = tuple(values.get("certainty", ()))
        values["groups"] = tuple(tuple(names) for names in values.get("groups", ()))
        values["stages"] = tuple((start, groups) for start, groups in values.get("stages", ()))
        return Recipe(**values)
    except (KeyError, TypeError, ValueError) as fault:
        raise ModelError(f"config.json holds no recipe of this version ({fault})") from fault


@dataclass(frozen=True)
class Overrides:
    """Values given on a command line, or as a job's hyperparameters, in place of a recipe's."""

    epochs: int | None = None
    batch: int | None = None
    seed: int | None = None
    pretrained: bool = True  # False: begin without weights that have to be fetched

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        """Add --epochs, --batch and --seed."""
        for name in ("epochs", "batch", "seed"):
            parser.add_argument(f"--{name}", type=int, metavar="N", help="instead of the recipe's")

    @classmethod
    def of(cls, options: argparse.Namespace, *, pretrained: bool = True) -> Self:
        """Return the overrides in parsed options."""
        return cls(options.epochs, options.batch, options.seed, pretrained)

    def apply(self, recipe: Recipe) -> Recipe:
        """Return the recipe with these values."""
        given: dict[str, Any] = {"epochs": self.epochs, "batch": self.batch, "seed": self.seed}
        given = {name: value for name, value in given.items() if value is not None}
        for name in ("epochs", "batch"):
            positive(name, given.get(name))
        if not self.pretrained:
            if "weights" not in recipe.options:
                raise UsageError(
                    f"recipe {recipe.name} begins without weights anyway: drop --weights"
                )
            recipe = without_weights(recipe)
        return replace(recipe, **given)


def without_weights(recipe: Recipe) -> Recipe:
    """Return the recipe without the weights of another task, which would have to be fetched."""
    if "weights" not in recipe.options:
        return recipe
    return replace(recipe, options=recipe.options | {"weights": None})


def positive(name: str, value: float | None) -> None:
    """Raise a UsageError if the option's value is given and not more than 0."""
    if value is not None and not value > 0:
        raise UsageError(f"{name} must be more than 0, not {value:g}")
