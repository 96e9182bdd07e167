"""ONNX graphs for tests that need no network."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper


def identity(*initializers: TensorProto, ends: tuple[str, str] = ("image", "stylized")) -> onnx.ModelProto:
    """A graph that gives its image back; its input and its output are called `ends`."""
    shape: list[str | int] = [1, 3, "height", "width"]
    taken, given = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ends)
    node = helper.make_node("Identity", ends[:1], ends[1:])
    graph = helper.make_graph([node], "identity", [taken], [given], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
