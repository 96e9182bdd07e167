"""The objective and its gradient: tiles, masks, several styles, strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.images.tiling import windows
from impasto.optimizing.objective import Objective, StyleImage
from impasto.perception.loss_network import LossNetwork
from impasto.perception.losses import CONTENT_FORMS, STYLE_FORMS, content_loss, style_loss, total_variation
from impasto.perception.terms import Terms
from impasto.perception.weights import load_weights

TO_RELU3 = Terms(
    content_layers={"relu2_2": 1.0},
    style_layers={"relu1_1": 0.5, "relu2_1": 0.3, "relu3_1": 0.2},
    content_loss="relative", style_loss="gram", content_weight=0.5, style_weight=2.0, tv_weight=1.5,
)  # fmt: skip
SHALLOW = replace(TO_RELU3, content_layers={"relu1_2": 1.0}, style_layers={"relu1_1": 0.6, "relu2_1": 0.4})


@cache
def network(dtype: torch.dtype = torch.float32) -> LossNetwork:
    return LossNetwork(load_weights("vgg19"), pooling="average", padding="replicate", dtype=dtype)


def smooth(height: int, width: int, seed: int) -> Tensor:
    """A random picture with large forms and some grain, (1, 3, H, W) float64."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 5, 6, generator=generator, dtype=torch.float64)
    forms = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    grain = 0.1 * torch.rand(1, 3, height, width, generator=generator, dtype=torch.float64)
    return (forms + grain).clamp(0, 1)


def objective(
    terms: Terms,
    content: Tensor,
    styles: Sequence[StyleImage],
    tile: int | None = None,
    halo: int = 0,
    offset: tuple[int, int] = (0, 0),
    dtype: torch.dtype = torch.float64,
) -> Objective:
    sizes = [(image.shape[2], image.shape[3]) for image in [content, *(style.image for style in styles)]]
    cut = [windows(height, width, tile, halo, offset) for height, width in sizes]
    return Objective(network(dtype), terms, content, styles, cut[0], cut[1:])


def relative_error(value: Tensor, expected: Tensor) -> float:
    return float((value.double() - expected.double()).norm() / expected.double().norm())


# --- the sum of its terms ----------------------------------------------------------------------------------


@pytest.mark.parametrize("style_form", STYLE_FORMS)
def test_losses_are_those_of_the_feature_maps(style_form: str) -> None:
    content, style, image = smooth(35, 41, 0), StyleImage(smooth(30, 50, 1)), smooth(35, 41, 2)
    terms = replace(TO_RELU3, style_loss=style_form)
    losses = objective(terms, content, [style]).losses(image)
    layers = ["relu1_1", "relu2_1", "relu2_2", "relu3_1"]
    of_image, of_content, of_style = (network(torch.float64)(x, layers) for x in (image, content, style.image))
    expected_content = content_loss(of_image["relu2_2"], of_content["relu2_2"]).item()
    expected_style = sum(
        weight * style_loss(of_image[layer], of_style[layer], style_form).item()
        for layer, weight in terms.style_layers.items()
    )
    assert losses.content == pytest.approx(expected_content)
    assert losses.style == pytest.approx(expected_style)
    assert losses.tv == pytest.approx(total_variation(image).item())
    assert losses.total == pytest.approx(0.5 * expected_content + 2 * expected_style + 1.5 * losses.tv)


def test_content_layers_are_weighed() -> None:
    content, style, image = smooth(32, 32, 0), StyleImage(smooth(32, 32, 1)), smooth(32, 32, 2)
    each = [
        objective(replace(SHALLOW, content_layers={layer: 1.0}), content, [style]).losses(image).content
        for layer in ("relu1_2", "conv2_1")
    ]
    both = objective(replace(SHALLOW, content_layers={"relu1_2": 2.0, "conv2_1": 0.5}), content, [style])
    assert both.losses(image).content == pytest.approx(2 * each[0] + 0.5 * each[1])


def test_at_the_content_image_its_loss_is_zero_and_at_the_painting_the_style_loss() -> None:
    content, style = smooth(33, 40, 0), StyleImage(smooth(33, 40, 1))
    o = objective(TO_RELU3, content, [style])
    assert o.losses(content).content == 0
    assert o.losses(content).style > 1e-3
    assert o.losses(style.image).style == pytest.approx(0, abs=1e-20)
    assert o.losses(style.image).content > 1e-3


def test_gradient_returns_the_losses_and_leaves_the_image_alone() -> None:
    content, style, image = smooth(64, 70, 0), StyleImage(smooth(40, 50, 1)), smooth(64, 70, 2)
    before = image.clone()
    for tile in (None, 32):
        o = objective(SHALLOW, content, [style], tile, halo=32)
        losses, gradient = o.gradient(image)
        assert losses.total == pytest.approx(o.losses(image).total)
        assert gradient.shape == image.shape
        assert torch.equal(image, before)
        assert not image.requires_grad


@pytest.mark.parametrize("form", CONTENT_FORMS)
@pytest.mark.parametrize("tile", [None, 32])
def test_gradient_is_that_of_finite_differences(form: str, tile: int | None) -> None:
    content, style, image = smooth(48, 70, 0), StyleImage(smooth(40, 50, 1)), smooth(48, 70, 2)
    terms = replace(SHALLOW, content_loss=form, content_weight=0.5 if form == "relative" else 1e-6)
    o = objective(terms, content, [style], tile, halo=32)
    _, gradient = o.gradient(image)
    direction = torch.randn(image.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    step = 1e-6
    slope = (o.losses(image + step * direction).total - o.losses(image - step * direction).total) / (2 * step)
    assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-4)


def test_content_alone_and_style_alone() -> None:
    content, style, image = smooth(64, 64, 0), StyleImage(smooth(64, 64, 1)), smooth(64, 64, 2)
    for tile in (None, 32):
        only_content = objective(replace(SHALLOW, style_weight=0, tv_weight=0), content, [style], tile, halo=32)
        losses, gradient = only_content.gradient(image)
        assert losses.total == pytest.approx(0.5 * losses.content)
        assert gradient.abs().max() > 0
        no_content = objective(replace(SHALLOW, content_layers={}), content, [style], tile, halo=32)
        losses, gradient = no_content.gradient(image)
        assert losses.content == 0
        assert gradient.abs().max() > 0


def test_unknown_layers_and_forms_are_refused_at_once() -> None:
    content, style = smooth(32, 32, 0), StyleImage(smooth(32, 32, 1))
    for terms, message in (
        (replace(SHALLOW, style_layers={"relu9_1": 1.0}), "unknown layer of vgg19 'relu9_1'"),
        (replace(SHALLOW, content_layers={"relu9_1": 1.0}), "unknown layer of vgg19 'relu9_1'"),
        (replace(SHALLOW, style_loss="gramm"), "unknown style loss"),
        (replace(SHALLOW, content_loss="gramm"), "unknown content loss"),
    ):
        with pytest.raises(ImpastoError, match=message):
            objective(terms, content, [style])


# --- tiles -------------------------------------------------------------------------------------------------


def test_tiles_equal_the_whole_in_float32() -> None:
    """32 px are beyond the receptive field of relu3_1, so that nothing but rounding (2e-7) differs."""
    content, image = smooth(150, 201, 0).float(), smooth(150, 201, 2).float()
    style = StyleImage(smooth(130, 110, 1).float())
    whole = objective(TO_RELU3, content, [style], dtype=torch.float32)
    tiled = objective(TO_RELU3, content, [style], 64, 32, (32, 0), dtype=torch.float32)
    assert len(tiled.windows) == 9
    (losses, gradient), (tiled_losses, tiled_gradient) = whole.gradient(image), tiled.gradient(image)
    for name in ("content", "style", "tv", "total"):
        assert getattr(tiled_losses, name) == pytest.approx(getattr(losses, name), rel=1e-5)
    assert relative_error(tiled_gradient, gradient) < 1e-5


@pytest.mark.parametrize("form", ["gram", "mean-std", "wasserstein"])
def test_tiles_equal_the_whole_in_float64(form: str) -> None:
    """At every stride that divides nothing, with a mask and a region, in any style loss."""
    content, image = smooth(99, 141, 0), smooth(99, 141, 2)
    mask, region = torch.zeros(99, 141, dtype=torch.float64), torch.ones(90, 75, dtype=torch.float64)
    mask[:, 30:110], region[:20] = 1, 0.25
    styles = [StyleImage(smooth(90, 75, 1), 0.7), StyleImage(smooth(90, 75, 3), 0.3, mask, region)]
    terms = replace(SHALLOW, style_loss=form, strength=0.6)
    whole, tiled = objective(terms, content, styles), objective(terms, content, styles, 64, 32, (32, 32))
    assert len(tiled.windows) > 1
    (losses, gradient), (tiled_losses, tiled_gradient) = whole.gradient(image), tiled.gradient(image)
    assert tiled_losses.total == pytest.approx(losses.total, rel=1e-9)
    assert relative_error(tiled_gradient, gradient) < 1e-6


def test_cuts_may_move_from_one_iteration_to_the_next() -> None:
    content, style, image = smooth(96, 128, 0), StyleImage(smooth(90, 75, 1)), smooth(96, 128, 2)
    o = objective(SHALLOW, content, [style], 64, 32)
    losses, gradient = o.gradient(image)
    o.windows = windows(96, 128, 64, 32, (32, 32))
    moved_losses, moved_gradient = o.gradient(image)
    assert moved_losses.total == pytest.approx(losses.total, rel=1e-9)
    assert relative_error(moved_gradient, gradient) < 1e-9


def gradient_error(layers: dict[str, float], halo: int) -> float:
    terms = replace(TO_RELU3, content_layers={"relu2_1": 1.0}, style_layers=layers, tv_weight=0.0)
    content, style, image = smooth(160, 256, 0), StyleImage(smooth(128, 128, 1)), smooth(160, 256, 2)
    content, style, image = content.float(), StyleImage(style.image.float()), image.float()
    whole = objective(terms, content, [style], dtype=torch.float32)
    tiled = objective(terms, content, [style], 128, halo, dtype=torch.float32)
    tiled.style_windows = whole.style_windows
    assert len(tiled.windows) == 2
    return relative_error(tiled.gradient(image)[1], whole.gradient(image)[1])


def test_halo_of_64_is_beyond_the_receptive_field_of_relu4_1() -> None:
    assert gradient_error({"relu4_1": 1.0}, 64) < 1e-5


def test_halo_of_64_holds_most_of_the_receptive_field_of_relu5_1() -> None:
    """Of 85 px; 0.07 % was measured, and 30 % without a halo."""
    assert gradient_error({"relu5_1": 1.0}, 64) < 0.005
    assert gradient_error({"relu5_1": 1.0}, 0) > 0.1


# --- masks and regions -------------------------------------------------------------------------------------


def test_a_masked_style_sees_only_its_part_of_the_picture() -> None:
    """What is far from the mask, beyond the receptive field, changes neither the loss nor gets a gradient."""
    content, style, image = smooth(64, 96, 0), smooth(50, 60, 1), smooth(64, 96, 2)
    mask = torch.zeros(64, 96, dtype=torch.float64)
    mask[:, :32] = 1
    terms = replace(SHALLOW, content_weight=0, tv_weight=0)
    o = objective(terms, content, [StyleImage(style, mask=mask)])
    losses, gradient = o.gradient(image)
    assert gradient[..., :32].abs().max() > 0
    assert gradient[..., 48:].abs().max() == 0
    other = image.clone()
    other[..., 48:] = 0.5
    assert o.losses(other).style == pytest.approx(losses.style, rel=1e-12)
    unmasked = objective(terms, content, [StyleImage(style)])
    assert unmasked.losses(other).style != pytest.approx(unmasked.losses(image).style, rel=1e-3)


def test_a_region_of_the_painting_gives_its_own_style() -> None:
    """Two halves far apart: the style of one half only is the style of a picture of that half."""
    content, left, right = smooth(64, 64, 0), smooth(64, 64, 1), smooth(64, 64, 2)
    painting = torch.cat([left, right], dim=3)
    region = torch.zeros(64, 128, dtype=torch.float64)
    region[:, :48] = 1
    changed = painting.clone()
    changed[..., 64:] = 0
    one, other = (objective(SHALLOW, content, [StyleImage(p, region=region)]) for p in (painting, changed))
    assert one.losses(left).style == pytest.approx(other.losses(left).style, rel=1e-12)
    whole = objective(SHALLOW, content, [StyleImage(painting)]).losses(left).style
    assert one.losses(left).style < 0.5 * whole


def test_a_mask_of_ones_is_no_mask() -> None:
    content, style, image = smooth(37, 45, 0), smooth(50, 61, 1), smooth(37, 45, 2)
    ones = StyleImage(style, 1.0, torch.ones(37, 45, dtype=torch.float64), torch.ones(50, 61, dtype=torch.float64))
    plain, masked = (objective(TO_RELU3, content, [s]).gradient(image) for s in (StyleImage(style), ones))
    assert masked[0].total == pytest.approx(plain[0].total)
    assert relative_error(masked[1], plain[1]) < 1e-9


@pytest.mark.parametrize("white", [(slice(None), slice(46, 47)), (slice(0, 0), slice(None))])
def test_a_mask_that_no_position_of_a_layer_sees_gives_finite_losses(white: tuple[slice, slice]) -> None:
    """Pooling drops the last odd column, and a small mask may vanish at a coarse size."""
    content, image, mask = smooth(40, 47, 0), smooth(40, 47, 2), torch.zeros(40, 47, dtype=torch.float64)
    mask[white] = 1
    losses, gradient = objective(SHALLOW, content, [StyleImage(smooth(40, 40, 1), mask=mask)]).gradient(image)
    assert torch.isfinite(torch.tensor(losses.total))
    assert torch.isfinite(gradient).all()


def test_a_faint_mask_is_a_mask() -> None:
    """Statistics are per pixel of the mask: an even grey one weighs nothing differently."""
    content, style, image = smooth(32, 40, 0), smooth(50, 61, 1), smooth(32, 40, 2)
    faint = torch.full((32, 40), 0.3, dtype=torch.float64)
    losses = [objective(SHALLOW, content, [StyleImage(style, mask=m)]).losses(image).style for m in (None, faint)]
    assert losses[1] == pytest.approx(losses[0])


# --- several styles and strength ---------------------------------------------------------------------------


def test_styles_count_by_their_shares() -> None:
    content, image = smooth(40, 48, 0), smooth(40, 48, 4)
    paintings = [smooth(50, 40, seed) for seed in (1, 2, 3)]
    each = [objective(SHALLOW, content, [StyleImage(p)]).losses(image).style for p in paintings]
    shares = (0.5, 0.3, 0.2)
    together = [StyleImage(p, share) for p, share in zip(paintings, shares, strict=True)]
    expected = sum(share * loss for share, loss in zip(shares, each, strict=True))
    assert objective(SHALLOW, content, together).losses(image).style == pytest.approx(expected)


def test_styles_behind_different_masks_do_not_mix() -> None:
    content, image = smooth(64, 96, 0), smooth(64, 96, 4)
    left = torch.zeros(64, 96, dtype=torch.float64)
    left[:, :48] = 1
    parts = [StyleImage(smooth(50, 40, 1), 0.5, left), StyleImage(smooth(50, 40, 2), 0.5, 1 - left)]
    each = [objective(SHALLOW, content, [part]).losses(image).style for part in parts]
    both = objective(SHALLOW, content, parts)
    assert both.losses(image).style == pytest.approx(sum(each))
    shared = [parts[0], replace(parts[1], mask=left)]
    assert objective(SHALLOW, content, shared).losses(image).style != pytest.approx(sum(each), rel=1e-3)


@pytest.mark.parametrize("form", STYLE_FORMS)
@pytest.mark.parametrize("masked", [False, True])
def test_strength_zero_aims_at_the_photograph_itself(form: str, masked: bool) -> None:
    content = smooth(48, 64, 0)
    mask = torch.zeros(48, 64, dtype=torch.float64)
    mask[:, 16:] = 1
    style = StyleImage(smooth(50, 40, 1), mask=mask if masked else None)
    full = objective(replace(SHALLOW, style_loss=form), content, [style]).losses(content).style
    none = objective(replace(SHALLOW, style_loss=form, strength=0.0), content, [style]).losses(content).style
    assert none == pytest.approx(0, abs=0.02 * full)


def test_strength_moves_the_target_evenly() -> None:
    """In a loss that is a squared distance, the photograph is strength² as far from its target as at full strength."""
    content, style = smooth(40, 48, 0), StyleImage(smooth(50, 40, 1))
    losses = [
        objective(replace(SHALLOW, style_loss="gram-gatys", strength=s), content, [style]).losses(content).style
        for s in (0.25, 0.5, 1.0)
    ]
    assert losses[0] == pytest.approx(losses[2] / 16)
    assert losses[1] == pytest.approx(losses[2] / 4)
