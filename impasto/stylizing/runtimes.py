"""The runtimes that a style model can run in, behind one small interface. Torch-free.

OpenVINO is the one that comes with Impasto: on CPUs it computes in bfloat16 where the processor can, and was 2.6 times
as fast as ONNX Runtime then, 6 times with AMX (the network of five blocks); in float32 about as fast. ONNX Runtime is
taken where it is installed with a GPU's provider.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import ImpastoError, unknown
from ..images import FloatArray

PRECISIONS = ("auto", "float32")
# Best first, and what the files of ONNX Runtime's packages for them are called.
_GPU_PROVIDERS = {
    "CUDAExecutionProvider": "providers_cuda",
    "MIGraphXExecutionProvider": "providers_migraphx",
    "ROCMExecutionProvider": "providers_rocm",
    "DmlExecutionProvider": "DirectML",
}


class LoadedModel(Protocol):
    """An ONNX graph, ready to run.

    inputs: names. metadata: the file's.
    """

    inputs: list[str]
    metadata: dict[str, str]

    @property
    def name(self) -> str:
        """Of the runtime, and what it computes on or in."""
        ...

    def run(self, feeds: Mapping[str, FloatArray]) -> list[FloatArray]:
        """All outputs for these inputs, in the graph's order."""
        ...


FIXED = 2  # graphs of one size


class OpenVINO:
    """A model in OpenVINO.

    It is compiled for the sizes of the first `FIXED` different images, with the strength as a constant: such a graph
    runs a third faster. Others share one more, for any size and strength, because compiling anew costs more than it
    gains. A large picture is painted at two sizes.
    """

    def __init__(self, data: bytes, precision: str = "auto") -> None:
        import openvino

        # An image at a time, each as quick as can be.
        self._settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if precision == "float32":
            self._settings["INFERENCE_PRECISION_HINT"] = "f32"
        self._core = openvino.Core()
        self._model = self._core.read_model(data)
        self.inputs = [port.any_name for port in self._model.inputs]
        metadata = dict(self._model.get_rt_info().items()).get("framework", {})  # where its ONNX reader keeps them
        self.metadata = {key: str(value.value) for key, value in metadata.items()}
        self._fixed: dict[Hashable, Any] = {}
        self._any: Any = None
        self._suffix = ""
        self._turn = threading.Lock()  # a request serves one caller at a time

    @property
    def name(self) -> str:
        """openvino, and the precision that it chose for the last model compiled."""
        return f"openvino{self._suffix}"

    def run(self, feeds: Mapping[str, FloatArray]) -> list[FloatArray]:
        """See `LoadedModel`."""
        numbers = {name: value for name, value in feeds.items() if value.size == 1}
        arrays = {name: value for name, value in feeds.items() if value.size > 1}
        kind = tuple((name, value.item() if name in numbers else value.shape) for name, value in feeds.items())
        with self._turn:
            if kind not in self._fixed and len(self._fixed) < FIXED:
                self._fixed[kind] = self._compile(self._specialized(arrays, numbers))
            if kind in self._fixed:
                request, given = self._fixed[kind], arrays
            else:
                self._any = self._any or self._compile(self._model)
                request, given = self._any, dict(feeds)
            found = request.infer(given, share_inputs=True, share_outputs=True)  # copied below, and only there
            return [np.array(found[port]) for port in request.model_outputs]

    def _specialized(self, arrays: Mapping[str, FloatArray], numbers: Mapping[str, FloatArray]) -> Any:
        """The graph for arrays of these shapes, with these numbers in place of inputs."""
        from openvino import opset13

        model = self._model.clone()
        model.reshape({name: value.shape for name, value in (*arrays.items(), *numbers.items())})
        for parameter in model.get_parameters():
            name = parameter.output(0).any_name
            if name in numbers:
                parameter.output(0).replace(opset13.constant(numbers[name]).output(0))
                model.remove_parameter(parameter)
        _leave_out_idle(model)
        return model

    def _compile(self, model: Any) -> Any:
        compiled = self._core.compile_model(model, "CPU", self._settings)
        kind = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        self._suffix = {"bf16": " bfloat16", "f16": " float16", "f32": " float32"}.get(kind, f" {kind}")
        return compiled.create_infer_request()


def _leave_out_idle(model: Any) -> None:
    """Take out of a graph of fixed sizes what does nothing there, and costs a fiftieth of the time.

    That is slices of all that there is (the last ones, where no side had to be filled up), and summands with a constant
    0 as a factor (at full strength, the photograph's share). OpenVINO keeps those, as 0 times infinity is not 0.
    """
    from openvino.passes import ConstantFolding, Manager

    manager = Manager()
    manager.register_pass(ConstantFolding())
    manager.run_passes(model)
    for node in model.get_ordered_ops():
        kind, values = node.get_type_name(), node.input_values()
        if kind == "Slice" and _constant(values[3], 1):
            kept = values[0]
        elif kind == "Add" and any(map(_is_zero, values)):
            kept = values[1] if _is_zero(values[0]) else values[0]
        else:
            continue
        if kept.get_partial_shape() == node.output(0).get_partial_shape():
            node.output(0).replace(kept)


def _constant(value: Any, number: float) -> bool:
    node = value.get_node()
    return node.get_type_name() == "Constant" and bool(np.all(node.data == number))


def _is_zero(value: Any) -> bool:
    node = value.get_node()
    return node.get_type_name() == "Multiply" and any(_constant(factor, 0) for factor in node.input_values())


class OnnxRuntime:
    """A model in ONNX Runtime."""

    def __init__(self, data: bytes, precision: str = "auto") -> None:  # noqa: ARG002  # it computes in float32 anyway
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        available = onnxruntime.get_available_providers()
        providers = [name for name in _GPU_PROVIDERS if name in available] + ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(data, options, providers=providers)
        self.inputs = [value.name for value in self._session.get_inputs()]
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)

    @property
    def name(self) -> str:
        """onnxruntime, and the provider that it chose."""
        return f"onnxruntime {self._session.get_providers()[0].removesuffix('ExecutionProvider')}"

    def run(self, feeds: Mapping[str, FloatArray]) -> list[FloatArray]:
        """See `LoadedModel`."""
        return [np.asarray(value) for value in self._session.run(None, dict(feeds))]


RUNTIMES: dict[str, Callable[[bytes, str], LoadedModel]] = {"openvino": OpenVINO, "onnxruntime": OnnxRuntime}


def choose_runtime(name: str = "auto") -> str:
    """"auto": ONNX Runtime where it is installed with a GPU's provider, else OpenVINO, else ONNX Runtime.

    Raises:
        ImpastoError: an unknown runtime, or one that is not installed.
    """
    if name not in ("auto", *RUNTIMES):
        raise unknown("runtime", name, ("auto", *RUNTIMES))
    found = {key: importlib.util.find_spec(key) for key in RUNTIMES}
    installed = {key: Path(spec.origin) for key, spec in found.items() if spec is not None and spec.origin is not None}
    if name != "auto":
        if name not in installed:
            raise ImpastoError(f"the runtime {name} is not installed: pip install {name}")
        return name
    if not installed:
        raise ImpastoError("no runtime for style models is installed: pip install openvino (or onnxruntime)")
    if "onnxruntime" in installed and _serves_gpus(installed["onnxruntime"].parent):
        return "onnxruntime"
    return next(iter(installed))


def _serves_gpus(package: Path) -> bool:
    """By its files: importing it to ask would take longer than stylizing a picture."""
    files = [file.name for file in (package / "capi").glob("*")]
    return any(mark in name for name in files for mark in _GPU_PROVIDERS.values())


def load(data: bytes, what: str, runtime: str = "auto", precision: str = "auto") -> LoadedModel:
    """A model in a runtime.

    Args:
        data: an ONNX file's bytes.
        what: what error messages call it.
        runtime: "openvino", "onnxruntime" or "auto"; see `choose_runtime`.
        precision: "auto" (the runtime's choice: bfloat16 where the processor has it) or "float32".

    Raises:
        ImpastoError: no such runtime, or bytes that it cannot read.
    """
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    chosen = choose_runtime(runtime)
    try:
        return RUNTIMES[chosen](data, precision)
    except ImportError:
        raise
    except Exception:  # each runtime has classes of its own
        raise ImpastoError(f"{what} is no style model: not an ONNX file, or damaged") from None
