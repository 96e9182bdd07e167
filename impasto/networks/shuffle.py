"""Impasto's own networks: no convolution is computed at full resolution, where it costs four times its like at half.

pixel-unshuffle → 5×5 convolution → stride 2 → residual blocks → nearest ×2 → 3×3 → enlarging convolution → tanh.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import unknown
from .base import ImageTransformationNetwork
from .layers import NORMALIZATIONS, Conv, EnlargingConv, Residual


class ShuffleNetwork(ImageTransformationNetwork):
    """Image transformation network at half the resolution and less.

    Args:
        width: channels at `1 / factor` of the resolution.
        body: channels of the residual blocks.
        blocks: residual blocks.
        factor: of the pixel-unshuffle.
        down: whether the blocks work at half the resolution of the rest (stride 2, nearest ×2).
        separable: depthwise and pointwise convolutions in the blocks.
        normalization: "instance" or "filter-response".
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
        normalization: str = "instance",
    ) -> None:
        super().__init__()
        if normalization not in NORMALIZATIONS:
            raise unknown("normalization", normalization, NORMALIZATIONS)
        self.factor, self.down = factor, down
        self.multiple = factor * (2 if down else 1)
        self.margin = 32  # zero padding inside leaves a pale border; at 16 px it could still be seen
        self.head = Conv(3 * factor**2, width, 5, normalization=normalization)
        self.enter = Conv(width, body, 3, 2 if down else 1, normalization)
        self.blocks = nn.ModuleList(Residual(body, normalization, separable) for _ in range(blocks))
        self.leave = Conv(body, width, 3, normalization=normalization)
        self.tail = EnlargingConv(width, 3, factor)

    def paint(self, padded: Tensor, strength: Tensor) -> Tensor:
        """See `ImageTransformationNetwork.paint`."""
        x = F.pixel_unshuffle(2 * padded - 1, self.factor)
        x = self.enter(self.head(x, strength), strength)
        for block in self.blocks:
            x = block(x, strength)
        if self.down:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        x = self.tail(self.leave(x, strength)).float()
        m = self.margin
        painted, image = (torch.tanh(x) + 1)[..., m:, m:] / 2, padded[..., m:, m:]
        # Strength 0 is the photograph itself; the painted share rises quickly, so that what differs between strengths
        # above a half is how it is painted, not how much shows through.
        return image + (1 - (1 - strength) ** 4) * (painted - image)
