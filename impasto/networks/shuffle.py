"""Impasto's own network: nothing is computed at full resolution, where it costs four times its like at half.

pixel-unshuffle → 3×3 convolution → stride 2 → noise → residual blocks → three subpixel convolutions, the first with
pixel-shuffle → pixel-shuffle → tanh.

No convolution is padded, as in the residual blocks of Johnson et al. 2016. What a padded one makes of a border would be
in the statistics of instance normalization, the more of it the smaller the image: a network that learned on crops would
paint large pictures in other colours.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import ImageTransformationNetwork, mixed
from .layers import Conv, Grain, InstanceNorm, Residual, SubpixelConv


class ShuffleNetwork(ImageTransformationNetwork):
    """Image transformation network at half the resolution and less (docs/networks.md).

    Args:
        head: channels at half the resolution on the way in; all that they do is read a pixel and those around it.
        body: channels of the residual blocks, at a quarter of the resolution.
        blocks: residual blocks.
        dilation: of each block's first convolution: three blocks see nearly as far as five without, at no cost.
        width: channels at half the resolution on the way out, where lines are drawn.
        fine: channels at full resolution before the last convolution.
    """

    adjustable = True

    def __init__(
        self, head: int = 16, body: int = 64, blocks: int = 3, dilation: int = 2, width: int = 24, fine: int = 16
    ) -> None:
        super().__init__()
        self.multiple = self.grain_cell = 4
        self.spare = 16
        self.head = Conv(12, head)
        self.enter = Conv(head, body, stride=2)
        self.grain = Grain(body)
        self.blocks = nn.ModuleList(Residual(body, dilation) for _ in range(blocks))
        self.leave = SubpixelConv(body, width, 2, 3, enlarge=True, bias=False)
        self.norm = InstanceNorm(width, activate=True)
        self.fine = SubpixelConv(width, fine, 2, 3, enlarge=True)
        self.tail = SubpixelConv(fine, 3, 2, 3)
        # What the convolutions use up on each side: at half the resolution `head`, `enter` and `leave`, at a quarter
        # the blocks, at full `fine` and `tail`.
        self.margin = 2 * 3 + 4 * blocks * (dilation + 1) + 2

    def vary(self, random: np.random.Generator) -> None:
        """See `ImageTransformationNetwork.vary`."""
        self.grain.vary(random)

    def paint(self, padded: Tensor, strength: Tensor) -> Tensor:
        """See `ImageTransformationNetwork.paint`."""
        x = F.pixel_unshuffle(2 * padded - 1, 2)
        x = self.enter(self.head(x, strength), strength)
        x = self.grain(x, self.grain.noise(*x.shape[-2:]))
        for block in self.blocks:
            x = block(x, strength)
        x = self.norm(F.pixel_shuffle(self.leave(x), 2), strength)
        x = F.relu(self.fine(x))
        x = F.pixel_shuffle(self.tail(x), 2).float()
        return mixed(torch.tanh(x), padded, strength, self.margin)
