"""What a style generator learns from: photographs, each beside a painting of its own.

The perceptual loss is that of one painting (`perceptual`), with targets that are found anew for each batch. Wasserstein
losses want the root of a target's covariance. It is taken in the first principal directions of all paintings together,
found once, instead of each painting's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..networks.generator import SEEN, StyleGenerator
from ..perception.loss_network import LossNetwork
from ..perception.losses import (
    PRINCIPAL_DIRECTIONS,
    Statistics,
    content_distance,
    content_form,
    feature_statistics,
    total_variations,
)
from ..perception.roots import square_root, traces_of_roots
from .perceptual import BatchLosses, reduced, weave
from .presets import TrainingPreset
from .step import Batch, seen

Place = tuple[int, str]  # of a style loss: reduction and layer


class AnyPainting:
    """The objective of a batch, for `step.Learner`.

    A painting of the batch, `generator.PAINTING_SIDE` px a side, counts as half of the size whose strokes are learned:
    many have to fit. Where the loss sees full resolution, its own finest texture stands for that of twice the size.

    Args:
        generator: learns. network: the loss network. recipe: levels, forms and weights. It must be a Wasserstein loss.
        paintings: (N, 3, s, s) in [0, 1], from which principal directions are found.
    """

    def __init__(
        self, generator: StyleGenerator, network: LossNetwork, recipe: TrainingPreset, paintings: Sequence[Tensor]
    ) -> None:
        self.generator, self.network, self.recipe = generator, network, recipe
        self._content_form = content_form(recipe.content_loss)
        self.weights: dict[Place, float] = {
            (level.reduction, layer): weight for level in recipe.levels for layer, weight in level.style_layers.items()
        }
        self._bases = self._find_bases(paintings)

    # --- paintings ---

    @torch.no_grad()
    def _find_bases(self, paintings: Sequence[Tensor]) -> dict[Place, Tensor]:
        """(C, directions) for each place."""
        sums = dict[Place, Statistics]()
        for painting in paintings:
            for place, found in self._statistics_of(painting[None]).items():
                # Each painting counts by its own energy, as in the loss.
                energy = found.second_moment.diagonal(dim1=1, dim2=2).sum()
                one = Statistics(found.pixels, found.total / energy.sqrt(), found.outer / energy)
                sums[place] = sums[place] + one if place in sums else one
        bases = {}
        for place, total in sums.items():
            _, vectors = torch.linalg.eigh(total.second_moment[0].double().cpu())
            bases[place] = vectors.flip(1)[:, :PRINCIPAL_DIRECTIONS].to(total.outer)
        return bases

    def _statistics_of(self, paintings: Tensor) -> dict[Place, Statistics]:
        found = dict[Place, Statistics]()
        by_size = dict[int, list[Place]]()
        for reduction, layer in self.weights:
            by_size.setdefault(max(1, reduction // 2), []).append((reduction, layer))
        for size, places in by_size.items():
            features = self.network(reduced(paintings, size), {layer for _, layer in places})
            found |= {place: feature_statistics(features[place[1]]) for place in places}
        return found

    # --- the loss ---

    def __call__(self, batch: Batch) -> tuple[Tensor, BatchLosses]:
        """See `step.Objective`."""
        assert batch.paintings is not None
        with torch.no_grad():
            targets = self._statistics_of(batch.paintings)
            features = self.network(batch.paintings, SEEN)
        mixed = self.network.dtype != torch.float32
        with torch.autocast(batch.photos.device.type, self.network.dtype, enabled=mixed, cache_enabled=False):
            painted = self.generator(batch.photos, batch.strength, features).float()
        spare = self.generator.template.spare
        painted, photos = seen(painted, batch.offset, spare), seen(batch.photos, batch.offset, spare)
        losses = self.losses(painted, photos, targets, batch.strength**3)
        return losses.total + self.recipe.weave_weight * weave(painted), losses

    def losses(
        self, painted: Tensor, photos: Tensor, targets: dict[Place, Statistics], share: Tensor | None = None
    ) -> BatchLosses:
        """Of (B, 3, H, W) stylized images. targets: of their paintings. share: (B,) factors of style and TV."""
        recipe = self.recipe
        zeros = painted.new_zeros(len(painted), dtype=torch.float32)
        far, off = zeros, zeros
        pairs = dict[Place, tuple[Statistics, Statistics]]()
        for level in recipe.levels:
            features = self.network(
                reduced(painted, level.reduction), list(chain(level.content_layers, level.style_layers))
            )
            if level.content_layers:
                with torch.no_grad():
                    wanted = self.network(reduced(photos, level.reduction), list(level.content_layers))
                for layer, weight in level.content_layers.items():
                    far = far + weight * self._content_form(content_distance(features[layer], wanted[layer]))
            for layer in level.style_layers:
                place = level.reduction, layer
                pairs[place] = feature_statistics(features[layer]), targets[place]
        for place, distance in zip(pairs, self._distances(pairs), strict=True):
            off = off + self.weights[place] * distance
        rough = total_variations(painted)
        factor = zeros + 1 if share is None else share
        total = recipe.content_weight * far + factor * (recipe.style_weight * off + recipe.tv_weight * rough)
        return BatchLosses(far.mean(), off.mean(), rough.mean(), total.mean())

    def _distances(self, pairs: dict[Place, tuple[Statistics, Statistics]]) -> list[Tensor]:
        """Squared Wasserstein-2 distances between Gaussians, relative to the targets' energies, (B,) for each place.

        What lies outside the base counts as one isotropic Gaussian.
        """
        products, scales, separate, energies = [], [], [], []
        for place, (generated, target) in pairs.items():
            base = self._bases[place]
            inside, whole = _covariance_in(base, generated)
            with torch.no_grad():
                wanted, wanted_whole = _covariance_in(base, target)
                energies.append(target.second_moment.diagonal(dim1=1, dim2=2).sum(1).clamp_min(1e-6))
                root = square_root(wanted, energies[-1])
            product = root @ inside @ root
            products.append((product + product.transpose(1, 2)) / 2)
            scales.append(wanted.diagonal(dim1=1, dim2=2).amax(1) * energies[-1])
            means = (generated.mean - target.mean).square().sum(1)
            rest, wanted_rest = (
                (total - part.diagonal(dim1=1, dim2=2).sum(1)).clamp_min(0)
                for total, part in ((whole, inside), (wanted_whole, wanted))
            )
            separate.append(means + whole + wanted_whole - 2 * (rest * wanted_rest + 1e-12).sqrt())
        overlaps = traces_of_roots(products, scales)
        return [
            (one - 2 * overlap) / energy
            for one, overlap, energy in zip(separate, overlaps, energies, strict=True)
        ]


def _covariance_in(base: Tensor, statistics: Statistics) -> tuple[Tensor, Tensor]:
    """A covariance in a base's directions, (B, D, D), and its whole trace, (B,)."""
    mean = statistics.mean @ base
    inside = base.T @ statistics.second_moment @ base - mean[:, :, None] * mean[:, None, :]
    energy = statistics.second_moment.diagonal(dim1=1, dim2=2).sum(1)
    return inside, energy - statistics.mean.square().sum(1)


def recolored(paintings: Tensor, random: np.random.Generator) -> Tensor:
    """(B, 3, h, w) paintings in other colours: hue turned, colourfulness and contrast changed, each at random.

    A few thousand paintings show few of the colours that there may be.
    """
    matrices = np.stack([_recoloring(random) for _ in range(len(paintings))]).astype(np.float32)
    given = torch.from_numpy(matrices).to(paintings.device, non_blocking=True)
    changed = torch.einsum("bij,bjhw->bihw", given[..., :3], paintings) + given[..., 3][..., None, None]
    return changed.clamp(0, 1)


def _recoloring(random: np.random.Generator) -> NDArray[np.float64]:
    """(3, 4), a matrix and a shift; for every other painting, none."""
    if random.random() < 0.5:
        return np.eye(3, 4)
    gray = np.full((3, 3), 1 / 3)
    angle = random.uniform(-np.pi, np.pi)
    around = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)  # the turn around the grey axis, Rodrigues
    turn = gray + np.cos(angle) * (np.eye(3) - gray) + np.sin(angle) * around
    colorfulness, contrast = random.uniform(0.4, 1.3), random.uniform(0.7, 1.2)
    matrix = contrast * (gray + colorfulness * (np.eye(3) - gray) @ turn)
    return np.hstack([matrix, np.full((3, 1), (1 - contrast) / 2)])
