"""One step of a training against Adam and averages by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny import RECIPE
from torch import Tensor, nn

from impasto.perception.compute import Compute
from impasto.training.perceptual import BatchLosses
from impasto.training.step import Batch, Learner, seen

CPU = Compute(torch.device("cpu"), torch.float32)


def learner(factor: float = 1.0) -> Learner[nn.Linear]:
    torch.manual_seed(0)
    module = nn.Linear(3, 3)

    def objective(batch: Batch) -> tuple[Tensor, BatchLosses]:
        loss = factor * (module(batch.photos.mean((2, 3))) - batch.strength[:, None]).square().mean()
        return loss, BatchLosses(loss, loss, loss, loss)

    return Learner(module, objective, replace(RECIPE, betas=(0.9, 0.99)), CPU)


def batch(seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return Batch(torch.rand(2, 3, 4, 4, generator=generator), torch.rand(2, generator=generator), torch.tensor([0, 0]))


def test_it_learns_as_adam_does_and_averages_its_weights() -> None:
    ours, other = learner(), nn.Linear(3, 3)
    other.load_state_dict(ours.module.state_dict())
    adam, average = torch.optim.Adam(other.parameters(), 1.0, (0.9, 0.99)), other.weight.detach().clone()
    for index, (rate, decay) in enumerate([(0.1, 0.0), (0.05, 0.5), (0.02, 0.9)]):
        given = batch(index)
        learned = ours.step(given, rate, decay)
        loss = (other(given.photos.mean((2, 3))) - given.strength[:, None]).square().mean()
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        loss.backward()
        adam.step()
        average = decay * average + (1 - decay) * other.weight.detach()
        assert learned.finite
        assert learned.losses.total.item() == pytest.approx(loss.item())
    torch.testing.assert_close(ours.module.weight, other.weight)
    torch.testing.assert_close(ours.average.weight, average)


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_learned(factor: float) -> None:
    ours = learner(factor)
    before = ours.module.weight.detach().clone()
    assert not ours.step(batch(0), 0.1, 0.5).finite
    assert torch.equal(ours.module.weight, before)
    assert torch.equal(ours.average.weight, before)


def test_a_batch_takes_another_to_where_it_lies() -> None:
    ours, theirs = (replace(batch(index), paintings=torch.full((2, 3, 5, 5), float(index))) for index in range(2))
    places = [ours.photos.data_ptr(), ours.strength.data_ptr(), ours.offset.data_ptr()]
    ours.take(theirs)
    assert [ours.photos.data_ptr(), ours.strength.data_ptr(), ours.offset.data_ptr()] == places
    assert torch.equal(ours.photos, theirs.photos)
    assert ours.paintings is not None
    assert ours.paintings.mean() == 1


def test_a_batch_takes_motion_and_its_weight_along() -> None:
    ours, theirs = (
        replace(
            batch(index), next_photos=torch.full((2, 3, 4, 4), 2.0 * index), flow=torch.full((2, 2, 4, 4), 3.0 * index),
            stability=torch.tensor(0.5 * index),
        )
        for index in range(2)
    )  # fmt: skip
    assert ours.shapes == theirs.shapes != batch(0).shapes
    given = ours.to(torch.device("cpu"))
    given.take(theirs)
    for name in ("next_photos", "flow", "stability"):
        assert torch.equal(getattr(given, name), getattr(theirs, name))


def test_the_view_is_a_part_from_the_offset_on() -> None:
    images = torch.rand(2, 3, 9, 8)
    assert torch.equal(seen(images, torch.tensor([2, 1]), 3), images[..., 2:8, 1:6])
    assert seen(images, torch.tensor([0, 0]), 0) is images
