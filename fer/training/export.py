"""From a finished run to model/: the Keras form, and the int8 runtime form that the app loads.

The runtime form is only written when it answers as the Keras form does: see LOSS and APART.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import onnx

from fer.classify import KerasClassifier, OnnxClassifier, Reading
from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.training.data import Dataset
from fer.training.onnx_graph import to_onnx
from fer.training.readers import load
from fer.training.runs import replacing
from fer.training.truth import true_answers, truth_of

LOSS: Final = 0.003  # the most accuracy on PublicTest that a head may lose in its runtime form
APART: Final = 0.02  # the most that the forms' probabilities may differ on average
CALIBRATION_FACES: Final = 1024  # training faces that set the int8 scales


def export(
    run: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Write emotion.keras, emotion.onnx and model.json to `out`; gives what model.json says."""
    trained = KerasClassifier(run)
    training, public = load(data, "training"), load(data, "public_test")
    picked = np.random.default_rng(0).choice(
        len(training), min(CALIBRATION_FACES, len(training)), replace=False
    )
    say("writing the Keras form and quantising the runtime form")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        model = with_probabilities(trained.model, trained.temperatures)
        model.save(folder / "emotion.keras")
        described: dict[str, Any] = {
            "size": trained.size,
            "emotions": [*EMOTIONS],
            "heads": trained.heads,
            "shown": trained.shown,
            "parameters": model.count_params(),
            "mflops": round(mflops(model, trained.size), 1),
            "temperature": {h: round(t, 4) for h, t in trained.temperatures.items()},
            "keras": keras.__version__,
        }
        (folder / "model.json").write_text(json.dumps(described))
        quantise(
            to_onnx(model, trained.size, trained.shown),
            training.faces[np.sort(picked)],
            folder / "emotion.onnx",
        )
        described |= compare(
            KerasClassifier(folder).read(public.faces),
            OnnxClassifier(folder).read(public.faces),
            public,
        )
        (folder / "model.json").write_text(json.dumps(described, indent=1) + "\n")
        for name in ("emotion.keras", "emotion.onnx", "model.json"):
            with replacing(Path(out) / name) as path:
                path.write_bytes((folder / name).read_bytes())
    return described


def with_probabilities(model: keras.Model, temperatures: dict[str, float]) -> keras.Model:
    """The network with calibrated probabilities: head by temperature, then softmax."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for head, temperature in temperatures.items():
        layer = copy.get_layer(head)
        layer.set_weights([weight / temperature for weight in layer.get_weights()])
    outputs = {
        head: keras.layers.Softmax(name=f"{head}_probability")(tensor)
        for head, tensor in copy.output.items()
    }
    return keras.Model(copy.input, outputs, name=model.name)


def mflops(model: keras.Model, size: int) -> float:
    """Millions of operations a face, a multiply and an add counted as two."""
    total, side = 0, size
    for layer in model.layers:
        if isinstance(layer, keras.layers.MaxPooling2D):
            side //= layer.pool_size[0]
        elif isinstance(layer, keras.layers.Conv2D):
            total += 2 * side * side * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            total += 2 * int(np.prod(layer.kernel.shape))
    return total / 1e6


def quantise(model: onnx.ModelProto, faces: Any, path: Path) -> None:
    """Static int8, a scale a channel; heads and attention map stay exact, for they are cheap."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Faces(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.parts: Iterator[Any] = iter(np.array_split(faces[..., None], 16))

        def get_next(self) -> dict[str, Any] | None:
            part = next(self.parts, None)
            return None if part is None else {"face": part}

    exact = [n.name for n in model.graph.node if n.op_type not in ("Conv", "MaxPool", "Relu")]
    logging.disable(logging.WARNING)  # it advises a preparation that to_onnx has done already
    try:
        quantize_static(
            model,
            path,
            Faces(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # Without VNNI a pair of 8-bit products can overflow 16 bits; 7-bit weights cannot.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[*exact, "attention"],
        )
    finally:
        logging.disable(logging.NOTSET)


def compare(exact: Reading, quick: Reading, public: Dataset) -> dict[str, Any]:
    """How the two forms differ on PublicTest; a ModelError where that is beyond the bounds."""
    apart = {
        head: float(np.abs(exact.heads[head] - quick.heads[head]).mean()) for head in exact.heads
    }
    lost = {}
    for head in exact.heads:
        truth = true_answers(truth_of(head, "labels"), public)
        known = truth >= 0
        right = [
            float((form.heads[head][known].argmax(axis=1) == truth[known]).mean())
            for form in (exact, quick)
        ]
        lost[head] = right[0] - right[1]
        if lost[head] > LOSS or apart[head] > APART:
            raise ModelError(
                f"the runtime form is not written: head {head} loses {lost[head]:.2%} accuracy "
                f"(bound {LOSS:.2%}), and its probabilities differ by {apart[head]:.4f} "
                f"on average (bound {APART})"
            )
    return {
        "runtime_form": {
            head: {"accuracy_lost": round(lost[head], 5), "mean_difference": round(apart[head], 5)}
            for head in exact.heads
        }
    }
