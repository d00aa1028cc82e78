"""Build MobileNetV2 with a small head, of which only the end is trained on faces."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from fer.emotions import EMOTIONS
from fer.errors import ModelError

TRAINED_FROM = "block_15_depthwise"  # from here on, with the head, the report's last 23 layers


def mobilenet_v2(
    *,
    size: int = 224,
    weights: str | None = None,
    widths: Sequence[int] = (128, 128),
    heads: Sequence[str] = ("emotion",),
) -> keras.Model:
    """Build MobileNetV2, an average and dense layers; `weights="imagenet"` fetches weights."""
    inputs = keras.Input((size, size, 3), name="face")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="scale")(inputs)
    try:
        base = keras.applications.MobileNetV2(input_tensor=x, include_top=False, weights=weights)
    except Exception as fault:  # if a download fails, Keras raises a plain Exception
        if weights is None:
            raise
        raise ModelError(
            f"the {weights} weights cannot be fetched ({' '.join(str(fault).split())[:200]}): "
            "connect this machine to the internet, or go on without them with --weights none"
        ) from fault
    for layer in base.layers:
        if layer.name == TRAINED_FROM:
            break
        layer.trainable = False
    x = layers.GlobalAveragePooling2D(name="average")(base.output)
    for at, width in enumerate(widths, 1):
        x = layers.Dense(width, name=f"dense{at}")(x)
        x = layers.ReLU(name=f"relu_dense{at}")(x)
    outputs = {head: layers.Dense(len(EMOTIONS), name=head)(x) for head in heads}
    return keras.Model(inputs, outputs, name="mobilenet_v2")
