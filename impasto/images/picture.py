"""The decoded image that everything here works on, and its sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FloatArray = NDArray[np.float32]
HIDDEN = 1e-3  # alpha up to which a pixel cannot be seen
_BLOCK = 1 << 22  # values that are converted at a time: a large picture's copies cost more memory than it does


def blocks(array: NDArray[Any], values: int | None = None) -> Iterator[slice]:
    """Slices of an array's rows, one after the other, each of so many values: by default of some megabytes."""
    rows = max(1, (values or _BLOCK) // array[0].size)
    return (slice(start, start + rows) for start in range(0, len(array), rows))


@dataclass(frozen=True)
class Picture:
    """A decoded image, upright, in sRGB.

    pixels: (H, W, 3) float32 in [0, 1]. alpha: (H, W) float32 in [0, 1], or None. depth: bits a channel of its
    source, 8 or 16, kept on output where the format allows.
    """

    pixels: FloatArray
    alpha: FloatArray | None = None
    depth: int = 8

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def hidden(self) -> bool:
        """Whether it is wholly transparent."""
        return self.alpha is not None and bool(self.alpha.max() <= HIDDEN)

    def to_pil(self) -> Image.Image:
        """The picture as an 8-bit Pillow image, RGB or RGBA."""
        return Image.fromarray(self.quantized(8))

    def quantized(self, depth: int) -> NDArray[Any]:
        """(H, W, 3) or, with alpha, (H, W, 4) integers of 8 or 16 bits."""
        kind, top = (np.uint16, 65535) if depth == 16 else (np.uint8, 255)
        array = np.empty((*self.pixels.shape[:2], 3 if self.alpha is None else 4), kind)
        for rows in blocks(self.pixels, 1 << 18):  # they stay in the processor's cache
            levels = _levels(self.pixels[rows], top)
            for channel in range(3):  # twice as fast as all at once where memory holds one channel after the other
                array[rows, :, channel] = levels[..., channel]
            if self.alpha is not None:
                array[rows, :, 3] = _levels(self.alpha[rows], top)
        return array

    def over_white(self) -> Picture:
        """Without transparency, on a white ground."""
        if self.alpha is None:
            return self
        pixels = self.pixels.copy()
        for rows in blocks(pixels):
            alpha = self.alpha[rows, :, None]
            pixels[rows] = pixels[rows] * alpha + (1 - alpha)
        return replace(self, pixels=pixels, alpha=None)

    def resized(self, size: tuple[int, int]) -> Picture:
        """The picture at another (width, height), Lanczos-filtered; colours do not bleed out of transparent areas."""
        if size == self.size:
            return self
        if self.alpha is None:
            return replace(self, pixels=resize(self.pixels, size))
        alpha = resize(self.alpha, size)
        premultiplied = resize(self.pixels * self.alpha[..., None], size)
        plain = resize(self.pixels, size)
        seen = alpha[..., None] > HIDDEN
        pixels = np.where(seen, premultiplied / np.maximum(alpha[..., None], HIDDEN), plain)
        return replace(self, pixels=np.clip(pixels, 0, 1).astype(np.float32), alpha=alpha)


def _levels(values: FloatArray, top: int) -> FloatArray:
    """The nearest whole numbers from 0 to `top`. In one array: another for each step would take twice as long."""
    levels: FloatArray = values * top
    np.rint(levels, out=levels)
    return np.clip(levels, 0, top, out=levels)


def fit(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """(width, height) of the same shape whose long side is as given; at least 1 px each."""
    width, height = size
    scale = long_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def resize(array: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Resize (H, W) or (H, W, C) float32 values to (width, height) with a Lanczos filter, clipped to [0, 1]."""
    if array.ndim == 3:
        return np.stack([resize(array[..., c], size) for c in range(array.shape[2])], axis=2)
    resized = Image.fromarray(np.ascontiguousarray(array, dtype=np.float32)).resize(size, Image.Resampling.LANCZOS)
    return np.clip(np.asarray(resized, dtype=np.float32), 0, 1)
