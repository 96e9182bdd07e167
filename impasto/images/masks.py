"""Masks, and pixels that nobody sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import ImpastoError
from .color import luminance
from .decoding import ImageLike, called, load
from .picture import HIDDEN, Picture
from .samples import FloatArray, as_samples, blocks, floats, kept_type, resize

_MARKS = {"mask": "goes", "style mask": "is taken from"}


def load_mask(mask: ImageLike, what: str, size: tuple[int, int] | None = None) -> FloatArray:
    """A mask's luminance at a size, by default its own; what is transparent is as good as black."""
    picture = load(mask, what, None if size is None else lambda _: (2 * size[0], 2 * size[1]))
    values = np.empty(picture.samples.shape[:2], np.float32)
    for rows in blocks(picture.samples):
        values[rows] = luminance(floats(picture.samples[rows]))
        if picture.alpha is not None:
            values[rows] *= picture.alpha[rows]
    if size is not None and picture.size != size:
        values = resize(values, size)
    if values.max() < 0.5:
        raise ImpastoError(f"{called(mask, what)} has no white in it: white marks where the style {_MARKS[what]}")
    return values


def opaque_where_hidden(picture: Picture) -> Picture:
    """Pixels that alpha hides may hold anything: give them the mean of the visible, so that none shows up."""
    if picture.alpha is None or picture.alpha.min() > HIDDEN:
        return picture
    given, alpha = picture.samples, picture.alpha[..., None]
    sums = [(floats(given[rows]) * alpha[rows]).sum((0, 1), np.float64) for rows in blocks(given)]
    mean = (np.sum(sums, axis=0) / picture.alpha.sum(dtype=np.float64)).astype(np.float32)
    samples = np.empty_like(given, kept_type(given, picture.size))
    for rows in blocks(given):
        seen = np.where(alpha[rows] > HIDDEN, floats(given[rows]), mean)
        samples[rows] = as_samples(seen, samples.dtype)
    return replace(picture, samples=samples)
