"""Calibrate probabilities: lift rare expressions, then fit one temperature for each head.

    python -m fer calibrate --model RUN_DIR --data DIR

A network that learned from many neutral faces rarely answers "disgust". Where the recipe says so
(`lift`), a number is added to the rare expressions' logits, by their share among the faces that the
run learned from. Dividing the logits by a temperature then changes a head's confidence, never its
answer. The temperatures are fitted on faces held out of training, which may resemble faces that the
network has seen (FER2013 holds near copies), and, where the recipe says so (`public_half`), also on
one half of PublicTest. `certainty.py` makes a head's
temperature depend on the face, where the recipe says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from fer.errors import ModelError, UsageError
from fer.faces import Floats
from fer.machine import write_text
from fer.training.certainty import certainty_of
from fer.training.data import dataset as datasets
from fer.training.data.batches import rarity
from fer.training.data.dataset import (
    Dataset,
    Ints,
    one_hot,
    sized_batches,
    true_answers,
    truth_of,
)
from fer.training.data.load import load
from fer.training.metrics import calibration_error, reliability
from fer.training.recipe import recipe_from
from fer.training.run_folder import Run
from fer.vision.classifier import KerasClassifier, softmax

COLDEST: Final = 0.05  # for a head that is right on every face, the best temperature is 0
HOTTEST: Final = 20.0  # and for one that learned nothing it is infinite


def calibrate(model: Path, data: Path, *, log: Callable[[str], None]) -> dict[str, float]:
    """Fit a run's temperatures and write them to its temperature.json."""
    config = Run(model).config()
    learned, held = learned_and_held(config, model, data)
    targets = str(config["recipe"].get("targets", "labels"))
    lifts = lifts_for(config["recipe"].get("lift") or {}, learned, targets)
    if config["recipe"].get("public_half"):
        held = datasets.joined(held, datasets.half(load(data, "public_test"))[0])
    write_text(model / "lift.json", json.dumps(lifts) + "\n")
    network = KerasClassifier(model)  # its logits are lifted already
    parts = [network.logits(part) for part in sized_batches(held.faces, network.size)]
    logits = {head: np.concatenate([part[head] for part in parts]) for head in network.heads}
    temperatures = fit(logits, held, targets=targets, log=log)
    recipe = recipe_from(config) if config["recipe"].get("certainty") else None
    certainty = {} if recipe is None else certainty_of(recipe, network, held, temperatures, log=log)
    write_text(model / "certainty.json", json.dumps(certainty) + "\n")
    write_text(model / "temperature.json", json.dumps(temperatures, indent=1) + "\n")
    return temperatures


def lifts_for(
    powers: Mapping[str, float], learned: Dataset, targets: str
) -> dict[str, list[float]]:
    """Return what each head that is lifted adds to its logits, by emotion."""
    lifts = {}
    for head, power in powers.items():
        by_votes = truth_of(head, targets) == "ferplus"
        goals, counts = (
            learned.crowd if by_votes else (one_hot(learned.labels), np.ones(len(learned)))
        )
        if not counts.any():
            raise UsageError(f"head {head} answers as FER+'s voters, and the data has no votes")
        lifts[head] = [round(float(value), 6) for value in power * np.log(rarity(goals, counts))]
    return lifts


def held_out(config: Mapping[str, Any], run: Path, data: Path) -> Dataset:
    """Return the training faces that a run held out."""
    return learned_and_held(config, run, data)[1]


def learned_and_held(config: Mapping[str, Any], run: Path, data: Path) -> tuple[Dataset, Dataset]:
    """Return the training faces that a run learned from, and those that it held out."""
    try:
        share = float(config["recipe"]["hold_out"])
    except (KeyError, TypeError, ValueError) as fault:
        raise ModelError(
            f"{run}/config.json: has no share of faces that were held out ({fault!r})"
        ) from fault
    if share <= 0:
        raise UsageError(f"{run}: trained on every face, so none is left to calibrate on")
    training = load(data, "training", clean=config.get("clean"))
    if config.get("fold"):
        training, _ = datasets.fold(training, *config["fold"])
    learned, held = datasets.hold_out(training, share)
    # Other data would be split differently, and would include faces that the run was trained on.
    expected = (config.get("faces") or {}).get("held_out", len(held))
    if len(held) != expected:
        raise UsageError(
            f"{data}: not the data of {run}, which held {expected:,} faces out; "
            f"here they would be {len(held):,}"
        )
    if not len(held):
        raise UsageError(f"{run}: held out no face, so none is left to calibrate on")
    return learned, held


def fit(
    logits: Mapping[str, Floats], held: Dataset, *, targets: str, log: Callable[[str], None]
) -> dict[str, float]:
    """Return a temperature for each head, fitted to its own truth."""
    temperatures = {}
    for head, values in logits.items():
        truth = true_answers(truth_of(head, targets), held)
        known = truth >= 0
        if not known.any():
            raise UsageError(f"head {head} answers as FER+'s voters, and the data has no votes")
        values, truth = values[known], truth[known]
        temperature = round(best_temperature(values, truth), 6)
        before, after = (
            calibration_error(reliability(softmax(values / t), truth)) for t in (1.0, temperature)
        )
        temperatures[head] = temperature
        log(
            f"{head}: temperature {temperature:.3f}, calibration error {before:.4f} before, "
            f"{after:.4f} after, on {len(truth):,} faces that it did not learn from"
        )
        if temperature in (COLDEST, HOTTEST):
            log(
                f"{head}: the temperature is at its bound: there were too few faces, "
                "or the network learned little"
            )
    return temperatures


def best_temperature(logits: Floats, truth: Ints, steps: int = 60) -> float:
    """Return the temperature with the lowest log-loss.

    The log-loss is convex in 1/T, so its slope crosses zero once, and halving the range of log T
    finds that place for any logits.
    """
    values = logits.astype(np.float64)
    if len(values) != len(truth) or not len(truth):
        raise ValueError(f"{len(values)} answers for {len(truth)} faces")
    if not np.isfinite(values).all():
        raise ModelError("the network's answers are not finite numbers: it cannot be calibrated")
    ahead = values - values[np.arange(len(truth)), truth][:, None]  # of the truth's logit
    below = values - values.max(axis=1, keepdims=True)

    def too_hot(temperature: float) -> bool:
        """Return True if a lower temperature would be better: the slope along 1/T is negative."""
        powers = np.exp(below / temperature)
        return bool(((powers * ahead).sum(axis=1) / powers.sum(axis=1)).sum() < 0)

    low, high = np.log(COLDEST), np.log(HOTTEST)
    if too_hot(COLDEST):
        return COLDEST
    if not too_hot(HOTTEST):
        return HOTTEST
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (low, middle) if too_hot(np.exp(middle)) else (middle, high)
    return float(np.exp((low + high) / 2))
