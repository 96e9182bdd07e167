"""Feature maps as a loss network's are."""

from __future__ import annotations

import torch
from torch import Tensor


def features(*shape: int, seed: int = 0) -> Tensor:
    """Non-negative like a feature map after its ReLU, with channels that differ and correlate."""
    generator = torch.Generator().manual_seed(seed)
    raw = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return (raw + 0.7 * raw.roll(1, 1) + 0.3).relu()
