"""What image transformation networks are built of. All take and give (B, C, H, W) tensors."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..images.grain import interpolation

EPSILON = 1e-5


class InstanceNorm(nn.Module):
    """Instance normalization (Ulyanov et al. 2016) whose scale and shift depend on the strength; then a ReLU if wanted.

    Each channel of each image gets mean β and deviation γ. At strength 1 these are `weight` and `bias`, (C,), or (B, C)
    where each image has a style of its own (see `generator`); below, they
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
        weakness = 1 - strength
        scale, scale_slope, shift, shift_slope = (
            values[..., None, None] for values in (self.weight, self.weight_slope, self.bias, self.bias_slope)
        )
        scale, shift = scale + weakness * scale_slope, shift + weakness * shift_slope
        x = F.instance_norm(x, eps=EPSILON)
        x = x * scale.to(x.dtype) + shift.to(x.dtype)
        return F.relu(x) if self.activate else x


def mirrored(x: Tensor, width: int = 1) -> Tensor:
    """x with its mirror image around it, `width` wide."""
    return F.pad(x, (width,) * 4, mode="reflect")


class Conv(nn.Module):
    """3×3 convolution, instance normalization and, unless `activate` is False, a ReLU.

    Without padding, or, with `keep`, mirrored outward before, so that the size stays.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int = 1, dilation: int = 1, activate: bool = True, keep: bool = False
    ) -> None:
        super().__init__()
        self.padding = dilation if keep else 0
        # The normalization's shift replaces the bias.
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, dilation=dilation, bias=False)
        self.norm = InstanceNorm(outputs, activate)

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """strength: (B, 1, 1, 1) in [0, 1]."""
        x = mirrored(x, self.padding) if self.padding else x
        normalized: Tensor = self.norm(self.conv(x), strength)
        return normalized


class Residual(nn.Module):
    """Two 3×3 convolutions, the first dilated, and the way around them, cropped to their result (He et al. 2016).

    No ReLU at the end, as in Johnson et al. 2016. keep: see `Conv`.

    Attributes:
        margin: px used up on each side.
    """

    def __init__(self, channels: int, dilation: int = 1, keep: bool = False) -> None:
        super().__init__()
        self.margin = 0 if keep else dilation + 1
        self.first = Conv(channels, channels, dilation=dilation, keep=keep)
        self.second = Conv(channels, channels, activate=False, keep=keep)

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """strength: (B, 1, 1, 1) in [0, 1]."""
        around = x[..., self.margin : -self.margin, self.margin : -self.margin] if self.margin else x
        return around + self.second(self.first(x, strength), strength)


class Grained(nn.Module):
    """Features and noise: each channel takes a share of it that is learned."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 1, 1).normal_(std=0.1))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """x: (B, channels, H, W). noise: (1, 1, H, W), or (B, 1, H, W)."""
        return x + self.weight.to(x.dtype) * noise.to(x.dtype)


class Grain(Grained):
    """Noise to begin strokes from where a photograph is flat: the same for every picture.

    A convolutional network paints what is flat flat: an even sky, a shadow without detail. The generators of Ulyanov et
    al. 2016 and Karras et al. 2019 start from noise, too. Here it is one fixed map, repeated where a picture is larger,
    so that a photograph is always painted in the same way.

    Attributes:
        map: (1, 1, SIDE, SIDE), of mean 0 and deviation 1.
        phase: (2,) rows and columns that the map is moved by in training: another one for each batch, so that nothing
            is learned about places in the map. A tensor, so that a recorded CUDA graph reads it anew.
    """

    SIDE = 240  # of a quarter of the resolution: 960 px
    FINER = 4  # samples to an entry where the map moves by parts of one; between those it is interpolated bilinearly
    map: Tensor
    phase: Tensor
    finer: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        noise = np.random.default_rng(0).standard_normal((1, 1, self.SIDE, self.SIDE)).astype(np.float16)  # as in files
        self.register_buffer("map", torch.from_numpy(noise).float())
        self.register_buffer("phase", torch.zeros(2, dtype=torch.long), persistent=False)
        matrix = torch.from_numpy(interpolation(self.SIDE, self.FINER)).float()
        self.register_buffer("finer", matrix, persistent=False)
        self._carried: tuple[Tensor, Tensor] | None = None  # the map at its finer samples, and the flow

    def vary(self, random: np.random.Generator) -> None:
        """Move the map, for the next batch of a training."""
        self.phase.copy_(torch.from_numpy(random.integers(self.SIDE, size=2)))

    def carry(self, flow: Tensor | None) -> None:
        """Let the map move, each image of a batch its own way, until it is told None.

        flow: (B, 2, H, W) in entries, right and down, by which what is at each place has come there; of the whole
            padded image, in whose middle the noise lies.
        """
        self._carried = None if flow is None else (self.finer @ self.map[0, 0] @ self.finer.T, flow)

    def noise(self, height: int, width: int) -> Tensor:
        """(1, 1, height, width) of the map, or (B, 1, height, width) where it is carried."""
        if self._carried is not None:
            finer, flow = self._carried
            above, left = (flow.shape[-2] - height) // 2, (flow.shape[-1] - width) // 2
            across, down = flow[..., above : above + height, left : left + width].unbind(1)
            rows = torch.arange(height, device=flow.device)[:, None] + self.phase[0] - down
            columns = torch.arange(width, device=flow.device) + self.phase[1] - across
            return _periodic(finer, self.FINER * rows, self.FINER * columns)[:, None]
        if self.training:
            rows, columns = (torch.arange(side, device=self.map.device) for side in (height, width))
            noise = self.map.index_select(2, (rows + self.phase[0]) % self.SIDE)
            return noise.index_select(3, (columns + self.phase[1]) % self.SIDE)
        repeats = ((side + self.SIDE - 1) // self.SIDE for side in (height, width))
        return self.map.repeat(1, 1, *repeats)[..., :height, :width]


def _periodic(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Samples of an image (H, W) that repeats without end, bilinear between its pixels. Returns the like of `rows`."""
    top, left = rows.floor(), columns.floor()
    down, across = rows - top, columns - left
    above, below = ((top.long() + step) % image.shape[0] for step in (0, 1))
    before, after = ((left.long() + step) % image.shape[1] for step in (0, 1))
    upper = (1 - across) * image[above, before] + across * image[above, after]
    lower = (1 - across) * image[below, before] + across * image[below, after]
    return (1 - down) * upper + down * lower


class SubpixelConv(nn.Module):
    """A convolution at `factor` times the resolution, computed without going there; without padding.

    Feature maps at that resolution are kept pixel-unshuffled (Shi et al. 2016): factor² channels for each of theirs,
    one for each place in a block. A convolution there is one between blocks here, whose kernels hold the larger one's
    entries, each where it belongs. Full resolution costs memory traffic more than anything: none of that. A kernel of
    factor + 1 a side meets 2 × 2 blocks: after nearest-neighbour enlargement by 2, one of 3 × 3 takes four
    multiplications for nine.

    What is flat stays flat: the grid that a free pixel-shuffle draws (Odena et al. 2016; with equal kernels to start
    from, Aitken et al. 2017, it was still to be seen after 4,000 photographs) cannot be expressed.

    Args:
        inputs, outputs: channels at the higher resolution.
        factor: of the resolution.
        side: of the kernel at the higher resolution, one more than a multiple of `factor`.
        enlarge: the input is at the lower resolution, and each of its pixels counts as a block of equal ones (nearest
            neighbour), instead of being pixel-unshuffled.
        bias: whether there is one.
    """

    fold: Tensor

    def __init__(
        self, inputs: int, outputs: int, factor: int, side: int, enlarge: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        # (place in the output's block, entry of the kernel, place in the input's block, block of the input): 1 where
        # that entry meets that pixel.
        fold = torch.zeros(factor, side, factor, (side - 1) // factor + 1)
        for place in range(factor):
            for entry in range(side):
                block, within = divmod(place + entry, factor)
                fold[place, entry, within, block] = 1
        self.register_buffer("fold", fold.sum(2, keepdim=True) if enlarge else fold, persistent=False)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, side, side))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        nn.init.normal_(self.weight, std=1 / (3 * inputs * side**2) ** 0.5)  # of nn.Conv2d; tanh saturates at twice it

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs · factor², or inputs to enlarge, H, W) → (B, outputs · factor², …) to shuffle.

        Shuffled, it is (side − 1) / 2 px smaller on each side than the input at the higher resolution.
        """
        if self.weight.ndim == 5:  # a kernel for each image
            kernels, bias = torch.vmap(self._plain)(self.weight, self.bias)
            grouped = F.conv2d(x.flatten(0, 1)[None], kernels.flatten(0, 1).to(x.dtype), groups=len(x))
            each = grouped.view(len(x), -1, *grouped.shape[2:])
            return each if bias is None else each + bias[..., None, None].to(x.dtype)
        return F.conv2d(x, *self._plain(self.weight, self.bias))

    def _plain(self, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Kernels and bias of the convolution between blocks."""
        kernels = torch.einsum("oiyx,aypr,bxqs->oabipqrs", weight, self.fold, self.fold)
        bias = None if bias is None else bias.repeat_interleave(self.fold.shape[0] ** 2)
        return kernels.flatten(3, 5).flatten(0, 2), bias

    @torch.no_grad()
    def as_conv2d(self) -> nn.Conv2d:
        """The convolution between blocks, as it is now: for converters that know no tensors of so many dimensions."""
        kernels, bias = self._plain(self.weight, self.bias)
        outputs, inputs, side, _ = kernels.shape
        convolution = nn.Conv2d(inputs, outputs, side, bias=bias is not None, dtype=kernels.dtype)
        convolution.load_state_dict({"weight": kernels} if bias is None else {"weight": kernels, "bias": bias})
        return convolution
