"""Pixels as numbers: as integers, which a large picture has memory for, or as floats, which are computed with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FloatArray = NDArray[np.float32]
Samples = NDArray[Any]  # uint8, uint16, or float32 in [0, 1]
DType = np.dtype[Any]
LARGE = 50_000_000  # px of a picture whose floats would take more memory than is worth their precision
_FLOAT32 = np.dtype(np.float32)
_BLOCK = 1 << 22  # values that are converted at a time: a large picture's copies cost more memory than it does


def blocks(array: NDArray[Any], values: int | None = None) -> Iterator[slice]:
    """Slices of an array's rows, one after the other, each of so many values: by default of some megabytes."""
    rows = max(1, (values or _BLOCK) // array[0].size)
    return (slice(start, start + rows) for start in range(0, len(array), rows))


def floats(samples: Samples) -> FloatArray:
    """Samples as float32 in [0, 1]; those that are so already as they are."""
    if np.issubdtype(samples.dtype, np.floating):
        return samples.astype(np.float32, copy=False)
    return np.divide(samples, np.iinfo(samples.dtype).max, dtype=np.float32, order="C")


def as_samples(values: FloatArray, kind: DType) -> Samples:
    """float32 values as samples of a type: the nearest level of those that are in [0, 1]."""
    if kind == np.float32:
        return values
    top = np.iinfo(kind).max
    levels: FloatArray = values * np.float32(top)  # in one array: another for each step would take twice as long
    np.rint(levels, out=levels)
    return np.clip(levels, 0, top, out=levels).astype(kind)


def kept_type(samples: Samples, size: tuple[int, int]) -> DType:
    """The type of what is made of samples at a (width, height): floats, but of a large picture their own."""
    return samples.dtype if size[0] * size[1] > LARGE else np.dtype(np.float32)


def resize(array: Samples, size: tuple[int, int], kind: DType = _FLOAT32) -> Samples:
    """Resize (H, W) or (H, W, C) samples to (width, height) with a Lanczos filter, clipped to [0, 1]; of a type."""
    planes = array if array.ndim == 3 else array[..., None]
    result = np.empty((size[1], size[0], planes.shape[2]), kind)
    for channel in range(planes.shape[2]):
        for rows, values in _resized(planes[..., channel], size):
            result[rows, :, channel] = as_samples(values, kind)
    return result if array.ndim == 3 else result[..., 0]


def _resized(channel: Samples, size: tuple[int, int]) -> Iterator[tuple[slice, FloatArray]]:
    """Rows of (H, W) samples at a (width, height): all of them, or of a large picture a part after the other."""
    (height, width), scale = channel.shape, channel.shape[0] / size[1]
    reach = math.ceil(3 * max(1.0, scale)) + 1  # px to either side that a row is made of
    count = math.ceil(max(channel.size, size[0] * size[1]) / LARGE)
    edges = [round(size[1] * index / count) for index in range(count + 1)]
    for first, last in pairwise(sorted(set(edges))):
        top, bottom = max(0, math.floor(first * scale) - reach), min(height, math.ceil(last * scale) + reach)
        image = Image.fromarray(np.ascontiguousarray(floats(channel[top:bottom])))
        box = (0, first * scale - top, width, (last * scale if last < size[1] else height) - top)
        part = image.resize((size[0], last - first), Image.Resampling.LANCZOS, box)
        yield slice(first, last), np.clip(np.asarray(part, np.float32), 0, 1)
