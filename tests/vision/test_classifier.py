import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.vision.classifier import (
    EXPORT,
    MODEL_FOLDER,
    KerasClassifier,
    OnnxClassifier,
    describe,
    load_classifier,
    runtime_folder,
    softmax,
)
from tests.tiny_model import write_tiny_model

shipped = pytest.mark.skipif(
    not (MODEL_FOLDER / "emotion.onnx").exists(), reason="no network in model/ yet"
)
RNG = np.random.default_rng(0)


def crops(count: int) -> np.ndarray:
    """Smooth grey blobs: nearer to faces than noise is."""
    y, x = np.mgrid[:48, :48]
    places = RNG.uniform(8, 40, (count, 6, 2))
    blobs = [
        sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / 60) for a, b in places[i]) for i in range(count)
    ]
    return np.clip(np.array(blobs) * 120, 0, 255).astype(np.uint8)


def test_softmax_sums_to_one_and_bears_large_numbers() -> None:
    rows = softmax(np.array([[1000.0, 0, 0], [1, 1, 1]], np.float32))
    assert np.allclose(rows, [[1, 0, 0], [1 / 3] * 3])


@shipped
def test_the_shipped_forms_agree_on_a_fixed_set_of_faces() -> None:
    described = describe()
    faces = crops(64)
    exact, quick = load_classifier(runtime="keras").read(faces), load_classifier().read(faces)
    for head in described["heads"]:
        assert np.abs(exact.heads[head] - quick.heads[head]).mean() < 0.02


@shipped
def test_a_reading_is_probabilities_with_a_map() -> None:
    reading = load_classifier().read(crops(5))
    assert reading.probabilities.shape == (5, 7)
    assert np.allclose(reading.probabilities.sum(axis=1), 1, atol=1e-5)
    assert reading.probabilities is reading.heads[reading.shown]
    assert reading.attention is not None
    assert reading.attention.shape[:2] == (5, 7)


@shipped
def test_a_batch_reads_as_its_faces_one_by_one() -> None:
    classifier, faces = load_classifier(), crops(9)
    alone = np.concatenate([classifier.read(faces[i : i + 1]).probabilities for i in range(9)])
    assert np.allclose(classifier.read(faces).probabilities, alone, atol=1e-5)


@shipped
@pytest.mark.parametrize("runtime", ["onnx", "keras"])
def test_no_faces_give_an_empty_reading(runtime: str) -> None:
    reading = load_classifier(runtime=runtime).read(np.zeros((0, 48, 48), np.uint8))
    assert reading.probabilities.shape == (0, 7)


@shipped
def test_threads_may_share_a_classifier() -> None:
    classifier, faces = load_classifier(), crops(8)
    expected = classifier.read(faces).probabilities
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            if not np.allclose(classifier.read(faces).probabilities, expected, atol=1e-6):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@shipped
@pytest.mark.parametrize(
    "bad", [np.zeros((1, 40, 40), np.uint8), np.zeros((1, 48, 48)), np.zeros((48, 48), np.uint8)]
)
def test_crops_of_another_form_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"crops must be uint8 of shape \(n, 48, 48\)"):
        load_classifier().read(bad)


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.json: not a model description"):
        OnnxClassifier(tmp_path)
    with pytest.raises(ModelError, match="no model here"):
        KerasClassifier(tmp_path)


WHOLE: dict[str, object] = {
    "size": 48,
    "heads": ["emotion"],
    "shown": "emotion",
    "emotions": [*EMOTIONS],
}


@pytest.mark.parametrize(
    ("more", "channels"), [({}, 1), ({"channels": 3, "size": 224}, 3), ({"size": 100}, 1)]
)
def test_size_and_channels_follow_from_the_description(
    more: dict[str, object], channels: int, tmp_path: Path
) -> None:
    (tmp_path / "model.json").write_text(json.dumps(WHOLE | more))
    described = describe(tmp_path)
    assert described["channels"] == channels  # older descriptions only knew grey
    assert described["size"] == more.get("size", 48)


@pytest.mark.parametrize(
    "wrong", [{"channels": 2}, {"size": 0}, {"size": 5000}, {"size": True}, {"size": "48"}]
)
def test_a_description_of_what_no_network_takes_is_refused(
    wrong: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "model.json").write_text(json.dumps(WHOLE | wrong))
    with pytest.raises(ModelError, match="its size, channels, heads or emotions"):
        describe(tmp_path)


def test_a_runtime_form_without_its_heads_is_refused(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    described = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(
        json.dumps(described | {"heads": ["mood"], "shown": "mood"})
    )
    with pytest.raises(ModelError, match="not the heads it should"):
        OnnxClassifier(tmp_path)


def test_a_run_folder_without_tensorflow_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "best.keras").write_text("a run was here")
    monkeypatch.setitem(sys.modules, "keras", None)  # as where only the app is installed
    with pytest.raises(ModelError, match="the Keras form needs TensorFlow"):
        load_classifier(tmp_path)


def test_of_a_run_folder_the_export_inside_it_is_taken(tmp_path: Path) -> None:
    assert runtime_folder(tmp_path) == tmp_path
    write_tiny_model(tmp_path / EXPORT)
    assert runtime_folder(tmp_path) == tmp_path  # no run: an export of something else
    (tmp_path / "best.keras").write_text("a run was here")
    assert runtime_folder(tmp_path) == tmp_path / EXPORT
    assert isinstance(load_classifier(tmp_path), OnnxClassifier)
    assert describe(tmp_path) == describe(tmp_path / EXPORT)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"size": 48, "heads": [], "shown": "x"}'])
def test_a_description_that_is_none_says_so(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError, match="not a model description"):
        describe(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_model_is_one_line(tmp_path: Path, content: bytes) -> None:
    described = '{"size": 48, "heads": ["crowd"], "shown": "crowd", "emotions": %s}'
    emotions = '["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]'
    (tmp_path / "model.json").write_text(described % emotions)
    for name in ("emotion.onnx", "emotion.keras"):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=r"emotion\.onnx: not a model") as onnx_fault:
        OnnxClassifier(tmp_path)
    with pytest.raises(ModelError, match=r"emotion\.keras: not a Keras model") as keras_fault:
        KerasClassifier(tmp_path)
    assert "\n" not in f"{onnx_fault.value}{keras_fault.value}"


def test_a_runtime_by_another_name_is_refused() -> None:
    with pytest.raises(ModelError, match="choose onnx or keras"):
        load_classifier(runtime="tflite")


@shipped
def test_reading_a_face_leaves_nothing_behind_and_loads_no_tensorflow(tmp_path: Path) -> None:
    """onnxruntime's newer builds keep a device id in the home folder and report to their maker."""
    program = (
        "import sys, fer.vision.classifier as c, numpy as n;"
        "c.load_classifier().read(n.zeros((2, 48, 48), n.uint8));"
        "sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras', 'torch')))"
    )
    environment = os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=root, check=True)
    assert not [*tmp_path.rglob("*")]
