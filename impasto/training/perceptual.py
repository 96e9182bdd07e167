"""The perceptual loss that trains an image transformation network: the iterative method's terms, for batches."""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import images
from ..errors import ImpastoError
from ..images import Picture
from ..perception.loss_network import LossNetwork, stride
from ..perception.losses import (
    Statistics,
    content_distance,
    content_form,
    feature_statistics,
    style_form,
    style_losses,
    total_variations,
)
from ..perception.terms import pyramid_of
from .presets import TrainingPreset


class BatchLosses(NamedTuple):
    """Means over a batch, as tensors without dimensions: content and style before their weights, `total` after."""

    content: Tensor
    style: Tensor
    tv: Tensor
    total: Tensor


Features = list[dict[str, Tensor]]  # of each level of the loss, by layer


class PerceptualLoss:
    """content_weight · content + style_weight · style + tv_weight · TV of stylized images (Johnson et al. 2016, eq. 5).

    Content and style are sums over a recipe's levels: resolutions at which the loss network sees picture and painting.
    What is fixed is computed once: the painting's statistics here, a photograph's features by `content_features`.

    Args:
        network: the loss network.
        recipe: levels, forms and weights.
        painting: (1, 3, h, w) in [0, 1], at the size whose strokes the network is to learn.
        region: (h, w) in [0, 1], how much of each of its pixels can be seen; None is all.
    """

    def __init__(
        self, network: LossNetwork, recipe: TrainingPreset, painting: Tensor, region: Tensor | None = None
    ) -> None:
        self.network, self.recipe = network, recipe
        self._content_form = content_form(recipe.content_loss)
        style_form(recipe.style_loss)  # says which there are
        self._content = [[layer for layer, w in level.content_layers.items() if w > 0] for level in recipe.levels]
        self._style = [[layer for layer, w in level.style_layers.items() if w > 0] for level in recipe.levels]
        with torch.no_grad():
            self._targets = [
                self._statistics(painting, region, level.reduction, layers)
                for level, layers in zip(recipe.levels, self._style, strict=True)
            ]

    def _statistics(
        self, painting: Tensor, region: Tensor | None, reduction: int, layers: list[str]
    ) -> dict[str, Statistics]:
        features = self._features(painting, reduction, layers)
        weights = {} if region is None else pyramid_of(reduced(region[None], reduction)[0], layers)
        return {layer: feature_statistics(features[layer], weights.get(layer)) for layer in layers}

    def _features(self, images: Tensor, reduction: int, layers: list[str]) -> dict[str, Tensor]:
        return self.network(reduced(images, reduction), layers) if layers else {}

    @torch.no_grad()
    def content_features(self, photos: Tensor) -> Features:
        """The content targets of photographs, (B, 3, H, W) in [0, 1]."""
        return [
            self._features(photos, level.reduction, layers)
            for level, layers in zip(self.recipe.levels, self._content, strict=True)
        ]

    def __call__(self, stylized: Tensor, content: Features, style_share: Tensor | None = None) -> BatchLosses:
        """The losses of (B, 3, H, W) stylized images.

        content: of the photographs, from `content_features`. style_share: (B,) factors of each image's style and TV
        terms in the total; None is 1.
        """
        recipe = self.recipe
        zeros = stylized.new_zeros(stylized.shape[0], dtype=torch.float32)
        far, off = zeros, zeros
        pairs, weights = list[tuple[Statistics, Statistics]](), list[float]()
        for level, photo, targets in zip(recipe.levels, content, self._targets, strict=True):
            features = self._features(stylized, level.reduction, [*dict.fromkeys([*photo, *targets])])
            for layer, wanted in photo.items():
                apart = content_distance(features[layer], wanted)
                far = far + level.content_layers[layer] * self._content_form(apart)
            pairs += [(feature_statistics(features[layer]), target) for layer, target in targets.items()]
            weights += [level.style_layers[layer] for layer in targets]
        for weight, distance in zip(weights, style_losses(recipe.style_loss, pairs), strict=True):
            off = off + weight * distance
        rough = total_variations(stylized)
        share = zeros + 1 if style_share is None else style_share
        total = recipe.content_weight * far + share * (recipe.style_weight * off + recipe.tv_weight * rough)
        return BatchLosses(far.mean(), off.mean(), rough.mean(), total.mean())


def reduced(images: Tensor, reduction: int) -> Tensor:
    """(…, C, H, W) images averaged over squares of `reduction` px a side."""
    return images if reduction == 1 else F.avg_pool2d(images, reduction)


def weave(stylized: Tensor, period: int = 4) -> Tensor:
    """How much of stylized images is a pattern that repeats every `period` px: the network's own lattice, no stroke.

    In windows of eight periods a side (fewer in smaller images), the mean over the pixels at each place in the lattice;
    of these means the variance, by channel, averaged over everything. What is coarser than the lattice is taken out
    before. Impasto's own: a network fills flat parts with fleck that it draws by its upsampling, and the style loss
    does not see that it repeats.

    stylized: (B, C, H, W), a period a side at least. Returns a number, in units of the squared values.
    """
    fine = stylized - F.avg_pool2d(stylized, 2 * period + 1, 1, period, count_include_pad=False)
    rows, columns = (min(8, side // period) for side in stylized.shape[-2:])
    height, width = stylized.shape[-2] // (rows * period), stylized.shape[-1] // (columns * period)
    windows = fine[..., : height * rows * period, : width * columns * period]
    windows = windows.reshape(-1, height, rows, period, width, columns, period)
    return windows.mean((2, 5)).var((2, 4), correction=0).mean()


def perceptual_loss(
    network: LossNetwork, recipe: TrainingPreset, painting: Picture, style_scale: float = 1.0
) -> PerceptualLoss:
    """A recipe's loss for a painting.

    network: the recipe's loss network. style_scale: factor of the size at which the painting is looked at.

    Raises:
        ImpastoError: the recipe names a layer that the network lacks, or nothing of the painting can be seen.
    """
    layers = {level.reduction: [*level.content_layers, *level.style_layers] for level in recipe.levels}
    network.check_layers([*chain.from_iterable(layers.values())])
    width, height = painting.size
    scale = recipe.painting_size * style_scale / (width * height) ** 0.5
    coarsest = max(reduction * stride(layer) for reduction, names in layers.items() for layer in names)
    scale = max(scale, coarsest / min(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    device = network.get_buffer("input_mean").device
    # Pixels that an alpha channel hides have no say in the style.
    region = None if painting.alpha is None else images.to_tensor(images.resize(painting.alpha, size), device)
    if region is not None and not region.any():
        raise ImpastoError("nothing of the painting can be seen: it is transparent everywhere")
    pixels = images.to_tensor(images.resize(painting.pixels, size), device)
    return PerceptualLoss(network, recipe, pixels, None if region is None else region[0, 0])
