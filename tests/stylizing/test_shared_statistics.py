"""Style models with statistics measured and given, against the models themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from stirred import stir

from impasto.networks import create_network
from impasto.styles.export import export
from impasto.styles.model import GRAIN, About, parse_about
from impasto.stylizing.shared_statistics import STATISTICS, applying, grain_of, measuring

# An export takes seconds: each is made once, in one process.
pytestmark = pytest.mark.xdist_group("statistics")

Array = NDArray[np.float32]


@pytest.fixture(scope="module", params=["shuffle", "johnson-half"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    torch.manual_seed(0)
    network = stir(create_network(request.param))
    path: Path = tmp_path_factory.mktemp("model") / "model.onnx"
    export(network, About(name="model", network=request.param), path)
    return onnx.load(path)


def run(model: onnx.ModelProto, **feeds: Array) -> list[Array]:
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    if any(value.name == "strength" for value in session.get_inputs()):
        feeds["strength"] = np.array([0.8], np.float32)
    found: Any = session.run(None, feeds)
    return list(found)


def images(*shape: int) -> Array:
    random = np.random.default_rng(0).random(shape, dtype=np.float32)
    return (random * np.linspace(0.2, 1, shape[0], dtype=np.float32)[:, None, None, None]).astype(np.float32)


def test_an_images_own_statistics_give_its_own_picture(model: onnx.ModelProto) -> None:
    image = images(1, 3, 64, 83)
    (stylized,) = run(model, image=image)
    measured, statistics = run(measuring(model), image=image)
    np.testing.assert_allclose(measured, stylized, atol=1e-4)
    (applied,) = run(applying(model), image=image, **{STATISTICS: statistics})
    np.testing.assert_allclose(applied, stylized, atol=1e-4)


def test_a_batch_is_measured_together(model: onnx.ModelProto) -> None:
    several = images(3, 3, 64, 64)
    together, statistics = run(measuring(model), image=several)
    (apart,) = run(model, image=several)
    assert np.abs(together - apart).max() > 0.05  # they differ in brightness, which their own statistics would hide
    for index in range(3):
        (one,) = run(applying(model), image=several[index : index + 1], **{STATISTICS: statistics})
        np.testing.assert_allclose(one[0], together[index], atol=1e-4)


def test_tiles_under_given_statistics_are_the_whole_picture(model: onnx.ModelProto) -> None:
    """Away from its borders a tile is exactly what the whole picture is there: no seam."""
    about = parse_about({entry.key: entry.value for entry in model.metadata_props}, "it")
    reach, cell = about.reach, about.grain_cell
    whole = images(1, 3, 2 * reach + 80, 2 * reach + 96)
    _, shared = run(measuring(model), image=whole)
    grain = grain_of(model)
    assert (grain is None) == (cell == 0)
    given = applying(model, grain)

    def apply(image: Array, top: int, left: int) -> list[Array]:
        noise = {} if grain is None else {GRAIN: np.roll(grain, (-top // cell, -left // cell), (2, 3))}
        return run(given, image=image, **{STATISTICS: shared}, **noise)

    (stylized,) = apply(whole, 0, 0)
    part = np.s_[..., 16:-16, 32:-16]
    (tile,) = apply(whole[part], 16, 32)
    inside = tile[..., reach:-reach, reach:-reach]
    np.testing.assert_allclose(inside, stylized[part][..., reach:-reach, reach:-reach], atol=1e-4)
    (other,) = run(model, image=whole[part])
    assert np.abs(other[..., reach:-reach, reach:-reach] - inside).max() > 0.01


def test_models_without_instance_normalization_stay_as_they_are(tmp_path: Path) -> None:
    export(create_network("johnson2016"), About(name="model", network="johnson2016"), tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    assert applying(model) == model
    assert measuring(model).graph.output == model.graph.output


def test_the_model_itself_is_not_changed(model: onnx.ModelProto) -> None:
    before = model.SerializeToString(deterministic=True)
    measuring(model)
    applying(model)
    assert model.SerializeToString(deterministic=True) == before
