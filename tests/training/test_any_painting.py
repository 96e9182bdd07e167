"""The loss of many paintings against that of one, and colours that change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from impasto.networks.generator import StyleGenerator
from impasto.networks.hourglass import HourglassNetwork
from impasto.perception.loss_network import CAFFE, LossNetwork, Weights, conv_names
from impasto.training import TRAINING_PRESETS
from impasto.training.any_painting import AnyPainting, recolored
from impasto.training.perceptual import PerceptualLoss
from impasto.training.presets import Level
from impasto.training.step import Batch, seen

RECIPE = replace(
    TRAINING_PRESETS["default"], levels=(Level(2, {"relu1_2": 0.6, "relu2_2": 0.4}, {"relu2_2": 1.0}),),
    style_loss="wasserstein", tv_weight=1.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    return narrow(torch.float64)


def narrow(dtype: torch.dtype) -> LossNetwork:
    """VGG-19 with few channels and random weights."""
    generator = torch.Generator().manual_seed(0)
    layers, before = {}, 3
    for name in conv_names("vgg19"):
        width = 4 + int(name[4])
        weight = torch.randn(width, before, 3, 3, generator=generator) * (2 / (9 * before)) ** 0.5
        layers[name] = (weight, torch.randn(width, generator=generator))
        before = width
    return LossNetwork(Weights("vgg19", layers, CAFFE, "random"), "average", dtype=dtype)


def pictures(seed: int, count: int, side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, side, side, generator=generator, dtype=torch.float64)


def made() -> StyleGenerator:
    torch.manual_seed(0)
    return StyleGenerator(HourglassNetwork(4, 8, 8, 8), 4, (5, 6, 7))


def test_it_is_the_loss_of_each_painting(network: LossNetwork) -> None:
    """At half the resolution, where a painting of the batch is taken as it is."""
    paintings, painted, photos = pictures(1, 2, 32), pictures(2, 2, 48), pictures(3, 2, 48)
    objective = AnyPainting(made(), network, RECIPE, list(paintings), kept=2)
    found = objective.losses(painted, photos, objective.know(paintings).targets, torch.tensor([1.0, 0.3]))
    each = []
    for index in range(2):
        twice = paintings[index : index + 1].repeat_interleave(2, 2).repeat_interleave(2, 3)
        loss = PerceptualLoss(network, RECIPE, twice)
        photo = photos[index : index + 1]
        share = torch.tensor([(1.0, 0.3)[index]])
        each.append([value.item() for value in loss(painted[index : index + 1], loss.content_features(photo), share)])
    assert [value.item() for value in found] == pytest.approx(np.mean(each, 0).tolist(), rel=1e-3)


def test_a_batch_is_painted_after_the_paintings_that_are_kept() -> None:
    first, fresh, photos = (pictures(*given).float() for given in ((5, 3, 64), (6, 1, 64), (7, 2, 64)))
    objective = AnyPainting(made(), narrow(torch.float32), RECIPE, list(first), kept=3)
    before = [value.clone() for value in objective.kept.tensors()]
    places, chosen = torch.tensor([1]), torch.tensor([1, 2])
    batch = Batch(photos, torch.ones(2), torch.zeros(2, dtype=torch.long), fresh, places, chosen)
    total, losses = objective(batch)
    assert torch.isfinite(total)
    assert [value.dtype for value in losses] == [torch.float32] * 4
    for old, kept, new in zip(before, objective.kept.tensors(), objective.know(fresh).tensors(), strict=True):
        assert torch.equal(kept[[0, 2]], old[[0, 2]])
        assert torch.equal(kept[1], new[0])
    known = objective.kept.chosen(chosen)
    spare = objective.generator.template.spare
    painted = seen(objective.generator(photos, torch.ones(2), known.observed), batch.offset, spare)
    alone = objective.losses(painted, seen(photos, batch.offset, spare), known.targets)
    assert alone.total.item() == pytest.approx(losses.total.item(), rel=1e-5)


def test_colours_change_and_stay_colours() -> None:
    paintings = pictures(4, 40, 8).float()
    changed = recolored(paintings, np.random.default_rng(0))
    assert torch.equal(changed, recolored(paintings, np.random.default_rng(0)))
    assert 0 <= changed.min() <= changed.max() <= 1
    same = [torch.allclose(one, other, atol=1e-6) for one, other in zip(changed, paintings, strict=True)]
    assert 8 < sum(same) < 32
    gray = torch.full((40, 3, 4, 4), 0.5)
    torch.testing.assert_close(recolored(gray, np.random.default_rng(1)), gray, rtol=0, atol=1e-5)
