"""Write a finished run's network to model/: the Keras form, and the int8 form that the app loads.

Both forms must give the same answers within the bounds LOSS and APART. A network that loses too
much in int8 is written in float32, which is slower; model.json records which. The ONNX file also
holds metadata for other tools: see `metadata`.
"""

from __future__ import annotations

import json
import logging
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from fer.training.run_folder import Run
from fer.vision.classifier import MOST_GAIN, KerasClassifier, OnnxClassifier, inputs

LOSS: Final = 0.003  # the most accuracy that a head may lose on PublicTest in its runtime form
APART: Final = 0.02  # the most that probabilities of the two forms may differ on average
CALIBRATION_FACES: Final = 1024  # training faces of 48 pixels that the int8 scales come from
CALIBRATION_PIXELS: Final = CALIBRATION_FACES * 48**2  # the same work for faces of any size
FEWEST: Final = 64  # faces, however large
# Operations that are faster in int8. All others stay float: they are cheap, or hold the answer.
QUANTISED: Final = ("Conv", "MaxPool", "Relu", "Clip", "Gemm", "Add")
LICENCE: Final = "MIT"  # of the weights, as of the code
TRAINING_DATA: Final = "FER2013 Training split, with FER+ votes for the head crowd"


def export(
    run: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    log: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Write emotion.keras, emotion.onnx and model.json to `out`; return what model.json holds."""
    trained = KerasClassifier(run)
    training, public = load(data, "training"), load(data, "public_test")
    few = max(FEWEST, CALIBRATION_PIXELS // trained.size**2)
    picked = np.random.default_rng(0).choice(
        len(training), min(few, CALIBRATION_FACES, len(training)), replace=False
    )
    log("writing the Keras form and quantising the runtime form")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = with_probabilities(
            trained.model, trained.temperatures, trained.lifts, trained.certainty
        )
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
            "certainty": [*trained.certainty],
            "lift": {h: [round(v, 4) for v in lift] for h, lift in trained.lifts.items()},
            "keras": keras.__version__,
        } | trained_how(Path(run))
        (folder / "model.json").write_text(json.dumps(described))
        graph, file = to_onnx(model, trained.size, trained.shown), folder / "emotion.onnx"
        in_float = graph.SerializeToString()  # quantising changes the graph
        faces = sized(training.faces[np.sort(picked)], trained.size)
        quantise(graph, inputs(faces, trained.size, trained.channels), file, trained.heads)
        exact = read_faces(KerasClassifier(folder), public.faces, log=log)
        try:
            quick = read_faces(OnnxClassifier(folder), public.faces, log=log)
            described |= {"precision": "int8"} | compare(exact, quick, public)
        except ModelError as fault:
            log(f"int8 is not exact enough ({fault}): writing the runtime form in float32")
            file.write_bytes(in_float)
            quick = read_faces(OnnxClassifier(folder), public.faces, log=log)
            described |= {"precision": "float32"} | compare(exact, quick, public)
        (folder / "model.json").write_text(json.dumps(described, indent=1) + "\n")
        add_metadata(file, metadata(described))
        for name in ("emotion.keras", "emotion.onnx", "model.json"):
            with replacing(Path(out) / name) as path:
                path.write_bytes((folder / name).read_bytes())
    return described


def with_probabilities(
    model: keras.Model,
    temperatures: Mapping[str, float],
    lifts: Mapping[str, Sequence[float]] | None = None,
    certainty: Mapping[str, Mapping[str, Any]] | None = None,
) -> keras.Model:
    """Return the network with calibrated probabilities.

    These are the softmax of the logits, lifted, by temperature, and multiplied by the face's gain.
    """
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for head, lift in (lifts or {}).items():
        layer = copy.get_layer(head)
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel, bias + np.array(lift, bias.dtype)])
    for head, temperature in temperatures.items():
        layer = copy.get_layer(head)
        layer.set_weights([weight / temperature for weight in layer.get_weights()])
    outputs = {}
    for head, tensor in copy.output.items():
        if (one := (certainty or {}).get(head)) is not None:
            tensor = _with_gain(copy, head, tensor, one)
        outputs[head] = keras.layers.Softmax(name=f"{head}_probability")(tensor)
    return keras.Model(copy.input, outputs, name=model.name)


def _with_gain(model: keras.Model, head: str, logits: Any, one: Mapping[str, Any]) -> Any:
    """Return the logits multiplied by `fer.vision.classifier.gain`, as layers."""
    dense = keras.layers.Dense(1, name=f"{head}_certainty")
    strength = dense(model.get_layer(head).input)
    dense.set_weights([np.array(one["weights"], np.float32)[:, None], np.array([one["bias"]])])
    half = keras.layers.Activation("sigmoid", name=f"{head}_sureness")(strength)
    gain = keras.layers.Rescaling(MOST_GAIN, name=f"{head}_gain")(half)
    return keras.layers.Multiply(name=f"{head}_sure")([logits, gain])


def mflops(model: keras.Model, size: int) -> float:
    """Return millions of operations for a face; a multiply and an add count as two."""
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    working = [layer for layer in model.layers if isinstance(layer, kinds)]
    # For a face of this size, since some networks take any size.
    face = keras.KerasTensor((1, size, size, model.input.shape[-1]))
    made = keras.Model(model.input, [layer.output for layer in working]).compute_output_spec(face)
    places = [int(np.prod(tensor.shape[1:-1])) for tensor in made]
    counts = [int(np.prod(layer.kernel.shape)) for layer in working]
    return sum(2 * place * count for place, count in zip(places, counts, strict=True)) / 1e6


def quantise(model: onnx.ModelProto, faces: Any, path: Path, heads: Sequence[str]) -> None:
    """Write the graph in static int8, a scale for each channel; heads and attention stay float."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Faces(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self.parts: Iterator[Any] = iter(np.array_split(faces, min(16, len(faces))))

        def get_next(self) -> dict[str, Any] | None:
            part = next(self.parts, None)
            return None if part is None else {"face": part}

    stay_float = {
        "attention",
        *(f"{head}{end}.logits" for head in heads for end in ("", "_certainty")),
    }
    scaling = {n.output[0] for n in model.graph.node if n.op_type in ("Cast", "Transpose", "Mul")}
    exact = [
        node.name
        for node in model.graph.node
        if node.op_type not in QUANTISED
        or node.name in stay_float
        or (node.op_type == "Add" and scaling & {*node.input})  # the input's own scaling
    ]
    logging.disable(logging.WARNING)  # it warns of a preparation that to_onnx has done already
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


def metadata(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the ONNX file's metadata, which lets other tools use it without fer."""
    size, channels = described["size"], described["channels"]
    entries = {
        "labels": json.dumps(described["emotions"]),
        "input": json.dumps(
            {
                "name": "face",
                "shape": ["n", size, size, channels],
                "type": "uint8",
                "range": [0, 255],
                "content": "a square crop of one face, grey levels, channels last",
            }
        ),
        "outputs": json.dumps(
            dict.fromkeys(described["heads"], "calibrated probabilities in the order of labels")
        ),
        "shown_head": described["shown"],
        "calibration_temperatures": json.dumps(described["temperature"]),
        "calibration_lifts": json.dumps(described["lift"]) if described.get("lift") else "",
        "precision": described["precision"],
        "training_data": TRAINING_DATA,
        "license": LICENCE,
        "recipe": described.get("training", {}).get("recipe", ""),
        "git_revision": git_revision(),
    }
    return {name: text for name, text in entries.items() if text}


def add_metadata(file: Path, entries: Mapping[str, str]) -> None:
    """Write the entries into an ONNX file's metadata_props, which runtimes ignore."""
    model = onnx.load(file)
    onnx.helper.set_model_props(model, dict(entries))
    onnx.save(model, file)


def trained_how(path: Path) -> dict[str, Any]:
    """Return the entry `training` of model.json; nothing if the run's folder does not hold it."""
    run = Run(path)
    try:
        config, done = run.config(), run.progress()
        entry = {
            "recipe": config["recipe"]["name"],
            "faces": config["faces"],
            "machine": config["machine"],
            "calibrated_on_half_of_public_test": bool(config["recipe"].get("public_half")),
        }
    except (ModelError, KeyError, TypeError):
        return {}
    if config.get("start"):
        entry["start"] = str(config["start"])
    if done is None:
        return {}
    return {"training": entry | {"epochs": done.epochs, "minutes": round(done.seconds / 60, 1)}}


def git_revision() -> str:
    """Return the commit that this code is at; "" outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def compare(exact: Heads, quick: Heads, public: Dataset) -> dict[str, Any]:
    """Return how the two forms differ on PublicTest; raise a ModelError beyond the bounds."""
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
