"""The plain convolutional networks of the tutorials: valid 3x3 convolutions, pooling, two dense."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers


def sequential(
    stages: Sequence[Sequence[int]] = ((32, 64), (128,), (256,), (512,)),
    *,
    dropouts: Sequence[float] = (0.05, 0.05, 0.05, 0.05),
    dense: int = 1024,
    dense_dropout: float = 0.0,
    size: int = 48,
    channels: int = 1,
    heads: Sequence[str] = ("emotion",),
    classes: int = 7,
    name: str = "sequential",
) -> keras.Model:
    """Stages of valid 3x3 convolutions, each ended by a pool and a dropout; then flat and dense.

    Every convolution takes a pixel from each edge, so the dense layer's size depends on the face's.
    """
    inputs = keras.Input((size, size, channels), name="face")
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    for stage, (widths, dropout) in enumerate(zip(stages, dropouts, strict=True), 1):
        for block, width in enumerate(widths, 1):
            tag = f"{stage}{'abcdefgh'[block - 1]}"
            x = layers.Conv2D(width, 3, name=f"conv{tag}")(x)
            x = layers.ReLU(name=f"relu{tag}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{stage}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"dropout{stage}")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(dense, name="dense")(x)
    x = layers.ReLU(name="relu_dense")(x)
    if dense_dropout:
        x = layers.Dropout(dense_dropout, name="dropout_dense")(x)
    outputs = {head: layers.Dense(classes, name=head)(x) for head in heads}
    return keras.Model(inputs, outputs, name=name)
