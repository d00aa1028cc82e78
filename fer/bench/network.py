"""Measure the CPU time that each form of a network takes for a batch of faces."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from fer.errors import ModelError
from fer.vision.classifier import Classifier, Crops, load_classifier

BATCHES: Final = (1, 8, 50)
Clock = Callable[[], float]


def bench(folder: str | Path, rounds: int = 15) -> dict[str, Any]:
    """Return the CPU-milliseconds for a batch of the runtime form and, if there, the Keras form."""
    forms: dict[str, Classifier] = {"onnx": load_classifier(folder)}
    if find_spec("keras"):
        with suppress(ModelError):  # a folder may hold only the runtime form
            forms["keras"] = load_classifier(folder, "keras")
    return {
        "unit": "CPU-milliseconds a batch, median",
        "batches": list(BATCHES),
        "forms": measure(forms, rounds),
    }


def measure(
    forms: Mapping[str, Classifier],
    rounds: int,
    batches: Sequence[int] = BATCHES,
    clock: Clock = time.process_time,
) -> dict[str, list[float]]:
    """Return the median over `rounds` for each form and batch. The forms take turns."""
    rng = np.random.default_rng(0)
    found: dict[str, list[float]] = {name: [] for name in forms}
    for count in batches:
        spent: dict[str, list[float]] = {name: [] for name in forms}
        for turn in range(rounds + 1):
            for name, form in forms.items():
                crops: Crops = rng.integers(0, 256, (count, form.size, form.size), np.uint8)
                begun = clock()
                form.read(crops)
                if turn:  # the first round warms up
                    spent[name].append(clock() - begun)
        for name, seconds in spent.items():
            found[name].append(round(1000 * float(np.median(seconds)), 3))
    return found


def lines(result: Mapping[str, Any]) -> list[str]:
    """Return the result as lines for a terminal, with ratios to the runtime form."""
    heads = "".join(f"{f'{count} faces':>22}" for count in result["batches"])
    out = [result["unit"], f"{'':8}{heads}"]
    base = result["forms"]["onnx"]
    for name, values in result["forms"].items():
        cells = "".join(
            f"{value:>12.2f} {f'(x{value / least:.1f})':>9}"
            for value, least in zip(values, base, strict=True)
        )
        out.append(f"{name:8}{cells}")
    return out
