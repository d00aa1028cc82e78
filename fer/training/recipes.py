"""Every way this project trains a network: its own, and those of the reports it grew from."""

from __future__ import annotations

from typing import Final

from fer.errors import UsageError
from fer.training.augment import Augmentation
from fer.training.literature import LITERATURE
from fer.training.recipe import Recipe

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
        *LITERATURE,
    )
}


def recipe_named(name: str) -> Recipe:
    """The recipe of that name."""
    if name not in RECIPES:
        raise UsageError(f"no recipe is called {name!r}: take one of {', '.join(RECIPES)}")
    return RECIPES[name]
