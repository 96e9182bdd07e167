"""The optimizers on losses whose minimum is known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.optimizing.canvas import Canvas, DivergedError, Gradient, resample
from impasto.optimizing.presets import Preset
from impasto.perception.terms import Losses

ADAM = Preset(source="a test", optimizer="adam", learning_rate=0.02, averaging=0.9)
LBFGS = Preset(source="a test", optimizer="lbfgs", learning_rate=1.0, averaging=0.0, clamp=False)


def quadratic(target: Tensor, curvature: float | Tensor = 1.0) -> Gradient:
    """½ Σ c (x − target)²."""

    def gradient(image: Tensor) -> tuple[Losses, Tensor]:
        slope = curvature * (image - target)
        total = 0.5 * (slope * (image - target)).sum().item()
        return Losses(total, 0.0, 0.0, total), slope

    return gradient


def constant(slope: Tensor, total: float = 1.0) -> Gradient:
    return lambda _: (Losses(0.0, 0.0, 0.0, total), slope)


@pytest.fixture
def start() -> Tensor:
    return torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def target() -> Tensor:
    return torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(1))


# --- steps -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("preset", "steps"), [(ADAM, 150), (LBFGS, 30)])
@pytest.mark.parametrize("pixel_range", [1.0, 255.0])
def test_optimizers_find_the_minimum(
    preset: Preset, steps: int, pixel_range: float, start: Tensor, target: Tensor
) -> None:
    rate = preset.learning_rate * (pixel_range if preset.optimizer == "adam" else 1)
    canvas = Canvas(start, replace(preset, pixel_range=pixel_range, learning_rate=rate))
    # The curvature that L-BFGS meets: it sees the gradient in units of its own pixels, which the range divides twice.
    gradient = quadratic(target, torch.linspace(0.5, 2, 7) * pixel_range**2)
    history = [canvas.step(gradient).total for _ in range(steps)]
    assert history[0] == pytest.approx(gradient(start)[0].total, rel=1e-5)
    assert history[-1] < 1e-3 * history[0]
    torch.testing.assert_close(canvas.image, target, atol=0.03, rtol=0)


def test_first_step_of_adam_is_the_learning_rate_in_units_of_the_range(start: Tensor) -> None:
    start = 0.2 + 0.6 * start
    for pixel_range in (1.0, 255.0):
        canvas = Canvas(start, replace(ADAM, pixel_range=pixel_range))
        canvas.step(constant(torch.ones_like(start)))
        torch.testing.assert_close(start - canvas.image, torch.full_like(start, 0.02 / pixel_range), atol=1e-6, rtol=0)


def test_adam_is_torchs_adam(start: Tensor, target: Tensor) -> None:
    canvas = Canvas(start, replace(ADAM, clamp=False))
    pixels = start.clone().requires_grad_()
    adam = torch.optim.Adam([pixels], lr=0.02, betas=(0.9, 0.99))
    for _ in range(5):
        canvas.step(quadratic(target))
        pixels.grad = pixels.detach() - target
        adam.step()
    torch.testing.assert_close(canvas.image, pixels.detach())


def test_one_evaluation_an_iteration(start: Tensor, target: Tensor) -> None:
    for preset in (ADAM, LBFGS):
        calls: list[Tensor] = []
        canvas = Canvas(start, preset)
        inner = quadratic(target)

        def counted(image: Tensor, calls: list[Tensor] = calls, inner: Gradient = inner) -> tuple[Losses, Tensor]:
            calls.append(image)
            return inner(image)

        for _ in range(4):
            canvas.step(counted)
        assert len(calls) == 4


def test_clamp_keeps_pixels_in_range(start: Tensor) -> None:
    far = torch.full_like(start, 3.0)
    for clamp, largest in ((True, 1.0), (False, 1.5)):
        canvas = Canvas(start, replace(ADAM, clamp=clamp, learning_rate=0.2))
        for _ in range(20):
            canvas.step(quadratic(far))
        assert canvas.image.max().item() == pytest.approx(1.0) if clamp else canvas.image.max().item() > largest
        assert canvas.average.max().item() <= 1


def test_the_image_given_is_not_changed(start: Tensor, target: Tensor) -> None:
    before = start.clone()
    for preset in (ADAM, LBFGS, replace(ADAM, pixel_range=255.0)):
        Canvas(start, preset).step(quadratic(target))
        assert torch.equal(start, before)


# --- average -----------------------------------------------------------------------------------------------


def test_average_is_unbiased_from_the_first_step(start: Tensor, target: Tensor) -> None:
    canvas = Canvas(start, ADAM)
    torch.testing.assert_close(canvas.average, start)
    canvas.step(quadratic(target))
    torch.testing.assert_close(canvas.average, canvas.image)


def test_average_is_the_exponential_one(start: Tensor, target: Tensor) -> None:
    canvas, iterates = Canvas(start, replace(ADAM, averaging=0.8)), []
    for _ in range(6):
        canvas.step(quadratic(target))
        iterates.append(canvas.image)
    weights = [0.8**age for age in reversed(range(6))]
    expected = sum(w * x for w, x in zip(weights, iterates, strict=True)) / sum(weights)
    assert isinstance(expected, Tensor)
    torch.testing.assert_close(canvas.average, expected)


def test_no_averaging_takes_the_last_iterate(start: Tensor, target: Tensor) -> None:
    canvas = Canvas(start, replace(ADAM, averaging=0.0, pixel_range=255.0, learning_rate=2.0))
    for _ in range(3):
        canvas.step(quadratic(target))
    torch.testing.assert_close(canvas.average, canvas.image)


# --- another size ------------------------------------------------------------------------------------------


def test_resample_keeps_flat_areas_and_ramps() -> None:
    flat = torch.full((1, 3, 8, 8), 0.3)
    torch.testing.assert_close(resample(flat, (13, 5)), torch.full((1, 3, 13, 5), 0.3))
    ramp = torch.linspace(0, 1, 32).expand(1, 3, 4, 32)
    small = resample(ramp, (4, 16))[0, 0, 0, 2:-2]
    torch.testing.assert_close(small, ramp[0, 0, 0].reshape(16, 2).mean(1)[2:-2], atol=1e-5, rtol=0)


@pytest.mark.parametrize("preset", [ADAM, LBFGS])
def test_resize_goes_on_from_the_picture(preset: Preset, start: Tensor, target: Tensor) -> None:
    canvas = Canvas(start, preset)
    for _ in range(3):
        canvas.step(quadratic(target))
    before = canvas.image
    canvas.resize((12, 14))
    expected = resample(before, (12, 14))
    torch.testing.assert_close(canvas.image, expected.clamp(0, 1) if preset.clamp else expected)
    torch.testing.assert_close(canvas.average, canvas.image.clamp(0, 1))
    wanted = torch.full((1, 3, 12, 14), 0.4)
    history = [canvas.step(quadratic(wanted)).total for _ in range(150)]
    assert history[-1] < 1e-3 * history[0]


def test_resize_to_the_same_size_changes_nothing(start: Tensor, target: Tensor) -> None:
    resized, left = Canvas(start, ADAM), Canvas(start, ADAM)
    for canvas in (resized, left):
        canvas.step(quadratic(target))
    resized.resize((6, 7))
    for canvas in (resized, left):
        canvas.step(quadratic(target))
    assert torch.equal(resized.image, left.image)
    assert torch.equal(resized.average, left.average)


def test_resize_keeps_adams_moments_in_proportion(start: Tensor) -> None:
    """A dimensionless loss of four times the pixels has a quarter of the slope: the same step must follow."""
    start = torch.full_like(start, 0.5)
    slope = torch.ones_like(start)
    canvas = Canvas(start, replace(ADAM, learning_rate=0.001))
    for _ in range(10):
        canvas.step(constant(slope))
    before = canvas.image
    canvas.step(constant(slope))
    usual = (before - canvas.image).mean().item()
    canvas.resize((12, 14))
    before = canvas.image
    canvas.step(constant(torch.full((1, 3, 12, 14), 0.25)))
    torch.testing.assert_close(before - canvas.image, torch.full((1, 3, 12, 14), usual), atol=0, rtol=1e-3)
    # Without memory of the slope so far, its reversal would turn the step round at once.
    before = canvas.image
    canvas.step(constant(torch.full((1, 3, 12, 14), -0.25)))
    assert (before - canvas.image).min() > 0


def test_resize_before_the_first_step(start: Tensor) -> None:
    for preset in (ADAM, LBFGS):
        canvas = Canvas(start, preset)
        canvas.resize((3, 4))
        losses = canvas.step(quadratic(torch.zeros(1, 3, 3, 4)))
        assert losses.total > 0
        assert canvas.image.shape == (1, 3, 3, 4)


# --- divergence --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [ADAM, LBFGS])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_leaves_the_pixels(preset: Preset, bad: float, start: Tensor, target: Tensor) -> None:
    canvas = Canvas(start, preset)
    canvas.step(quadratic(target))
    image, average = canvas.image, canvas.average
    broken = torch.zeros_like(start)
    broken[0, 1, 2, 3] = bad
    for gradient in (constant(torch.zeros_like(start), bad), constant(broken)):
        with pytest.raises(DivergedError):
            canvas.step(gradient)
        assert torch.equal(canvas.image, image)
        assert torch.equal(canvas.average, average)
    history = [canvas.step(quadratic(target)).total for _ in range(5)]
    assert history[-1] < history[0]


def test_a_step_out_of_all_numbers_leaves_the_average(start: Tensor) -> None:
    """Finite slopes can still add up to a pixel that is not."""
    canvas = Canvas(start, LBFGS)
    slope = torch.full_like(start, 2e38)
    canvas.step(constant(slope))
    canvas.step(constant(slope))
    average = canvas.average
    with pytest.raises(DivergedError, match="pixel"):
        canvas.step(constant(slope))
    assert torch.equal(canvas.average, average)


def test_divergence_is_an_error_that_the_user_sees() -> None:
    assert issubclass(DivergedError, ImpastoError)
