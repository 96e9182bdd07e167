"""What a style generator learns from: photographs, each beside a painting of its own.

The perceptual loss is that of one painting (`perceptual`), with a target for each image of a batch. Wasserstein losses
want the root of a target's covariance. It is taken in the first principal directions of all paintings together,
found once, instead of each painting's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..networks.generator import SEEN, Observed, StyleGenerator, observed
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


class Target(NamedTuple):
    """What a style loss compares pictures with: a Gaussian of features in a base, and what lies outside it.

    mean: (B, C). root: (B, D, D), of the covariance in the base. spread: (B,), the trace of the whole covariance; rest:
    (B,), of what lies outside. energy: (B,), of the features. scale: (B,), the largest variance in the base.
    """

    mean: Tensor
    root: Tensor
    spread: Tensor
    rest: Tensor
    energy: Tensor
    scale: Tensor


class Known(NamedTuple):
    """All that is found of paintings, once: (B, …) each."""

    observed: Observed
    targets: dict[Place, Target]

    def tensors(self) -> list[Tensor]:
        """In an order that is always the same."""
        return [*self.observed, *chain.from_iterable(self.targets.values())]

    def chosen(self, places: Tensor) -> Known:
        """Those at some places."""
        targets = {at: Target(*(value[places] for value in target)) for at, target in self.targets.items()}
        return Known(Observed(*(value[places] for value in self.observed)), targets)


class AnyPainting:
    """The objective of a batch, for `step.Learner`.

    A painting of the batch, `generator.PAINTING_SIDE` px a side, counts as half of the size whose strokes are learned:
    many have to fit. Where the loss sees full resolution, its own finest texture stands for that of twice the size.

    To look at a painting costs as much as to learn from a photograph. So some are kept for a while: each batch brings a
    few new ones, which take the places of others, and paints after any of those that are kept.

    Args:
        generator: learns. network: the loss network. recipe: levels, forms and weights. It must be a Wasserstein loss.
        paintings: (N, 3, s, s) in [0, 1], from which principal directions and the scales of what is seen are found. The
            first `kept` of them are kept at first.
        kept: how many paintings are kept.
    """

    def __init__(
        self, generator: StyleGenerator, network: LossNetwork, recipe: TrainingPreset, paintings: Sequence[Tensor],
        kept: int,
    ) -> None:  # fmt: skip
        self.generator, self.network, self.recipe = generator, network, recipe
        self._content_form = content_form(recipe.content_loss)
        self.weights: dict[Place, float] = {
            (level.reduction, layer): weight for level in recipe.levels for layer, weight in level.style_layers.items()
        }
        found = [self._look(painting[None]) for painting in paintings]
        generator.encoder.learn_scale(torch.cat([seen.statistics for seen, _ in found]))
        self._bases = self._find_bases([statistics for _, statistics in found])
        self.kept = _together([self._known(*one) for one in found[:kept]])

    # --- paintings ---

    @torch.no_grad()
    def know(self, paintings: Tensor) -> Known:
        """What there is to know of (B, 3, s, s) paintings."""
        return self._known(*self._look(paintings))

    @torch.no_grad()
    def _known(self, seen: Observed, statistics: dict[Place, Statistics]) -> Known:
        return Known(seen, {place: _target(self._bases[place], one) for place, one in statistics.items()})

    @torch.no_grad()
    def _look(self, paintings: Tensor) -> tuple[Observed, dict[Place, Statistics]]:
        found = dict[Place, Statistics]()
        by_size: dict[int, list[Place]] = {1: []}
        for reduction, layer in self.weights:
            by_size.setdefault(max(1, reduction // 2), []).append((reduction, layer))
        for size, places in by_size.items():
            layers = dict.fromkeys([layer for _, layer in places] + [*SEEN] * (size == 1))
            features = self.network(reduced(paintings, size), list(layers))
            found |= {place: feature_statistics(features[place[1]]) for place in places}
            if size == 1:
                seen = observed(features)
        return seen, {place: found[place] for place in self.weights}

    def _find_bases(self, paintings: Sequence[dict[Place, Statistics]]) -> dict[Place, Tensor]:
        """(C, directions) for each place: the first principal directions of all paintings together."""
        bases = {}
        for place in self.weights:
            total: Any = 0
            for painting in paintings:
                outer = painting[place].second_moment[0].double().cpu()
                total = total + outer / outer.trace()  # each painting counts by its own energy, as in the loss
            _, vectors = torch.linalg.eigh(total)
            bases[place] = vectors.flip(1)[:, :PRINCIPAL_DIRECTIONS].to(paintings[0][place].outer)
        return bases

    # --- the loss ---

    def __call__(self, batch: Batch) -> tuple[Tensor, BatchLosses]:
        """See `step.Objective`."""
        assert batch.paintings is not None
        assert batch.places is not None
        assert batch.chosen is not None
        for ours, new in zip(self.kept.tensors(), self.know(batch.paintings).tensors(), strict=True):
            ours.index_copy_(0, batch.places, new)
        known = self.kept.chosen(batch.chosen)
        painted = self.paint(self.generator, batch.photos, batch.strength, known.observed)
        spare = self.generator.template.spare
        painted, photos = seen(painted, batch.offset, spare), seen(batch.photos, batch.offset, spare)
        losses = self.losses(painted, photos, known.targets, batch.strength**3)
        return losses.total + self.recipe.weave_weight * weave(painted), losses

    def paint(self, generator: StyleGenerator, photos: Tensor, strength: Tensor, paintings: Observed) -> Tensor:
        """Stylized images in float32, whatever the convolutions are in."""
        dtype = self.network.dtype
        with torch.autocast(photos.device.type, dtype, enabled=dtype != torch.float32, cache_enabled=False):
            painted: Tensor = generator(photos, strength, paintings)
        return painted.float()

    def losses(
        self, painted: Tensor, photos: Tensor, targets: dict[Place, Target], share: Tensor | None = None
    ) -> BatchLosses:
        """Of (B, 3, H, W) stylized images. targets: of their paintings. share: (B,) factors of style and TV."""
        recipe = self.recipe
        zeros = painted.new_zeros(len(painted), dtype=torch.float32)
        far, off = zeros, zeros
        generated = dict[Place, Statistics]()
        for level in recipe.levels:
            features = self.network(
                reduced(painted, level.reduction), list(chain(level.content_layers, level.style_layers))
            )
            if level.content_layers:
                with torch.no_grad():
                    wanted = self.network(reduced(photos, level.reduction), list(level.content_layers))
                for layer, weight in level.content_layers.items():
                    far = far + weight * self._content_form(content_distance(features[layer], wanted[layer]))
            generated |= {(level.reduction, one): feature_statistics(features[one]) for one in level.style_layers}
        for place, distance in zip(generated, self._distances(generated, targets), strict=True):
            off = off + self.weights[place] * distance
        rough = total_variations(painted)
        factor = zeros + 1 if share is None else share
        total = recipe.content_weight * far + factor * (recipe.style_weight * off + recipe.tv_weight * rough)
        return BatchLosses(far.mean(), off.mean(), rough.mean(), total.mean())

    def _distances(self, generated: dict[Place, Statistics], targets: dict[Place, Target]) -> list[Tensor]:
        """Squared Wasserstein-2 distances between Gaussians, relative to the targets' energies, (B,) for each place.

        What lies outside the base counts as one isotropic Gaussian.
        """
        products, separate = [], []
        for place, ours in generated.items():
            wanted = targets[place]
            inside, spread = _covariance_in(self._bases[place], ours)
            product = wanted.root @ inside @ wanted.root
            products.append((product + product.transpose(1, 2)) / 2)
            means = (ours.mean - wanted.mean).square().sum(1)
            rest = (spread - inside.diagonal(dim1=1, dim2=2).sum(1)).clamp_min(0)
            separate.append(means + spread + wanted.spread - 2 * (rest * wanted.rest + 1e-12).sqrt())
        energies = [targets[place].energy for place in generated]
        scales = [targets[place].scale * targets[place].energy for place in generated]
        overlaps = traces_of_roots(products, scales)
        return [
            (one - 2 * overlap) / energy for one, overlap, energy in zip(separate, overlaps, energies, strict=True)
        ]


def _together(paintings: Sequence[Known]) -> Known:
    """Of one painting each, as one."""
    targets = {
        place: Target(*map(torch.cat, zip(*(known.targets[place] for known in paintings), strict=True)))
        for place in paintings[0].targets
    }
    return Known(Observed(*map(torch.cat, zip(*(known.observed for known in paintings), strict=True))), targets)


def _target(base: Tensor, statistics: Statistics) -> Target:
    inside, spread = _covariance_in(base, statistics)
    energy = statistics.second_moment.diagonal(dim1=1, dim2=2).sum(1).clamp_min(1e-6)
    diagonal = inside.diagonal(dim1=1, dim2=2)
    rest = (spread - diagonal.sum(1)).clamp_min(0)
    return Target(statistics.mean, square_root(inside, energy), spread, rest, energy, diagonal.amax(1))


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
