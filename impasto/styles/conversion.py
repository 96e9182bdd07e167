"""Style models in the formats of apps: OpenVINO, Core ML, LiteRT (TensorFlow Lite) and ExecuTorch.

Each is written by its makers' own converter, which is imported when it is used, from the network that the style model
holds. What can be run here is compared with what torch paints before the file gets its name.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import math
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ImpastoError, check_integer, one_line, reason, unknown
from ..files import PathLike
from ..images import FloatArray
from ..networks.layers import SubpixelConv
from . import find_style
from .export import load_network

CONVERTERS = "openvino", "litert_torch", "ai_edge_litert", "executorch", "coremltools"
LARGEST_SIDE = 4096  # px: of a format whose size is fixed
# Largest and mean difference from torch, in 255ths of a pixel: half precision may be off by a step or two.
TOLERANCE = 4.0, 0.25

Run = Callable[[FloatArray, float], FloatArray]  # (1, 3, H, W) and the strength → the stylized image


@dataclass(frozen=True)
class Format:
    """A format.

    suffix: of the file. fixed: whether it paints one size only. write: (network, its style model, file to write,
    (width, height)). load: a file as a function; None where only other machines run it.
    """

    suffix: str
    fixed: bool
    write: Callable[[_Fixed, Path, Path, tuple[int, int]], None]
    load: Callable[[Path], Run] | None


@dataclass(frozen=True)
class Converted:
    """A file that was written.

    output: where; a folder, of some formats. bytes: all told. size: (width, height) that it paints, None for any.
    difference: (largest, mean) difference from torch in 255ths, None where this machine cannot run it.
    """

    output: Path
    format: str
    bytes: int
    size: tuple[int, int] | None
    difference: tuple[float, float] | None


def convert(
    style: PathLike, format: str, output: PathLike | None = None, size: tuple[int, int] = (512, 512)
) -> Converted:
    """Write a style model in another format.

    Inputs and output are those of the style model: `image` (1, 3, H, W), RGB in [0, 1]; `strength` (1,), where the
    network has it; `stylized`, of the image's shape. Core ML's are images of 8 bits instead.

    Args:
        style: a name or a style model's file.
        format: a name in `FORMATS`.
        output: the file to write; by default the style model's name with the format's suffix, in the working folder.
        size: (width, height) in px that it will paint, where the format wants to know.

    Raises:
        ImpastoError: no such style or format, a converter that fails, a file that paints another picture or cannot be
            written.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    kind = FORMATS[format]
    file = find_style(style)
    trained, about = load_network(file)
    for side in size:
        check_integer("size", side, about.smallest, LARGEST_SIDE)
    path = Path(output) if output is not None else Path(f"{file.stem}{kind.suffix}")
    if path.suffix != kind.suffix:
        raise ImpastoError(f"output {path} must end in {kind.suffix}")
    if not path.parent.is_dir():
        raise ImpastoError(f"cannot write {path}: there is no folder {path.parent}")
    network = _Fixed(trained).eval()
    try:
        with tempfile.TemporaryDirectory(prefix=".impasto-", dir=path.parent) as folder:
            written = Path(folder) / path.name
            with _quiet(), _failures_in_a_line(format):
                kind.write(network, file, written, size)
                difference = None if kind.load is None else _difference(kind.load(written), network, size)
            if difference is not None and any(d > most for d, most in zip(difference, TOLERANCE, strict=True)):
                raise ImpastoError(
                    f"{path} is not written: it paints another picture than torch ({difference[0]:.1f} of 255 apart)"
                )
            total = _move(Path(folder), path.parent)
    except OSError as error:
        raise ImpastoError(f"cannot write {path}: {reason(error)}") from None
    return Converted(path, format, total, size if kind.fixed else None, difference)


class _Fixed(nn.Module):
    """A network as apps call it: an image, and the strength where it has an effect."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        for name, layer in list(network.named_modules()):
            if isinstance(layer, SubpixelConv):
                network.set_submodule(name, layer.as_conv2d())
        self.adjustable = bool(network.adjustable)

    def forward(self, image: Tensor, strength: Tensor | None = None) -> Tensor:
        painted: Tensor = self.network(image, strength)
        return painted.clamp(0, 1)

    def examples(self, size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Inputs of a size: an even slope with noise on it, so that there are both flat areas and texture."""
        width, height = size
        noise = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
        image = 0.3 * noise + 0.7 * torch.linspace(0, 1, width)
        return (image, torch.tensor([0.8])) if self.adjustable else (image,)


class _Bytes(nn.Module):
    """A network whose output is in 0 … 255, as Core ML's images are."""

    def __init__(self, network: _Fixed) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, strength: Tensor | None = None) -> Tensor:
        painted: Tensor = self.network(image, strength)
        return painted * 255


# --- formats -----------------------------------------------------------------------------------------------


def _write_openvino(_: _Fixed, source: Path, path: Path, __: tuple[int, int]) -> None:
    import openvino

    model = openvino.Core().read_model(source)
    openvino.save_model(model, path, compress_to_fp16=True)  # the weights lie beside it, in a .bin


def _load_openvino(path: Path) -> Run:
    import openvino

    model = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(image: FloatArray, strength: float) -> FloatArray:
        feeds = [image, np.array([strength], np.float32)][: len(model.inputs)]
        return np.array(model(feeds)[0])

    return run


def _write_litert(network: _Fixed, _: Path, path: Path, size: tuple[int, int]) -> None:
    import litert_torch

    image, *strength = network.examples(size)
    named = {"image": image} | ({"strength": strength[0]} if strength else {})
    litert_torch.convert(network, sample_kwargs=named).export(str(path))


def _load_litert(path: Path) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    inputs = sorted(interpreter.get_input_details(), key=lambda detail: detail["name"])
    (output,) = interpreter.get_output_details()

    def run(image: FloatArray, strength: float) -> FloatArray:
        for detail, value in zip(inputs, (image, np.array([strength], np.float32)), strict=False):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
        return np.array(interpreter.get_tensor(output["index"]))

    return run


def _write_executorch(network: _Fixed, _: Path, path: Path, size: tuple[int, int]) -> None:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    program = torch.export.export(network, network.examples(size))
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()
    path.write_bytes(lowered.buffer)


def _load_executorch(path: Path) -> Run:
    from executorch.runtime import Runtime

    method = Runtime.get().load_program(path).load_method("forward")

    def run(image: FloatArray, strength: float) -> FloatArray:
        feeds = [torch.from_numpy(image), torch.tensor([strength])][: method.metadata.num_inputs()]
        return np.array(method.execute(feeds)[0])

    return run


def _write_coreml(network: _Fixed, _: Path, path: Path, size: tuple[int, int]) -> None:
    import coremltools

    examples = network.examples(size)
    exported = torch.export.export(_Bytes(network).eval(), examples).module()  # sizes are constants in it
    for node in exported.graph.find_nodes(op="call_function", target=torch.ops.aten.alias.default):
        node.replace_all_uses_with(node.args[0])  # coremltools does not know it
        exported.graph.erase_node(node)
    exported.recompile()
    inputs = [coremltools.ImageType(name="image", shape=tuple(examples[0].shape), scale=1 / 255)]
    if network.adjustable:
        inputs.append(coremltools.TensorType(name="strength", shape=(1,), default_value=np.ones(1, np.float32)))
    passes = coremltools.PassPipeline.DEFAULT
    passes.remove_passes({"common::fuse_elementwise_to_batchnorm"})  # fails where the strength scales a normalization
    model = coremltools.convert(
        torch.jit.trace(exported, examples, check_trace=False),  # type: ignore[no-untyped-call]
        inputs=inputs,
        outputs=[coremltools.ImageType(name="stylized")],
        convert_to="mlprogram",
        minimum_deployment_target=coremltools.target.iOS16,
        pass_pipeline=passes,
    )
    model.save(str(path))


FORMATS: dict[str, Format] = {
    "openvino": Format(".xml", False, _write_openvino, _load_openvino),
    "litert": Format(".tflite", True, _write_litert, _load_litert),
    "executorch": Format(".pte", True, _write_executorch, _load_executorch),
    # Only Apple's systems run it: what is written here is not compared.
    "coreml": Format(".mlpackage", True, _write_coreml, None),
}


# --- parts -------------------------------------------------------------------------------------------------


def _difference(run: Run, network: _Fixed, size: tuple[int, int]) -> tuple[float, float]:
    """Largest and mean difference from torch in 255ths."""
    image = network.examples(size)[0]
    largest = mean = 0.0
    for strength in (1.0, 0.5):
        with torch.no_grad():
            wanted = network(image, torch.tensor([strength])).numpy()
        found = run(image.numpy(), strength)
        if found.shape != wanted.shape or not np.isfinite(found).all():
            return math.inf, math.inf
        difference = np.abs(found - wanted) * 255
        largest, mean = max(largest, float(difference.max())), max(mean, float(difference.mean()))
    return largest, mean


def _move(source: Path, target: Path) -> int:
    """Give what was written its place; returns its bytes."""
    total = 0
    for one in source.iterdir():
        total += sum(file.stat().st_size for file in (one.rglob("*") if one.is_dir() else [one]) if file.is_file())
        place = target / one.name
        if place.is_dir() and one.is_dir():
            shutil.rmtree(place)
        os.replace(one, place)
    return total


@contextlib.contextmanager
def _failures_in_a_line(format: str) -> Iterator[None]:
    try:
        yield
    except (ImpastoError, OSError):
        raise
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in CONVERTERS:  # which the command line knows how to install
            raise
        raise ImpastoError(f"the converter to {format} failed: {one_line(error)}") from error
    except Exception as error:  # whatever a converter raises
        raise ImpastoError(f"the converter to {format} failed: {type(error).__name__}: {one_line(error)}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Converters, and the C++ below them, print pages about their own internals, on stdout as well."""
    logging.disable(logging.CRITICAL)
    kept = {number: os.dup(number) for number in (1, 2)}
    try:
        with (
            open(os.devnull, "w") as nowhere,
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            for number in kept:
                os.dup2(nowhere.fileno(), number)
            yield
            with contextlib.suppress(OSError, AttributeError, TypeError):
                ctypes.CDLL(None).fflush(None)  # what C has not written yet
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        logging.disable(logging.NOTSET)
