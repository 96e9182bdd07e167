"""The decoded image that everything here works on, and its sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .reading import Needed
from .samples import FloatArray, Samples, as_samples, blocks, floats, kept_type, resize

HIDDEN = 1e-3  # alpha up to which a pixel cannot be seen
_NARROW = 64  # px a side


@dataclass(frozen=True)
class Picture:
    """A decoded image, upright, in sRGB.

    samples: (H, W, 3), as its file has them: uint8, uint16, or float32 in [0, 1]. alpha: (H, W) float32 in [0, 1], or
    None. depth: bits a channel of its source, 8 or 16, kept on output where the format allows.
    """

    samples: Samples
    alpha: FloatArray | None = None
    depth: int = 8

    @property
    def pixels(self) -> FloatArray:
        """(H, W, 3) float32 in [0, 1]; of integers, made anew each time."""
        return floats(self.samples)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.samples.shape[1], self.samples.shape[0]

    @property
    def hidden(self) -> bool:
        """Whether it is wholly transparent."""
        return self.alpha is not None and bool(self.alpha.max() <= HIDDEN)

    def to_pil(self) -> Image.Image:
        """The picture as an 8-bit Pillow image, RGB or RGBA."""
        return Image.fromarray(self.quantized(8))

    def quantized(self, depth: int) -> NDArray[Any]:
        """(H, W, 3) or, with alpha, (H, W, 4) integers of 8 or 16 bits, not to be written to."""
        kind = np.dtype(np.uint16 if depth == 16 else np.uint8)
        if self.alpha is None and self.samples.dtype == kind:
            return self.samples
        array = np.empty((*self.samples.shape[:2], 3 if self.alpha is None else 4), kind)
        for rows in blocks(self.samples, 1 << 18):  # they stay in the processor's cache
            levels = as_samples(floats(self.samples[rows]), kind)
            for channel in range(3):  # twice as fast as all at once where memory holds one channel after the other
                array[rows, :, channel] = levels[..., channel]
            if self.alpha is not None:
                array[rows, :, 3] = as_samples(self.alpha[rows], kind)
        return array

    def over_white(self) -> Picture:
        """Without transparency, on a white ground."""
        if self.alpha is None:
            return self
        samples = self.samples.copy()
        for rows in blocks(samples):
            alpha = self.alpha[rows, :, None]
            samples[rows] = as_samples(floats(samples[rows]) * alpha + (1 - alpha), samples.dtype)
        return replace(self, samples=samples, alpha=None)

    def resized(self, size: tuple[int, int]) -> Picture:
        """The picture at another (width, height), Lanczos-filtered; colours do not bleed out of transparent areas."""
        if size == self.size:
            return self
        if self.alpha is None:
            return replace(self, samples=resize(self.samples, size, kept_type(self.samples, size)))
        alpha = resize(self.alpha, size)
        premultiplied = resize(self.pixels * self.alpha[..., None], size)
        plain = resize(self.samples, size)
        seen = alpha[..., None] > HIDDEN
        pixels = np.where(seen, premultiplied / np.maximum(alpha[..., None], HIDDEN), plain)
        return replace(self, samples=np.clip(pixels, 0, 1).astype(np.float32), alpha=alpha)


def fit(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """(width, height) of the same shape whose long side is as given; at least 1 px each."""
    width, height = size
    scale = long_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def for_long_side(long_side: int) -> Needed:
    """What is needed of a picture that will be resized so: twice as much, so that the filter has something to weigh."""
    return lambda size: fit(size, 2 * long_side)


def for_area(area: float) -> Needed:
    """The same of a picture that will be resized to so many pixels, but for very narrow ones."""

    def needed(size: tuple[int, int]) -> tuple[int, int]:
        scale = 2 * math.sqrt(area / (size[0] * size[1]))
        return max(_NARROW, math.ceil(size[0] * scale)), max(_NARROW, math.ceil(size[1] * scale))

    return needed
