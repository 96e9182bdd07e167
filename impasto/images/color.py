"""Keeping the photograph's colours: Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer"."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .samples import FloatArray, Samples, blocks, floats

PRESERVE_COLOR = ("luminance", "match")

# Y of the paper's NTSC YIQ: it weighs the primaries as the eye does.
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def luminance(rgb: FloatArray) -> FloatArray:
    """(H, W, 3) RGB in [0, 1] → (H, W) in [0, 1]."""
    found = rgb @ _LUMINANCE
    return np.clip(found, 0, 1, out=found)


def gray(rgb: FloatArray) -> FloatArray:
    """The luminance of (H, W, 3) RGB as a grey (H, W, 3) picture."""
    return np.repeat(luminance(rgb)[..., None], 3, axis=2)


def match_luminance(style: FloatArray, content: FloatArray) -> FloatArray:
    """Shift and scale the grey values of `style` to the mean and deviation of `content`'s (section 3.2).

    Without this, a dark painting would darken the photograph although its colours are kept.
    """
    source, wanted = luminance(style).astype(np.float64), luminance(content).astype(np.float64)
    matched = (source - source.mean()) * (wanted.std() / max(float(source.std()), 1e-6)) + wanted.mean()
    return np.repeat(np.clip(matched, 0, 1).astype(np.float32)[..., None], 3, axis=2)


def with_luminance_of(content: FloatArray, stylized: FloatArray) -> FloatArray:
    """`content`'s chrominance under `stylized`'s luminance (section 3.2).

    RGB is Y · (1, 1, 1) plus what I and Q give: another Y in its place is added to all three.
    """
    return np.clip(content + ((stylized - content) @ _LUMINANCE)[..., None], 0, 1)


def match_color(style: FloatArray, content: FloatArray) -> FloatArray:
    """Recolour `style` so that its mean and covariance in RGB are `content`'s."""
    return matching(style, content)(style)


def matching(style: Samples, content: Samples) -> Callable[[FloatArray], FloatArray]:
    """What recolours any part of `style` as `match_color` does."""
    return recoloring(moments(style), moments(content))


class Moments(NamedTuple):
    """Mean (3,) and covariance (3, 3) of a picture's colours, 0 of a single pixel."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


def recoloring(given: Moments, wanted: Moments) -> Callable[[FloatArray], FloatArray]:
    """What gives colours of some moments others.

    x → Σc^½ Σs^-½ (x − μs) + μc, the symmetric solution of section 3.1 (the "Image Analogies" transform).
    """
    transform = _root(wanted.covariance, 0.5) @ _root(given.covariance, -0.5)

    def recolour(part: FloatArray) -> FloatArray:
        return np.clip((part - given.mean) @ transform.T + wanted.mean, 0, 1).astype(np.float32)

    return recolour


def moments(samples: Samples) -> Moments:
    """Of (H, W, 3) samples; in blocks: a copy of a large picture is gigabytes."""
    count = samples[..., 0].size
    mean = np.sum([floats(samples[rows]).sum((0, 1), np.float64) for rows in blocks(samples)], axis=0) / count
    centered = ((floats(samples[rows]) - mean).reshape(-1, 3) for rows in blocks(samples))
    return Moments(mean, np.sum([part.T @ part for part in centered], axis=0) / max(1, count - 1))


def _root(covariance: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    # A picture with fewer than three independent colours has no variance to stretch: the floor leaves it alone.
    return np.asarray((vectors * np.maximum(values, 1e-5) ** power) @ vectors.T)
