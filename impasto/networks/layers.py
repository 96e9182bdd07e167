"""What image transformation networks are built of. All take and give (B, C, H, W) tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-5


class InstanceNorm(nn.Module):
    """Instance normalization (Ulyanov et al. 2016) whose scale and shift depend on the strength; then a ReLU if wanted.

    Each channel of each image gets mean β and deviation γ. At strength 1 these are `weight` and `bias`; below, they
    move along `weight_slope` and `bias_slope`: conditional instance normalization (Dumoulin et al. 2017) over a line
    instead of a set of styles, as in Babaeizadeh and Ghiasi 2018.
    """

    def __init__(self, channels: int, activate: bool = False) -> None:
        super().__init__()
        self.activate = activate
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.weight_slope, self.bias_slope = (nn.Parameter(torch.zeros(channels)) for _ in range(2))

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """strength: (B, 1, 1, 1) in [0, 1]."""
        scale, shift = _adjusted(self, strength)
        x = F.instance_norm(x, eps=EPSILON) * scale.to(x.dtype) + shift.to(x.dtype)
        return F.relu(x) if self.activate else x


def _adjusted(norm: InstanceNorm | FilterResponseNorm, strength: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift of each channel at each image's strength, (B, C, 1, 1)."""
    weakness = 1 - strength
    scale = norm.weight[:, None, None] + weakness * norm.weight_slope[:, None, None]
    return scale, norm.bias[:, None, None] + weakness * norm.bias_slope[:, None, None]


class FilterResponseNorm(nn.Module):
    """Filter response normalization with its thresholded linear unit (Singh and Krishnan 2020, eq. 1-4).

    Divides by the root of the mean square without subtracting a mean: a published cure for instance normalization's
    bubbles. The unit, max(x, τ) with a learned τ, replaces the ReLU.
    """

    def __init__(self, channels: int, activate: bool = False) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.weight_slope, self.bias_slope = (nn.Parameter(torch.zeros(channels)) for _ in range(2))
        self.threshold = nn.Parameter(torch.zeros(channels)) if activate else None

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """strength: (B, 1, 1, 1) in [0, 1]."""
        scale, shift = _adjusted(self, strength)
        energy = x.float().square().mean((2, 3), keepdim=True) + EPSILON
        x = (x * energy.rsqrt().to(x.dtype)) * scale.to(x.dtype) + shift.to(x.dtype)
        return x if self.threshold is None else torch.maximum(x, self.threshold[:, None, None].to(x.dtype))


NORMALIZATIONS: dict[str, type[InstanceNorm] | type[FilterResponseNorm]] = {
    "instance": InstanceNorm,
    "filter-response": FilterResponseNorm,
}


class Conv(nn.Module):
    """Convolution, normalization and, unless `activate` is False, its nonlinearity. Zero padding keeps the size.

    separable: a depthwise and a pointwise convolution (Howard et al. 2017) in place of the full one.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        normalization: str = "instance",
        activate: bool = True,
        separable: bool = False,
    ) -> None:
        super().__init__()
        # The normalization's shift replaces the bias.
        if separable:
            self.depthwise = nn.Conv2d(
                inputs, inputs, kernel, stride, kernel // 2, groups=inputs, bias=False
            )
            self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        else:
            self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.separable = separable
        self.norm = NORMALIZATIONS[normalization](outputs, activate)

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """strength: (B, 1, 1, 1) in [0, 1]."""
        if self.separable:
            x = self.depthwise(x)
        normalized: Tensor = self.norm(self.conv(x), strength)
        return normalized


class Residual(nn.Module):
    """Two convolutions and the way around them (He et al. 2016); no ReLU at the end, as in Johnson et al. 2016."""

    def __init__(self, channels: int, normalization: str, separable: bool) -> None:
        super().__init__()
        self.first = Conv(channels, channels, 3, normalization=normalization, separable=separable)
        self.second = Conv(channels, channels, 3, normalization=normalization, separable=separable, activate=False)

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """strength: (B, 1, 1, 1) in [0, 1]."""
        return x + self.second(self.first(x, strength), strength)


class EnlargingConv(nn.Module):
    """Nearest ×`factor` and a convolution of (2 · factor + 1)² after it, computed as one convolution before it.

    Each output pixel sees 3×3 pixels of the input, through weights that depend on its place in its block: a
    pixel-shuffle (Shi et al. 2016) whose kernels are sums of one larger kernel's entries. It costs no more, and what
    is flat stays flat: the grid that a free pixel-shuffle draws (Odena et al. 2016; with equal kernels to start from,
    Aitken et al. 2017, it was still to be seen after 4,000 photographs) cannot be expressed.
    """

    fold: Tensor

    def __init__(self, inputs: int, outputs: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        side = 2 * factor + 1
        self.weight = nn.Parameter(torch.empty(outputs, inputs, side, side))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.normal_(self.weight, std=(2 / (inputs * side**2)) ** 0.5)
        # (place in the block, entry of the large kernel, pixel of the input): 1 where that entry meets that pixel.
        fold = torch.zeros(factor, side, 3)
        for place in range(factor):
            for entry in range(side):
                fold[place, entry, (place + entry - factor) // factor + 1] = 1
        self.register_buffer("fold", fold, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, outputs, factor · H, factor · W)."""
        kernels = torch.einsum("oiyx,ayr,bxc->oabirc", self.weight, self.fold, self.fold)
        bias = self.bias.repeat_interleave(self.factor**2)
        return F.pixel_shuffle(F.conv2d(x, kernels.flatten(0, 2), bias, padding=1), self.factor)
