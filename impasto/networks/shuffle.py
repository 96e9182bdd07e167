"""Impasto's own networks: nothing is computed at full resolution, where it costs four times its like at half.

pixel-unshuffle → 5×5 convolution → stride 2 → noise → residual blocks → nearest ×2 → 3×3 → two subpixel convolutions →
pixel-shuffle → tanh.

No convolution is padded, as in the residual blocks of Johnson et al. 2016. What a padded one makes of a border would be
in the statistics of instance normalization, the more of it the smaller the image: a network that learned on crops would
paint large pictures in other colours.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..style_model import unpainted_share
from .base import ImageTransformationNetwork
from .layers import Conv, Grain, Residual, SubpixelConv


class ShuffleNetwork(ImageTransformationNetwork):
    """Image transformation network at half the resolution and less.

    The two subpixel convolutions, with a ReLU between them, draw the fine lines. Without the first, such a network
    learned more slowly than Johnson's, whose last layers are at full resolution (docs/networks.md).

    Args:
        width: channels at `1 / factor` of the resolution.
        body: channels of the residual blocks.
        blocks: residual blocks.
        factor: of the pixel-unshuffle.
        down: whether the blocks work at half the resolution of the rest (stride 2, nearest ×2).
        separable: depthwise and pointwise convolutions in the blocks.
        fine: channels at full resolution before the last convolution; 0: there is none between.
    """

    adjustable = True

    def __init__(
        self,
        width: int = 32,
        body: int = 64,
        blocks: int = 5,
        factor: int = 2,
        down: bool = True,
        separable: bool = False,
        fine: int = 16,
    ) -> None:
        super().__init__()
        self.factor, self.down = factor, down
        self.multiple = self.grain_cell = factor * (2 if down else 1)
        # What the convolutions use up on each side, none of them being padded.
        self.margin = factor * (5 + bool(fine)) + 2 * blocks * self.multiple
        self.spare = 16
        self.head = Conv(3 * factor**2, width, 5)
        self.enter = Conv(width, body, 3, 2 if down else 1)
        self.blocks = nn.ModuleList(Residual(body, separable) for _ in range(blocks))
        self.leave = Conv(body, width, 3)
        self.fine = SubpixelConv(width, fine, factor, enlarge=True) if fine else None
        self.tail = SubpixelConv(fine or width, 3, factor, enlarge=not fine)
        self.grain = Grain(body)

    def vary(self, random: np.random.Generator) -> None:
        """See `ImageTransformationNetwork.vary`."""
        rows, columns = random.integers(Grain.SIDE, size=2).tolist()
        self.grain.phase = rows, columns

    def paint(self, padded: Tensor, strength: Tensor) -> Tensor:
        """See `ImageTransformationNetwork.paint`."""
        x = F.pixel_unshuffle(2 * padded - 1, self.factor)
        x = self.grain(self.enter(self.head(x, strength), strength))
        for block in self.blocks:
            x = block(x, strength)
        if self.down:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        x = self.leave(x, strength)
        if self.fine is not None:
            x = F.relu(self.fine(x))
        x = F.pixel_shuffle(self.tail(x), self.factor).float()
        return _mixed(torch.tanh(x), padded, strength, self.margin)


def _mixed(painted: Tensor, padded: Tensor, strength: Tensor, margin: int) -> Tensor:
    """The stylized image: what a network paints, in [-1, 1], and the padded image, less the margin."""
    inside, share = (..., slice(margin, -margin), slice(margin, -margin)), 1 - unpainted_share(strength)
    return share * (painted + 1) / 2 + (1 - share) * padded[inside]
