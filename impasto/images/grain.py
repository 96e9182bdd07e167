"""The noise that strokes begin from (`networks.layers.Grain`), between its entries: it moves by parts of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def interpolation(count: int, factor: int) -> NDArray[np.float64]:
    """(factor · count, count), the matrix that samples a periodic sequence of even length `factor` times as densely.

    By Dirichlet's kernel, the periodic sinc: white noise stays white. Each sample keeps deviation 1, and so do averages
    of several, of which coarser strokes begin. Bilinear interpolation has half the deviation midway between entries;
    scaled up again, it has 1.5 to 1.75 times that of white noise in averages over two and four of them. The entries
    themselves come out exactly as they were.
    """
    apart = np.arange(factor * count)[:, None] / factor - np.arange(count)
    with np.errstate(divide="ignore", invalid="ignore"):
        kernel = np.sin(np.pi * apart) / (count * np.tan(np.pi * apart / count))
    there = np.arange(factor * count)[:, None] == factor * np.arange(count)
    kernel[::factor] = 0  # but for rounding
    return np.where(there, 1.0, kernel)
