"""The network in model/: crops of faces in, calibrated probabilities out, one batch a call.

    model/model.json     size, heads, which head the product shows
    model/emotion.onnx   the runtime form, int8: what the app loads, without TensorFlow
    model/emotion.keras  the Keras form, the same network before quantising

Both answer alike within the bound that `python -m fer export` checked when it wrote them.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.errors import ModelError

MODEL_FOLDER: Final = Path(__file__).resolve().parent.parent / "model"

Crops = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """What the network says of a batch of crops."""

    heads: dict[str, Floats]  # a head's name: probabilities, (n, 7)
    shown: str  # the head that the product shows
    attention: Floats | None = None  # (n, 7, h, w): how much each place spoke for each emotion

    @property
    def probabilities(self) -> Floats:
        """The shown head's probabilities, (n, 7)."""
        return self.heads[self.shown]


class Classifier(Protocol):
    """Reads batches of grey 48x48 crops; safe to call from several threads."""

    size: int

    def read(self, crops: Crops) -> Reading:
        """Probabilities for each crop, and where the runtime form gives it, the attention map."""
        ...


def describe(folder: str | Path = MODEL_FOLDER) -> dict[str, Any]:
    """model.json: what the network takes and gives."""
    path = Path(folder) / "model.json"
    try:
        described: dict[str, Any] = json.loads(path.read_text())
        size, heads, shown = described["size"], described["heads"], described["shown"]
        if not (isinstance(size, int) and shown in heads and described["emotions"] == [*EMOTIONS]):
            raise ValueError("its size, heads or emotions are not as this version writes them")
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ModelError(f"{path}: no model description ({fault})") from fault
    return described


def load_classifier(folder: str | Path = MODEL_FOLDER, runtime: str = "onnx") -> Classifier:
    """The model in a folder, warmed up: its runtime form ("onnx") or its Keras form ("keras")."""
    if runtime not in ("onnx", "keras"):
        raise ModelError(f"no runtime is called {runtime!r}: take onnx or keras")
    kind = OnnxClassifier if runtime == "onnx" else KerasClassifier
    classifier: Classifier = kind(folder)
    classifier.read(np.zeros((1, classifier.size, classifier.size), np.uint8))
    return classifier


class OnnxClassifier:
    """The runtime form, on onnxruntime."""

    def __init__(self, folder: str | Path = MODEL_FOLDER, threads: int = 1) -> None:
        import onnxruntime

        described = describe(folder)
        self.size: int = described["size"]
        self.heads: list[str] = described["heads"]
        self.shown: str = described["shown"]
        path = Path(folder) / "emotion.onnx"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Waiting threads spin by default, which doubles the CPU time of small batches.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self.session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as fault:  # onnxruntime's exceptions share no base of their own
            raise ModelError(f"{path}: not a model that can be loaded ({_line(fault)})") from fault

    def read(self, crops: Crops) -> Reading:
        names = [*self.heads, "attention"]
        if not len(crops):
            empty = np.zeros((0, len(EMOTIONS)), np.float32)
            return Reading(dict.fromkeys(self.heads, empty), self.shown)
        outputs = self.session.run(names, {"face": check(crops, self.size)})
        found = dict(zip(names, outputs, strict=True))
        return Reading({head: found[head] for head in self.heads}, self.shown, found["attention"])


class KerasClassifier:
    """The Keras form: of a model folder, a run folder (its best epoch), or a .keras file."""

    def __init__(self, path: str | Path = MODEL_FOLDER) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no page of notes about processors
        import keras

        file = keras_file(Path(path))
        try:
            model = keras.saving.load_model(file, compile=False)
            self.heads = [*model.output]
        except Exception as fault:  # Keras raises whatever its readers raise
            raise ModelError(
                f"{file}: not a Keras model that can be loaded ({_line(fault)})"
            ) from fault
        self.model = model
        self.size: int = model.input.shape[1] or 48
        self.shown = "crowd" if "crowd" in self.heads else self.heads[0]
        beside = file.parent / "temperature.json"
        self.temperatures: dict[str, float] = dict.fromkeys(self.heads, 1.0)
        if file.name != "emotion.keras" and beside.exists():
            self.temperatures |= json.loads(beside.read_text())
        self._logits = [type(layer).__name__ for layer in model.layers][-1] != "Softmax"

    def logits(self, crops: Crops, batch: int = 256) -> dict[str, Floats]:
        """What each head says before the softmax (of a shipped model: the log of what it says)."""
        inputs = check(crops, self.size).astype(np.float32)
        parts: list[dict[str, Any]] = [
            self.model.predict_on_batch(inputs[at : at + batch])
            for at in range(0, len(inputs), batch)
        ]
        joined = {head: np.concatenate([part[head] for part in parts]) for head in self.heads}
        return joined if self._logits else {h: np.log(v + 1e-12) for h, v in joined.items()}

    def read(self, crops: Crops) -> Reading:
        if not len(crops):
            empty = np.zeros((0, len(EMOTIONS)), np.float32)
            return Reading(dict.fromkeys(self.heads, empty), self.shown)
        heads = {
            head: softmax(values / self.temperatures[head])
            for head, values in self.logits(crops).items()
        }
        return Reading(heads, self.shown)


def keras_file(path: Path) -> Path:
    """The .keras file a model folder, a run folder or the path itself means."""
    candidates = [path / "emotion.keras", path / "best.keras", path / "last.keras"]
    if path.is_file():
        return path
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ModelError(f"{path}: no model here (looked for emotion.keras, best.keras, last.keras)")


def check(crops: Crops, size: int) -> Crops:
    """Crops as the network takes them, (n, size, size, 1), or a clear error."""
    if crops.dtype != np.uint8 or crops.ndim != 3 or crops.shape[1:] != (size, size):
        raise ValueError(
            f"crops must be uint8 of shape (n, {size}, {size}), not {crops.dtype} {crops.shape}"
        )
    return crops[..., None]


def softmax(logits: npt.NDArray[np.floating[Any]]) -> Floats:
    """Rows of logits as probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def _line(fault: Exception) -> str:
    return " ".join(str(fault).split())[:200] or type(fault).__name__
