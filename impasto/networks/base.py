"""What all image transformation networks have in common: any size in, the same size out."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ImpastoError
from ..images.strength import unpainted_share
from .layers import Grain


class ImageTransformationNetwork(nn.Module, ABC):
    """A network from image to stylized image.

    The image is mirrored outward by `margin` px and up to a multiple of `multiple`, and the result cropped: no padding
    inside the network shows at its borders, and odd sizes come out as they went in.

    Attributes:
        margin: px on each side, which the network may use up by convolutions without padding.
        spare: px by which photographs in training are larger than what the loss sees of them.
        multiple: of px that the padded image's sides must be.
        adjustable: whether the strength has an effect.
        grain_cell: px of the image for each entry of the noise that strokes begin from (`layers.Grain`), 0 without.
    """

    margin: int
    spare: int = 0
    multiple: int = 4
    adjustable: bool = False
    grain_cell: int = 0

    @property
    def smallest(self) -> int:
        """The shortest side of an image in px: a mirror image is no longer than the image."""
        return self.margin + self.multiple

    @property
    def reach(self) -> int:
        """How far in px a pixel of the image is seen in the stylized image, but for its part in statistics.

        Without padding inside the network: as far as its margin, on the grid that the image is cut into.
        """
        return self.margin + self.multiple - 1

    def forward(self, image: Tensor, strength: Tensor | None = None) -> Tensor:
        """image: (B, 3, H, W) RGB in [0, 1]. strength: (B,) in [0, 1]; None is 1. Returns the like of `image`."""
        height, width = image.shape[-2:]
        if not torch.compiler.is_exporting() and min(height, width) < self.smallest:
            raise ImpastoError(f"an image of {width}×{height} px is too small: at least {self.smallest} px a side")
        if strength is None:
            strength = image.new_ones(image.shape[0])
        padded = F.pad(image, self._padding(height, width), mode="reflect")
        return self.paint(padded, strength.view(-1, 1, 1, 1))[..., :height, :width]

    def _padding(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Left, right, above and below, in px."""
        before, step = self.margin, self.multiple
        right, below = (before + (-side - 2 * before) % step for side in (width, height))
        return before, right, before, below

    @contextlib.contextmanager
    def carried(self, flow: Tensor) -> Iterator[None]:
        """Meanwhile, strokes of (B, 3, H, W) images begin from noise that has moved with what is in them.

        flow: (B, 2, H, W) px right and down, see `training.motion`. A network without such noise has nothing to move.
        """
        grains = [module for module in self.modules() if isinstance(module, Grain)]
        if grains:
            padded = F.pad(flow, self._padding(*flow.shape[-2:]), mode="replicate")
            cells = F.avg_pool2d(padded, self.grain_cell) / self.grain_cell
            for grain in grains:
                grain.carry(cells)
        try:
            yield
        finally:
            for grain in grains:
                grain.carry(None)

    def vary(self, random: np.random.Generator) -> None:
        """Called before each batch of a training: change what is random in the network, if there is anything."""

    def seen(self, random: np.random.Generator) -> tuple[int, int]:
        """Row and column of a training's batch from which the loss is to see it: all but `spare` px.

        A network can make out its border by the mirror image beyond it. Where the loss network's view always ends
        there, it learns to paint a fringe, for which that asks less; hardly where the view's end cannot be foreseen.
        Nor can it fit a mesh to the loss network's poolings, which now fall anywhere on it.
        """
        row, column = random.integers(self.spare + 1, size=2).tolist()
        return row, column

    @abstractmethod
    def paint(self, padded: Tensor, strength: Tensor) -> Tensor:
        """The padded image's stylized image, from the first pixel that belongs to the image on.

        padded: (B, 3, H, W) in [0, 1], H and W multiples of `multiple`. strength: (B, 1, 1, 1).
        """


def mixed(painted: Tensor, padded: Tensor, strength: Tensor, margin: int) -> Tensor:
    """The stylized image: what a network paints, in [-1, 1], and the padded image, less the margin."""
    inside, share = (..., slice(margin, -margin), slice(margin, -margin)), 1 - unpainted_share(strength)
    return share * (painted + 1) / 2 + (1 - share) * padded[inside]
