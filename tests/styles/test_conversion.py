"""Style models in the formats of apps. Converters that are not installed are left out."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from ran import assert_raises_line
from stirred import stir

import impasto
from impasto.networks import create_network
from impasto.styles import conversion
from impasto.styles.conversion import FORMATS, convert
from impasto.styles.export import export
from impasto.styles.model import ABOUT, About, read_about

MODULES = {"openvino": "openvino", "litert": "litert_torch", "executorch": "executorch", "coreml": "coremltools"}


def test_every_format_is_known_here() -> None:
    assert set(MODULES) == set(FORMATS)


@pytest.fixture(scope="module")
def johnson_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """fading.onnx, of an untrained network of Johnson's that knows no strength."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "fading.onnx"
    export(stir(create_network("johnson-half")), About("fading", network="johnson-half"), path)
    return path


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("model", ["style_model", "johnson_model"])
def test_what_is_written_paints_what_torch_paints(
    format: str, model: str, request: pytest.FixtureRequest, work: Path
) -> None:
    if importlib.util.find_spec(MODULES[format]) is None:
        pytest.skip(f"{MODULES[format]} is not installed")
    done = convert(request.getfixturevalue(model), format, size=(96, 80))
    assert done.output.exists()
    assert done.output.suffix == FORMATS[format].suffix
    assert done.bytes > 10_000
    assert done.size == ((96, 80) if FORMATS[format].fixed else None)
    if FORMATS[format].load is not None:
        assert done.difference is not None
        assert done.difference[0] < 4
    assert sorted(path.suffix for path in work.iterdir()) == ([".bin", ".xml"] if format == "openvino" else
                                                             [FORMATS[format].suffix])  # fmt: skip


def test_openvino_s_file_paints_a_photograph_of_any_size(style_model: Path, photo: Image.Image, work: Path) -> None:
    path = convert(style_model, "openvino").output
    model = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for size in ((96, 64), (75, 61)):
        small = photo.resize(size)
        pixels = np.asarray(small, np.float32).transpose(2, 0, 1)[None] / 255
        painted: NDArray[np.float32] = model({"image": pixels, "strength": np.ones(1, np.float32)})["stylized"]
        wanted = np.asarray(impasto.stylize(small, style_model, precision="float32"), np.float32)
        found = painted[0].transpose(1, 2, 0).clip(0, 1) * 255
        assert np.abs(found - wanted).mean() < 1
    assert {file.name for file in work.iterdir()} == {"great-wave.xml", "great-wave.bin"}


def test_a_file_that_paints_another_picture_is_not_written(
    style_model: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = conversion.Format(".xml", False, FORMATS["openvino"].write, lambda _: lambda image, _: 1 - image)
    monkeypatch.setitem(FORMATS, "openvino", broken)
    assert_raises_line(lambda: convert(style_model, "openvino"), "great-wave.xml is not written: it paints another")
    assert not list(work.iterdir())


def test_a_converter_that_fails_is_named(style_model: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("operator 'roll'\nis not known")

    monkeypatch.setitem(FORMATS, "litert", conversion.Format(".tflite", True, fail, None))
    message = "the converter to litert failed: ValueError: operator 'roll' is not known"
    assert_raises_line(lambda: convert(style_model, "litert"), message)
    assert not list(work.iterdir())


def test_nothing_is_printed(
    style_model: Path, work: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def talk(_: object, __: Path, path: Path, ___: tuple[int, int]) -> None:
        print("a page about it")  # noqa: T201
        os.write(2, b"and another")
        path.write_bytes(b"a model")

    monkeypatch.setitem(FORMATS, "litert", conversion.Format(".tflite", True, talk, None))
    assert convert(style_model, "litert").bytes == 7
    assert capfd.readouterr() == ("", "")
    assert [file.name for file in work.iterdir()] == ["great-wave.tflite"]


def test_what_is_there_is_replaced(style_model: Path, work: Path) -> None:
    (work / "great-wave.xml").write_text("old")
    convert(style_model, "openvino")
    assert (work / "great-wave.xml").stat().st_size > 1000


def test_the_file_is_named_after_the_style_model_s_file(
    style_model: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it says that its name is: a stranger's would choose the folder."""
    model = onnx.load(style_model)
    for entry in model.metadata_props:
        if entry.key == ABOUT:
            entry.value = replace(read_about(style_model), name="../victim").to_json()
    del model.metadata_props[-1]  # the checksum
    (work / "mine.onnx").write_bytes(model.SerializeToString())
    assert read_about(work / "mine.onnx").name == "../victim"
    written = conversion.Format(".xml", False, lambda _, __, path, ___: path.touch(), None)
    monkeypatch.setitem(FORMATS, "openvino", written)
    assert convert(work / "mine.onnx", "openvino").output == Path("mine.xml")
    assert {path.name for path in work.iterdir()} == {"mine.onnx", "mine.xml"}


@pytest.mark.parametrize(
    ("style", "options", "message"),
    [
        ("great-wav", {"format": "openvino"}, "unknown style 'great-wav': did you mean great-wave?"),
        ("great-wave", {"format": "onnx"}, "unknown format 'onnx'"),
        ("great-wave", {"format": "openvino", "output": "x.pte"}, "output x.pte must end in .xml"),
        ("great-wave", {"format": "openvino", "output": "none/x.xml"}, "there is no folder none"),
        ("great-wave", {"format": "litert", "size": (20, 600)}, "size must be between 44 and 4096, not 20"),
    ],
)
def test_wrong_input(work: Path, style: str, options: dict[str, object], message: str) -> None:
    assert_raises_line(lambda: convert(style, **options), message)  # type: ignore[arg-type]
    assert not list(work.iterdir())
