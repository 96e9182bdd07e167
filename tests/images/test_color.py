"""Keeping the photograph's colours: moments, round trips, and what must stay."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from yiq import to_yiq

from impasto.images import FloatArray
from impasto.images.color import gray, match_color, match_luminance, with_luminance_of

quick = settings(max_examples=30, database=None)
seeds = st.integers(0, 2**31 - 1)


def picture(seed: int, low: float = 0.0, high: float = 1.0, size: tuple[int, int] = (12, 15)) -> FloatArray:
    """Correlated colours between `low` and `high`."""
    random = np.random.default_rng(seed)
    mixing = np.eye(3) + random.uniform(0, 0.8, (3, 3))
    colors = random.uniform(size=(*size, 3)) @ (mixing / mixing.sum(1, keepdims=True)).T
    return (low + (high - low) * colors).astype(np.float32)


def moments(pixels: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    flat = pixels.reshape(-1, 3).astype(np.float64)
    return flat.mean(0), np.cov(flat.T)


@quick
@given(color=st.tuples(*[st.floats(0, 1, width=32)] * 3))
def test_yiq_is_the_standard_librarys(color: tuple[float, float, float]) -> None:
    """colorsys rounds its coefficients to two digits."""
    yiq = to_yiq(np.array([[color]], dtype=np.float32))[0, 0]
    np.testing.assert_allclose(yiq, colorsys.rgb_to_yiq(*color), atol=0.02)


def test_colours_that_no_screen_shows_are_clipped() -> None:
    """A saturated red under the luminance of white, and of black."""
    red = np.array([[[1.0, 0.1, 0.0]]], np.float32)
    np.testing.assert_allclose(with_luminance_of(red, np.ones_like(red))[0, 0], [1, 0.742, 0.642], atol=1e-3)
    np.testing.assert_allclose(with_luminance_of(red, np.zeros_like(red))[0, 0], [0.642, 0, 0], atol=1e-3)


@quick
@given(seed=seeds)
def test_gray_has_equal_channels_and_the_same_luminance(seed: int) -> None:
    rgb = picture(seed)
    grey = gray(rgb)
    assert grey.dtype == np.float32
    assert np.array_equal(grey[..., 0], grey[..., 1])
    assert np.array_equal(grey[..., 0], grey[..., 2])
    np.testing.assert_allclose(grey[..., 0], rgb @ np.array([0.299, 0.587, 0.114]), atol=1e-6)


@quick
@given(seed=seeds)
def test_luminance_of_one_under_colours_of_the_other(seed: int) -> None:
    """Pale colours, so that nothing is clipped."""
    content, stylized = picture(seed, 0.4, 0.6), picture(seed + 1, 0.3, 0.7)
    result = with_luminance_of(content, stylized)
    assert result.dtype == np.float32
    np.testing.assert_allclose(to_yiq(result)[..., 0], to_yiq(stylized)[..., 0], atol=1e-6)
    np.testing.assert_allclose(to_yiq(result)[..., 1:], to_yiq(content)[..., 1:], atol=1e-6)


def test_luminance_of_itself_changes_nothing() -> None:
    content = picture(0)
    np.testing.assert_allclose(with_luminance_of(content, content), content, atol=1e-6)


@quick
@given(seed=seeds)
def test_matched_luminance_has_the_contents_mean_and_deviation(seed: int) -> None:
    style, content = picture(seed), picture(seed + 1, 0.4, 0.6)
    matched = match_luminance(style, content)
    assert np.array_equal(matched[..., 0], matched[..., 2])
    assert float(matched.mean()) == pytest.approx(float(gray(content).mean()), abs=1e-5)
    assert float(matched.std()) == pytest.approx(float(gray(content).std()), abs=1e-5)


def test_matched_luminance_keeps_the_order_of_greys() -> None:
    style = picture(0)
    matched = match_luminance(style, picture(1, 0.4, 0.6))
    order = np.argsort(gray(style)[..., 0], axis=None)
    assert (np.diff(matched[..., 0].flatten()[order]) >= -1e-6).all()


@quick
@given(seed=seeds)
def test_matched_colours_have_the_contents_mean_and_covariance(seed: int) -> None:
    """A content of low contrast, so that nothing is clipped; of another size than the style."""
    style, content = picture(seed), picture(seed + 1, 0.4, 0.6, size=(40, 30))
    matched = match_color(style, content)
    assert matched.shape == style.shape
    assert matched.dtype == np.float32
    assert matched.min() > 0
    assert matched.max() < 1
    for ours, wanted in zip(moments(matched), moments(content), strict=True):
        np.testing.assert_allclose(ours, wanted, atol=1e-5)


def test_colours_matched_to_themselves_do_not_change() -> None:
    style = picture(0)
    np.testing.assert_allclose(match_color(style, style), style, atol=1e-5)


def test_matching_stretches_each_channel_on_its_own_where_colours_are_independent() -> None:
    """Known by hand: two values a channel, each combination once, so that the covariance is diagonal."""
    bits = np.array([[(i >> c) & 1 for c in range(3)] for i in range(8)], dtype=np.float32)
    style = (0.5 + 0.2 * (bits - 0.5)).reshape(2, 4, 3)
    content = (np.array([0.3, 0.5, 0.6]) + np.array([0.1, 0.2, 0.4]) * (bits - 0.5)).reshape(2, 4, 3).astype(np.float32)
    np.testing.assert_allclose(match_color(style, content), content, atol=1e-4)


@pytest.mark.parametrize("flat", ["style", "content"])
def test_a_flat_picture_gives_no_extreme_colours(flat: str) -> None:
    plain = np.full((12, 15, 3), 0.5, dtype=np.float32)
    matched = match_color(plain, picture(0)) if flat == "style" else match_color(picture(0), plain)
    wanted = picture(0).reshape(-1, 3).mean(0) if flat == "style" else plain[0, 0]
    np.testing.assert_allclose(matched.reshape(-1, 3).mean(0), wanted, atol=1e-3)
    assert np.abs(matched - wanted).max() < 0.02


def test_grey_pictures_match_without_colour() -> None:
    style, content = gray(picture(0, 0.3, 0.7)), gray(picture(1, 0.2, 0.5))
    matched = match_color(style, content)
    assert np.ptp(matched, axis=2).max() < 0.01
    assert float(matched.mean()) == pytest.approx(float(content.mean()), abs=1e-4)
    assert float(matched.std()) == pytest.approx(float(content.std()), abs=5e-3)
