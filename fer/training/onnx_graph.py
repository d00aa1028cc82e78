"""Write a Keras network as an ONNX graph, layer by layer, without a converter that could break.

Faces go in as uint8 (n, size, size, channels); every head comes out as probabilities. A network
that ends in an average and one dense layer also gives an attention map: the last feature map,
weighted by the shown head's weights.
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
    """The nodes and weights that were written so far."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, Array] = {}
        self.padded: dict[
            str, tuple[str, list[int]]
        ] = {}  # padding that the next convolution takes over
        self.averages: dict[str, str] = {}  # each average's name: the map that it averages

    def add(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node; return its name, which is also its output's."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name: str, value: Array) -> str:
        """Add a constant; return its name."""
        self.weights[name] = np.ascontiguousarray(value, np.float32)
        return name


def _weights(layer: keras.Layer) -> list[Array]:
    return [keras.ops.convert_to_numpy(weight) for weight in layer.weights]


def _rescaling(graph: Graph, layer: Any, x: str) -> str:
    scale = graph.weight(f"{layer.name}.scale", np.array(layer.scale))
    offset = graph.weight(f"{layer.name}.offset", np.array(layer.offset))
    return graph.add("Add", [graph.add("Mul", [x, scale], f"{layer.name}.mul"), offset], layer.name)


def _conv(graph: Graph, layer: Any, x: str, depthwise: bool = False) -> str:
    if {*layer.dilation_rate} != {1} or layer.data_format != "channels_last":
        raise ModelError(f"layer {layer.name}: dilated convolutions are not exported")
    kernel, *bias = _weights(layer)
    if depthwise:
        if kernel.shape[3] != 1:
            raise ModelError(f"layer {layer.name}: only one output a channel is exported")
        kernel = kernel.transpose(2, 3, 0, 1)
    else:
        if getattr(layer, "groups", 1) != 1:
            raise ModelError(f"layer {layer.name}: grouped convolutions are not exported")
        kernel = kernel.transpose(3, 2, 0, 1)
    where: dict[str, Any] = {"strides": layer.strides} if {*layer.strides} != {1} else {}
    if depthwise:
        where["group"] = len(kernel)
    if x in graph.padded:
        if layer.padding != "valid":
            raise ModelError(f"layer {layer.name}: is padded twice, which is not exported")
        x, where["pads"] = graph.padded[x]
    elif layer.padding == "same" and where.get("strides"):
        where["auto_pad"] = "SAME_UPPER"  # what "same" means if a stride leaves a remainder
    elif layer.padding == "same":
        where["pads"] = [side // 2 for side in kernel.shape[2:]] * 2
    zero = np.zeros(len(kernel), np.float32)
    inputs = [
        x,
        graph.weight(f"{layer.name}.kernel", kernel),
        graph.weight(f"{layer.name}.bias", bias[0] if bias else zero),
    ]
    made = graph.add("Conv", inputs, layer.name, kernel_shape=kernel.shape[2:], **where)
    return _activated(graph, layer, made)


def _activated(graph: Graph, layer: Any, x: str) -> str:
    """Add the layer's own activation if it has one; return the last name."""
    kind = layer.activation.__name__
    if kind not in ("linear", "relu"):
        raise ModelError(f"layer {layer.name}: {kind} as its activation is not exported")
    return x if kind == "linear" else graph.add("Relu", [x], f"{layer.name}.relu")


def _padding(graph: Graph, layer: Any, x: str) -> str:
    (top, bottom), (left, right) = layer.padding
    graph.padded[layer.name] = (x, [top, left, bottom, right])
    return str(layer.name)


def _relu(graph: Graph, layer: Any, x: str) -> str:
    if layer.negative_slope or layer.threshold:
        raise ModelError(f"layer {layer.name}: only ReLU that is 0 below 0 is exported")
    if layer.max_value is None:
        return graph.add("Relu", [x], layer.name)
    low = graph.weight(f"{layer.name}.low", np.array(0))
    high = graph.weight(f"{layer.name}.high", np.array(layer.max_value))
    return graph.add("Clip", [x, low, high], layer.name)


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
    where = {"auto_pad": "SAME_UPPER"} if layer.padding == "same" else {}
    return graph.add(
        "MaxPool", [x], layer.name, kernel_shape=layer.pool_size, strides=layer.strides, **where
    )


def _average(graph: Graph, layer: Any, x: str) -> str:
    average = graph.add("GlobalAveragePool", [x], f"{layer.name}.4d")
    flat = graph.add("Flatten", [average], layer.name)
    graph.averages[flat] = x
    return flat


def _flatten(graph: Graph, layer: Any, x: str) -> str:
    # Keras flattens with channels last, ONNX with channels first.
    last = graph.add("Transpose", [x], f"{layer.name}.places", perm=[0, 2, 3, 1])
    return graph.add("Flatten", [last], layer.name)


def _dense(graph: Graph, layer: Any, x: str) -> str:
    kernel, bias = _weights(layer)
    inputs = [
        x,
        graph.weight(f"{layer.name}.kernel", kernel),
        graph.weight(f"{layer.name}.bias", bias),
    ]
    return _activated(graph, layer, graph.add("Gemm", inputs, f"{layer.name}.logits"))


def _sigmoid(graph: Graph, layer: Any, x: str) -> str:
    if layer.activation.__name__ != "sigmoid":
        raise ModelError(f"layer {layer.name}: {layer.activation.__name__} is not exported")
    return graph.add("Sigmoid", [x], layer.name)


LAYERS: dict[str, Callable[..., str]] = {
    "Rescaling": _rescaling,
    "Conv2D": _conv,
    "DepthwiseConv2D": lambda graph, layer, x: _conv(graph, layer, x, depthwise=True),
    "ZeroPadding2D": _padding,
    "BatchNormalization": _norm,
    "ReLU": _relu,
    "Activation": _sigmoid,
    "Multiply": lambda graph, layer, *xs: graph.add("Mul", [*xs], layer.name),
    "Add": lambda graph, layer, *xs: graph.add("Add", [*xs], layer.name),
    "Flatten": _flatten,
    "MaxPooling2D": _pool,
    "GlobalAveragePooling2D": _average,
    "Dropout": lambda graph, layer, x: x,
    "Dense": _dense,
    "Softmax": lambda graph, layer, x: graph.add("Softmax", [x], layer.name, axis=-1),
}


def to_onnx(model: keras.Model, size: int, shown: str) -> onnx.ModelProto:
    """Return the network in float32: an output for each head, and the shown head's map if any."""
    graph, channels = Graph(), model.input.shape[-1]
    floats = graph.add("Cast", ["face"], "face.float", to=TensorProto.FLOAT)
    names = {id(model.input): graph.add("Transpose", [floats], "face.planes", perm=[0, 3, 1, 2])}
    for layer in model.layers[1:]:
        kind = type(layer).__name__
        if kind not in LAYERS:
            raise ModelError(f"layer {layer.name}: {kind} layers are not exported")
        taken = layer.input if isinstance(layer.input, list) else [layer.input]
        names[id(layer.output)] = LAYERS[kind](graph, layer, *(names[id(one)] for one in taken))
    heads = {head: names[id(tensor)] for head, tensor in model.output.items()}
    for head, name in heads.items():
        graph.add("Identity", [name], head)
    weights = graph.weights[f"{shown}.kernel"]
    classes = weights.shape[1]
    outputs = [helper.make_tensor_value_info(h, TensorProto.FLOAT, ["n", classes]) for h in heads]
    averaged = graph.averages.get(names[id(model.get_layer(shown).input)])
    if averaged is not None:
        kernel = graph.weight("attention.kernel", weights.T[:, :, None, None])
        graph.add("Conv", [averaged, kernel], "attention")
        shape = ["n", classes, None, None]
        outputs.append(helper.make_tensor_value_info("attention", TensorProto.FLOAT, shape))
    face = helper.make_tensor_value_info("face", TensorProto.UINT8, ["n", size, size, channels])
    initial = [numpy_helper.from_array(value, name) for name, value in graph.weights.items()]
    made = helper.make_model(
        helper.make_graph(graph.nodes, "emotion", [face], outputs, initial),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="fer",
    )
    onnx.checker.check_model(made)
    return made
