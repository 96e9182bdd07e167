"""Style models that take from elsewhere what the tiles of a picture must share.

Instance normalization divides by the deviation of the image it is given: each tile of a large picture would get
colours of its own. Chen et al. 2022 ("Towards Ultra-Resolution Neural Style Transfer via Thumbnail Instance
Normalization") take the statistics once and use them for all tiles. They take them from a thumbnail, whose textures are
not the picture's; here they come from windows of the picture itself at full resolution. With the statistics
given, the network is a local operator: tiles that overlap by its reach fit without a seam. So they do where strokes
begin from noise (`networks.layers.Grain`), if each tile is given the noise that belongs to its place.
"""

from __future__ import annotations

import copy

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ..errors import ImpastoError
from ..styles.model import GRAIN

STATISTICS = "statistics"  # (2, channels of all normalizations, 1, 1): means, then 1 / deviations
_NORMALIZATION = "InstanceNormalization"
_DEFAULT_EPSILON = 1e-5  # of the operator


def measuring(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model for a batch of images that are normalized together; a second output holds the statistics.

    Its other output is the batch stylized.
    """
    changed = copy.deepcopy(model)
    graph = changed.graph
    graph.initializer.append(numpy_helper.from_array(np.array([0, 2, 3], np.int64), "measured.axes"))
    means, scales, nodes = [], [], []
    for node in graph.node:
        if node.op_type != _NORMALIZATION:
            nodes.append(node)
            continue
        x, _, _ = node.input
        name = node.output[0]
        mean, centered, square, variance, padded, deviation, scale = (f"{name}.{part}" for part in (
            "mean", "centered", "square", "variance", "padded", "deviation", "scale"))  # fmt: skip
        epsilon = f"{name}.epsilon"
        graph.initializer.append(numpy_helper.from_array(np.array(_epsilon(node), np.float32), epsilon))
        nodes += [
            helper.make_node("ReduceMean", [x, "measured.axes"], [mean], keepdims=1),
            helper.make_node("Sub", [x, mean], [centered]),
            helper.make_node("Mul", [centered, centered], [square]),
            helper.make_node("ReduceMean", [square, "measured.axes"], [variance], keepdims=1),
            helper.make_node("Add", [variance, epsilon], [padded]),
            helper.make_node("Sqrt", [padded], [deviation]),
            helper.make_node("Reciprocal", [deviation], [scale]),
            *_normalized(graph, node, centered, scale),
        ]
        means.append(mean)
        scales.append(scale)
    if means:
        nodes += [
            helper.make_node("Concat", means, ["measured.means"], axis=1),
            helper.make_node("Concat", scales, ["measured.scales"], axis=1),
            helper.make_node("Concat", ["measured.means", "measured.scales"], [STATISTICS], axis=0),
        ]
        channels = sum(_channels(graph, node) for node in model.graph.node if node.op_type == _NORMALIZATION)
        graph.output.append(helper.make_tensor_value_info(STATISTICS, onnx.TensorProto.FLOAT, [2, channels, 1, 1]))
    _replace_nodes(graph, nodes)
    return changed


def applying(model: onnx.ModelProto, grain: NDArray[np.float32] | None = None) -> onnx.ModelProto:
    """The model with one more input, the statistics that `measuring` gives, in place of each image's own.

    grain: what `grain_of` gives, where `GRAIN` is to be an input, too, instead of this constant.
    """
    changed = copy.deepcopy(model)
    graph = changed.graph
    if grain is not None:
        _remove(graph, GRAIN)
        # Of any size from the network's needs on: it is repeated and cut in the graph.
        graph.input.append(helper.make_tensor_value_info(GRAIN, onnx.TensorProto.FLOAT, [1, 1, "rows", "columns"]))
    normalizations = [node for node in graph.node if node.op_type == _NORMALIZATION]
    if not normalizations:
        return changed
    sizes = [_channels(graph, node) for node in normalizations]
    graph.input.append(helper.make_tensor_value_info(STATISTICS, onnx.TensorProto.FLOAT, [2, sum(sizes), 1, 1]))
    graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), "given.sizes"))
    means, scales = ([f"{node.output[0]}.{part}" for node in normalizations] for part in ("mean", "scale"))
    nodes = [
        helper.make_node("Split", [STATISTICS], ["given.means", "given.scales"], axis=0, num_outputs=2),
        helper.make_node("Split", ["given.means", "given.sizes"], means, axis=1),
        helper.make_node("Split", ["given.scales", "given.sizes"], scales, axis=1),
    ]
    for node in graph.node:
        if node.op_type != _NORMALIZATION:
            nodes.append(node)
            continue
        name = node.output[0]
        nodes.append(helper.make_node("Sub", [node.input[0], f"{name}.mean"], [f"{name}.centered"]))
        nodes += _normalized(graph, node, f"{name}.centered", f"{name}.scale")
    _replace_nodes(graph, nodes)
    return changed


def grain_of(model: onnx.ModelProto) -> NDArray[np.float32] | None:
    """The map of noise, (1, 1, H, W), that strokes begin from, if there is any."""
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    cast = next((node.input[0] for node in model.graph.node if GRAIN in node.output), GRAIN)
    return numpy_helper.to_array(initializers[cast]).astype(np.float32) if cast in initializers else None


def _remove(graph: onnx.GraphProto, name: str) -> None:
    """A constant, and the node that casts it where it is stored in half precision."""
    for node in [node for node in graph.node if name in node.output]:
        graph.node.remove(node)
    for tensor in [tensor for tensor in graph.initializer if tensor.name == name]:
        graph.initializer.remove(tensor)


def _normalized(graph: onnx.GraphProto, node: onnx.NodeProto, centered: str, scale: str) -> list[onnx.NodeProto]:
    """centered · scale, then the operator's own scale and bias."""
    name = node.output[0]
    shape = f"{name}.shape"
    graph.initializer.append(numpy_helper.from_array(np.array([1, -1, 1, 1], np.int64), shape))
    unit, gamma, beta, scaled = (f"{name}.{part}" for part in ("unit", "gamma", "beta", "scaled"))
    return [
        helper.make_node("Mul", [centered, scale], [unit]),
        helper.make_node("Reshape", [node.input[1], shape], [gamma]),
        helper.make_node("Reshape", [node.input[2], shape], [beta]),
        helper.make_node("Mul", [unit, gamma], [scaled]),
        helper.make_node("Add", [scaled, beta], [name]),
    ]


def _epsilon(node: onnx.NodeProto) -> float:
    return next((attribute.f for attribute in node.attribute if attribute.name == "epsilon"), _DEFAULT_EPSILON)


def _channels(graph: onnx.GraphProto, node: onnx.NodeProto) -> int:
    """Of a normalization: as many as its scale has, which the exporter writes into the file."""
    found = next((tensor.dims[0] for tensor in graph.initializer if tensor.name == node.input[1]), None)
    if found is None:
        raise ImpastoError("the style model's graph is not one that Impasto wrote: it cannot be painted in tiles")
    return found


def _replace_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    kept = [copy.deepcopy(node) for node in nodes]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(kept)
