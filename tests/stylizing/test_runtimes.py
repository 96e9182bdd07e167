"""The runtimes behind their interface: they paint what torch paints, and the right one is chosen."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import ImpastoError
from impasto.images import FloatArray
from impasto.networks import ImageTransformationNetwork
from impasto.networks.johnson2016 import Johnson2016
from impasto.styles.export import load_network
from impasto.styles.model import parse_about, read_about, read_parameters
from impasto.stylizing.runtimes import RUNTIMES, LoadedModel, choose_runtime, load

# Largest and mean difference from torch, in 255ths. bfloat16 keeps eight bits.
EXACT, ROUGH = (0.1, 0.01), (20.0, 2.0)
BOTH = pytest.mark.parametrize("runtime", list(RUNTIMES))


@pytest.fixture(scope="module")
def network(style_model: Path) -> ImageTransformationNetwork:
    return load_network(style_model)[0].eval()


@pytest.fixture(scope="module")
def image(photo: Image.Image) -> FloatArray:
    pixels = np.asarray(photo, np.float32).transpose(2, 0, 1)[None] / 255
    return np.ascontiguousarray(pixels)


def paint(model: LoadedModel, image: FloatArray, strength: float) -> FloatArray:
    (painted,) = model.run({"image": np.ascontiguousarray(image), "strength": np.array([strength], np.float32)})
    return painted


def paint_in_torch(network: ImageTransformationNetwork, image: FloatArray, strength: float) -> FloatArray:
    with torch.no_grad():
        painted: FloatArray = network(torch.from_numpy(np.ascontiguousarray(image)), torch.tensor([strength])).numpy()
    return painted


def assert_like(painted: FloatArray, wanted: FloatArray, tolerance: tuple[float, float]) -> None:
    assert painted.shape == wanted.shape
    difference = np.abs(painted - wanted) * 255
    assert difference.max() < tolerance[0]
    assert difference.mean() < tolerance[1]


@BOTH
@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_the_first_and_all_other_sizes_and_strengths_are_painted_as_torch_paints_them(
    runtime: str, precision: str, style_model: Path, network: ImageTransformationNetwork, image: FloatArray
) -> None:
    """OpenVINO has a graph for each of the first two sizes and strengths, and another for all that follow."""
    model = load(style_model.read_bytes(), "it", runtime, precision)
    tolerance = ROUGH if (runtime, precision) == ("openvino", "auto") else EXACT
    for size, strength in (
        ((64, 96), 0.7), ((64, 96), 0.7), ((64, 96), 0.2), ((64, 96), 1.0), ((51, 73), 0.7), ((51, 73), 0.0),
        ((48, 96), 1.0), ((64, 96), 0.7),
    ):  # fmt: skip
        part = image[..., : size[0], : size[1]]
        assert_like(paint(model, part, strength), paint_in_torch(network, part, strength), tolerance)


@BOTH
def test_the_picture_belongs_to_the_caller(runtime: str, style_model: Path, image: FloatArray) -> None:
    """A later run does not write into it."""
    model = load(style_model.read_bytes(), "it", runtime)
    first = paint(model, image, 0.7)
    before = first.copy()
    paint(model, 1 - image, 0.7)
    np.testing.assert_array_equal(first, before)


@BOTH
def test_several_threads_may_use_one_model(runtime: str, style_model: Path, image: FloatArray) -> None:
    model = load(style_model.read_bytes(), "it", runtime, "float32")
    images = [np.ascontiguousarray(image[..., :side, :side]) for side in (64, 72, 80, 88)]
    alone = [paint(model, one, 1.0) for one in images]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for painted, wanted in zip(pool.map(lambda one: paint(model, one, 1.0), images), alone, strict=True):
                np.testing.assert_allclose(painted, wanted, atol=1e-5)


@pytest.mark.parametrize("size", [(64, 68), (65, 70)])
@pytest.mark.parametrize("strength", [1.0, 0.5, 0.0])
def test_graphs_of_one_size_paint_what_the_others_do(
    size: tuple[int, int], strength: float, style_model: Path, image: FloatArray
) -> None:
    """What is left out of them, at full strength or where nothing had to be filled up, did nothing."""
    part = np.ascontiguousarray(image[..., : size[0], : size[1]])
    models = [load(style_model.read_bytes(), "it", runtime, "float32") for runtime in RUNTIMES]
    painted, wanted = (paint(model, part, strength) for model in models)
    np.testing.assert_allclose(painted, wanted, atol=EXACT[0] / 255)


@BOTH
def test_models_without_a_strength(runtime: str, fading_model: Path, image: FloatArray) -> None:
    model = load(fading_model.read_bytes(), "it", runtime, "float32")
    assert model.inputs == ["image"]
    network = Johnson2016(width=8, blocks=2, normalization="instance").eval()
    _, parameters = read_parameters(fading_model)
    network.load_state_dict({name: torch.from_numpy(np.array(value)).float() for name, value in parameters.items()})
    for part in (image, image[..., :50, :61]):
        (painted,) = model.run({"image": np.ascontiguousarray(part)})
        assert_like(painted, paint_in_torch(network, part, 1.0), EXACT)


@BOTH
def test_inputs_metadata_and_name(runtime: str, style_model: Path, image: FloatArray) -> None:
    model = load(style_model.read_bytes(), "it", runtime)
    assert sorted(model.inputs) == ["image", "strength"]
    assert parse_about(model.metadata, "it") == read_about(style_model)
    paint(model, image, 1.0)
    assert model.name.startswith(f"{runtime} ")


def test_openvino_computes_in_single_precision_where_that_is_asked_for(style_model: Path, image: FloatArray) -> None:
    model = load(style_model.read_bytes(), "it", "openvino", "float32")
    for strength in (1.0, 0.5):
        paint(model, image, strength)
        assert model.name == "openvino float32"


@BOTH
@pytest.mark.parametrize("what", ["empty", "text", "truncated", "zeros"])
def test_damaged_files(runtime: str, what: str, style_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = style_model.read_bytes()
    data = {"empty": b"", "text": b"this is a text\n", "truncated": whole[:-20], "zeros": bytes(100)}[what]
    with pytest.raises(ImpastoError, match=r"^a wave is no style model: not an ONNX file, or damaged$"):
        load(data, "a wave", runtime)
    assert capfd.readouterr() == ("", "")


def test_unknown_names() -> None:
    with pytest.raises(ImpastoError, match=r"^unknown runtime 'opnvino': did you mean openvino"):
        choose_runtime("opnvino")
    with pytest.raises(ImpastoError, match=r"^unknown runtime 'cuda': choose from auto, openvino, onnxruntime$"):
        load(b"", "it", "cuda")
    with pytest.raises(ImpastoError, match=r"^unknown precision 'float16': did you mean float32"):
        load(b"", "it", precision="float16")


# --- which one -----------------------------------------------------------------------------------------------


class Installed:
    """Packages in a folder that stand for those installed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, package=None: self._find(name) if name in RUNTIMES
            else find(name, package),
        )  # fmt: skip

    def _find(self, name: str) -> ModuleSpec | None:
        file = self._folder / name / "__init__.py"
        return ModuleSpec(name, None, origin=str(file)) if file.exists() else None

    def add(self, name: str, *files: str) -> None:
        for file in ("__init__.py", *files):
            path = self._folder / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    return Installed(tmp_path, monkeypatch)


def test_openvino_is_preferred_to_onnx_runtime_without_a_gpu(installed: Installed) -> None:
    installed.add("openvino")
    installed.add("onnxruntime", "capi/libonnxruntime_providers_shared.so", "capi/onnxruntime_pybind11_state.so")
    assert choose_runtime() == "openvino"
    assert choose_runtime("onnxruntime") == "onnxruntime"


@pytest.mark.parametrize(
    "file", ["libonnxruntime_providers_cuda.so", "onnxruntime_providers_cuda.dll", "libonnxruntime_providers_rocm.so",
             "libonnxruntime_providers_migraphx.so", "DirectML.dll"],
)  # fmt: skip
def test_onnx_runtime_with_a_gpu_is_preferred(file: str, installed: Installed) -> None:
    installed.add("openvino")
    installed.add("onnxruntime", f"capi/{file}")
    assert choose_runtime("auto") == "onnxruntime"
    assert choose_runtime("openvino") == "openvino"


@BOTH
def test_the_only_one_is_chosen(runtime: str, installed: Installed) -> None:
    installed.add(runtime)
    assert choose_runtime() == runtime


@BOTH
def test_one_that_is_not_installed_says_how_to_install_it(runtime: str, installed: Installed) -> None:
    for other in set(RUNTIMES) - {runtime}:
        installed.add(other)
    with pytest.raises(ImpastoError, match=f"^the runtime {runtime} is not installed: pip install {runtime}$"):
        load(b"", "it", runtime)


@pytest.mark.usefixtures("installed")
def test_none_is_installed() -> None:
    with pytest.raises(ImpastoError, match=r"^no runtime for style models is installed: pip install openvino"):
        choose_runtime()
