"""The perceptual loss that trains an image transformation network: the iterative method's terms, for batches."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..loss_network import LossNetwork
from ..losses import content_distance, content_form, feature_statistics, style_form, total_variation
from ..objective import Terms, pyramid_of


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
