"""Export to ONNX: what ONNX Runtime paints, what the file says, and the way back to torch."""

from __future__ import annotations

import copy
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import graphs
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from ran import assert_raises_line
from stirred import stir
from torch import Tensor

import impasto
from impasto.errors import ImpastoError
from impasto.networks import NETWORKS, ImageTransformationNetwork, create_network
from impasto.networks.johnson2016 import Johnson2016
from impasto.networks.layers import Grain
from impasto.networks.shuffle import ShuffleNetwork
from impasto.styles import export as export_module
from impasto.styles.export import export, load_network
from impasto.styles.model import About, read_about, read_parameters, set_metadata

# An export takes seconds: those of whole networks are made once, in one process.
pytestmark = pytest.mark.xdist_group("export")

ABOUT = About(
    "great-wave", title="Under the Wave off Kanagawa", artist="葛飾北斎", year="c. 1831", source="https://example.org/?a=1&b",
    licence="public domain", preset="fast", warm_start="starry-night", images_seen=40_000, content_loss=0.4,
    style_loss=0.0125, validation_loss=1.65,
)  # fmt: skip


def photograph(height: int, width: int) -> Tensor:
    """A slope with noise over it."""
    noise = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(5))
    return 0.4 * noise + 0.6 * torch.linspace(0, 1, width)


def paint(network: ImageTransformationNetwork, image: Tensor, strength: float) -> Tensor:
    with torch.no_grad():
        painted: Tensor = network.eval()(image, torch.tensor([strength]))
    return painted


def run(path: Path, image: Tensor, strength: float) -> Tensor:
    """What ONNX Runtime paints."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {"image": image.numpy(), "strength": np.array([strength], np.float32)}
    (painted,) = session.run(None, {value.name: feeds[value.name] for value in session.get_inputs()})
    return torch.from_numpy(painted)


def apart(one: Tensor, other: Tensor) -> tuple[float, float]:
    """Largest and mean difference in 255ths."""
    assert one.shape == other.shape
    difference = (one - other).abs() * 255
    return float(difference.max()), float(difference.mean())


class Exported(NamedTuple):
    name: str
    network: ImageTransformationNetwork
    path: Path
    about: About


@pytest.fixture(scope="module", params=NETWORKS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    torch.manual_seed(0)
    network = stir(create_network(request.param))
    path = tmp_path_factory.mktemp("export") / f"{request.param}.onnx"
    about = export(network, About(**{**vars(ABOUT), "network": request.param}), path)
    yield Exported(request.param, network, path, about)
    path.unlink()


# --- pictures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(65, 97), (128, 112), (0, 1)])
@pytest.mark.parametrize("strength", [1.0, 0.45, 0.0])
def test_onnx_runtime_paints_what_torch_paints(height: int, width: int, strength: float, exported: Exported) -> None:
    if height == 0:  # the smallest there is
        height, width = exported.network.smallest, exported.network.smallest + 1
    image = photograph(height, width)
    worst, mean = apart(run(exported.path, image, strength), paint(exported.network, image, strength))
    assert worst < 2
    assert mean < 0.1


def test_the_grain_is_repeated_as_torch_repeats_it(exported: Exported) -> None:
    wide = photograph(64, Grain.SIDE * max(1, exported.network.grain_cell) + 90)
    assert apart(run(exported.path, wide, 1.0), paint(exported.network, wide, 1.0))[0] < 2


def test_a_batch_is_painted_as_its_images_are(exported: Exported) -> None:
    batch = torch.cat([photograph(64, 72), photograph(64, 72).flip(1)])
    worst, _ = apart(run(exported.path, batch, 0.7), paint(exported.network, batch, 0.7))
    assert worst < 2


def test_the_graph_takes_any_batch_height_and_width_and_where_it_matters_a_strength(exported: Exported) -> None:
    graph = onnx.load(exported.path).graph
    told = {
        value.name: [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    picture = ["batch", 3, "height", "width"]
    expected = {"image": picture, "strength": [1], "stylized": picture}
    if not exported.network.adjustable:
        del expected["strength"]
    assert told == expected
    assert all(value.type.tensor_type.elem_type == TensorProto.FLOAT for value in (*graph.input, *graph.output))


def test_the_file_is_valid_small_and_says_nothing_of_this_machine(exported: Exported) -> None:
    data = exported.path.read_bytes()
    onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
    parameters = sum(parameter.numel() for parameter in exported.network.parameters())
    assert len(data) < 2 * parameters + 400_000  # half precision, and little else
    assert b".py" not in data
    assert str(Path(impasto.__file__).parent).encode() not in data
    assert [path.name for path in exported.path.parent.iterdir()] == [exported.path.name]


# --- what the file says ------------------------------------------------------------------------------------


def test_the_file_says_what_it_is(exported: Exported) -> None:
    about = read_about(exported.path)
    assert about == exported.about
    assert (about.name, about.artist, about.network) == ("great-wave", "葛飾北斎", exported.name)
    assert (about.images_seen, about.validation_loss) == (40_000, 1.65)
    assert about.adjustable is exported.network.adjustable
    assert about.smallest == exported.network.smallest
    assert about.reach == exported.network.reach
    assert about.weights == "float16"
    assert about.version == impasto.__version__
    age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(about.date)
    assert abs(age.total_seconds()) < 600


def test_other_programs_can_read_what_it_is(exported: Exported) -> None:
    model = onnx.load(exported.path)
    entries = {entry.key: entry.value for entry in model.metadata_props}
    assert (entries["title"], entries["images_seen"], entries["format"]) == (ABOUT.title, "40000", "1")
    assert json.loads(entries["impasto"])["title"] == ABOUT.title
    assert model.producer_name == "impasto"
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["artist"] == ABOUT.artist


def test_kernels_are_kept_in_half_precision(exported: Exported) -> None:
    stored = {tensor.data_type for tensor in onnx.load(exported.path).graph.initializer if len(tensor.dims) == 4}
    whole = [tensor for tensor in onnx.load(exported.path).graph.initializer if tensor.data_type != TensorProto.FLOAT16]
    assert TensorProto.FLOAT16 in stored
    assert sum(int(np.prod(tensor.dims)) for tensor in whole if len(tensor.dims) == 4) < 30_000  # an enlarging one's


# --- the way back ------------------------------------------------------------------------------------------


def halved(exported: Exported) -> set[str]:
    """The kernels; of subpixel convolutions, the graph may hold sums instead, and their own are beside."""
    stored = {tensor.name for tensor in onnx.load(exported.path).graph.initializer}
    kernels = {key for key, value in exported.network.state_dict().items() if value.ndim == 4}
    assert kernels - {"tail.weight", "fine.weight"} <= {name.removesuffix(".half") for name in stored}
    return {key for key in kernels if f"{key}.half" in stored}


def test_the_file_holds_every_entry_of_the_networks_state(exported: Exported) -> None:
    about, parameters = read_parameters(exported.path)
    state = exported.network.state_dict()
    assert about == exported.about
    assert set(parameters) == set(state)
    for key, value in state.items():
        expected = value.numpy().astype(np.float16) if key in halved(exported) else value.numpy()
        np.testing.assert_array_equal(parameters[key], expected, err_msg=key, strict=True)


def test_the_network_comes_back(exported: Exported) -> None:
    network, about = load_network(exported.path)
    assert about == exported.about
    assert type(network) is type(exported.network)
    state = network.state_dict()
    for key, value in exported.network.state_dict().items():
        assert state[key].dtype == value.dtype
        assert torch.equal(state[key], value.half().float() if key in halved(exported) else value), key


def test_the_network_that_comes_back_paints_the_same_picture(exported: Exported) -> None:
    network, _ = load_network(exported.path)
    image = photograph(71, 90)
    worst, _ = apart(paint(network, image, 0.7), run(exported.path, image, 0.7))
    assert worst < 0.1


def test_the_network_that_comes_back_can_be_trained(exported: Exported) -> None:
    network, _ = load_network(exported.path)
    assert all(parameter.requires_grad for parameter in network.parameters())
    network.train()(photograph(64, 64), torch.tensor([0.5])).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


# --- small networks: precision, refusals -------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny() -> ImageTransformationNetwork:
    torch.manual_seed(0)
    return Johnson2016(width=8, blocks=1, normalization="instance")


def steep(network: ImageTransformationNetwork, gain: float) -> ImageTransformationNetwork:
    """A copy whose last kernel is so large that its rounding shows."""
    network = copy.deepcopy(network)
    with torch.no_grad():
        list(network.parameters())[-2].mul_(gain)
    return network


def test_a_network_that_half_precision_would_change_keeps_single(
    tiny: ImageTransformationNetwork, tmp_path: Path
) -> None:
    network, path = steep(tiny, 100), tmp_path / "a.onnx"
    about = export(network, ABOUT, path)
    assert about.weights == read_about(path).weights == "float32"
    assert all(tensor.data_type != TensorProto.FLOAT16 for tensor in onnx.load(path).graph.initializer)
    image = photograph(70, 61)
    assert apart(run(path, image, 1), paint(network, image, 1))[0] < 0.5
    _, parameters = read_parameters(path)
    for key, value in network.state_dict().items():
        np.testing.assert_array_equal(parameters[key], value.numpy(), err_msg=key, strict=True)


def test_the_tolerance_decides_on_the_precision_and_the_network_stays_as_it_was(
    tiny: ImageTransformationNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(export_module.TOLERANCE, "float16", (0.0, 0.0))
    network = copy.deepcopy(tiny).double().train()
    assert export(network, ABOUT, tmp_path / "a.onnx").weights == "float32"
    assert network.training
    for key, value in network.state_dict().items():
        assert value.dtype == torch.float64
        assert torch.equal(value, tiny.state_dict()[key].double())


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of torch's exporter, which takes seconds: a graph that gives the image back."""
    model = graphs.identity()
    monkeypatch.setattr(export_module, "_graph", lambda _: model)


def assert_not_written(network: ImageTransformationNetwork, folder: Path) -> None:
    (folder / "a.onnx").write_text("what was there before")
    with pytest.raises(ImpastoError, match=r"^.*a\.onnx is not written: ONNX Runtime paints another picture[^\n]*$"):
        export(network, ABOUT, folder / "a.onnx")
    assert (folder / "a.onnx").read_text() == "what was there before"
    assert [path.name for path in folder.iterdir()] == ["a.onnx"]


@pytest.mark.usefixtures("identity")
def test_a_file_that_would_paint_another_picture_is_not_written(
    tiny: ImageTransformationNetwork, tmp_path: Path
) -> None:
    assert_not_written(tiny, tmp_path)


@pytest.mark.usefixtures("identity")
def test_a_network_that_paints_no_numbers_is_not_written(tiny: ImageTransformationNetwork, tmp_path: Path) -> None:
    assert_not_written(steep(tiny, float("nan")), tmp_path)


@pytest.mark.usefixtures("identity")
@pytest.mark.parametrize("found", [(30.0, 0.01), (0.1, 2.0), (float("inf"),) * 2, (float("nan"),) * 2])
def test_the_largest_and_the_mean_difference_both_count(
    found: tuple[float, float], tiny: ImageTransformationNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "_difference", lambda *_: found)
    assert_not_written(tiny, tmp_path)


@pytest.mark.usefixtures("identity")
@pytest.mark.parametrize("name", ["missing/a.onnx", "folder", "o" * 300 + ".onnx"])
def test_a_path_that_cannot_be_written(
    name: str, tiny: ImageTransformationNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(export_module, "_difference", lambda *_: (0.0, 0.0))
    with pytest.raises(ImpastoError, match=r"^cannot write [^\n]*$"):
        export(tiny, ABOUT, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert list((tmp_path / "folder").iterdir()) == []


def test_another_shape_of_network(tmp_path: Path) -> None:
    network = stir(ShuffleNetwork(head=8, body=16, blocks=1, dilation=1, width=8, fine=4))
    export(network, ABOUT, tmp_path / "a.onnx")
    for height, width in ((48, 51), (67, 50)):
        image = photograph(height, width)
        for strength in (1.0, 0.5):
            assert apart(run(tmp_path / "a.onnx", image, strength), paint(network, image, strength))[0] < 2


# --- files that do not fit ---------------------------------------------------------------------------------


def foreign(path: Path, network: str, state: dict[str, NDArray[Any]], smallest: int = 1) -> Path:
    """A style model of these parameters."""
    tensors = [numpy_helper.from_array(array, key) for key, array in state.items()]
    model = helper.make_model(helper.make_graph([], "foreign", [], [], tensors))
    set_metadata(model, About("foreign", network=network, smallest=smallest), state, set())
    path.write_bytes(model.SerializeToString())
    return path


def assert_refused(path: Path, message: str) -> None:
    assert_raises_line(lambda: load_network(path), message)


def test_an_unknown_network_names_the_nearest(tmp_path: Path) -> None:
    assert_refused(foreign(tmp_path / "a.onnx", "shuffel", {}), "unknown network 'shuffel': did you mean shuffle")


@pytest.mark.parametrize("network", [5, None, ["shuffle"], {"shuffle": 1}])
def test_a_network_whose_name_is_no_text_is_refused(network: Any, tmp_path: Path) -> None:
    assert_refused(foreign(tmp_path / "a.onnx", network, {}), r"a\.onnx|unknown network")


def test_a_missing_parameter_is_named(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.onnx", "shuffle", {"other": np.zeros(3, np.float32)})
    assert_refused(path, r"a\.onnx does not fit this version's network 'shuffle' .*head\.conv\.weight")


def test_parameters_of_another_shape_are_refused_in_one_line(tmp_path: Path) -> None:
    state = {key: value.numpy() for key, value in ShuffleNetwork(width=8).state_dict().items()}
    path = foreign(tmp_path / "a.onnx", "shuffle", state)
    assert_refused(path, r"a\.onnx does not fit this version's network 'shuffle'")


def test_parameters_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    state = {key: np.array(["text"], object) for key in create_network("shuffle").state_dict()}
    assert_refused(foreign(tmp_path / "a.onnx", "shuffle", state), r"a\.onnx (does not fit|is damaged)")


def test_a_network_of_another_margin_is_refused(tmp_path: Path) -> None:
    """Less dilated, its parameters have the names and shapes of today's."""
    network = create_network("shuffle")
    state = {key: value.numpy() for key, value in network.state_dict().items()}
    path = foreign(tmp_path / "a.onnx", "shuffle", state, smallest=36)
    assert_refused(path, r"a\.onnx does not fit this version's network 'shuffle' \(see its smallest size, 36 px\)")
    assert load_network(foreign(path, "shuffle", state, smallest=network.smallest))[1].network == "shuffle"


def test_a_missing_file(tmp_path: Path) -> None:
    assert_refused(tmp_path / "a.onnx", r"^no such style model: .*a\.onnx$")
