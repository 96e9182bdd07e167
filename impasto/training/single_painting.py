"""What an image transformation network learns from: photographs, and the perceptual loss of one painting."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..networks import ImageTransformationNetwork
from .motion import Motion, stability_loss
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
        spare, apart = self.network.spare, batch.photos.new_zeros(())
        if batch.next_photos is None or batch.flow is None or batch.stability is None:
            whole = self.paint(self._called, batch.photos, batch.strength)
        else:
            frames = batch.photos, batch.next_photos
            whole, next_whole = self.paint_frames(self.network, self._called, frames, batch.flow, batch.strength)
            apart = batch.stability * stability_loss(whole, next_whole, batch.flow)
        painted = seen(whole, batch.offset, spare)
        content = self.loss.content_features(seen(batch.photos, batch.offset, spare))
        try:
            losses = self.loss(painted, content, batch.strength**3)
        except _LinAlgError:  # eigenvalues of what is not finite; other processes wait for these gradients
            losses = BatchLosses(*(painted.sum() * math.nan,) * len(BatchLosses._fields))
        return losses.total + self.woven(painted) + apart, losses

    def paint(self, network: nn.Module, photos: Tensor, strength: Tensor) -> Tensor:
        """Stylized images in float32, whatever the convolutions are in."""
        dtype = self.loss.network.dtype
        with torch.autocast(photos.device.type, dtype, enabled=dtype != torch.float32, cache_enabled=False):
            painted: Tensor = network(photos, strength)
        return painted.float()

    def paint_frames(
        self, network: ImageTransformationNetwork, called: nn.Module, frames: tuple[Tensor, Tensor], flow: Tensor,
        strength: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Stylized images of photographs and of the next frame, whose strokes begin from noise that moved along.

        Else strokes would stay where the noise is, and to hold still a network would have to paint without. All are
        painted in one call: where several processes share it, each call copies buffers that gradients are still to use.
        called: the network, or what is called in its place.
        """
        with network.carried(torch.cat([torch.zeros_like(flow), flow])):
            both = self.paint(called, torch.cat(frames), strength.repeat(2))
        first, second = both.chunk(2)
        return first, second

    def unstable(self, network: ImageTransformationNetwork, photos: Tensor, motion: Motion) -> Tensor:
        """The stability loss of photographs at full strength, without its weight."""
        frames = photos, motion.next_frame(photos)
        return stability_loss(
            *self.paint_frames(network, network, frames, motion.flow, photos.new_ones(len(photos))), motion.flow
        )

    def woven(self, painted: Tensor) -> Tensor:
        """The fourth term, with its weight."""
        weight = self.loss.recipe.weave_weight
        return weight * weave(painted) if weight else painted.new_zeros(())
