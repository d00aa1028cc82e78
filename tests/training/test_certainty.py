import json
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
import pytest

from fer.training.calibrate import calibrate
from fer.training.certainty import fit_gain
from fer.training.data.augment import Augmentation
from fer.training.data.load import load
from fer.training.export import quantise, with_probabilities
from fer.training.metrics import calibration_error, log_loss, reliability
from fer.training.networks import vgg
from fer.training.onnx_graph import to_onnx
from fer.training.recipes import RECIPES
from fer.vision.classifier import MOST_GAIN, KerasClassifier, OnnxClassifier, gain, inputs, softmax
from tests.training.faces import drawings


def good_and_bad(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features of which the second tells whether a picture is bad, logits, and truths.

    The logits claim the same of all, but are right as they claim only of good pictures.
    """
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (count, 5)).astype(np.float32)
    bad = features[:, 1] > 0
    features[:, 1] = np.where(bad, 1, -1)
    logits = rng.normal(0, 2.5, (count, 7)).astype(np.float32)
    true_logits = np.where(bad[:, None], 0.3 * logits, logits)
    edges = softmax(true_logits).cumsum(axis=1)
    truth = (rng.random(count)[:, None] > edges).sum(axis=1).clip(max=6)
    return features, logits, truth


def test_faces_that_tell_little_are_answered_with_less_certainty() -> None:
    features, logits, truth = good_and_bad(4000)
    weights, bias = fit_gain(features, logits, truth, np.ones(4000))
    gains = gain(features, list(weights), bias)
    bad = features[:, 1] > 0
    assert gains[bad].mean() < 0.7 * gains[~bad].mean()
    assert abs(weights[1]) > 5 * np.abs(np.delete(weights, 1)).max()
    sure = softmax(logits * gains[:, None])
    assert log_loss(sure, truth) < log_loss(softmax(logits), truth)
    before, after = (
        calibration_error(reliability(answers[bad], truth[bad]))
        for answers in (softmax(logits), sure)
    )
    assert after < before / 3
    assert calibration_error(reliability(sure[~bad], truth[~bad])) < 0.05


def test_the_gain_is_bounded_whatever_the_features() -> None:
    wild = np.array([[1e4], [-1e4]], np.float32)
    with np.errstate(over="ignore"):
        high, low = gain(wild, [1.0], 0.0)
    assert high == pytest.approx(MOST_GAIN)
    assert low == pytest.approx(0)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder whose recipe wants a certainty, and whose network was not trained."""
    keras.utils.set_random_seed(1)
    folder = tmp_path / "run"
    folder.mkdir()
    model = vgg(((6,), (8,)), heads=("crowd", "fer2013"), dropout=0.1)
    model(drawings(140).faces[..., None].astype(np.float32), training=True)
    model.save(folder / "best.keras")
    how = Augmentation(flip=True)
    wanted = {"hold_out": 0.3, "certainty": ("crowd",), "lift": {"crowd": 0.5}, "augmentation": how}
    config = {"recipe": asdict(replace(RECIPES["ours"], **wanted)), "clean": None}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_every_form_answers_with_the_faces_own_certainty(
    run: Path, small_set: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    calibrate(run, small_set, log=said.append)
    assert "with one for each face" in said[-1]
    kept = json.loads((run / "certainty.json").read_text())
    assert [*kept] == ["crowd"]
    assert len(kept["crowd"]["weights"]) == 8

    network, faces = KerasClassifier(run), load(small_set, "public_test").faces
    heads = network.read(faces).heads
    alone = {h: softmax(v / network.temperatures[h]) for h, v in network.logits(faces).items()}
    assert np.abs(heads["crowd"] - alone["crowd"]).max() > 1e-4
    assert np.array_equal(heads["crowd"].argmax(axis=1), alone["crowd"].argmax(axis=1))
    assert np.allclose(heads["fer2013"], alone["fer2013"], atol=1e-6)

    made = with_probabilities(network.model, network.temperatures, network.lifts, network.certainty)
    keras_form = made.predict_on_batch(faces[..., None].astype(np.float32))
    out = tmp_path / "made"
    out.mkdir()
    made.save(out / "emotion.keras")
    described = {"size": 48, "heads": network.heads, "shown": "crowd"}
    emotions = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    (out / "model.json").write_text(json.dumps(described | {"emotions": emotions}))
    graph = to_onnx(made, 48, "crowd")
    (out / "emotion.onnx").write_bytes(graph.SerializeToString())
    exact = OnnxClassifier(out).read(faces).heads
    quantise(graph, inputs(faces, 48), out / "emotion.onnx", network.heads)
    quick = OnnxClassifier(out).read(faces).heads
    again = KerasClassifier(out).read(faces).heads
    for head, answers in heads.items():
        assert np.allclose(keras_form[head], answers, atol=1e-5)
        assert np.allclose(exact[head], answers, atol=1e-5)
        assert np.allclose(again[head], answers, atol=1e-5)
        assert np.abs(quick[head] - answers).mean() < 0.02


def test_calibrating_again_gives_the_same(run: Path, small_set: Path) -> None:
    calibrate(run, small_set, log=[].append)
    first = (run / "certainty.json").read_text()
    calibrate(run, small_set, log=[].append)
    assert (run / "certainty.json").read_text() == first
