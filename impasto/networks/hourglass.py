"""Impasto's own network: it sees far where that is cheap, and computes nothing at full resolution.

pixel-unshuffle → 3×3 convolution → stride 2 → down to an eighth and a sixteenth of the resolution → residual blocks →
up again, with ways across → residual blocks at a quarter → three subpixel convolutions → tanh.

Strokes as long as a wave are decided at a sixteenth of the resolution, where one convolution spans 48 px of the
picture (Newell et al. 2016 call this shape an hourglass). Noise to begin strokes from comes in at each resolution.

Nothing is padded with zeros: what they make of a border would be in the statistics of instance normalization. At half
and a quarter of the resolution convolutions use up a margin of mirrored image, as in `shuffle`; below, where such a
margin would be wider than many pictures, feature maps are mirrored outward.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import ImageTransformationNetwork, mixed
from .layers import Conv, Grain, Grained, InstanceNorm, Residual, SubpixelConv, mirrored


class _Up(nn.Module):
    """Nearest ×2, 3×3 convolution and instance normalization, as one subpixel convolution; the size is kept exactly."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = SubpixelConv(inputs, outputs, 2, 3, enlarge=True, bias=False)
        self.norm = InstanceNorm(outputs)

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        larger = F.pixel_shuffle(self.conv(mirrored(x)), 2)[..., 1:-1, 1:-1]
        normalized: Tensor = self.norm(larger, strength)
        return normalized


class HourglassNetwork(ImageTransformationNetwork):
    """Image transformation network that sees 155 px to each side (docs/networks.md).

    Args:
        head: channels at half the resolution on the way in; all that they do is read a pixel and those around it.
        quarter, eighth, sixteenth: channels at these shares of the resolution.
        deep: residual blocks at a sixteenth. middle: at an eighth. blocks: at a quarter, on the way out.
        width: channels at half the resolution on the way out, where lines are drawn.
        fine: channels at full resolution before the last convolution.
    """

    adjustable = True

    def __init__(
        self, head: int = 16, quarter: int = 64, eighth: int = 96, sixteenth: int = 112, deep: int = 2, middle: int = 1,
        blocks: int = 2, width: int = 24, fine: int = 16,
    ) -> None:  # fmt: skip
        super().__init__()
        self.multiple, self.grain_cell, self.spare = 16, 4, 16
        self.head = Conv(12, head)
        self.enter = Conv(head, quarter, stride=2)
        self.grain = Grain(quarter)
        self.down8, self.grain8 = Conv(quarter, eighth, keep=True), Grained(eighth)
        self.down16, self.grain16 = Conv(eighth, sixteenth, keep=True), Grained(sixteenth)
        self.deep = nn.ModuleList(Residual(sixteenth, keep=True) for _ in range(deep))
        self.up8 = _Up(sixteenth, eighth)
        self.middle = nn.ModuleList(Residual(eighth, keep=True) for _ in range(middle))
        self.up4 = _Up(eighth, quarter)
        self.blocks = nn.ModuleList(Residual(quarter) for _ in range(blocks))
        self.leave = SubpixelConv(quarter, width, 2, 3, enlarge=True, bias=False)
        self.norm = InstanceNorm(width, activate=True)
        self.fine = SubpixelConv(width, fine, 2, 3, enlarge=True)
        self.tail = SubpixelConv(fine, 3, 2, 3)
        # What is used up on each side: at half the resolution by `head`, `enter` and `leave`, at a quarter by a crop
        # to a multiple of four and the blocks, at full by `fine` and `tail`.
        self.margin = 2 * 3 + 4 + 4 * 2 * blocks + 2
        self._reach = 59 + 32 * deep + 16 * middle + 8 * blocks

    @property
    def reach(self) -> int:
        """See `ImageTransformationNetwork.reach`: further than the margin, by what is mirrored at low resolutions."""
        return self._reach

    def vary(self, random: np.random.Generator) -> None:
        """See `ImageTransformationNetwork.vary`."""
        self.grain.vary(random)

    def paint(self, padded: Tensor, strength: Tensor) -> Tensor:
        """See `ImageTransformationNetwork.paint`."""
        x = F.pixel_unshuffle(2 * padded - 1, 2)
        # Of the padded sixteenths, the convolutions leave a quarter of a resolution that is two short of them.
        x = self.enter(self.head(x, strength), strength)[..., 1:-1, 1:-1]
        noise = self.grain.noise(*x.shape[-2:])
        x4 = self.grain(x, noise)
        # Averages of four independent values have half their deviation.
        noise = 2 * F.avg_pool2d(noise, 2)
        x8 = self.grain8(self.down8(F.avg_pool2d(x4, 2), strength), noise)
        noise = 2 * F.avg_pool2d(noise, 2)
        x = self.grain16(self.down16(F.avg_pool2d(x8, 2), strength), noise)
        for block in self.deep:
            x = block(x, strength)
        x = x8 + self.up8(x, strength)
        for block in self.middle:
            x = block(x, strength)
        x = x4 + self.up4(x, strength)
        for block in self.blocks:
            x = block(x, strength)
        x = self.norm(F.pixel_shuffle(self.leave(x), 2), strength)
        x = F.relu(self.fine(x))
        x = F.pixel_shuffle(self.tail(x), 2).float()
        return mixed(torch.tanh(x), padded, strength, self.margin)
