"""The loss network: VGG-16 or VGG-19 whose layers are addressed by the names of the papers.

`relu4_2` is the second convolution of the fourth block after its ReLU, `conv4_2` the same before it, `pool4` the
block's pooled output (Simonyan and Zisserman 2015). One forward pass gives all the layers that are asked for and
computes nothing past the deepest of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..errors import ImpastoError, unknown
from .threads import fit_threads

BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)
POOLINGS = ("max", "average")
PADDINGS = ("zeros", "replicate")


@dataclass(frozen=True)
class InputNormalization:
    """How weights want their input: RGB in [0, 1] times `scale`, minus `mean`, divided by `std` (RGB order)."""

    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


# Original Caffe weights: 0-255, minus the mean of ImageNet (their BGR order is undone when they are loaded).
CAFFE = InputNormalization(255.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0))
# torchvision's retrained weights: ImageNet mean and standard deviation.
TORCHVISION = InputNormalization(1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Weights:
    """Weights of one architecture: `layers` maps `conv1_1` … to (weight (O, I, 3, 3), bias (O,)), for RGB input."""

    architecture: str
    layers: Mapping[str, tuple[Tensor, Tensor]]
    normalization: InputNormalization
    source: str


def conv_names(architecture: str) -> list[str]:
    """`conv1_1` … `conv5_4`, in order."""
    if architecture not in BLOCKS:
        raise unknown("loss network", architecture, BLOCKS)
    return [f"conv{b}_{i}" for b, depth in enumerate(BLOCKS[architecture], 1) for i in range(1, depth + 1)]


def layer_names(architecture: str) -> list[str]:
    """Every name that can be asked for, in the order of computation."""
    names: list[str] = []
    for conv in conv_names(architecture):
        block, index = int(conv[4]), int(conv[6:])
        names += [conv, conv.replace("conv", "relu")]
        if index == BLOCKS[architecture][block - 1]:
            names.append(f"pool{block}")
    return names


def stride(layer: str) -> int:
    """How many pixels of the image one position of a layer's feature map spans."""
    block = int(layer.removeprefix("conv").removeprefix("relu").removeprefix("pool")[0])
    return int(2**block if layer.startswith("pool") else 2 ** (block - 1))


class LossNetwork(nn.Module):
    """A frozen, named-layer VGG.

    Args:
        weights: from `weights.load_weights`.
        pooling: "max", or "average" as Gatys et al. 2015 prefer for smoother gradients.
        padding: "zeros" as trained, or "replicate" on the first layer, which spares the stylized image the trace
            of a flat frame (on all layers, it was seen to draw straight lines from the border inward).
        dtype: of the convolutions: float32, or bfloat16 (same exponent range, so nothing overflows).
    """

    def __init__(
        self,
        weights: Weights,
        pooling: str = "max",
        padding: str = "zeros",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise unknown("pooling", pooling, POOLINGS)
        if padding not in PADDINGS:
            raise unknown("padding", padding, PADDINGS)
        self.architecture = weights.architecture
        self.names = layer_names(weights.architecture)
        self.padding = padding
        self.dtype = dtype
        self._pool = _max_pool if pooling == "max" else _AveragePool.apply
        normalization = weights.normalization
        for name, values in (("mean", normalization.mean), ("std", normalization.std)):
            self.register_buffer(f"input_{name}", torch.tensor(values).view(1, 3, 1, 1).to(device))
        self.input_scale = normalization.scale
        for name, (weight, bias) in weights.layers.items():
            # channels_last: every CPU and GPU convolution here runs faster in it (1.4x at 64 channels on AVX-512).
            kernel = weight.to(device, dtype).contiguous(memory_format=torch.channels_last)
            self.register_buffer(f"{name}_weight", kernel)
            self.register_buffer(f"{name}_bias", bias.to(device, dtype))

    def check_layers(self, layers: Collection[str]) -> None:
        """Raise `ImpastoError` for a layer that this network lacks, naming the nearest ones."""
        for layer in layers:
            if layer not in self.names:
                raise unknown(f"layer of {self.architecture}", layer, self.names)

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Feature maps of the layers asked for.

        image: (B, 3, H, W) RGB in [0, 1]. Returns layer → (B, C, H/s, W/s) in the network's dtype, s = `stride`.
        """
        fit_threads()  # here, since all that takes long comes by
        self.check_layers(layers)
        depth = max((stride(layer) for layer in layers), default=1)
        if min(image.shape[-2:]) < depth:
            raise ImpastoError(
                f"an image of {image.shape[-1]}×{image.shape[-2]} px is too small for the layers asked for: "
                f"at least {depth} px on the short side"
            )
        wanted, found = set(layers), dict[str, Tensor]()
        x = (image * self.input_scale - self.get_buffer("input_mean")) / self.get_buffer("input_std")
        x = x.to(self.dtype).contiguous(memory_format=torch.channels_last)
        for name in self.names:
            if len(found) == len(wanted):
                break
            if name.startswith("conv"):
                x = self._convolve(x, name)
            elif name.startswith("relu"):
                # In place unless the features before the ReLU were asked for: saves a copy of every layer.
                x = F.relu(x) if name.replace("relu", "conv") in wanted else F.relu_(x)
            else:
                x = self._pool(x)
            if name in wanted:
                found[name] = x
        return found

    def _convolve(self, x: Tensor, name: str) -> Tensor:
        padding = 1
        if name == "conv1_1" and self.padding == "replicate":
            x, padding = F.pad(x, (1, 1, 1, 1), mode="replicate"), 0
        weight, bias = self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")
        return F.conv2d(x, weight, bias, padding=padding)


def _max_pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2)


class _AveragePool(torch.autograd.Function):
    """Averages of 2 × 2. The gradient is enlarged: torch's own takes a tenth of a GPU's time for a training step."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.size = x.shape[-2:]
        return F.avg_pool2d(x, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        rows, columns = (side % 2 for side in ctx.size)
        enlarged = F.interpolate(grad / 4, scale_factor=2, mode="nearest")
        return F.pad(enlarged, (0, columns, 0, rows)) if rows or columns else enlarged


def activation_values(layers: Collection[str], architecture: str) -> float:
    """Feature values that one forward pass keeps for the gradient, per pixel of the image."""
    names = layer_names(architecture)
    deepest = max(names.index(layer) for layer in layers)
    kept = (name for name in names[: deepest + 1] if not name.startswith("conv") or name == names[deepest])
    return sum(CHANNELS[int(name[4]) - 1] / stride(name) ** 2 for name in kept)
