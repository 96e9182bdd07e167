"""What a stage optimises: photograph, paintings and masks at its size, in tiles where memory is short."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import images
from ..images import FloatArray
from ..images.tiling import ALIGNMENT, Window, windows
from ..perception.loss_network import LossNetwork, stride
from ..perception.terms import Terms
from .inputs import MIN_SIDE, Inputs, Painting
from .objective import Objective, StyleImage
from .plan import HALO, MIN_TILE, Plan


@dataclass(frozen=True)
class Staging:
    """From a run's inputs to the objective of each of its stages.

    style_scale: of the strokes. random: where tiles are cut.
    """

    inputs: Inputs
    network: LossNetwork
    plan: Plan
    terms: Terms
    style_scale: float
    random: torch.Generator

    def objective(self, photo: Tensor) -> Objective:
        """Of the stage whose photograph, on its canvas, is (1, 3, H, W)."""
        height, width = photo.shape[-2:]
        shared: dict[int, Tensor] = {}
        placed = [self._style_image(painting, (width, height), shared) for painting in self.inputs.paintings]
        return Objective(
            self.network, self.terms, photo, placed,
            self.windows(height, width), [self._style_windows(style.image, height * width) for style in placed],
        )  # fmt: skip

    def _style_image(self, painting: Painting, size: tuple[int, int], masks: dict[int, Tensor]) -> StyleImage:
        """The painting with as many pixels as the picture, times the square of the style scale."""
        height, width = painting.pixels.shape[:2]
        scale = self.style_scale * math.sqrt(size[0] * size[1] / (width * height))
        least = max(MIN_SIDE, *(stride(layer) for layer in self.terms.style_layers))
        scale = max(scale, least / min(width, height))
        scaled = (max(least, round(width * scale)), max(least, round(height * scale)))
        image = images.to_tensor(images.resize(painting.pixels, scaled), self.plan.device)
        region = None if painting.region is None else images.to_tensor(images.resize(painting.region, scaled))[0, 0]
        mask = self._mask(painting.counted, size, masks)
        return StyleImage(image, painting.share, mask, None if region is None else region.to(self.plan.device))

    def _mask(self, mask: FloatArray | None, size: tuple[int, int], shared: dict[int, Tensor]) -> Tensor | None:
        """A mask at a stage's size; one tensor a mask, so that styles with the same one share its statistics."""
        if mask is None:
            return None
        key = id(mask)
        if key not in shared:
            resized = images.resize(self.inputs.on_canvas(mask), size)
            shared[key] = images.to_tensor(resized, self.plan.device)[0, 0]
        return shared[key]

    def windows(self, height: int, width: int) -> list[Window]:
        """Tiles whose cuts fall elsewhere at each call, so that none leaves a seam."""
        tile = self.plan.tile
        if tile is None or height * width <= (tile + 2 * HALO) ** 2:
            return windows(height, width, None, 0)
        offsets = torch.randint(0, tile // ALIGNMENT, (2,), generator=self.random) * ALIGNMENT
        return windows(height, width, tile, HALO, (int(offsets[0]), int(offsets[1])))

    def _style_windows(self, image: Tensor, pixels: int) -> list[Window]:
        """A style image much larger than the picture must not take more memory than the picture does."""
        height, width = image.shape[-2:]
        if self.plan.tile is not None or height * width <= 1.2 * pixels:
            return self.windows(height, width)
        tile = max(MIN_TILE, int(math.sqrt(pixels)) // ALIGNMENT * ALIGNMENT)
        return windows(height, width, tile, HALO)
