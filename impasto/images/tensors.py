"""Pictures as torch's tensors and back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .samples import FloatArray


def to_tensor(array: FloatArray, device: torch.device | str = "cpu") -> Tensor:
    """(H, W, 3) or (H, W) array → (1, 3, H, W) or (1, 1, H, W) float32 tensor."""
    rows = array if array.ndim == 3 else array[..., None]
    return torch.from_numpy(np.ascontiguousarray(rows.transpose(2, 0, 1))[None]).to(device)


def from_tensor(tensor: Tensor) -> FloatArray:
    """(1, 3, H, W) tensor → (H, W, 3) float32 array, clipped to [0, 1]."""
    array: FloatArray = tensor.detach()[0].clamp(0, 1).float().cpu().numpy().transpose(1, 2, 0)
    return np.ascontiguousarray(array)

