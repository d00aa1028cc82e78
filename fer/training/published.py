"""What each recipe's report published, to be told beside what comes out here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fer.training.recipe import Recipe
from fer.training.recipes import RECIPES


@dataclass(frozen=True)
class Published:
    """A recipe's network, and its report's figure."""

    parameters: int  # of the network that the recipe builds; a test counts them
    accuracy: float | None = None  # the report's own figure, as a share
    on: str = ""  # what that was measured on
    differs: str = ""  # what else sets it apart from a figure on PublicTest


PUBLISHED: Final = {
    "ours": Published(657_694),
    "ours-long": Published(895_250),
    "sequential-48": Published(
        2_100_487, 0.516, "its own test split", "other faces to learn from and to be measured on"
    ),
    "mobilenet-v2-224": Published(
        2_439_367, 0.441, "its own split", "other faces to learn from and to be measured on"
    ),
    "sequential-75": Published(
        1_653_895,
        0.632,
        "its test split (62.4 % on its validation split)",
        "the report's layers are not known: a network of the same family stands in",
    ),
    "wide-100": Published(2_831_107),
    "emotion-detection-48": Published(
        2_345_607, 0.80, "training faces", "a training figure: no test figure was published"
    ),
    "resnet34": Published(
        21_305_287,
        0.757,
        "its own split of a cleaned set",
        "faceless and wrong pictures were taken out, of what it was measured on as well",
    ),
}


def listed(recipe: Recipe) -> dict[str, Any]:
    """A recipe as `python -m fer recipes --json` tells it."""
    told, size = PUBLISHED[recipe.name], recipe.sizes[-1][1]
    figure = None
    if told.accuracy is not None:
        figure = {"accuracy": told.accuracy, "on": told.on, "differs": told.differs}
    return {
        "name": recipe.name,
        "parameters": told.parameters,
        "input": [size, size, recipe.channels],
        "published": figure,
        "about": recipe.about,
    }


def all_listed() -> list[dict[str, Any]]:
    """Every recipe."""
    return [listed(recipe) for recipe in RECIPES.values()]
