"""Networks as training leaves them, for the tests."""

from __future__ import annotations

import torch

from impasto.networks import ImageTransformationNetwork


def stir(network: ImageTransformationNetwork) -> ImageTransformationNetwork:
    """Moves biases, scales, slopes and running statistics away from where they start, as training does."""
    generator = torch.Generator().manual_seed(1)
    for key, value in network.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 2, generator=generator)
        elif value.ndim == 1:
            value.add_(0.2 * torch.randn(value.shape, generator=generator))
        elif value.ndim == 0:
            value.fill_(12_345)
    return network.eval()
