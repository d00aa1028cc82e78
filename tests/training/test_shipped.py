"""The network in model/: its files describe what it does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from fer.emotions import EMOTIONS
from fer.training.evaluate import EvaluationOptions, evaluate
from fer.training.export import APART, LOSS
from fer.training.shifts import SHIFTS
from fer.vision.classifier import MODEL_FOLDER, describe, load_classifier

METRICS = MODEL_FOLDER / "metrics.json"


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(METRICS.read_text())
    return loaded


def test_the_figures_are_of_public_test_in_one_pass(metrics: dict[str, Any]) -> None:
    assert metrics["split"] == "public_test"
    assert metrics["tta"] is False
    assert metrics["model"] == {"file": "model/emotion.onnx", "runtime": "onnx"}


def test_the_figures_reach_what_the_readme_promises(metrics: dict[str, Any]) -> None:
    assert metrics["accuracy"] >= 0.68
    assert metrics["ferplus_accuracy"] >= 0.845
    assert metrics["heads"]["crowd"]["balanced_accuracy"] >= 0.78
    for head in metrics["heads"].values():
        assert head["ece"] <= 0.02


def test_the_answer_shown_stays_honest_in_worse_pictures(metrics: dict[str, Any]) -> None:
    assert set(metrics["shifts"]) == set(SHIFTS)
    for name, found in metrics["shifts"].items():
        assert found["crowd"]["ece"] <= 0.03, name


def test_the_card_holds_the_figures(metrics: dict[str, Any]) -> None:
    card = (MODEL_FOLDER / "MODEL_CARD.md").read_text()
    readme = (MODEL_FOLDER.parent / "README.md").read_text()
    for name in ("accuracy", "ferplus_accuracy"):
        told = f"{100 * metrics[name]:.1f} %"
        assert told in card
        assert told in readme
    for emotion in EMOTIONS:
        recall = metrics["heads"]["crowd"]["per_class"][emotion]["recall"]
        assert f"| {emotion} | {100 * recall:.0f} %" in card


def test_the_runtime_form_was_within_its_bounds() -> None:
    for head in describe()["runtime_form"].values():
        assert head["accuracy_lost"] <= LOSS
        assert head["mean_difference"] <= APART


def test_no_pair_of_int8_products_overflows_16_bits() -> None:
    """Processors without VNNI add two products in 16 bits, so the answers would depend on them."""
    if describe().get("precision", "int8") != "int8":
        pytest.skip("the runtime form is not int8")
    model = onnx.load(MODEL_FOLDER / "emotion.onnx")
    kernels = [
        numpy_helper.to_array(weight)
        for weight in model.graph.initializer
        if weight.name.endswith(".kernel_quantized")
    ]
    assert kernels
    for kernel in kernels:
        assert kernel.dtype == np.int8
        assert 2 * 255 * np.abs(kernel.astype(int)).max() < 2**15


def test_the_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in MODEL_FOLDER.iterdir()) < 15_000_000


@pytest.mark.data
@pytest.mark.parametrize("runtime", ["onnx", "keras"])
def test_measuring_again_gives_the_same_figures(
    runtime: str, metrics: dict[str, Any], fer2013: Path
) -> None:
    again = evaluate(
        MODEL_FOLDER, fer2013, "public_test", EvaluationOptions(runtime=runtime), log=lambda _: None
    )
    bound = 1e-3 if runtime == "onnx" else LOSS  # another processor may round otherwise
    for name in ("accuracy", "ferplus_accuracy", "accuracy_without_copies"):
        assert again[name] == pytest.approx(metrics[name], abs=bound), name
    for name in ("ece", "ferplus_ece"):  # a face that changes its bin moves these further
        assert again[name] == pytest.approx(metrics[name], abs=3 * bound), name
        assert again[name] <= 0.03


def test_a_smile_reads_as_happy() -> None:
    import cv2

    picture = cv2.imread(str(MODEL_FOLDER.parent / "fer" / "ui" / "sample.png"), 0)
    crop = cv2.resize(picture, (48, 48), interpolation=cv2.INTER_AREA)
    for runtime in ("onnx", "keras"):
        shares = load_classifier(runtime=runtime).read(crop[None]).probabilities[0]
        assert EMOTIONS[int(shares.argmax())] == "happy"
        assert shares.max() > 0.5
