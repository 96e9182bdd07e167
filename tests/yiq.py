"""NTSC's YIQ, in which colours are kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from impasto.images import FloatArray

_RGB_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])


def to_yiq(rgb: FloatArray) -> NDArray[np.float64]:
    """(H, W, 3) RGB in [0, 1] → luminance Y in [0, 1] and chrominance I, Q."""
    return np.asarray(rgb.astype(np.float64) @ _RGB_TO_YIQ.T)
