"""Photographs and paintings for the tests: scikit-image's, scaled down, so that no test needs a network."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import settings
from PIL import Image
from ran import Ran, Run

from impasto.cli import main

settings.register_profile("impasto", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("impasto")
# Tests run in several processes at once: one thread each is fastest, and makes sums the same on every machine size.
torch.set_num_threads(1)


def _scaled(name: str, size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(getattr(skimage.data, name)()).resize(size, Image.Resampling.LANCZOS)


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A cat, 96×64."""
    return _scaled("chelsea", (96, 64))


@pytest.fixture(scope="session")
def portrait() -> Image.Image:
    """A woman, 96×96."""
    return _scaled("astronaut", (96, 96))


@pytest.fixture(scope="session")
def painting() -> Image.Image:
    """Warm reds on black, with fine lines: stands for a painting, 96×96."""
    return _scaled("retina", (96, 96))


@pytest.fixture(scope="session")
def other_painting() -> Image.Image:
    """A dark field of small bright spots, cold where `painting` is warm, 96×84."""
    return _scaled("hubble_deep_field", (96, 84))


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Folders of the given name cannot be listed from then on: permissions would not stop whoever tests as root."""

    def hide(name: str) -> None:
        scandir = os.scandir

        def refuse(path: Any = ".") -> Any:
            if Path(os.fspath(path)).name == name:
                raise PermissionError(13, "Permission denied", os.fspath(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)

    return hide


@pytest.fixture(scope="session")
def files(
    tmp_path_factory: pytest.TempPathFactory,
    photo: Image.Image,
    portrait: Image.Image,
    painting: Image.Image,
    other_painting: Image.Image,
) -> Path:
    """A folder with photo.jpg, portrait.png, painting.jpg, other.png, and mask.png (white on its left half)."""
    folder = tmp_path_factory.mktemp("files")
    photo.save(folder / "photo.jpg", quality=95)
    portrait.save(folder / "portrait.png")
    painting.save(folder / "painting.jpg", quality=95)
    other_painting.save(folder / "other.png")
    mask = np.zeros((64, 96), np.uint8)
    mask[:, :48] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    return folder


@pytest.fixture(scope="session")
def style_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """great-wave.onnx, of an untrained network whose strength can be adjusted; with a trained one's contrast."""
    from stirred import stir

    from impasto.networks import create_network
    from impasto.styles.export import export
    from impasto.styles.model import About

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "great-wave.onnx"
    about = About("great-wave", title="The Great Wave", artist="葛飾北斎", year="c. 1831", network="shuffle")
    network = stir(create_network("shuffle"))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in ("fine.weight", "tail.weight"):
                parameter.mul_(2.5)
    export(network, about, path)
    return path


@pytest.fixture(scope="session")
def fading_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """fading.onnx, of an untrained network that knows no strength: Johnson's, narrow and with few blocks."""
    from stirred import stir

    from impasto.networks.johnson2016 import Johnson2016
    from impasto.styles.export import export
    from impasto.styles.model import About

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "fading.onnx"
    export(stir(Johnson2016(width=8, blocks=2, normalization="instance")), About("fading"), path)
    return path


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(params=["base", "formats"])
def installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Without the packages of the extra `formats` ("base"), and with them."""
    if request.param == "base":
        for name in ("imagecodecs", "rawpy", "tifffile"):
            monkeypatch.setitem(sys.modules, name, None)
    return str(request.param)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process; what its libraries write past Python is captured too."""

    def call(*arguments: object) -> Ran:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        assert isinstance(ended.value.code, int)
        return Ran(ended.value.code, *capfd.readouterr())

    return call
