"""Cropping feature maps so that their gradient keeps their memory layout."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..images.tiling import Place


def crop(features: Tensor, place: Place) -> Tensor:
    """features[..., rows, columns]."""
    if all(part == slice(0, None) for part in place):
        return features
    return _Crop.apply(features, place)  # type: ignore[no-untyped-call]


class _Crop(torch.autograd.Function):
    """features[..., rows, columns] whose gradient keeps the features' memory layout (autograd's own does not)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, place: Place) -> Tensor:
        ctx.save_for_backward(features)  # for its shape and layout; kept by the network's own graph anyway
        ctx.place = (..., *place)
        return features[ctx.place]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (features,) = ctx.saved_tensors
        whole = torch.zeros_like(features)
        whole[ctx.place] = grad
        return whole, None
