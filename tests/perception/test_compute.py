"""Which precision a processor computes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from impasto.perception import compute
from impasto.perception.compute import choose_precision

Measured = Callable[[float, float], list[torch.dtype]]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Measured]:
    """On a processor that takes so many seconds in bfloat16 and in float32; returns what is measured from then on."""

    def take(half: float, single: float) -> list[torch.dtype]:
        order = list[torch.dtype]()

        def seconds(dtype: torch.dtype) -> float:
            order.append(dtype)
            others = 1.0 if len(order) in (3, 4) else 0.0  # that had the core meanwhile
            return others + (half if dtype == torch.bfloat16 else single)

        monkeypatch.setattr(compute, "_convolution_seconds", seconds)
        return order

    compute._bfloat16_is_faster.cache_clear()
    yield take
    compute._bfloat16_is_faster.cache_clear()


@pytest.mark.parametrize(
    ("half", "single", "chosen"),
    [(0.005, 0.01, torch.bfloat16), (0.009, 0.01, torch.float32), (0.011, 0.01, torch.float32)],
)
def test_the_faster_precision_is_chosen_by_the_least_times(
    half: float, single: float, chosen: torch.dtype, measured: Measured
) -> None:
    measured(half, single)
    assert choose_precision(torch.device("cpu")) == chosen


def test_a_processor_without_bfloat16_is_not_asked_for_long(measured: Measured) -> None:
    order = measured(5.0, 0.02)
    assert choose_precision(torch.device("cpu")) == torch.float32
    assert order == 3 * [torch.bfloat16, torch.float32]


def test_it_is_measured_once(measured: Measured) -> None:
    order = measured(0.005, 0.01)
    choose_precision(torch.device("cpu"))
    count = len(order)
    assert choose_precision(torch.device("cpu")) == torch.bfloat16
    assert len(order) == count


def test_a_precision_that_is_named_is_not_measured(measured: Measured) -> None:
    order = measured(0.005, 0.01)
    assert choose_precision(torch.device("cpu"), "float32") == torch.float32
    assert choose_precision(torch.device("cpu"), "bfloat16") == torch.bfloat16
    assert not order
