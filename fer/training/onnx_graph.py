"""A Keras network as an ONNX graph, layer by layer: no converter to keep in step with its versions.

Faces go in as uint8 (n, size, size, 1); every head comes out as probabilities, with them the map of
where the network looked: the last feature map weighed by the shown head's own weights.
Batch normalisation is folded into the convolution before it, so that int8 has one scale a channel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from fer.errors import ModelError

OPSET, IR = 17, 8  # what every onnxruntime since 1.13 reads
Array = npt.NDArray[Any]


class Graph:
    """Nodes and weights, gathered while a network is walked."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, Array] = {}

    def add(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name: str, value: Array) -> str:
        self.weights[name] = np.ascontiguousarray(value, np.float32)
        return name


def _weights(layer: keras.Layer) -> list[Array]:
    return [keras.ops.convert_to_numpy(weight) for weight in layer.weights]


def _rescaling(graph: Graph, layer: Any, x: str) -> str:
    scale = graph.weight(f"{layer.name}.scale", np.array(layer.scale))
    offset = graph.weight(f"{layer.name}.offset", np.array(layer.offset))
    return graph.add("Add", [graph.add("Mul", [x, scale], f"{layer.name}.mul"), offset], layer.name)


def _conv(graph: Graph, layer: Any, x: str) -> str:
    if layer.padding != "same" or {*layer.strides, *layer.dilation_rate} != {1}:
        raise ModelError(f"layer {layer.name}: only plain convolutions of stride 1 are exported")
    kernel, *bias = _weights(layer)
    kernel = kernel.transpose(3, 2, 0, 1)
    zero = np.zeros(len(kernel), np.float32)
    inputs = [
        x,
        graph.weight(f"{layer.name}.kernel", kernel),
        graph.weight(f"{layer.name}.bias", bias[0] if bias else zero),
    ]
    pads = [side // 2 for side in kernel.shape[2:]] * 2
    return graph.add("Conv", inputs, layer.name, kernel_shape=kernel.shape[2:], pads=pads)


def _norm(graph: Graph, layer: Any, x: str) -> str:
    gamma, beta, mean, variance = _weights(layer)
    factor = gamma / np.sqrt(variance + layer.epsilon)
    kernel, bias = f"{x}.kernel", f"{x}.bias"
    if kernel not in graph.weights:
        raise ModelError(f"layer {layer.name}: normalisation is only exported after a convolution")
    graph.weight(kernel, graph.weights[kernel] * factor[:, None, None, None])
    graph.weight(bias, (graph.weights[bias] - mean) * factor + beta)
    return x


def _pool(graph: Graph, layer: Any, x: str) -> str:
    return graph.add(
        "MaxPool", [x], layer.name, kernel_shape=layer.pool_size, strides=layer.strides
    )


def _average(graph: Graph, layer: Any, x: str) -> str:
    return graph.add(
        "Flatten", [graph.add("GlobalAveragePool", [x], f"{layer.name}.4d")], layer.name
    )


def _dense(graph: Graph, layer: Any, x: str) -> str:
    kernel, bias = _weights(layer)
    inputs = [
        x,
        graph.weight(f"{layer.name}.kernel", kernel),
        graph.weight(f"{layer.name}.bias", bias),
    ]
    return graph.add("Gemm", inputs, f"{layer.name}.logits")


LAYERS: dict[str, Callable[[Graph, Any, str], str]] = {
    "Rescaling": _rescaling,
    "Conv2D": _conv,
    "BatchNormalization": _norm,
    "ReLU": lambda graph, layer, x: graph.add("Relu", [x], layer.name),
    "MaxPooling2D": _pool,
    "GlobalAveragePooling2D": _average,
    "Dropout": lambda graph, layer, x: x,
    "Dense": _dense,
    "Softmax": lambda graph, layer, x: graph.add("Softmax", [x], layer.name, axis=-1),
}


def to_onnx(model: keras.Model, size: int, shown: str) -> onnx.ModelProto:
    """The network in float32, with an output a head and `attention` for the shown head."""
    graph = Graph()
    floats = graph.add("Cast", ["face"], "face.float", to=TensorProto.FLOAT)
    # One channel: the same bytes serve as (n, 1, size, size), and a transpose is only a new shape.
    names = {id(model.input): graph.add("Transpose", [floats], "face.planes", perm=[0, 3, 1, 2])}
    looked = ""
    for layer in model.layers[1:]:
        kind = type(layer).__name__
        if kind not in LAYERS:
            raise ModelError(f"layer {layer.name}: {kind} layers are not exported")
        x = names[id(layer.input)]
        names[id(layer.output)] = LAYERS[kind](graph, layer, x)
        if kind == "GlobalAveragePooling2D":
            looked = x
    heads = {head: names[id(tensor)] for head, tensor in model.output.items()}
    for head, name in heads.items():
        graph.add("Identity", [name], head)
    if not looked:
        raise ModelError("the network has no global average, so it has no map of where it looked")
    kernel = graph.weights[f"{shown}.kernel"].T[:, :, None, None]
    graph.add("Conv", [looked, graph.weight("attention.kernel", kernel)], "attention")

    classes = kernel.shape[0]
    outputs = [helper.make_tensor_value_info(h, TensorProto.FLOAT, ["n", classes]) for h in heads]
    outputs.append(
        helper.make_tensor_value_info("attention", TensorProto.FLOAT, ["n", classes, None, None])
    )
    face = helper.make_tensor_value_info("face", TensorProto.UINT8, ["n", size, size, 1])
    initial = [numpy_helper.from_array(value, name) for name, value in graph.weights.items()]
    made = helper.make_model(
        helper.make_graph(graph.nodes, "emotion", [face], outputs, initial),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="fer",
    )
    onnx.checker.check_model(made)
    return made
