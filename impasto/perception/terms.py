"""What both methods weigh: content, style and total variation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from .loss_network import stride


@dataclass(frozen=True)
class Terms:
    """What is weighed, and how: the part of a preset that defines the objective.

    total = content_weight · Σ wₗ·contentₗ + style_weight · Σᵢ shareᵢ Σ wₗ·styleₗᵢ + tv_weight · TV
    """

    content_layers: Mapping[str, float]
    style_layers: Mapping[str, float]
    content_loss: str
    style_loss: str
    content_weight: float
    style_weight: float
    tv_weight: float
    strength: float = 1.0


@dataclass(frozen=True)
class Losses:
    """Values of the losses: content and style before their weights, `total` after."""

    content: float
    style: float
    tv: float
    total: float


def pyramid_of(mask: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """A (H, W) mask averaged down to each layer's resolution, as the network's pooling does: floor(H/s) rows."""
    return {layer: F.avg_pool2d(mask[None, None], stride(layer))[0, 0] for layer in layers}
