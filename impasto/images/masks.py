"""Masks, and pixels that nobody sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import ImpastoError
from .color import luminance
from .decoding import ImageLike, called, load
from .picture import HIDDEN, FloatArray, Picture, blocks, resize

_MARKS = {"mask": "goes", "style mask": "is taken from"}


def load_mask(mask: ImageLike, what: str, size: tuple[int, int] | None = None) -> FloatArray:
    """A mask's luminance at a size, by default its own; what is transparent is as good as black."""
    picture = load(mask, what)
    values = luminance(picture.pixels)
    if picture.alpha is not None:
        values = values * picture.alpha
    if size is not None and values.shape != (size[1], size[0]):
        values = resize(values, size)
    if values.max() < 0.5:
        raise ImpastoError(f"{called(mask, what)} has no white in it: white marks where the style {_MARKS[what]}")
    return values


def opaque_where_hidden(picture: Picture) -> Picture:
    """Pixels that alpha hides may hold anything: give them the mean of the visible, so that none shows up."""
    if picture.alpha is None or picture.alpha.min() > HIDDEN:
        return picture
    pixels, alpha = picture.pixels.copy(), picture.alpha[..., None]
    total = np.sum([(pixels[rows] * alpha[rows]).sum((0, 1), np.float64) for rows in blocks(pixels)], axis=0)
    mean = (total / picture.alpha.sum(dtype=np.float64)).astype(np.float32)
    for rows in blocks(pixels):
        pixels[rows] = np.where(alpha[rows] > HIDDEN, pixels[rows], mean)
    return replace(picture, pixels=pixels)
