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

RECIPE = replace(
    TRAINING_PRESETS["default"], levels=(Level(2, {"relu1_2": 0.6, "relu2_2": 0.4}, {"relu2_2": 1.0}),),
    style_loss="wasserstein", tv_weight=1.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    """VGG-19 with few channels and random weights, in float64."""
    generator = torch.Generator().manual_seed(0)
    layers, before = {}, 3
    for name in conv_names("vgg19"):
        width = 4 + int(name[4])
        weight = torch.randn(width, before, 3, 3, generator=generator) * (2 / (9 * before)) ** 0.5
        layers[name] = (weight, torch.randn(width, generator=generator))
        before = width
    return LossNetwork(Weights("vgg19", layers, CAFFE, "random"), "average", dtype=torch.float64)


def pictures(seed: int, count: int, side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, side, side, generator=generator, dtype=torch.float64)


def test_it_is_the_loss_of_each_painting(network: LossNetwork) -> None:
    """At half the resolution, where a painting of the batch is taken as it is."""
    paintings, painted, photos = pictures(1, 2, 32), pictures(2, 2, 48), pictures(3, 2, 48)
    objective = AnyPainting(StyleGenerator(HourglassNetwork(4, 8, 8, 8), 4), network, RECIPE, list(paintings))
    found = objective.losses(painted, photos, objective._statistics_of(paintings), torch.tensor([1.0, 0.3]))
    each = []
    for index in range(2):
        twice = paintings[index : index + 1].repeat_interleave(2, 2).repeat_interleave(2, 3)
        loss = PerceptualLoss(network, RECIPE, twice)
        photo = photos[index : index + 1]
        share = torch.tensor([(1.0, 0.3)[index]])
        each.append([value.item() for value in loss(painted[index : index + 1], loss.content_features(photo), share)])
    assert [value.item() for value in found] == pytest.approx(np.mean(each, 0).tolist(), rel=1e-3)


def test_colours_change_and_stay_colours() -> None:
    paintings = pictures(4, 40, 8).float()
    changed = recolored(paintings, np.random.default_rng(0))
    assert torch.equal(changed, recolored(paintings, np.random.default_rng(0)))
    assert 0 <= changed.min() <= changed.max() <= 1
    same = [torch.allclose(one, other, atol=1e-6) for one, other in zip(changed, paintings, strict=True)]
    assert 8 < sum(same) < 32
    gray = torch.full((40, 3, 4, 4), 0.5)
    torch.testing.assert_close(recolored(gray, np.random.default_rng(1)), gray, rtol=0, atol=1e-5)
