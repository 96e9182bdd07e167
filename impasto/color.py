"""Keeping the photograph's colours: Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer"."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .images import FloatArray

PRESERVE_COLOR = ("luminance", "match")

# NTSC YIQ: the paper's choice; Y weighs the primaries as the eye does.
_RGB_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
_YIQ_TO_RGB = np.linalg.inv(_RGB_TO_YIQ)


def to_yiq(rgb: FloatArray) -> NDArray[np.float64]:
    """(H, W, 3) RGB in [0, 1] → luminance Y in [0, 1] and chrominance I, Q."""
    return np.asarray(rgb @ _RGB_TO_YIQ.T)


def to_rgb(yiq: NDArray[np.float64]) -> FloatArray:
    """The inverse of `to_yiq`, clipped to [0, 1]."""
    return np.clip(yiq @ _YIQ_TO_RGB.T, 0, 1).astype(np.float32)


def gray(rgb: FloatArray) -> FloatArray:
    """The luminance of (H, W, 3) RGB as a grey (H, W, 3) picture."""
    return np.repeat(np.clip(to_yiq(rgb)[..., :1], 0, 1), 3, axis=2).astype(np.float32)


def match_luminance(style: FloatArray, content: FloatArray) -> FloatArray:
    """Shift and scale the grey values of `style` to the mean and deviation of `content`'s (section 3.2).

    Without this, a dark painting would darken the photograph although its colours are kept.
    """
    source, wanted = gray(style), gray(content)
    matched = (source - source.mean()) * (wanted.std() / max(float(source.std()), 1e-6)) + wanted.mean()
    return np.clip(matched, 0, 1).astype(np.float32)


def with_luminance_of(content: FloatArray, stylized: FloatArray) -> FloatArray:
    """`content`'s chrominance under `stylized`'s luminance (section 3.2)."""
    yiq = to_yiq(content)
    yiq[..., 0] = to_yiq(stylized)[..., 0]
    return to_rgb(yiq)


def match_color(style: FloatArray, content: FloatArray) -> FloatArray:
    """Recolour `style` so that its mean and covariance in RGB are `content`'s.

    x → Σc^½ Σs^-½ (x − μs) + μc, the symmetric solution of section 3.1 (the "Image Analogies" transform).
    """
    source, wanted = (x.reshape(-1, 3).astype(np.float64) for x in (style, content))
    transform = _root(_covariance(wanted), 0.5) @ _root(_covariance(source), -0.5)
    matched = (source - source.mean(0)) @ transform.T + wanted.mean(0)
    return np.clip(matched, 0, 1).astype(np.float32).reshape(style.shape)


def _covariance(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3), of (N, 3) pixels: 0 of a single one."""
    return np.cov(pixels.T, ddof=min(1, len(pixels) - 1))


def _root(covariance: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    # A picture with fewer than three independent colours has no variance to stretch: the floor leaves it alone.
    return np.asarray((vectors * np.maximum(values, 1e-5) ** power) @ vectors.T)
