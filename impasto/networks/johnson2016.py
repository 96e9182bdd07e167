"""The network of Johnson, Alahi and Fei-Fei 2016 ("Perceptual Losses…"; table 1 of its supplementary material)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import unknown
from .base import ImageTransformationNetwork

NORMALIZATIONS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,  # the paper's
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=True),  # Ulyanov et al. 2016
}


class _Block(nn.Module):
    """Residual block of two 3×3 convolutions without padding; the way around is cropped by 2 px on each side."""

    def __init__(self, channels: int, normalization: str) -> None:
        super().__init__()
        norm = NORMALIZATIONS[normalization]
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3), norm(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3), norm(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        body: Tensor = self.body(x)
        return x[..., 2:-2, 2:-2] + body


class Johnson2016(ImageTransformationNetwork):
    """9×9 convolution, two of stride 2, residual blocks, two transposed ones of stride 2, 9×9, scaled tanh.

    The 40 px mirrored around the image are what five residual blocks without padding use up.

    Args:
        width: channels of the first layer; 32 in the paper.
        blocks: residual blocks; 5 in the paper.
        normalization: "batch" (the paper) or "instance" (better pictures, as was found since).
    """

    def __init__(self, width: int = 32, blocks: int = 5, normalization: str = "batch") -> None:
        super().__init__()
        if normalization not in NORMALIZATIONS:
            raise unknown("normalization", normalization, NORMALIZATIONS)
        norm = NORMALIZATIONS[normalization]
        self.margin = 8 * blocks  # 2 px a convolution at a quarter of the resolution
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 9, padding=4), norm(width), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), norm(2 * width), nn.ReLU(),
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1), norm(4 * width), nn.ReLU(),
            *(_Block(4 * width, normalization) for _ in range(blocks)),
            nn.ConvTranspose2d(4 * width, 2 * width, 3, 2, 1, output_padding=1), norm(2 * width), nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1), norm(width), nn.ReLU(),
            nn.Conv2d(width, 3, 9, padding=4),
        )  # fmt: skip

    @property
    def reach(self) -> int:
        """See `ImageTransformationNetwork.reach`: the padded convolutions outside the blocks see 14 px more."""
        return self.margin + 14

    def paint(self, padded: Tensor, strength: Tensor) -> Tensor:  # noqa: ARG002
        """The strength has no effect: the paper's network knows none."""
        return (torch.tanh(self.body(2 * padded - 1).float()) + 1) / 2
