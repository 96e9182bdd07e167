"""The recipes as they were published, and how iterations are shared out over sizes."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.errors import ImpastoError
from impasto.optimizing.presets import INITS, OPTIMIZERS, PRESETS, Preset, Stage, get_preset, schedule
from impasto.perception.loss_network import PADDINGS, POOLINGS, layer_names
from impasto.perception.losses import CONTENT_FORMS, STYLE_FORMS
from impasto.perception.weights import LOSS_NETWORKS

quick = settings(max_examples=100, database=None)
FIRSTS = {f"relu{block}_1": 0.2 for block in range(1, 6)}
TABLE = Preset(source="a test", scales=((100, 50), (200, 30), (400, 20)))


# --- as published ------------------------------------------------------------------------------------------


def test_gatys2015() -> None:
    """Section 'Methods': conv4_2 for content, five layers of 1/5 for style, α/β = 1e-3, average pooling, L-BFGS."""
    preset = get_preset("gatys2015")
    assert preset.loss_network == "vgg19"
    assert preset.pooling == "average"
    assert preset.padding == "zeros"
    assert preset.content_layers == {"relu4_2": 1.0}
    assert preset.style_layers == FIRSTS
    assert (preset.content_loss, preset.style_loss) == ("gatys", "gram-gatys")
    assert preset.content_weight / preset.style_weight == pytest.approx(1e-3)
    assert preset.tv_weight == 0
    assert preset.optimizer == "lbfgs"
    assert preset.pixel_range == 255
    assert preset.init == "noise"
    assert (preset.averaging, preset.clamp, preset.scales) == (0, False, ())


def test_coursera() -> None:
    """The exercise: α = 10, β = 40, Adam with rate 2 (TensorFlow's betas), noise ratio 0.6 of ±20, 200 iterations."""
    preset = get_preset("coursera")
    assert preset.loss_network == "vgg19"
    assert preset.pooling == "average"
    assert preset.content_layers == {"relu4_2": 1.0}
    assert preset.style_layers == FIRSTS
    assert (preset.content_loss, preset.style_loss) == ("coursera", "gram-gatys")
    assert (preset.content_weight, preset.style_weight, preset.tv_weight) == (10, 40, 0)
    assert (preset.optimizer, preset.learning_rate, preset.betas) == ("adam", 2.0, (0.9, 0.999))
    assert preset.pixel_range == 255
    assert (preset.init, preset.noise_share) == ("blend", 0.6)
    assert preset.noise_amplitude == pytest.approx(20 / 255)
    assert (preset.iterations, preset.save_every) == (200, 20)
    assert (preset.averaging, preset.scales) == (0, ())


def test_fastai() -> None:
    """The lesson: VGG-16, the last layer of each block, content MSE × 1e6, Gram matrices × 1e6 / (C·H·W)."""
    preset = get_preset("fastai")
    assert (preset.loss_network, preset.pooling) == ("vgg16", "max")
    assert preset.content_layers == {"relu4_3": 1.0}
    assert preset.style_layers == dict.fromkeys(("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"), 1.0)
    assert (preset.content_loss, preset.style_loss) == ("johnson", "gram-mse")
    assert (preset.content_weight, preset.style_weight, preset.tv_weight) == (1e6, 1e12, 0)
    assert (preset.optimizer, preset.init, preset.iterations) == ("lbfgs", "noise", 1000)
    assert (preset.averaging, preset.scales) == (0, ())


def test_vgg16() -> None:
    preset = get_preset("vgg16")
    assert (preset.loss_network, preset.pooling, preset.padding) == ("vgg16", "max", "zeros")
    assert preset.content_layers == {"relu4_2": 1.0}
    assert preset.style_layers == dict.fromkeys(("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"), 0.2)
    assert (preset.content_loss, preset.style_loss) == ("euclidean", "gram-euclidean")
    assert (preset.content_weight, preset.style_weight, preset.tv_weight) == (1, 1e3, 0)
    assert (preset.optimizer, preset.learning_rate, preset.pixel_range) == ("lbfgs", 1.0, 255)
    assert (preset.init, preset.iterations, preset.scales) == ("noise", 500, ())


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_names_things_that_exist(name: str) -> None:
    preset = PRESETS[name]
    known = layer_names(LOSS_NETWORKS[preset.loss_network].architecture)
    assert set(preset.content_layers) | set(preset.style_layers) <= set(known)
    assert preset.content_loss in CONTENT_FORMS
    assert preset.style_loss in STYLE_FORMS
    assert preset.pooling in POOLINGS
    assert preset.padding in PADDINGS
    assert preset.optimizer in OPTIMIZERS
    assert preset.init in INITS
    assert preset.precision in ("auto", "float32", "bfloat16")
    assert preset.source
    assert preset.iterations > 0 or preset.scales
    assert 0 <= preset.averaging < 1
    assert list(preset.scales) == sorted(set(preset.scales))


@pytest.mark.parametrize("name", ["gatys2015", "coursera", "fastai", "vgg16"])
def test_published_recipes_run_in_full_precision_at_one_size(name: str) -> None:
    preset = get_preset(name)
    assert preset.precision == "float32"
    assert schedule(preset, 512) == [Stage(512, preset.iterations)]


def test_default_preset_is_the_defaults_of_the_class() -> None:
    default, bare = get_preset("default"), Preset(source="")
    others = [f.name for f in fields(Preset) if f.name not in ("source", "scales", "iterations")]
    assert {name: getattr(default, name) for name in others} == {name: getattr(bare, name) for name in others}


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ImpastoError, match="unknown preset 'gatys2016': did you mean gatys2015"):
        get_preset("gatys2016")


# --- schedule ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("long_side", "expected"),
    [
        (64, [Stage(64, 50)]),
        (100, [Stage(100, 50)]),
        (119, [Stage(119, 50)]),
        (150, [Stage(100, 50), Stage(150, 30)]),
        (210, [Stage(100, 50), Stage(210, 30)]),
        (400, [Stage(100, 50), Stage(200, 30), Stage(400, 20)]),
        (3000, [Stage(100, 50), Stage(200, 30), Stage(400, 20), Stage(3000, 20)]),
    ],
)
def test_schedule_follows_the_table(long_side: int, expected: list[Stage]) -> None:
    assert schedule(TABLE, long_side) == expected


@pytest.mark.parametrize("name", PRESETS)
@quick
@given(long_side=st.integers(16, 16384), iterations=st.integers(1, 3000))
def test_schedule_sums_to_the_iterations_asked(name: str, long_side: int, iterations: int) -> None:
    stages = schedule(get_preset(name), long_side, iterations)
    assert sum(stage.iterations for stage in stages) == iterations
    assert all(stage.iterations > 0 for stage in stages)


@quick
@given(long_side=st.integers(16, 16384), iterations=st.none() | st.integers(1, 3000))
def test_stages_grow_clearly_up_to_the_size_asked(long_side: int, iterations: int | None) -> None:
    stages = schedule(get_preset("default"), long_side, iterations)
    assert stages[-1].long_side == long_side
    assert all(b.long_side > 1.2 * a.long_side for a, b in pairwise(stages))


def test_iterations_are_shared_out_in_proportion() -> None:
    assert schedule(TABLE, 400, 1000) == [Stage(100, 500), Stage(200, 300), Stage(400, 200)]
    assert schedule(TABLE, 400, 10) == [Stage(100, 5), Stage(200, 3), Stage(400, 2)]


def test_too_few_iterations_go_to_the_result() -> None:
    assert schedule(TABLE, 400, 1) == [Stage(400, 1)]


def test_iterations_asked_for_override_a_preset_of_one_size() -> None:
    assert schedule(replace(TABLE, scales=(), iterations=200), 512, 7) == [Stage(512, 7)]


@pytest.mark.parametrize("iterations", [0, -3])
def test_no_iterations_are_refused(iterations: int) -> None:
    with pytest.raises(ImpastoError, match=f"iterations must be at least 1, not {iterations}"):
        schedule(TABLE, 400, iterations)
