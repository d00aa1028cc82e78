"""How a network is trained, as one frozen record: one comment a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from fer.errors import ModelError, UsageError
from fer.training.data.augment import Augmentation

Targets = Literal["labels", "votes", "fusion", "both"]


@dataclass(frozen=True)
class Recipe:
    """What `python -m fer train --recipe NAME` does; the run folder keeps a copy as config.json."""

    name: str
    about: str  # one line for the list of recipes
    network: str  # a function in networks/
    options: dict[str, Any] = field(default_factory=dict)  # its keyword arguments
    targets: Targets = "labels"  # FER2013's labels, FER+'s votes, half of each, or a head for each
    channels: int = 1  # 3: a grey face three times, for networks that take colours
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
    fade: float = 0.0  # the rate is divided by 1 + fade x steps: what Keras once called decay
    schedule: Literal["constant", "cosine", "one-cycle"] = "cosine"
    warmup: float = 0.1  # share of the run in which the rate rises
    ema: float = 0.0  # momentum of the weights' moving average; 0: none
    early_stopping: int = 0  # epochs without a better val_loss before it stops; 0: never
    min_delta: float = 0.0  # what counts as better for early stopping
    plateau: int = 0  # epochs without a better val_loss before the rate falls; 0: never
    plateau_factor: float = 0.2  # what the rate is multiplied by then
    validate_every: int = 1  # epochs between looks at PublicTest (last tenth, last epoch: always)
    hold_out: float = 0.05  # share of Training kept for calibration, never trained on
    balance: int = 0  # faces of each class in an epoch, drawn again where there are fewer; 0: all
    groups: tuple[tuple[str, ...], ...] = ()  # layers by what their names start with, early to late
    stages: tuple[tuple[float, int], ...] = ()  # (from this share of the run, so many groups learn)
    slower: float = 1.0  # each earlier group's rate, as a share of the next one's
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed must be from 0 to {2**32 - 1}, not {self.seed}")


def heads_of(recipe: Recipe) -> tuple[str, ...]:
    """The network's outputs by name."""
    return ("crowd", "fer2013") if recipe.targets == "both" else ("emotion",)


def recipe_from(config: dict[str, Any]) -> Recipe:
    """The recipe that a run folder's config.json holds."""
    try:
        told = dict(config["recipe"])
        told["augmentation"] = Augmentation(**told["augmentation"])
        told["sizes"] = tuple((start, size) for start, size in told["sizes"])
        told["betas"] = tuple(told["betas"])
        told["groups"] = tuple(tuple(names) for names in told.get("groups", ()))
        told["stages"] = tuple((start, groups) for start, groups in told.get("stages", ()))
        return Recipe(**told)
    except (KeyError, TypeError, ValueError) as fault:
        raise ModelError(f"config.json holds no recipe of this version ({fault})") from fault
