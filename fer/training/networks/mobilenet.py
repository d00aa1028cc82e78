"""MobileNetV2 with a small head: most of it as it came from ImageNet, the end trained on faces."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from fer.errors import ModelError

TRAINED_FROM = "block_15_depthwise"  # with the head, the last 23 layers of the published network


def mobilenet_v2(
    *,
    size: int = 224,
    weights: str | None = None,
    widths: Sequence[int] = (128, 128),
    heads: Sequence[str] = ("emotion",),
    classes: int = 7,
    name: str = "mobilenet_v2",
) -> keras.Model:
    """MobileNetV2, an average, dense layers; `weights="imagenet"` fetches what Keras offers."""
    inputs = keras.Input((size, size, 3), name="face")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="scale")(inputs)
    try:
        base = keras.applications.MobileNetV2(input_tensor=x, include_top=False, weights=weights)
    except Exception as fault:  # what Keras raises where it cannot fetch is a plain Exception
        if weights is None:
            raise
        raise ModelError(
            f"the {weights} weights cannot be had ({' '.join(str(fault).split())[:200]}): connect "
            "this machine to the internet, or go on without them with --weights none"
        ) from fault
    for layer in base.layers:
        if layer.name == TRAINED_FROM:
            break
        layer.trainable = False
    x = layers.GlobalAveragePooling2D(name="average")(base.output)
    for at, width in enumerate(widths, 1):
        x = layers.Dense(width, name=f"dense{at}")(x)
        x = layers.ReLU(name=f"relu_dense{at}")(x)
    outputs = {head: layers.Dense(classes, name=head)(x) for head in heads}
    return keras.Model(inputs, outputs, name=name)
