"""Recipes of training, and what changes while they run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import RECIPE

from impasto.errors import ImpastoError
from impasto.networks import NETWORKS
from impasto.perception.loss_network import PADDINGS, POOLINGS, layer_names
from impasto.perception.losses import CONTENT_FORMS, STYLE_FORMS
from impasto.perception.weights import LOSS_NETWORKS
from impasto.training import TRAINING_PRESETS, TrainingPreset
from impasto.training.presets import get_training_preset
from impasto.training.schedule import (
    crop_side,
    iterations_after,
    learning_rate,
    pixels_of_a_crop,
    progress_after,
    stability_weight,
)

PROGRESS = st.floats(0, 1)
PRESETS = st.sampled_from(list(TRAINING_PRESETS.values()))


def test_johnson2016_is_as_published() -> None:
    """Sections 3.2 and 4.1 of the paper; weights as in the authors' code, where the paper names none."""
    preset = get_training_preset("johnson2016")
    assert (preset.network, preset.loss_network) == ("johnson2016", "vgg16")
    (level,) = preset.levels
    assert level.reduction == 1
    assert level.style_layers == dict.fromkeys(["relu1_2", "relu2_2", "relu3_3", "relu4_3"], 1.0)
    assert level.content_layers == {"relu3_3": 1.0}
    assert (preset.iterations, preset.batch_size, preset.crops) == (40_000, 4, ((1.0, 256),))
    assert (preset.learning_rate, preset.betas, preset.schedule) == (1e-3, (0.9, 0.999), "constant")
    assert (preset.averaging, preset.weakened, preset.stability_weight) == (0, 0, 0)
    pixels = 3 * 256**2
    assert preset.tv_weight * (1 / 255) ** 2 / pixels == pytest.approx(preset.batch_size * 1e-6 / 2)


@pytest.mark.parametrize("name", TRAINING_PRESETS)
def test_all_names_in_a_preset_are_known(name: str) -> None:
    preset = get_training_preset(name)
    assert preset is TRAINING_PRESETS[name]
    assert preset.source
    assert preset.network in NETWORKS
    known = layer_names(LOSS_NETWORKS[preset.loss_network].architecture)
    for level in preset.levels:
        assert level.reduction >= 1
        assert set(level.content_layers) | set(level.style_layers) <= set(known)
    assert preset.content_loss in CONTENT_FORMS
    assert preset.style_loss in STYLE_FORMS
    assert preset.pooling in POOLINGS
    assert preset.padding in PADDINGS
    assert preset.schedule in ("cosine", "constant")
    assert sum(share for share, _ in preset.crops) == pytest.approx(1)
    assert preset.zoom >= 1
    assert 0 <= preset.averaging < 1
    assert 0 <= preset.weakened <= 1


def test_default_is_what_the_class_says() -> None:
    default = get_training_preset("default")
    assert default == TrainingPreset(source=default.source)


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ImpastoError, match="unknown preset 'jonson2016': did you mean johnson2016"):
        get_training_preset("jonson2016")
    with pytest.raises(ImpastoError, match="choose from default, johnson2016"):
        get_training_preset("qqq")


@given(PRESETS, PROGRESS, PROGRESS)
def test_crops_grow(preset: TrainingPreset, a: float, b: float) -> None:
    first, second = (crop_side(preset, progress) for progress in sorted((a, b)))
    assert first <= second
    assert {first, second} <= {side for _, side in preset.crops}


@given(PRESETS, PROGRESS)
def test_progress_counts_the_pixels_of_the_crops(preset: TrainingPreset, share: float) -> None:
    """Batch after batch, added up."""
    count = 4000
    sides = np.array([crop_side(preset, progress_after(preset, (i + 0.5) / count)) for i in range(count)], float)
    assert progress_after(preset, 0) == 0
    assert progress_after(preset, 1) == pytest.approx(1)
    done = int(share * count)
    assert progress_after(preset, done / count) == pytest.approx((sides[:done] ** 2).sum() / (sides**2).sum(), abs=2e-3)
    assert pixels_of_a_crop(preset) == pytest.approx((sides**2).mean(), rel=2e-3)
    assert iterations_after(preset, progress_after(preset, share)) == pytest.approx(share, abs=1e-9)


def test_crops_change_where_they_should() -> None:
    preset = replace(RECIPE, crops=((0.5, 128), (0.25, 192), (0.25, 256)))
    sides = [crop_side(preset, progress) for progress in (0, 0.49, 0.5, 0.74, 0.75, 1)]
    assert sides == [128, 128, 192, 192, 256, 256]


@given(PRESETS, PROGRESS)
def test_the_rate_is_positive_and_bounded(preset: TrainingPreset, progress: float) -> None:
    rate = learning_rate(preset, progress)
    assert 0 <= rate <= preset.learning_rate
    assert rate > 0 or progress > 0.999


@given(PROGRESS, PROGRESS)
def test_the_rate_rises_then_falls_to_nothing(a: float, b: float) -> None:
    preset = replace(RECIPE, schedule="cosine")
    early, late = sorted((a, b))
    if late <= 0.018:
        assert learning_rate(preset, early) <= learning_rate(preset, late)
    elif early >= 0.02:
        assert learning_rate(preset, early) >= learning_rate(preset, late)
    assert learning_rate(preset, 0) < 0.1 * preset.learning_rate
    assert learning_rate(preset, 0.02) == pytest.approx(preset.learning_rate)
    assert learning_rate(preset, 0.51) == pytest.approx(preset.learning_rate / 2)
    assert learning_rate(preset, 1) == pytest.approx(0, abs=1e-12)


@given(PROGRESS)
def test_a_constant_rate_is_constant(progress: float) -> None:
    assert learning_rate(replace(RECIPE, schedule="constant", learning_rate=0.25), progress) == 0.25


def test_stability_comes_in_by_and_by() -> None:
    recipe = replace(RECIPE, stability_weight=6.0, stability_ramp=(1 / 3, 2 / 3))
    found = [stability_weight(recipe, progress) for progress in (0, 0.3, 1 / 3, 0.5, 0.6, 2 / 3, 1)]
    assert found == pytest.approx([0, 0, 0, 3, 4.8, 6, 6])
    assert found[:3] == [0, 0, 0]
    at_once = replace(recipe, stability_ramp=(0.0, 0.0))
    assert [stability_weight(at_once, progress) for progress in (0, 1)] == [6, 6]
    assert stability_weight(replace(recipe, stability_weight=0.0), 0.9) == 0
