"""Make a model folder with an untrained network, on which pages can be tested.

A face whose middle is one flat grey has the emotion of that grey (GREYS), so that tests notice
mixed-up faces. Every other face has the same SHARES.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fer.emotions import EMOTIONS

SHARES = {
    "angry": 0.02,
    "disgust": 0.01,
    "fear": 0.05,
    "happy": 0.7,
    "sad": 0.05,
    "surprise": 0.12,
    "neutral": 0.05,
}

GREYS = {name: 100 + 18 * at for at, name in enumerate(EMOTIONS)}
NEAR = 150.0  # of a squared distance from a grey: the next emotion has an eighth of its share
FLAT, DARK = 6.0, 60.0  # grey levels: less than the one apart, and none below the other


def write_tiny_model(folder: Path) -> Path:
    """Write model.json and emotion.onnx, with the names and shapes of the real ones."""
    folder.mkdir(parents=True, exist_ok=True)
    described = {"size": 48, "heads": ["crowd", "fer2013"], "shown": "crowd"}
    (folder / "model.json").write_text(json.dumps(described | {"emotions": [*EMOTIONS]}))
    row = np.log([[SHARES[name] for name in EMOTIONS]]).astype(np.float32)
    greys = np.array([[GREYS[name] for name in EMOTIONS]], np.float32)
    constants = {
        "row": row,
        "spatial": np.array([2, 3], np.int64),
        "begin": np.array([12, 12], np.int64),  # the middle of a face, whatever stands beside it
        "end": np.array([36, 36], np.int64),
        # Minus the squared distance from each grey, without the part that is alike for all.
        "slope": 2 * greys / NEAR,
        "base": -(greys**2) / NEAR,
        "flat": np.float32(FLAT),
        "dark": np.float32(DARK),
    }
    nodes = [
        helper.make_node("Cast", ["face"], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["grey"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("Slice", ["first", "begin", "end", "spatial"], ["middle"]),
        helper.make_node("ReduceMean", ["middle", "spatial"], ["mean"], keepdims=0),
        helper.make_node("ReduceMax", ["middle", "spatial"], ["most"], keepdims=0),
        helper.make_node("ReduceMin", ["middle", "spatial"], ["least"], keepdims=0),
        helper.make_node("Sub", ["most", "least"], ["apart"]),
        helper.make_node("Less", ["apart", "flat"], ["is_flat"]),
        helper.make_node("Greater", ["least", "dark"], ["is_light"]),
        helper.make_node("And", ["is_flat", "is_light"], ["is_made"]),
        helper.make_node("MatMul", ["mean", "slope"], ["sloped"]),
        helper.make_node("Add", ["sloped", "base"], ["nearness"]),
        helper.make_node("Where", ["is_made", "nearness", "row"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["crowd"], axis=1),
        helper.make_node("Softmax", ["logits"], ["fer2013"], axis=1),
        helper.make_node("AveragePool", ["first"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Concat", ["small"] * 7, ["attention"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("face", TensorProto.UINT8, ["n", 48, 48, 1])],
        [
            helper.make_tensor_value_info("crowd", TensorProto.FLOAT, ["n", 7]),
            helper.make_tensor_value_info("fer2013", TensorProto.FLOAT, ["n", 7]),
            helper.make_tensor_value_info("attention", TensorProto.FLOAT, ["n", 7, 6, 6]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(made)
    onnx.save(made, folder / "emotion.onnx")
    return folder


CONFUSION = [  # rows: the truth; columns: the network's answer
    [320, 4, 14, 12, 50, 10, 60],
    [6, 22, 2, 2, 4, 1, 3],
    [18, 1, 70, 4, 30, 50, 20],
    [8, 0, 3, 1600, 10, 15, 40],
    [40, 3, 18, 14, 480, 6, 140],
    [8, 0, 24, 20, 5, 560, 30],
    [45, 1, 9, 50, 130, 20, 1900],
]


def write_metrics(folder: Path, confusion: list[list[int]] = CONFUSION) -> Path:
    """Write metrics.json as `fer evaluate` does, from a confusion matrix."""
    table = np.array(confusion)
    n, right = int(table.sum()), np.diag(table)
    recall = right / np.maximum(table.sum(axis=1), 1)
    reliability = [
        {
            "from": at / 15,
            "to": (at + 1) / 15,
            "n": 0 if at < 3 else 40 * at,
            "confidence": None if at < 3 else (at + 0.5) / 15,
            "accuracy": None if at < 3 else (at + 0.5) / 15 - 0.01 * (at % 4),
        }
        for at in range(15)
    ]
    head = {
        "n": n,
        "accuracy": float(right.sum() / n),
        "balanced_accuracy": float(recall.mean()),
        "ece": 0.021,
        "confusion": table.tolist(),
        "reliability": reliability,
        "per_class": {
            name: {"recall": float(share), "recall_interval": [0.9 * float(share), float(share)]}
            for name, share in zip(EMOTIONS, recall, strict=True)
        },
    }
    changed = {"accuracy": 0.618, "balanced_accuracy": 0.402, "ece": 0.047}
    shifts = {"small_16": {"crowd": changed, "fer2013": changed | {"accuracy": 0.44}}}
    metrics = {"split": "public_test", **head, "accuracy": 0.69, "ferplus_accuracy": 0.85}
    metrics["shifts"] = shifts
    (folder / "metrics.json").write_text(
        json.dumps(metrics | {"heads": {"crowd": head, "fer2013": head | {"accuracy": 0.69}}})
    )
    return folder
