"""Every way this project trains a network: one frozen record a recipe, one comment a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from fer.errors import ModelError, UsageError
from fer.training.augment import Augmentation

Targets = Literal["labels", "votes", "fusion", "both"]


@dataclass(frozen=True)
class Recipe:
    """What `python -m fer train --recipe NAME` does; the run folder keeps a copy as config.json."""

    name: str
    about: str  # one line for the list of recipes
    network: str  # a function in networks.py
    options: dict[str, Any] = field(default_factory=dict)  # its keyword arguments
    targets: Targets = "labels"  # FER2013's labels, FER+'s votes, half of each, or a head for each
    soften: float = 0.0  # share of the crowd's votes mixed into the label head's targets
    epochs: int = 20  # passes over the training split
    batch: int = 64  # faces a step
    sizes: tuple[tuple[float, int], ...] = (
        (0.0, 48),
    )  # (from this share of the run, at this size)
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    rate: float = 2e-3  # the highest learning rate
    betas: tuple[float, float] = (0.9, 0.99)  # Adam's memories; SGD takes the first as momentum
    decay: float = 0.0  # decoupled weight decay, never on normalisation and biases
    schedule: Literal["constant", "cosine", "one-cycle"] = "cosine"
    warmup: float = 0.1  # share of the run in which the rate rises
    ema: float = 0.0  # momentum of the weights' moving average; 0: none
    early_stopping: int = 0  # epochs without a better val_loss before it stops; 0: never
    min_delta: float = 0.0  # what counts as better for early stopping
    plateau: int = 0  # epochs without a better val_loss before the rate falls; 0: never
    plateau_factor: float = 0.2  # what the rate is multiplied by then
    validate_every: int = 1  # epochs between looks at PublicTest (the last tenth: always)
    hold_out: float = 0.05  # share of Training kept for calibration, never trained on
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 1


def heads_of(recipe: Recipe) -> tuple[str, ...]:
    """The network's outputs by name."""
    return ("crowd", "fer2013") if recipe.targets == "both" else ("emotion",)


RECIPES: Final = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="ours",
            about="the shipped network: plain VGG, 658 k parameters; two hours on two processors",
            network="vgg",
            options={"stages": ((16, 16), (48, 48), (96, 96), (192, 192)), "dropout": 0.25},
            targets="both",
            soften=0.2,
            epochs=80,
            sizes=((0.0, 32), (0.25, 40), (0.5, 48)),
            decay=0.05,
            warmup=0.05,
            ema=0.999,
            validate_every=3,
            augmentation=Augmentation(
                flip=True,
                rotate=12,
                shift=0.07,
                scale=0.12,
                shear=0.08,
                contrast=0.3,
                brightness=25,
                erase=0.35,
            ),
        ),
        Recipe(
            name="ours-long",
            about="for a GPU: 160 MFLOPs, mixup, 300 epochs; not yet run to its end",
            network="vgg",
            options={"stages": ((20, 20), (56, 56), (112, 112), (224, 224)), "dropout": 0.3},
            targets="both",
            soften=0.2,
            epochs=300,
            batch=128,
            rate=3e-3,
            decay=0.05,
            warmup=0.05,
            ema=0.999,
            validate_every=5,
            augmentation=Augmentation(
                flip=True,
                rotate=15,
                shift=0.1,
                scale=0.15,
                shear=0.1,
                contrast=0.4,
                brightness=30,
                erase=0.5,
                erase_area=0.25,
                mixup=0.2,
            ),
        ),
    )
}


def recipe_named(name: str) -> Recipe:
    """The recipe of that name."""
    if name not in RECIPES:
        raise UsageError(f"no recipe is called {name!r}: take one of {', '.join(RECIPES)}")
    return RECIPES[name]


def recipe_from(config: dict[str, Any]) -> Recipe:
    """The recipe that a run folder's config.json holds."""
    try:
        told = dict(config["recipe"])
        told["augmentation"] = Augmentation(**told["augmentation"])
        told["sizes"] = tuple((start, size) for start, size in told["sizes"])
        told["betas"] = tuple(told["betas"])
        return Recipe(**told)
    except (KeyError, TypeError, ValueError) as fault:
        raise ModelError(f"config.json holds no recipe of this version ({fault})") from fault
