"""Optical flow: where what is seen in a frame was in the frame before, and how far that can be trusted."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..images import FloatArray, Samples, fit

LONG_SIDE = 720  # px that flow is found at: more costs time, and hardly moves a stroke elsewhere
SMALLEST = 32  # px a side of an image that flow is found in: in smaller ones OpenCV's search crashes
_ERROR = 0.08  # of 1: a difference of colour that halves the trust


class View(NamedTuple):
    """A frame as flow is found in it: (h, w) uint8 luminance and (h, w, 3) uint8 RGB, `LONG_SIDE` px at most."""

    gray: NDArray[np.uint8]
    color: NDArray[np.uint8]


class Motion(NamedTuple):
    """From a frame to the one before.

    back: (h, w, 2) float32, columns and rows from the place of what is seen here to where it was, in px of an image of
    (w, h). trust: (h, w) float32 in [0, 1], 0 where it was hidden, outside, or looked otherwise.
    """

    back: FloatArray
    trust: FloatArray


def view(samples: Samples) -> View:
    """Of a (H, W, 3) frame."""
    size = samples.shape[1], samples.shape[0]
    if max(size) > LONG_SIDE:
        samples = cv2.resize(samples, fit(size, LONG_SIDE), interpolation=cv2.INTER_AREA)
    if np.issubdtype(samples.dtype, np.floating):
        color = np.rint(np.clip(samples, 0, 1) * 255).astype(np.uint8)
    else:
        color = samples if samples.dtype == np.uint8 else (samples >> 8).astype(np.uint8)
    return View(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), color)


def motion(before: View, now: View) -> Motion:
    """By dense inverse search (Kroeger et al. 2016), both ways.

    Trust is lost where the way there and back does not lead home (Sundaram et al. 2010, as in Ruder et al. 2016), and
    by and by where the colour is another one.
    """
    back, forth = _flow(now.gray, before.gray), _flow(before.gray, now.gray)
    returned = back + moved(forth, back)
    lengths = _squared(back) + _squared(moved(forth, back))
    home = np.clip(2 - _squared(returned) / (0.01 * lengths + 0.5), 0, 1)
    height, width = back.shape[:2]
    columns, rows = _places(width, height)
    x, y = columns + back[..., 0], rows + back[..., 1]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    error = np.abs(moved(before.color, back).astype(np.float32) - now.color).mean(2) / 255
    alike = 1 / (1 + (cv2.GaussianBlur(error, (0, 0), 1.5) / _ERROR) ** 4)
    trust = cv2.GaussianBlur((home * inside * alike).astype(np.float32), (0, 0), 1.0)
    return Motion(back, trust)


def _flow(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> FloatArray:
    """Where what is seen in one image is in another, less its place: (h, w, 2)."""
    if min(one.shape) < SMALLEST:
        return np.zeros((*one.shape, 2), np.float32)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # anew: it begins from what it found last
    return search.calc(one, other, None)  # type: ignore[call-overload]


def moved(image: Any, back: FloatArray, interpolation: int = cv2.INTER_LINEAR) -> Any:
    """(h, w, …) pixels of the frame before, each at its place in this one. back: `Motion.back` at this size."""
    columns, rows = _places(back.shape[1], back.shape[0])
    places = columns + back[..., 0], rows + back[..., 1]
    return cv2.remap(image, *places, interpolation, borderMode=cv2.BORDER_REPLICATE)


def enlarged(found: Motion, size: tuple[int, int]) -> Motion:
    """The same for an image of another (width, height)."""
    height, width = found.back.shape[:2]
    if size == (width, height):
        return found
    scale = np.array([size[0] / width, size[1] / height], np.float32)
    back = cv2.resize(found.back, size, interpolation=cv2.INTER_LINEAR) * scale
    trust: FloatArray = cv2.resize(found.trust, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    return Motion(back, trust)


def _squared(flow: FloatArray) -> FloatArray:
    return flow[..., 0] ** 2 + flow[..., 1] ** 2


def _places(width: int, height: int) -> tuple[FloatArray, FloatArray]:
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return columns, rows
