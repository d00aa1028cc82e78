"""The recipes of the reports that this project grew from, as near to them as one data set allows.

What each report published, and what differs here, stands in published.py and docs/recipes.md.
"""

from __future__ import annotations

from typing import Any, Final

from fer.training.augment import Augmentation
from fer.training.recipe import Recipe

# Keras' Adam at one rate, as tutorials take it, on faces as they come.
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
