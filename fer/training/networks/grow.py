"""Fill a wider or deeper network with a smaller one's weights, so that it answers as that does.

A new channel keeps its random weights, and what reads it begins at zero: it changes no answer, and
the first steps teach its readers. A new convolution begins as the identity, which a ReLU keeps.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import keras
import numpy as np
import numpy.typing as npt

from fer.errors import ModelError
from fer.vision.crop import SIZE

Array = npt.NDArray[np.float32]

PROBES: Final = 256  # grey patterns that the new normalisations are fitted to
SOFTENED: Final = 1e-3  # of the variance, so that a channel which never answers keeps a slope


def grow(model: keras.Model, source: keras.Model) -> None:
    """Copy the source's weights into the model's layers of the same names; fill up the rest."""
    known = {layer.name: layer for layer in source.layers if layer.weights}
    named = {layer.name for layer in model.layers if layer.weights}
    if lost := [name for name in known if name not in named]:
        raise ModelError(f"the network to begin from has layers that this one lacks: {lost}")
    for layer in model.layers:
        if layer.name in known:
            values = zip(layer.get_weights(), known[layer.name].get_weights(), strict=True)
            layer.set_weights([_filled(layer, new, old) for new, old in values])
    for layer in model.layers:
        if layer.weights and layer.name not in known:
            _make_identity(model, layer)


def _filled(layer: Any, new: Array, old: Array) -> Array:
    """Return `new` with `old` in its first corner, and zeros where old outputs read new inputs."""
    if new.ndim != old.ndim or any(a < b for a, b in zip(new.shape, old.shape, strict=True)):
        raise ModelError(
            f"{layer.name}: weights of shape {old.shape} do not fit in those of {new.shape}"
        )
    filled = new.copy()
    if new.ndim > 1:  # a kernel: (…, inputs, outputs)
        filled[..., old.shape[-2] :, :] = 0
    filled[tuple(slice(0, length) for length in old.shape)] = old
    return filled


def _make_identity(model: keras.Model, layer: Any) -> None:
    """Make a new convolution, or the normalisation after one, hand on what comes in."""
    if isinstance(layer, keras.layers.Conv2D):
        kernel = np.zeros(layer.kernel.shape, np.float32)
        inputs, outputs = kernel.shape[-2:]
        if inputs != outputs or layer.use_bias:
            raise ModelError(f"{layer.name}: a new convolution must keep the number of channels")
        middle = tuple(side // 2 for side in kernel.shape[:2])
        kernel[middle] = np.eye(outputs)
        layer.set_weights([kernel])
    elif isinstance(layer, keras.layers.BatchNormalization):
        # In training it divides by the batch's own spread, which patterns stand in for here.
        size = model.input.shape[1] or SIZE
        shape = (PROBES, size, size, model.input.shape[-1])
        coarse = np.random.default_rng(0).uniform(0, 255, (PROBES, 6, 6)).astype(np.float32)
        probes = [cv2.resize(pattern, (size, size))[..., None] for pattern in coarse]
        seen = keras.Model(model.input, layer.input).predict_on_batch(
            np.broadcast_to(np.stack(probes), shape)
        )
        mean, variance = seen.mean(axis=(0, 1, 2)), seen.var(axis=(0, 1, 2)) + SOFTENED
        gain = np.sqrt(variance + layer.epsilon)
        layer.set_weights([gain, mean, mean, variance])
    else:
        raise ModelError(f"{layer.name}: a layer of a kind that cannot be added")
