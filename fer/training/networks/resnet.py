"""Build ResNet-34 as torchvision does: 3, 4, 6 and 3 basic blocks at 64 to 512 channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from fer.emotions import EMOTIONS

Tensor = Any


def resnet34(
    *,
    size: int | None = 48,
    channels: int = 3,
    blocks: Sequence[int] = (3, 4, 6, 3),
    dropout: float = 0.5,
    heads: Sequence[str] = ("emotion",),
) -> keras.Model:
    """Build a 7x7 stem, four stages of basic blocks, an average, and a dense layer for each head.

    Layers are named after their part (stem, stage1 … stage4, a head), so that a recipe can train
    one part before another.
    """
    inputs = keras.Input((size, size, channels), name="face")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="scale")(inputs)
    x = _convolution(x, 64, 7, 2, "stem")
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)
    for stage, count in enumerate(blocks, 1):
        for block in range(1, count + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _block(x, 32 * 2**stage, stride, f"stage{stage}_{block}")
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    outputs = {head: layers.Dense(len(EMOTIONS), name=head)(x) for head in heads}
    return keras.Model(inputs, outputs, name="resnet34")


def _block(x: Tensor, width: int, stride: int, name: str) -> Tensor:
    """Add two 3x3 convolutions and a shortcut, which is projected if the shape changes."""
    shortcut = _convolution(x, width, 1, stride, f"{name}_shortcut") if stride > 1 else x
    y = _convolution(x, width, 3, stride, f"{name}_a")
    y = layers.ReLU(name=f"{name}_a_relu")(y)
    y = _convolution(y, width, 3, 1, f"{name}_b")
    y = layers.Add(name=f"{name}_add")([y, shortcut])
    return layers.ReLU(name=f"{name}_relu")(y)


def _convolution(x: Tensor, width: int, kernel: int, stride: int, name: str) -> Tensor:
    x = layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)
