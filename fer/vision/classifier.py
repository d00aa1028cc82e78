"""Load and run the network in model/: it turns crops of faces into calibrated probabilities.

    model/model.json     size, channels, heads, which head the product shows
    model/emotion.onnx   the runtime form, int8: what the app loads, without TensorFlow
    model/emotion.keras  the Keras form, the same network before quantising

Both give the same probabilities within the bound that `python -m fer export` checked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.faces import Floats
from fer.machine import asset, asset_missing

MODEL_FOLDER: Final = asset("model")
EXPORT: Final = "export"  # the folder inside a run folder for the exported model
LARGEST: Final = 1024  # pixels; a description with a larger size is damaged
FREE_SIZE: Final = 48  # pixels, FER2013's: the size of crops for a network that takes any
FEATURES: Final = "features"  # an output of the Keras form: what the heads' dense layers take
MOST_GAIN: Final = 2.0  # of `gain`: a bound, so that no odd picture makes an answer absurdly sure

Crops = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Reading:
    """The network's output for a batch of crops."""

    heads: dict[str, Floats]  # each head's probabilities, (n, 7)
    shown: str  # the head that the product shows
    attention: Floats | None = None  # (n, 7, h, w): what each place added to each emotion's logit

    @classmethod
    def empty(cls, heads: Iterable[str], shown: str) -> Reading:
        """Return the reading of no faces."""
        return cls(dict.fromkeys(heads, np.zeros((0, len(EMOTIONS)), np.float32)), shown)

    @property
    def probabilities(self) -> Floats:
        """Return the shown head's probabilities, (n, 7)."""
        return self.heads[self.shown]


class Classifier(Protocol):
    """Reads batches of grey square crops. Safe to call from several threads."""

    size: int  # of the crops it takes, in pixels

    def read(self, crops: Crops) -> Reading:
        """Return each crop's probabilities and, if the model file has it, the attention map."""
        ...


def describe(folder: str | Path = MODEL_FOLDER) -> dict[str, Any]:
    """Return model.json: the network's size, channels, heads and shown head.

    For a run folder without an export, it is made from the run's config.json.
    """
    if Path(folder) == MODEL_FOLDER and not MODEL_FOLDER.is_dir():
        raise ModelError(asset_missing(MODEL_FOLDER))
    home = runtime_folder(Path(folder))
    of_run = holds_run(home) and not (home / "model.json").exists()
    path = home / ("config.json" if of_run else "model.json")
    try:
        described: dict[str, Any] = json.loads(path.read_text())
        if of_run:
            described = _description_from(described["recipe"])
        size, heads, shown = described["size"], described["heads"], described["shown"]
        channels = described.setdefault("channels", 1)  # older files have none: grey
        fits = type(size) is int and 0 < size <= LARGEST and channels in (1, 3)
        if not (fits and shown in heads and described["emotions"] == [*EMOTIONS]):
            raise ValueError("its size, channels, heads or emotions are not of this version")
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ModelError(f"{path}: not a model description ({fault})") from fault
    return described


def _description_from(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a network that was trained with this recipe."""
    heads = ["crowd", "fer2013"] if recipe["targets"] == "both" else ["emotion"]
    size, channels = recipe["sizes"][-1][1], recipe.get("channels", 1)
    description = {"size": size, "channels": channels, "heads": heads, "shown": heads[0]}
    return description | {"emotions": [*EMOTIONS]}


def load_classifier(folder: str | Path = MODEL_FOLDER, runtime: str = "onnx") -> Classifier:
    """Return the model in a folder, warmed up: its runtime form ("onnx") or Keras form ("keras").

    For a run folder, "onnx" means the export inside it, or the Keras form if there is none yet.
    """
    if runtime not in ("onnx", "keras"):
        raise ModelError(f"no runtime is called {runtime!r}; choose onnx or keras")
    path = Path(folder)
    if runtime == "onnx":
        path = runtime_folder(path)
    if holds_run(path) and not (path / "model.json").exists():
        runtime = "keras"
    kind = OnnxClassifier if runtime == "onnx" else KerasClassifier
    classifier: Classifier = kind(path)
    classifier.read(np.zeros((1, classifier.size, classifier.size), np.uint8))
    return classifier


def runtime_folder(path: Path) -> Path:
    """Return the folder of the runtime form: `path` itself, or the export inside a run folder."""
    inside = path / EXPORT
    return inside if holds_run(path) and (inside / "model.json").exists() else path


def holds_run(path: Path) -> bool:
    """Whether a folder is one that training left."""
    return any((path / name).is_file() for name in ("best.keras", "last.keras"))


class OnnxClassifier:
    """The runtime form, on onnxruntime."""

    def __init__(self, folder: str | Path = MODEL_FOLDER, threads: int = 1) -> None:
        import onnxruntime

        described = describe(folder)
        self.size: int = described["size"]
        self.channels: int = described["channels"]
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
        given = {output.name for output in self.session.get_outputs()}
        if not given >= {*self.heads}:
            raise ModelError(f"{path}: gives {', '.join(sorted(given))}, not the heads it should")
        # Only a network that ends in an average and one dense layer has an exact map.
        self._names = [*self.heads, *(["attention"] if "attention" in given else [])]

    def read(self, crops: Crops) -> Reading:
        if not len(crops):
            return Reading.empty(self.heads, self.shown)
        outputs = self.session.run(self._names, {"face": inputs(crops, self.size, self.channels)})
        found = dict(zip(self._names, outputs, strict=True))
        heads = {head: found[head] for head in self.heads}
        return Reading(heads, self.shown, found.get("attention"))


class KerasClassifier:
    """The Keras form of a model folder, of a run folder (its best epoch) or of a .keras file."""

    def __init__(self, path: str | Path = MODEL_FOLDER) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # hide its notes about the processor
        file = keras_file(Path(path))
        try:
            import keras
        except ImportError as fault:
            raise ModelError(
                f"{file}: the Keras form needs TensorFlow; install requirements.txt, or write the "
                f"runtime form with python -m fer export"
            ) from fault
        try:
            model = keras.saving.load_model(file, compile=False)
            self.heads = [*model.output]
        except Exception as fault:  # Keras lets errors of any type through
            raise ModelError(
                f"{file}: not a Keras model that can be loaded ({_line(fault)})"
            ) from fault
        self.model = model
        self.size: int = model.input.shape[1] or FREE_SIZE
        self.channels: int = model.input.shape[-1]
        self.shown = "crowd" if "crowd" in self.heads else self.heads[0]
        self.temperatures: dict[str, float] = dict.fromkeys(self.heads, 1.0)
        self.lifts: dict[str, list[float]] = {}  # what is added to a head's logits, by emotion
        self.certainty: dict[str, dict[str, Any]] = {}  # `weights` and `bias` of `gain`, by head
        if file.name != "emotion.keras":
            self.temperatures |= _beside(file, "temperature.json")
            self.lifts |= _beside(file, "lift.json")  # older runs have neither of these
            self.certainty |= _beside(file, "certainty.json")
        self._inner = model
        if self.certainty:
            head = next(iter(self.certainty))  # all heads have the same features
            seen = {FEATURES: model.get_layer(head).input}
            self._inner = keras.Model(model.input, {**model.output, **seen})
        self._logits = [type(layer).__name__ for layer in model.layers][-1] != "Softmax"

    def logits(self, crops: Crops) -> dict[str, Floats]:
        """Return each head's logits, lifted; of a model with a softmax at its end, the log."""
        return self._logits_of(self._outputs(crops, self.model))

    def _outputs(self, crops: Crops, model: Any) -> dict[str, Floats]:
        batch = batch_for(self.size)
        parts: list[dict[str, Any]] = [
            model.predict_on_batch(
                inputs(crops[at : at + batch], self.size, self.channels).astype(np.float32)
            )
            for at in range(0, len(crops), batch)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _logits_of(self, outputs: dict[str, Floats]) -> dict[str, Floats]:
        joined = {head: outputs[head] for head in self.heads}
        for head, lift in self.lifts.items():
            joined[head] = joined[head] + np.array(lift, np.float32)
        return joined if self._logits else {h: np.log(v + 1e-12) for h, v in joined.items()}

    def read(self, crops: Crops) -> Reading:
        if not len(crops):
            return Reading.empty(self.heads, self.shown)
        outputs = self._outputs(crops, self._inner)
        heads = {}
        for head, values in self._logits_of(outputs).items():
            sure = values / self.temperatures[head]
            if (one := self.certainty.get(head)) is not None:
                sure = sure * gain(outputs[FEATURES], one["weights"], one["bias"])[:, None]
            heads[head] = softmax(sure)
        return Reading(heads, self.shown)


def _beside(file: Path, name: str) -> dict[str, Any]:
    """Return what calibration wrote to a run folder; nothing if there is no such file."""
    path = file.parent / name
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def keras_file(path: Path) -> Path:
    """Return the .keras file of a model folder or a run folder, or the path if it is a file."""
    candidates = [path / "emotion.keras", path / "best.keras", path / "last.keras"]
    if path.is_file():
        return path
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ModelError(f"{path}: no model here (expected emotion.keras, best.keras or last.keras)")


def batch_for(size: int) -> int:
    """Return how many faces of this size to read at once within one gigabyte of memory."""
    return min(256, max(8, 256 * FREE_SIZE**2 // size**2))


def inputs(crops: Crops, size: int, channels: int = 1) -> Crops:
    """Return the crops as the network's input, (n, size, size, channels).

    A network with three channels gets the grey face three times, as in its training. Raises
    ValueError if the crops have another shape or type.
    """
    if crops.dtype != np.uint8 or crops.ndim != 3 or crops.shape[1:] != (size, size):
        raise ValueError(
            f"crops must be uint8 of shape (n, {size}, {size}), not {crops.dtype} {crops.shape}"
        )
    return np.repeat(crops[..., None], channels, axis=-1) if channels > 1 else crops[..., None]


def gain(features: Floats, weights: Sequence[float], bias: float) -> Floats:
    """Return what each face's logits are multiplied by: less where its picture tells less."""
    strength = features @ np.array(weights, np.float32) + np.float32(bias)
    return np.asarray(MOST_GAIN / (1 + np.exp(-strength)), np.float32)


def softmax(logits: npt.NDArray[np.floating[Any]]) -> Floats:
    """Return the probabilities of rows of logits."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def _line(fault: Exception) -> str:
    return " ".join(str(fault).split())[:200] or type(fault).__name__
