"""Motion made up for photographs, and the loss of pictures that do not move along, against plain float64 sums."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import RECIPE, registered, save_photos
from torch import Tensor, nn

from impasto.images.grain import interpolation
from impasto.networks import ImageTransformationNetwork
from impasto.networks.hourglass import HourglassNetwork
from impasto.networks.shuffle import ShuffleNetwork
from impasto.perception.loss_network import LossNetwork
from impasto.perception.weights import load_weights
from impasto.training import train
from impasto.training.motion import (
    BRIGHTNESS,
    MOTION,
    NOISE,
    SHIFT,
    Motion,
    inside,
    moved,
    random_motion,
    stability_loss,
)
from impasto.training.perceptual import PerceptualLoss
from impasto.training.run import RunFolder
from impasto.training.single_painting import SinglePainting
from impasto.training.step import Batch

CPU = torch.device("cpu")


def pictures(seed: int, count: int = 1, height: int = 24, width: int = 20) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, height, width, generator=generator, dtype=torch.float64)


def flow_of(right: float, down: float, count: int = 1, height: int = 24, width: int = 20) -> Tensor:
    """The same for all pixels."""
    return torch.tensor([right, down], dtype=torch.float64).view(1, 2, 1, 1).expand(count, 2, height, width)


# --- motion --------------------------------------------------------------------------------------------------


def cubic(apart: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' kernel, a = −0.75."""
    x = np.abs(apart)
    near, far = 1.25 * x**3 - 2.25 * x**2 + 1, -0.75 * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def moved_by_hand(image: NDArray[np.float64], flow: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C, H, W), pixel by pixel, mirrored outward."""
    result, far = np.empty_like(image), 16
    wide = np.pad(image, ((0, 0), (far, far), (far, far)), mode="reflect")
    rows, columns = (np.arange(side) - far for side in wide.shape[1:])
    for y, x in np.ndindex(*image.shape[1:]):
        down, across = cubic(y - flow[1, y, x] - rows), cubic(x - flow[0, y, x] - columns)
        result[:, y, x] = np.einsum("chw,h,w->c", wide, down, across)
    return result


def test_a_constant_flow_is_a_shift() -> None:
    image = pictures(1)
    found = moved(image, flow_of(3, -2))
    torch.testing.assert_close(found[..., :-2, 3:], image[..., 2:, :-3])
    known = inside(flow_of(3, -2))
    assert known[..., :-2, 3:].all()
    assert not known[..., -2:, :].any()
    assert not known[..., :3].any()
    torch.testing.assert_close(moved(image, flow_of(0, 0)), image)
    assert inside(flow_of(0, 0)).all()


def test_what_moves_by_parts_of_a_pixel_is_interpolated() -> None:
    image = pictures(2, 2)
    flow = 4 * (torch.rand(2, 2, 24, 20, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 0.5)
    wanted = [moved_by_hand(one, way) for one, way in zip(image.numpy(), flow.numpy(), strict=True)]
    np.testing.assert_allclose(moved(image, flow).numpy(), np.stack(wanted), atol=1e-12)


def test_motion_follows_from_the_seed() -> None:
    one, same, other = (random_motion(np.random.default_rng(seed), 3, 70, CPU) for seed in (0, 0, 1))
    assert [part.shape for part in one] == [(3, 2, 70, 70), (3, 1, 1, 1), (3, 3, 70, 70)]
    assert all(torch.equal(*pair) for pair in zip(one, same, strict=True))
    assert not any(torch.equal(*pair) for pair in zip(one, other, strict=True))
    part = one.of(slice(1, 3))
    assert all(torch.equal(whole[1:], some) for whole, some in zip(one, part, strict=True))


def test_motion_is_smooth_and_as_large_as_it_says() -> None:
    motion = random_motion(np.random.default_rng(0), 300, 130, CPU)
    assert (motion.flow.diff(dim=2).abs().max() / MOTION).item() < 0.06  # a cell is 100 px
    reach = motion.flow.abs().amax((1, 2, 3))
    assert reach.max() < SHIFT + 4 * MOTION
    assert reach.min() < 0.5  # some hardly move
    assert 2 < motion.flow.mean((2, 3)).std() < 5
    deviations = motion.noise.std((1, 2, 3))
    assert deviations.max() == pytest.approx(NOISE, rel=0.05)
    assert deviations.mean() == pytest.approx(NOISE / 2, rel=0.1)
    assert (motion.gain - 1).abs().max() == pytest.approx(BRIGHTNESS, rel=0.05)


def test_the_next_frame_is_moved_brighter_and_noisy() -> None:
    photo, noise = pictures(4) / 2 + 0.2, 0.01 * pictures(5)
    motion = Motion(flow_of(3, 0), torch.full((1, 1, 1, 1), 1.02, dtype=torch.float64), noise)
    found = motion.next_frame(photo)
    torch.testing.assert_close(found[..., 3:], 1.02 * photo[..., :-3] + noise[..., 3:])
    assert replace_noise(motion, 10 * noise + 1).next_frame(photo).max() == 1


def replace_noise(motion: Motion, noise: Tensor) -> Motion:
    return Motion(motion.flow, motion.gain, noise)


# --- the loss ------------------------------------------------------------------------------------------------


def test_the_loss_is_its_definition() -> None:
    first, second = pictures(6, 2), pictures(7, 2)
    flow = 9 * (torch.rand(2, 2, 24, 20, generator=torch.Generator().manual_seed(8), dtype=torch.float64) - 0.5)
    each = []
    for one, other, way in zip(first.numpy(), second.numpy(), flow.numpy(), strict=True):
        there = moved_by_hand(one, way)
        each.append([
            np.abs(there[:, y, x] - other[:, y, x]).mean()
            for y, x in np.ndindex(24, 20) if 0 <= x - way[0, y, x] <= 19 and 0 <= y - way[1, y, x] <= 23
        ])  # fmt: skip
    assert max(map(len, each)) < 24 * 20
    assert stability_loss(first, second, flow).item() == pytest.approx(np.mean([np.mean(one) for one in each]))


def test_nothing_from_inside_is_no_loss() -> None:
    assert stability_loss(pictures(1), pictures(2), flow_of(50, 0)).item() == 0


class Pointwise(ImageTransformationNetwork):
    """Each pixel's colours mixed, and a share of a pattern that stays where it is."""

    margin = 1

    def __init__(self, pattern: float) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.mix = nn.Parameter(torch.rand(3, 3, generator=generator))
        self.pattern = pattern * torch.rand(40, 40, generator=generator)

    def paint(self, padded: Tensor, strength: Tensor) -> Tensor:  # noqa: ARG002
        mixed = torch.einsum("oc,bchw->bohw", self.mix, padded[..., 1:-1, 1:-1])
        return mixed + self.pattern[: mixed.shape[2], : mixed.shape[3]]


@pytest.fixture(scope="module")
def loss() -> PerceptualLoss:
    recipe = replace(RECIPE, weave_weight=0.0)
    return PerceptualLoss(LossNetwork(load_weights("vgg19"), "average"), recipe, pictures(9).float())


def still(photos: Tensor) -> Batch:
    """Without motion."""
    return Batch(photos, torch.ones(len(photos), dtype=photos.dtype), torch.zeros(2, dtype=torch.long))


def moving(photos: Tensor, flow: Tensor, weight: float) -> Batch:
    """Without noise."""
    stability = torch.tensor(weight, dtype=photos.dtype)
    return replace(still(photos), next_photos=moved(photos, flow), flow=flow, stability=stability)


@pytest.mark.parametrize("pattern", [0.0, 0.3])
def test_a_network_that_moves_along_has_no_loss(loss: PerceptualLoss, pattern: float) -> None:
    photos = pictures(10, 2, 32, 32).float() / 2 + 0.25  # cubic interpolation stays in range
    flow = flow_of(1.4, -2.6, 2, 32, 32).float()
    network = Pointwise(pattern)
    objective = SinglePainting(network, loss)
    plain, parts = objective(still(photos))
    total, same = objective(moving(photos, flow, 2.0))
    assert [value.item() for value in same] == pytest.approx([value.item() for value in parts], rel=1e-5)
    found = (total - plain).item()
    if pattern == 0:
        assert found == pytest.approx(0, abs=1e-5)  # but for float32 sums
        return
    there = network.pattern[:32, :32].double().numpy()
    apart = np.abs(moved_by_hand(there[None], flow[0].double().numpy())[0] - there)
    assert found == pytest.approx(2 * apart[inside(flow)[0, 0].numpy() > 0].mean(), rel=1e-4)
    motion = Motion(flow, torch.ones(2, 1, 1, 1), torch.zeros_like(photos))
    assert 2 * objective.unstable(network, photos, motion).item() == pytest.approx(found, rel=1e-4)


def test_gradients_come_by_both_pictures() -> None:
    first, second = pictures(1).requires_grad_(), pictures(2).requires_grad_()
    one, other = torch.autograd.grad(stability_loss(first, second, flow_of(0.5, 0)), (first, second))
    assert one.abs().sum() > 0
    assert other.abs().sum().item() == pytest.approx(1, rel=0.01)  # that of a mean absolute difference


# --- the noise that strokes begin from -----------------------------------------------------------------------


def networks() -> list[ImageTransformationNetwork]:
    torch.manual_seed(0)
    return [HourglassNetwork(4, 8, 8, 8), ShuffleNetwork(8, 8, 1, 1, 8)]


@pytest.mark.parametrize("index", [0, 1])
def test_what_does_not_move_is_painted_as_before(index: int) -> None:
    network, photos = networks()[index], pictures(11, 2, 67, 80).float()
    network.vary(np.random.default_rng(1))
    wanted = network(photos)
    with network.carried(torch.zeros(2, 2, 67, 80)):
        assert torch.equal(network(photos), wanted)
    with network.carried(flow_of(6, 3, 2, 67, 80).float()):
        assert not torch.allclose(network(photos), wanted, atol=1e-3)
    assert torch.equal(network(photos), wanted)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("training", [True, False])
def test_strokes_move_with_the_photograph(index: int, training: bool) -> None:
    """By whole cells of the coarsest grid; an even photograph, so that strokes come of the noise alone."""
    network = networks()[index].train(training)
    shift = network.multiple
    photo = torch.full((1, 3, 384, 384), 0.5)
    with torch.no_grad():
        plain = network(photo)
        with network.carried(flow_of(shift, -shift, 1, 384, 384).float()):
            found = network(photo)
    middle = slice(176, 208)  # far from borders; but they are in the statistics of normalization
    wanted = plain[..., middle.start + shift : middle.stop + shift, middle.start - shift : middle.stop - shift]
    there = found[..., middle, middle]
    assert (there - wanted).std() < 0.1 * (plain[..., middle, middle] - there).std()


def test_between_entries_noise_stays_white() -> None:
    """In each sample, and in the averages that coarser strokes begin from."""
    matrix, noise = interpolation(240, 4), np.random.default_rng(0).standard_normal((240, 240))
    finer = matrix @ noise @ matrix.T
    np.testing.assert_array_equal(finer[::4, ::4], noise)
    for down, across in ((1, 0), (2, 2), (3, 1)):
        sampled = finer[down::4, across::4]
        for side in (1, 2, 4):
            averages = side * sampled.reshape(240 // side, side, 240 // side, side).mean((1, 3))
            assert averages.std() == pytest.approx(1, abs=0.04)
    np.testing.assert_allclose(matrix @ np.ones(240), 1)
    wave = np.sin(2 * np.pi * 7 * np.arange(240) / 240)
    np.testing.assert_allclose(matrix @ wave, np.sin(2 * np.pi * 7 * np.arange(960) / 960), atol=1e-12)


def test_noise_is_carried_by_parts_of_an_entry() -> None:
    network = HourglassNetwork(4, 8, 8, 8).eval()
    grain = network.grain
    with network.carried(torch.stack([flow_of(0, 0, 1, 48, 48)[0], flow_of(1, 3, 1, 48, 48)[0]]).float()):
        still_noise, noise = grain.noise(20, 20)
    assert torch.equal(still_noise[0], grain.noise(20, 20)[0, 0])
    matrix = interpolation(240, 4)
    finer = matrix @ grain.map[0, 0].double().numpy() @ matrix.T
    wanted = finer[(4 * np.arange(20) - 3)[:, None], 4 * np.arange(20) - 1]  # a sample is one px
    np.testing.assert_allclose(noise[0].numpy(), wanted, atol=1e-5)


# --- trainings -----------------------------------------------------------------------------------------------


def test_a_training_takes_it_in_and_goes_on_exactly(files: Path, tmp_path: Path) -> None:
    save_photos(tmp_path / "photos")
    runs = [tmp_path / name for name in ("without", "with", "parts")]
    with registered():
        options = {"preset": "tiny", "iterations": 9, "precision": "float32"}
        for run, weight in zip(runs, (0.0, 2.0, 2.0), strict=True):
            stop = 5 if run.name == "parts" else 9
            train(
                files / "painting.jpg", tmp_path / "photos", tmp_path / "out.onnx", run=run, stability_weight=weight,
                callback=lambda step, stop=stop: step.iteration < stop, **options,  # type: ignore[misc, arg-type]
            )  # fmt: skip
        train(resume=runs[2])
    states = [RunFolder(run).load(run / "latest.pt")["network"] for run in runs]
    assert not torch.equal(states[0]["tail.weight"], states[1]["tail.weight"])
    assert all(torch.equal(value, states[2][name]) for name, value in states[1].items())
    assert RunFolder(runs[1]).settings().preset.stability_weight == 2
    first = [RunFolder(run).rows()[0] for run in runs]  # before it comes in
    assert first[0]["total"] == first[1]["total"]
