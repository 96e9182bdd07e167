"""Network → style model: one self-describing ONNX file, checked against torch before it is written."""

from __future__ import annotations

import contextlib
import copy
import datetime
import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxscript import optimizer

from ..errors import ImpastoError
from ..files import write_atomically
from ..networks import ImageTransformationNetwork, create_network
from ..version import __version__
from .model import INPUT, OUTPUT, STRENGTH, About, read_parameters, seal, set_metadata

OPSET = 18
PARITY_SIZES = ((96, 128), (131, 77), (160, 160))  # (height, width), one of them odd
# Largest and mean difference from torch, in units of a pixel's 8-bit step.
TOLERANCE = {"float32": (0.5, 0.05), "float16": (2.0, 0.1)}


def export(network: ImageTransformationNetwork, about: About, path: str | os.PathLike[str]) -> About:
    """Write a style model.

    Weights are stored in half precision where the picture stays the same (see `TOLERANCE`), else in single.

    Args:
        network: trained; it is not changed.
        about: its `adjustable`, `smallest`, `reach`, `grain_cell`, `weights`, `date` and `version` are filled in here.
        path: the file, written atomically.

    Returns:
        What the file says of itself.

    Raises:
        ImpastoError: the file would paint other pictures than `network`, or cannot be written.
    """
    network = copy.deepcopy(network).to("cpu", torch.float32).eval()
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    about = replace(
        about, adjustable=network.adjustable, smallest=network.smallest, reach=network.reach,
        grain_cell=network.grain_cell, weights="float16",
        date=now, version=__version__,
    )  # fmt: skip
    state = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    graph = _graph(network)
    model = _with_half_weights(graph, state)
    if not _tolerable(_difference(model, network), "float16"):
        model, about = graph, replace(about, weights="float32")
        worst = _difference(model, network)
        if not _tolerable(worst, "float32"):
            raise ImpastoError(
                f"{path} is not written: ONNX Runtime paints another picture than torch ({worst[0]:.1f} of 255 apart)"
            )
    set_metadata(model, about, state, {name for name in state if _is_half(model, name)})
    write_atomically(Path(path), seal(model.SerializeToString()))
    return about


def load_network(path: str | os.PathLike[str]) -> tuple[ImageTransformationNetwork, About]:
    """The torch network in a style model, for a warm start or for torch's own tools.

    Raises:
        ImpastoError: no style model, or of a network that this version does not know.
    """
    about, parameters = read_parameters(path)
    network = create_network(about.network)
    state = {}
    for name, old in network.state_dict().items():
        found = parameters.get(name)
        if found is None or found.shape != tuple(old.shape) or found.dtype.kind not in "fiu":
            raise _foreign(path, about.network, name)
        state[name] = torch.from_numpy(found.astype(np.int64 if found.dtype.kind in "iu" else np.float32)).to(old.dtype)
    if about.smallest != network.smallest:  # its parameters fit, but another margin is another picture
        raise _foreign(path, about.network, f"smallest size, {about.smallest} px")
    network.load_state_dict(state)
    return network, about


def _foreign(path: str | os.PathLike[str], network: str, where: str) -> ImpastoError:
    return ImpastoError(
        f"style model {path} does not fit this version's network '{network}' (see its {where}): it can be painted "
        "with, but neither trained on nor converted"
    )


def _graph(network: ImageTransformationNetwork) -> onnx.ModelProto:
    """The exporter's graph, of dynamic batch, height and width and without its notes on Python source lines."""
    example, size = torch.zeros(2, 3, 99, 98), dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    inputs, names, shapes = (example,), [INPUT], (size,)
    if network.adjustable:
        inputs, names, shapes = (example, torch.ones(1)), [INPUT, STRENGTH], (size, None)  # type: ignore[assignment]
    with _quiet_exporter():
        program = torch.onnx.export(
            network, inputs, dynamo=True, opset_version=OPSET, input_names=names, output_names=[OUTPUT],
            dynamic_shapes=shapes, verbose=False, optimize=False,
        )  # fmt: skip
        assert program is not None
        # The exporter's own optimizer would also merge batch normalization into kernels that keep their names: the
        # network's parameters could no longer be told from the file.
        optimizer.fold_constants(program.model)
        optimizer.remove_unused_nodes(program.model)
    model: onnx.ModelProto = program.model_proto
    del model.graph.value_info[:], model.graph.metadata_props[:], model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output):
        if value.name != STRENGTH:
            for index, name in ((0, "batch"), (2, "height"), (3, "width")):
                value.type.tensor_type.shape.dim[index].dim_param = name
    for tensor in model.graph.initializer:
        tensor.doc_string = ""
    return model


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """The exporter warns of torchvision's absence, and of its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _with_half_weights(model: onnx.ModelProto, state: dict[str, NDArray[Any]]) -> onnx.ModelProto:
    """Convolution kernels as float16, cast back where they are used (runtimes do so once, when they load the file)."""
    half = copy.deepcopy(model)
    casts = []
    for tensor in half.graph.initializer:
        if tensor.name in state and state[tensor.name].ndim == 4:
            name, array = tensor.name, numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), name + ".half"))
            casts.append(onnx.helper.make_node("Cast", [name + ".half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *half.graph.node]
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    return half


def _is_half(model: onnx.ModelProto, name: str) -> bool:
    return any(tensor.name == name + ".half" for tensor in model.graph.initializer)


def _tolerable(worst: tuple[float, float], weights: str) -> bool:
    return all(found <= allowed for found, allowed in zip(worst, TOLERANCE[weights], strict=True))


def _difference(model: onnx.ModelProto, network: ImageTransformationNetwork) -> tuple[float, float]:
    """Largest and mean difference between ONNX Runtime's and torch's pictures, in 255ths, over three sizes."""
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    worst = mean = 0.0
    for index, (height, width) in enumerate(PARITY_SIZES):
        # Smooth shapes and noise: both flat areas and texture.
        noise = random.random((1, 3, height, width), dtype=np.float32)
        slope = np.linspace(0, 1, width, dtype=np.float32)
        feeds = {INPUT: (0.3 * noise + 0.7 * slope).astype(np.float32)}
        for strength in (1.0, 0.8 - 0.3 * index) if network.adjustable else (1.0,):
            share = np.array([strength], np.float32)
            if network.adjustable:
                feeds[STRENGTH] = share
            (found,) = session.run([OUTPUT], feeds)
            with torch.no_grad():
                wanted = network(torch.from_numpy(feeds[INPUT]), torch.from_numpy(share)).numpy()
            if found.shape != wanted.shape or not (np.isfinite(found).all() and np.isfinite(wanted).all()):
                return float("inf"), float("inf")
            difference = np.abs(found - wanted) * 255
            worst, mean = max(worst, float(difference.max())), max(mean, float(difference.mean()))
    return worst, mean
