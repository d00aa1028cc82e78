import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fer.bench.network import BATCHES, bench, lines, measure
from fer.vision.classifier import Crops, Reading


@dataclass
class Ticking:
    """A classifier that moves a fake clock by `ticks` for each face."""

    now: list[float]
    ticks: float
    size: int = 48
    calls: int = 0

    def read(self, crops: Crops) -> Reading:
        self.calls += 1
        self.now[0] += self.ticks * len(crops)
        return Reading({"crowd": np.zeros((len(crops), 7), np.float32)}, "crowd")


def test_each_form_counts_its_own_work() -> None:
    now = [0.0]
    forms = {"onnx": Ticking(now, 0.001), "keras": Ticking(now, 0.005)}
    found = measure(forms, rounds=3, batches=(1, 10), clock=lambda: now[0])
    assert found == {"onnx": [1.0, 10.0], "keras": [5.0, 50.0]}
    assert [form.calls for form in forms.values()] == [2 * (3 + 1)] * 2


def test_a_slow_first_call_does_not_count() -> None:
    steps = itertools.chain([0.0, 100.0], itertools.count(200.0, 1.0))
    found = measure({"onnx": Ticking([0.0], 0)}, 5, batches=(1,), clock=lambda: next(steps))
    assert found["onnx"] == [1000.0]


def test_lines_show_ratios() -> None:
    shown = lines({"unit": "ms", "batches": [1], "forms": {"onnx": [2.0], "keras": [60.0]}})
    assert "(x30.0)" in shown[-1]
    assert "(x1.0)" in shown[-2]


@pytest.mark.slow
def test_a_model_is_measured(tiny_model: Path) -> None:
    result = bench(tiny_model, rounds=2)
    assert len(result["forms"]["onnx"]) == len(BATCHES)
    assert min(result["forms"]["onnx"]) > 0
