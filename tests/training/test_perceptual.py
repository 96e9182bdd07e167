"""The perceptual loss against plain float64 sums, and against the iterative method's objective."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.images import Picture
from impasto.images.tiling import windows
from impasto.optimizing.objective import Objective, StyleImage
from impasto.perception.loss_network import CAFFE, LossNetwork, Weights, conv_names
from impasto.perception.terms import Terms
from impasto.training import TRAINING_PRESETS, TrainingPreset
from impasto.training.perceptual import PerceptualLoss, perceptual_loss, weave
from impasto.training.presets import Level

LEVEL = Level(1, {"relu1_2": 0.6, "relu2_2": 0.4}, {"relu2_2": 0.7, "relu1_1": 0.3})
RECIPE = replace(
    TRAINING_PRESETS["default"], levels=(LEVEL,),
    content_loss="relative", style_loss="gram", content_weight=0.5, style_weight=2.0, tv_weight=1.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    """VGG-16 with few channels and random weights, in float64."""
    generator = torch.Generator().manual_seed(0)
    layers, before = {}, 3
    for name in conv_names("vgg16"):
        width = 4 + int(name[4])
        weight = torch.randn(width, before, 3, 3, generator=generator) * (2 / (9 * before)) ** 0.5
        layers[name] = (weight, torch.randn(width, generator=generator))
        before = width
    return LossNetwork(Weights("vgg16", layers, CAFFE, "random"), dtype=torch.float64)


def pictures(seed: int, count: int = 1, height: int = 24, width: int = 20) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, height, width, generator=generator, dtype=torch.float64)


def test_what_a_transparent_painting_hides_has_no_say(network: LossNetwork) -> None:
    recipe = replace(
        TRAINING_PRESETS["default"], levels=(Level(1, {"relu1_2": 1.0}, {"relu2_2": 1.0}),), painting_size=32
    )
    whole = np.random.default_rng(0).random((32, 32, 3)).astype(np.float32)
    hidden = whole.copy()
    hidden[:, 20:] = (1, 0, 1)
    alpha = np.ones((32, 32), np.float32)
    alpha[:, 16:] = 0  # more than a pixel's width between what counts and what differs
    photo = pictures(1, height=32, width=32)
    losses = [
        perceptual_loss(network, recipe, Picture(pixels, mask))(photo, [network(photo, ["relu2_2"])]).style.item()
        for pixels, mask in ((whole, alpha), (hidden, alpha), (whole, None), (hidden, None))
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    assert abs(losses[3] - losses[2]) > 0.05 * losses[2]
    with pytest.raises(ImpastoError, match="it is transparent everywhere"):
        perceptual_loss(network, recipe, Picture(whole, np.zeros((32, 32), np.float32)))


def gram(features: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = features.reshape(len(features), -1)
    return flat @ flat.T / flat.shape[1]


def averaged(image: Tensor, side: int) -> Tensor:
    """Means over squares of pixels."""
    height, width = (length // side * side for length in image.shape[2:])
    squares = image[..., :height, :width].reshape(*image.shape[:2], height // side, side, width // side, side)
    return squares.mean((3, 5))


def expected(
    network: LossNetwork, recipe: TrainingPreset, painted: Tensor, photo: Tensor, painting: Tensor
) -> list[float]:
    """content, style, tv of one image, as the papers write them."""
    content = style = 0.0
    for level in recipe.levels:
        layers = [*level.content_layers, *level.style_layers]
        x, p, a = (
            {k: v[0].numpy() for k, v in network(averaged(image, level.reduction), layers).items()}
            for image in (painted, photo, painting)
        )
        for layer, weight in level.content_layers.items():
            squared = ((x[layer] - p[layer]) ** 2).sum()
            scales = {"relative": (p[layer] ** 2).sum(), "johnson": p[layer].size}
            content += weight * squared / scales[recipe.content_loss]
        for layer, weight in level.style_layers.items():
            squared = ((gram(x[layer]) - gram(a[layer])) ** 2).sum()
            scale = {"gram": (gram(a[layer]) ** 2).sum(), "gram-mse": len(a[layer]) ** 4}[recipe.style_loss]
            style += weight * squared / scale
    pixels = painted[0].numpy()
    tv = (np.diff(pixels, axis=1) ** 2).mean() + (np.diff(pixels, axis=2) ** 2).mean()
    return [content, style, tv]


SEVERAL = (
    Level(1, {"relu1_2": 0.6}), Level(2, {"relu1_2": 0.1, "relu2_2": 0.2}, {"relu2_2": 1.0}),
    Level(4, {"relu2_1": 0.3}, {"relu1_1": 0.5}),
)  # fmt: skip


@pytest.mark.parametrize("levels", [(LEVEL,), SEVERAL], ids=["one", "several"])
@pytest.mark.parametrize(("content", "style"), [("relative", "gram"), ("johnson", "gram-mse")])
def test_a_batch_has_the_mean_of_its_images(
    network: LossNetwork, content: str, style: str, levels: tuple[Level, ...]
) -> None:
    recipe = replace(RECIPE, levels=levels, content_loss=content, style_loss=style)
    painted, photos, painting = pictures(1, 3), pictures(2, 3), pictures(3, 1, 30, 17)
    loss = PerceptualLoss(network, recipe, painting)
    losses = loss(painted, loss.content_features(photos))
    pairs = zip(torch.split(painted, 1), torch.split(photos, 1), strict=True)
    each = np.array([expected(network, recipe, *pair, painting) for pair in pairs])
    assert [losses.content.item(), losses.style.item(), losses.tv.item()] == pytest.approx(each.mean(0).tolist())
    assert losses.total.item() == pytest.approx((each @ [0.5, 2.0, 1.5]).mean())


def test_the_share_weighs_each_image_s_style_and_variation(network: LossNetwork) -> None:
    painted, photos, painting = pictures(1, 3), pictures(2, 3), pictures(3)
    share = torch.tensor([1.0, 0.25, 0.0])
    loss = PerceptualLoss(network, RECIPE, painting)
    losses = loss(painted, loss.content_features(photos), share)
    plain = loss(painted, loss.content_features(photos))
    pairs = zip(torch.split(painted, 1), torch.split(photos, 1), strict=True)
    each = [expected(network, RECIPE, *pair, painting) for pair in pairs]
    total = sum(0.5 * c + s * (2 * y + 1.5 * v) for (c, y, v), s in zip(each, share.tolist(), strict=True)) / 3
    assert losses.total.item() == pytest.approx(total)
    assert losses[:3] == plain[:3]


@pytest.mark.parametrize("style", ["gram", "mean-std", "wasserstein", "wasserstein-principal"])
def test_it_is_the_objective_of_the_iterative_method(network: LossNetwork, style: str) -> None:
    recipe = replace(RECIPE, style_loss=style)
    terms = Terms(
        LEVEL.content_layers, LEVEL.style_layers, recipe.content_loss, style,
        recipe.content_weight, recipe.style_weight, recipe.tv_weight,
    )  # fmt: skip
    painted, photo, painting = pictures(1), pictures(2), pictures(3, 1, 30, 18)
    whole = [windows(image.shape[2], image.shape[3], None, 0, (0, 0)) for image in (photo, painting)]
    objective = Objective(network, terms, photo, [StyleImage(painting)], whole[0], whole[1:])
    wanted, gradient = objective.gradient(painted)
    loss = PerceptualLoss(network, recipe, painting)
    image = painted.clone().requires_grad_()
    losses = loss(image, loss.content_features(photo))
    assert {name: value.item() for name, value in losses._asdict().items()} == pytest.approx(vars(wanted))
    (found,) = torch.autograd.grad(losses.total, image)
    assert torch.allclose(found, gradient, rtol=1e-6, atol=1e-12)


def test_at_the_photograph_and_at_the_painting(network: LossNetwork) -> None:
    photo, painting = pictures(2), pictures(3)
    loss = PerceptualLoss(network, RECIPE, painting)
    content = loss.content_features(photo)
    assert loss(photo, content).content.item() == 0
    assert loss(painting, content).style.item() == pytest.approx(0, abs=1e-20)
    assert not any(features.requires_grad for level in content for features in level.values())


def test_layers_without_weight_do_not_count(network: LossNetwork) -> None:
    painted, photo, painting = pictures(1), pictures(2), pictures(3)
    level = Level(1, {**LEVEL.style_layers, "relu5_1": 0.0}, {**LEVEL.content_layers, "relu5_1": 0.0})
    recipes = RECIPE, replace(RECIPE, levels=(level,))
    small, large = (PerceptualLoss(network, recipe, painting) for recipe in recipes)
    assert large(painted, large.content_features(photo)) == small(painted, small.content_features(photo))
    assert [set(level) for level in large.content_features(photo)] == [{"relu2_2", "relu1_1"}]


# --- the weave -----------------------------------------------------------------------------------------------


def weave_by_hand(images: NDArray[np.float64], period: int) -> float:
    """The definition, pixel by pixel."""
    found = []
    for channel in images.reshape(-1, *images.shape[-2:]):
        height, width = channel.shape
        fine = np.empty_like(channel)
        for y in range(height):
            for x in range(width):
                around = channel[max(0, y - period) : y + period + 1, max(0, x - period) : x + period + 1]
                fine[y, x] = channel[y, x] - around.mean()
        down, across = (period * min(8, side // period) for side in (height, width))
        for top in range(0, height - down + 1, down):
            for left in range(0, width - across + 1, across):
                window = fine[top : top + down, left : left + across]
                places = [window[i::period, j::period].mean() for i in range(period) for j in range(period)]
                found.append(np.var(places))
    return float(np.mean(found))


@pytest.mark.parametrize(("period", "height", "width"), [(4, 70, 45), (2, 33, 19), (4, 11, 7), (8, 64, 70)])
def test_the_weave_is_its_definition(period: int, height: int, width: int) -> None:
    image = pictures(3, 2, height, width)
    assert weave(image, period).item() == pytest.approx(weave_by_hand(image.numpy(), period), rel=1e-9)


def test_what_repeats_is_weave_wherever_it_begins_and_what_does_not_is_not() -> None:
    pattern = pictures(4, 1, 4, 4).repeat(1, 1, 24, 24)
    noise = pictures(5, 1, 96, 96)
    here = weave(pattern[..., :64, :64], 4).item()
    assert here == pytest.approx(weave(pattern[..., 3:67, 1:65], 4).item(), rel=0.05)
    variance = pictures(4, 1, 4, 4).var((2, 3), correction=0).mean().item()
    assert here == pytest.approx(variance, rel=0.2)  # the blur takes something from it at the borders
    assert weave(noise, 4).item() < here / 30
    smooth = torch.linspace(0, 1, 96, dtype=torch.float64).expand(1, 3, 96, 96)
    assert weave(smooth, 4).item() < 1e-6
    assert weave(pattern[..., :64, :64], 3).item() < here / 10
