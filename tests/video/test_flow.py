"""Optical flow: where things were, and where it is not to be trusted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

from impasto.images import Samples
from impasto.video.flow import LONG_SIDE, Motion, enlarged, motion, moved, view

SIDE = 160


def seen(left: float, top: float, side: int = SIDE) -> Samples:
    """What a camera sees of a photograph from a place on."""
    photo: Samples = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    where = np.array([[1, 0, -left], [0, 1, -top]], np.float32)
    return cv2.warpAffine(photo, where, (side, side), flags=cv2.INTER_CUBIC)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, 0.0), (-2.5, 4.25), (7.0, -6.0)])
def test_a_pan_is_found(shift: tuple[float, float]) -> None:
    found = motion(view(seen(140, 60)), view(seen(140 + shift[0], 60 + shift[1])))
    inside = found.trust > 0.5
    assert inside.mean() > 0.7
    error = np.abs(found.back - np.array(shift))[inside]
    assert np.median(error) < 0.1
    assert np.percentile(error, 90) < 0.5


def test_what_has_just_come_into_view_is_not_trusted() -> None:
    found = motion(view(seen(140, 60)), view(seen(160, 60)))
    assert found.trust[:, -12:].max() < 0.2
    assert found.trust[:, :120].mean() > 0.7


def test_what_was_hidden_is_not_trusted() -> None:
    """A flat square moves over a photograph: behind it, something comes to light."""
    before, now = seen(140, 60), seen(140, 60)
    before[60:100, 60:100], now[60:100, 84:124] = 235, 235
    found = motion(view(before), view(now))
    assert found.trust[66:94, 64:80].mean() < 0.3
    assert found.trust[:40].mean() > 0.9


def test_another_light_is_not_trusted() -> None:
    found = motion(view(seen(140, 60)), view((seen(140, 60) * 0.4).astype(np.uint8)))
    assert found.trust.mean() < 0.3


def test_moved_brings_the_frame_before_to_this_one() -> None:
    before, now = seen(140, 60), seen(143.5, 58)
    found = motion(view(before), view(now))
    difference = np.abs(moved(before, found.back).astype(float) - now)[found.trust > 0.5]
    assert np.median(difference) <= 2


@pytest.mark.parametrize(("kind", "white"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_views_are_alike_whatever_the_samples(kind: str, white: int) -> None:
    photo = seen(140, 60)
    assert np.array_equal(view((photo / 255 * white).round(6).astype(kind)).color, photo)


def test_flow_is_found_small_and_enlarged() -> None:
    small = view(cv2.resize(seen(0, 0, 400), (2 * LONG_SIDE, LONG_SIDE)))
    assert small.gray.shape == (LONG_SIDE // 2, LONG_SIDE)
    back = np.full((10, 20, 2), (1.0, -2.0), np.float32)
    large = enlarged(Motion(back, np.ones((10, 20), np.float32)), (60, 20))
    assert large.back.shape == (20, 60, 2)
    assert np.allclose(large.back, (3.0, -4.0))
    assert large.trust.shape == (20, 60)
