"""From a finished run to model/: the Keras form, and the int8 runtime form that the app loads.

The runtime form has to answer as the Keras form does: see LOSS and APART. A network that int8 does
not do justice is written in float, which is slower; model.json says which it is.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import onnx

from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.machine import replacing
from fer.training.data.dataset import Dataset, sized, true_answers, truth_of
from fer.training.data.load import load
from fer.training.evaluate import Heads, read_faces
from fer.training.onnx_graph import to_onnx
from fer.vision.classifier import KerasClassifier, OnnxClassifier, inputs

LOSS: Final = 0.003  # the most accuracy on PublicTest that a head may lose in its runtime form
APART: Final = 0.02  # the most that the forms' probabilities may differ on average
CALIBRATION_FACES: Final = 1024  # training faces of 48 pixels that set the int8 scales
CALIBRATION_PIXELS: Final = CALIBRATION_FACES * 48**2  # as much work, whatever the size
FEWEST: Final = 64
# What int8 has a quick form for. All else stays exact: it is cheap, or holds the answer.
QUANTISED: Final = ("Conv", "MaxPool", "Relu", "Clip", "Gemm", "Add")


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
    few = max(FEWEST, CALIBRATION_PIXELS // trained.size**2)
    picked = np.random.default_rng(0).choice(
        len(training), min(few, CALIBRATION_FACES, len(training)), replace=False
    )
    say("writing the Keras form and quantising the runtime form")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        model = with_probabilities(trained.model, trained.temperatures)
        model.save(folder / "emotion.keras")
        described: dict[str, Any] = {
            "size": trained.size,
            "channels": trained.channels,
            "emotions": [*EMOTIONS],
            "heads": trained.heads,
            "shown": trained.shown,
            "parameters": model.count_params(),
            "mflops": round(mflops(model, trained.size), 1),
            "temperature": {h: round(t, 4) for h, t in trained.temperatures.items()},
            "keras": keras.__version__,
        }
        (folder / "model.json").write_text(json.dumps(described))
        graph, file = to_onnx(model, trained.size, trained.shown), folder / "emotion.onnx"
        in_float = graph.SerializeToString()  # quantising takes the graph apart
        faces = sized(training.faces[np.sort(picked)], trained.size)
        quantise(graph, inputs(faces, trained.size, trained.channels), file, trained.heads)
        exact = read_faces(KerasClassifier(folder), public.faces, say=say)
        try:
            quick = read_faces(OnnxClassifier(folder), public.faces, say=say)
            described |= {"precision": "int8"} | compare(exact, quick, public)
        except ModelError as fault:
            say(f"int8 does not do: {fault}; writing the runtime form in float")
            file.write_bytes(in_float)
            quick = read_faces(OnnxClassifier(folder), public.faces, say=say)
            described |= {"precision": "float32"} | compare(exact, quick, public)
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
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    working = [layer for layer in model.layers if isinstance(layer, kinds)]
    # Asked for a face of this size, since a network may take any.
    face = keras.KerasTensor((1, size, size, model.input.shape[-1]))
    made = keras.Model(model.input, [layer.output for layer in working]).compute_output_spec(face)
    places = [int(np.prod(tensor.shape[1:-1])) for tensor in made]
    counts = [int(np.prod(layer.kernel.shape)) for layer in working]
    return sum(2 * place * count for place, count in zip(places, counts, strict=True)) / 1e6


def quantise(model: onnx.ModelProto, faces: Any, path: Path, heads: Sequence[str]) -> None:
    """Static int8, a scale a channel; heads and attention map stay exact, for they are cheap."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Faces(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.parts: Iterator[Any] = iter(np.array_split(faces, min(16, len(faces))))

        def get_next(self) -> dict[str, Any] | None:
            part = next(self.parts, None)
            return None if part is None else {"face": part}

    kept = {"attention", *(f"{head}.logits" for head in heads)}
    scaling = {n.output[0] for n in model.graph.node if n.op_type in ("Cast", "Transpose", "Mul")}
    exact = [
        node.name
        for node in model.graph.node
        if node.op_type not in QUANTISED
        or node.name in kept
        or (node.op_type == "Add" and scaling & {*node.input})  # the input's own scaling
    ]
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
            nodes_to_exclude=exact,
        )
    finally:
        logging.disable(logging.NOTSET)


def compare(exact: Heads, quick: Heads, public: Dataset) -> dict[str, Any]:
    """How the two forms differ on PublicTest; a ModelError where that is beyond the bounds."""
    apart = {head: float(np.abs(exact[head] - quick[head]).mean()) for head in exact}
    lost = {}
    for head in exact:
        truth = true_answers(truth_of(head, "labels"), public)
        known = truth >= 0
        right = [
            float((form[head][known].argmax(axis=1) == truth[known]).mean())
            for form in (exact, quick)
        ]
        lost[head] = right[0] - right[1]
        if lost[head] > LOSS or apart[head] > APART:
            raise ModelError(
                f"the two forms answer differently: head {head} loses {lost[head]:.2%} accuracy "
                f"(bound {LOSS:.2%}), and its probabilities differ by {apart[head]:.4f} "
                f"on average (bound {APART})"
            )
    return {
        "runtime_form": {
            head: {"accuracy_lost": round(lost[head], 5), "mean_difference": round(apart[head], 5)}
            for head in exact
        }
    }
