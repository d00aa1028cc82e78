"""Build the plain networks of tutorials: valid 3x3 convolutions, pooling, two dense layers."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from fer.emotions import EMOTIONS


def sequential(
    stages: Sequence[Sequence[int]] = ((32, 64), (128,), (256,), (512,)),
    *,
    dropouts: Sequence[float] = (0.05, 0.05, 0.05, 0.05),
    dense: int = 1024,
    dense_dropout: float = 0.0,
    size: int = 48,
    channels: int = 1,
    heads: Sequence[str] = ("emotion",),
) -> keras.Model:
    """Build stages of valid 3x3 convolutions, each with a pool and a dropout; then dense layers.

    Each convolution removes a pixel at each edge, so the dense layer depends on the face's size.
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
    outputs = {head: layers.Dense(len(EMOTIONS), name=head)(x) for head in heads}
    return keras.Model(inputs, outputs, name="sequential")
