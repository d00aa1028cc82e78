"""Let a head be less sure of a face that its picture tells little about.

One temperature fits the faces it was fitted on. On blurred, small or badly lit faces the network is
right less often than it claims. What its last layer sees of a face also tells how good the picture
is, so a dense layer learns from that by how much to multiply the face's logits (`gain` in
`fer.vision.classifier`), on the faces held out of training, as they are and worsened by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from fer.faces import Floats
from fer.training.data.augment import augment
from fer.training.data.dataset import Dataset, Ints, sized, true_answers, truth_of
from fer.training.metrics import calibration_error, reliability
from fer.training.recipe import Recipe
from fer.vision.classifier import FEATURES, MOST_GAIN, KerasClassifier, gain, softmax

VIEWS: Final = 8  # of each face, worsened
WORSEN: Final = 0.4  # probability of each fault in a view
AS_THEY_ARE: Final = 4.0  # what a face as it is counts, in views
PULL: Final = 0.03  # of the weights to zero, so that few faces do not tell too much
STEPS: Final = 300
RATE: Final = 0.5

Floats64 = npt.NDArray[np.float64]


def certainty_of(
    recipe: Recipe,
    network: KerasClassifier,
    held: Dataset,
    temperatures: Mapping[str, float],
    *,
    log: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    """Return `weights` and `bias` of the gain of each head that the recipe names."""
    how = replace(recipe.augmentation, mixup=0.0, erase=0.0, worsen=WORSEN)
    rng = np.random.default_rng(0)
    faces = sized(held.faces, network.size)
    views = [faces.astype(np.float32)[..., None]]
    views += [augment(faces, how, network.size, rng) for _ in range(VIEWS)]
    counts = np.repeat([AS_THEY_ARE, *[1.0] * VIEWS], len(held))
    found = {}
    for head in recipe.certainty:
        inner = keras.Model(
            network.model.input,
            {head: network.model.output[head], FEATURES: network.model.get_layer(head).input},
        )
        parts = [inner.predict(np.round(view), batch_size=256, verbose=0) for view in views]
        truth = np.tile(true_answers(truth_of(head, recipe.targets), held), 1 + VIEWS)
        known = truth >= 0
        lift = np.array(network.lifts.get(head, 0.0), np.float32)
        logits = (np.concatenate([part[head] for part in parts]) + lift) / temperatures[head]
        features = np.concatenate([part[FEATURES] for part in parts])
        weights, bias = fit_gain(features[known], logits[known], truth[known], counts[known])
        kept = [round(float(w), 6) for w in weights]
        found[head] = {"weights": kept, "bias": round(bias, 6)}
        worse = known & (counts == 1)
        sure = logits * gain(features, kept, bias)[:, None]
        before, after = (
            calibration_error(reliability(softmax(values[worse]), truth[worse]))
            for values in (logits, sure)
        )
        log(
            f"{head}: on the same faces worsened, calibration error {before:.4f} with one "
            f"temperature, {after:.4f} with one for each face"
        )
    return found


def fit_gain(
    features: Floats, logits: Floats, truth: Ints, counts: Floats64
) -> tuple[Floats64, float]:
    """Return the weights and bias of the gain with the lowest log-loss, by gradient descent."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-4
    scaled = ((features - mean) / spread).astype(np.float64)
    z, share = logits.astype(np.float64), counts / counts.sum()
    hot = np.eye(z.shape[1])[truth]
    weights, bias = np.zeros(scaled.shape[1]), 0.0
    speed, bias_speed = np.zeros_like(weights), 0.0
    for _ in range(STEPS):
        gains = MOST_GAIN / (1 + np.exp(-(scaled @ weights + bias)))
        # The slope of the log-loss along the strength, through gain x logits.
        wrong = ((softmax(z * gains[:, None]) - hot) * z).sum(axis=1)
        slope = share * wrong * gains * (1 - gains / MOST_GAIN)
        speed = 0.9 * speed - RATE * 0.1 * (scaled.T @ slope + 2 * PULL * weights)
        bias_speed = 0.9 * bias_speed - RATE * 0.1 * float(slope.sum())
        weights, bias = weights + speed, bias + bias_speed
    plain = weights / spread
    return plain, float(bias - mean @ plain)
