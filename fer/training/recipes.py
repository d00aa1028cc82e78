"""Every recipe of this project: its own, and those of the published reports it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fer.errors import UsageError
from fer.training.data.augment import Augmentation
from fer.training.recipe import Recipe

OWN: Final = (
    Recipe(
        name="ours",
        about="what `ours-2` begins from: plain VGG, 658 k parameters; two hours on two processors",
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
        name="ours-2",
        about="the shipped network: `ours` grown, 1.7 M parameters; begin with --start",
        network="vgg",
        options={"stages": ((16, 16), (48, 48), (128, 128), (256, 256, 256)), "dropout": 0.3},
        targets="both",
        soften=0.2,
        class_weight={"crowd": 0.5},
        lift={"crowd": 0.75},
        public_half=True,
        certainty=("crowd",),
        teach={"crowd": 0.2, "fer2013": 0.3},
        epochs=30,
        sizes=((0.0, 48),),
        rate=4e-4,
        decay=0.05,
        warmup=0.05,
        ema=0.999,
        validate_every=3,
        augmentation=Augmentation(
            flip=True,
            rotate=15,
            shift=0.09,
            scale=0.14,
            shear=0.08,
            contrast=0.3,
            brightness=20,
            erase=0.25,
            mixup=0.1,
            worsen=0.08,
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

# Keras' Adam at one rate, as tutorials use it, on faces without augmentation.
PLAIN: Final[dict[str, Any]] = {
    "optimizer": "adam",
    "betas": (0.9, 0.999),
    "rate": 1e-3,
    "schedule": "constant",
}

LITERATURE: Final = (
    Recipe(
        name="sequential-48",
        about="five convolutions, 2.1 M parameters, early stopping",
        network="sequential",
        options={"stages": ((32, 64), (128,), (256,), (512,)), "dropouts": (0.05,) * 4},
        epochs=20,
        batch=32,
        early_stopping=4,
        min_delta=0.1,
        plateau=3,
        plateau_factor=0.2,
        **PLAIN,
    ),
    Recipe(
        name="mobilenet-v2-224",
        about="MobileNetV2 from ImageNet at 224 pixels, its last 23 layers trained",
        network="mobilenet_v2",
        options={"weights": "imagenet"},
        channels=3,
        epochs=20,
        batch=32,
        sizes=((0.0, 224),),
        **PLAIN | {"rate": 1e-4},
    ),
    Recipe(
        name="sequential-75",
        about="six convolutions, 75 epochs at one rate",
        network="sequential",
        options={
            "stages": ((32, 64), (128, 128), (256, 256)),
            "dropouts": (0.25, 0.25, 0.25),
            "dense": 512,
            "dense_dropout": 0.5,
        },
        epochs=75,
        batch=64,
        **PLAIN,
    ),
    Recipe(
        name="wide-100",
        about="two wide convolutions at 100 pixels, as many faces of every class",
        network="sequential",
        options={
            "stages": ((200,), (100,)),
            "dropouts": (0.0, 0.5),
            "dense": 50,
            "dense_dropout": 0.5,
        },
        channels=3,
        epochs=30,
        batch=32,
        sizes=((0.0, 100),),
        early_stopping=6,
        plateau=3,
        hold_out=0.2,
        balance=3704,
        **PLAIN,
    ),
    Recipe(
        name="emotion-detection-48",
        about="four convolutions, 2.3 M parameters, 50 epochs at a low rate",
        network="sequential",
        options={
            "stages": ((32, 64), (128,), (128,)),
            "dropouts": (0.25, 0.0, 0.25),
            "dense_dropout": 0.5,
        },
        epochs=50,
        batch=64,
        fade=1e-6,
        **PLAIN | {"rate": 1e-4},
    ),
    Recipe(
        name="resnet34",
        about="ResNet-34 by one-cycle: the head first, then all of it, earlier layers slower",
        network="resnet34",
        channels=3,
        epochs=20,
        batch=64,
        optimizer="adamw",
        betas=(0.9, 0.99),
        rate=2e-3,
        decay=0.01,
        schedule="one-cycle",
        warmup=0.3,
        groups=(("stem", "stage1", "stage2"), ("stage3", "stage4"), ("emotion",)),
        stages=((0.0, 1), (0.2, 3)),
        slower=1 / 2.6,
        augmentation=Augmentation(flip=True, rotate=10, scale=0.1, contrast=0.2, brightness=25),
    ),
)

RECIPES: Final = {recipe.name: recipe for recipe in (*OWN, *LITERATURE)}


@dataclass(frozen=True)
class Published:
    """What was published about a recipe's network."""

    parameters: int  # of the network that the recipe builds; a test counts them
    accuracy: float | None = None  # the report's own figure, as a share
    on: str = ""  # what that was measured on
    differs: str = ""  # why else it cannot be compared with a figure on PublicTest


PUBLISHED: Final = {
    "ours": Published(657_694),
    "ours-2": Published(1_715_614),
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


def recipe_named(name: str) -> Recipe:
    """Return the recipe called `name`."""
    if name not in RECIPES:
        raise UsageError(f"no recipe is called {name!r}: choose one of {', '.join(RECIPES)}")
    return RECIPES[name]


def recipe_entry(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as `python -m fer recipes --json` prints it."""
    published, size = PUBLISHED[recipe.name], recipe.sizes[-1][1]
    figure = None
    if published.accuracy is not None:
        figure = {
            "accuracy": published.accuracy,
            "on": published.on,
            "differs": published.differs,
        }
    return {
        "name": recipe.name,
        "parameters": published.parameters,
        "input": [size, size, recipe.channels],
        "published": figure,
        "about": recipe.about,
    }


def recipe_entries() -> list[dict[str, Any]]:
    """Return every recipe, as `recipe_entry` does."""
    return [recipe_entry(recipe) for recipe in RECIPES.values()]
