"""The perceptual loss that trains an image transformation network: the iterative method's terms, for batches."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import images
from ..errors import ImpastoError
from ..images import Picture
from ..perception.loss_network import LossNetwork, stride
from ..perception.losses import content_distance, content_form, feature_statistics, style_form, total_variation
from ..perception.terms import Terms, pyramid_of
from .presets import TrainingPreset


class BatchLosses(NamedTuple):
    """Means over a batch, as tensors without dimensions: content and style before their weights, `total` after."""

    content: Tensor
    style: Tensor
    tv: Tensor
    total: Tensor


class PerceptualLoss:
    """content_weight · content + style_weight · style + tv_weight · TV of stylized images (Johnson et al. 2016, eq. 5).

    What is fixed is computed once: the painting's statistics here, a photograph's features by `content_features`.

    Args:
        network: the loss network.
        terms: layers, forms and weights; their `strength` is not used.
        painting: (1, 3, h, w) in [0, 1], at the size whose strokes the network is to learn.
        region: (h, w) in [0, 1], how much of each of its pixels can be seen; None is all.
    """

    def __init__(self, network: LossNetwork, terms: Terms, painting: Tensor, region: Tensor | None = None) -> None:
        self.network, self.terms = network, terms
        self._content_form, self._style_form = content_form(terms.content_loss), style_form(terms.style_loss)
        self._style_layers = [layer for layer, weight in terms.style_layers.items() if weight > 0]
        self._content_layers = [layer for layer, weight in terms.content_layers.items() if weight > 0]
        with torch.no_grad():
            features = network(painting, self._style_layers)
            weights = {} if region is None else pyramid_of(region, self._style_layers)
            self._targets = {
                layer: feature_statistics(features[layer], weights.get(layer)) for layer in self._style_layers
            }

    @torch.no_grad()
    def content_features(self, photos: Tensor) -> dict[str, Tensor]:
        """The content targets of photographs, (B, 3, H, W) in [0, 1]."""
        return self.network(photos, self._content_layers)

    def __call__(self, stylized: Tensor, content: dict[str, Tensor], style_share: Tensor | None = None) -> BatchLosses:
        """The losses of (B, 3, H, W) stylized images.

        content: of the photographs, from `content_features`. style_share: (B,) factors of each image's style and TV
        terms in the total; None is 1.
        """
        terms = self.terms
        features = self.network(stylized, [*self._content_layers, *self._style_layers])
        zeros = stylized.new_zeros(stylized.shape[0], dtype=torch.float32)
        far, off = zeros, zeros
        for layer in self._content_layers:
            distance = content_distance(features[layer], content[layer])
            far = far + terms.content_layers[layer] * self._content_form(distance)
        for layer, target in self._targets.items():
            generated = feature_statistics(features[layer])
            off = off + terms.style_layers[layer] * self._style_form(generated, target)
        rough = torch.stack([total_variation(image[None]) for image in stylized])
        share = zeros + 1 if style_share is None else style_share
        total = terms.content_weight * far + share * (terms.style_weight * off + terms.tv_weight * rough)
        return BatchLosses(far.mean(), off.mean(), rough.mean(), total.mean())


def weave(stylized: Tensor, period: int) -> Tensor:
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
    layers = [*recipe.content_layers, *recipe.style_layers]
    network.check_layers(layers)
    width, height = painting.size
    scale = recipe.painting_size * style_scale / (width * height) ** 0.5
    scale = max(scale, max(stride(layer) for layer in layers) / min(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    terms = Terms(
        recipe.content_layers, recipe.style_layers, recipe.content_loss, recipe.style_loss,
        recipe.content_weight, recipe.style_weight, recipe.tv_weight,
    )  # fmt: skip
    device = network.get_buffer("input_mean").device
    # Pixels that an alpha channel hides have no say in the style.
    region = None if painting.alpha is None else images.to_tensor(images.resize(painting.alpha, size), device)
    if region is not None and not region.any():
        raise ImpastoError("nothing of the painting can be seen: it is transparent everywhere")
    pixels = images.to_tensor(images.resize(painting.pixels, size), device)
    return PerceptualLoss(network, terms, pixels, None if region is None else region[0, 0])
