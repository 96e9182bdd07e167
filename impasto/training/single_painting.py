"""What an image transformation network learns from: photographs, and the perceptual loss of one painting."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..networks import ImageTransformationNetwork
from .perceptual import BatchLosses, PerceptualLoss, weave
from .step import Batch, seen

_LinAlgError: type[Exception] = torch.linalg.LinAlgError  # type: ignore[attr-defined]  # its stubs hide it


class SinglePainting:
    """The objective of a batch, for `step.Learner`.

    Args:
        network: learns. loss: of the painting. weave_weight: see `perceptual.weave`.
        called: what is called in the network's place, such as several processes' common one.
    """

    def __init__(
        self, network: ImageTransformationNetwork, loss: PerceptualLoss, called: nn.Module | None = None
    ) -> None:
        self.network, self.loss, self._called = network, loss, network if called is None else called

    def __call__(self, batch: Batch) -> tuple[Tensor, BatchLosses]:
        """See `step.Objective`."""
        spare = self.network.spare
        painted = seen(self.paint(self._called, batch.photos, batch.strength), batch.offset, spare)
        content = self.loss.content_features(seen(batch.photos, batch.offset, spare))
        try:
            losses = self.loss(painted, content, batch.strength**3)
        except _LinAlgError:  # eigenvalues of what is not finite; other processes wait for these gradients
            losses = BatchLosses(*(painted.sum() * math.nan,) * len(BatchLosses._fields))
        return losses.total + self.woven(painted), losses

    def paint(self, network: nn.Module, photos: Tensor, strength: Tensor) -> Tensor:
        """Stylized images in float32, whatever the convolutions are in."""
        dtype = self.loss.network.dtype
        with torch.autocast(photos.device.type, dtype, enabled=dtype != torch.float32, cache_enabled=False):
            painted: Tensor = network(photos, strength)
        return painted.float()

    def woven(self, painted: Tensor) -> Tensor:
        """The fourth term, with its weight."""
        weight = self.loss.recipe.weave_weight
        return weight * weave(painted) if weight else painted.new_zeros(())
