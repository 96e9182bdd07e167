"""Cropped feature maps and their gradients."""

from __future__ import annotations

import pytest
import torch

from impasto.images.tiling import windows
from impasto.optimizing.cropping import crop


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradient_of_the_counted_part_is_zero_in_the_halo_and_keeps_the_layout(layout: torch.memory_format) -> None:
    window = windows(128, 128, 64, 32)[0]
    features = torch.rand(1, 3, 48, 48).contiguous(memory_format=layout).requires_grad_()
    weight = torch.rand(1, 3, 32, 32)
    (crop(features, window.counted_within(2)) * weight).sum().backward()  # type: ignore[no-untyped-call]
    assert features.grad is not None
    assert torch.equal(features.grad[..., :32, :32], weight)
    assert features.grad.count_nonzero() == weight.count_nonzero()
    assert features.grad.is_contiguous(memory_format=layout)


def test_the_whole_is_not_copied() -> None:
    features = torch.rand(1, 2, 35, 25)
    assert crop(features, windows(70, 50, None, 64)[0].counted_within(2)) is features
