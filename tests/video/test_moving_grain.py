"""The noise that strokes begin from goes along with what it lies on, and stays noise."""

from __future__ import annotations

import numpy as np
import pytest

from impasto.images import FloatArray
from impasto.styles.model import About
from impasto.video.flow import Motion
from impasto.video.moving_grain import MovingGrain

CELL = 4
ABOUT = About("wave", network="hourglass", smallest=44, grain_cell=CELL)
FRAME = (320, 240)


@pytest.fixture
def own() -> FloatArray:
    return np.random.default_rng(1).standard_normal((1, 1, 240, 240)).astype(np.float32)


def grain(own: FloatArray, offset: tuple[float, float] = (0, 0)) -> MovingGrain:
    return MovingGrain(own, FRAME, FRAME, ABOUT, offset)


def pan(across: float, down: float, trust: float = 1.0) -> Motion:
    """Of a camera: what is seen here was further on by so many px in the frame before."""
    back = np.full((FRAME[1] // 2, FRAME[0] // 2, 2), (across / 2, down / 2), np.float32)
    return Motion(back, np.full(back.shape[:2], trust, np.float32))


def test_at_first_it_is_the_networks_own(own: FloatArray) -> None:
    shown = grain(own).map()[0, 0]
    rows, columns = shown.shape
    assert rows * CELL >= FRAME[1] + 2 * ABOUT.smallest
    assert columns * CELL >= FRAME[0] + 2 * ABOUT.smallest
    assert np.array_equal(shown, own[0, 0, :rows, :columns])


def test_it_moves_by_whole_cells_exactly(own: FloatArray) -> None:
    moving = grain(own)
    before = moving.map()[0, 0]
    moving.move(pan(2 * CELL, -CELL), (0, 0))
    shown = moving.map()[0, 0]
    assert np.allclose(shown[1:, :-2], before[:-1, 2:], atol=1e-4)


def test_a_frame_that_is_placed_elsewhere_keeps_its_noise(own: FloatArray) -> None:
    """The picture stands still, and so does what lies on it; only the network's view of it is another."""
    moving = grain(own)
    before = moving.map()[0, 0]
    moving.move(pan(0, 0), (2 * CELL, CELL))
    assert np.allclose(moving.map()[0, 0][1:, 2:], before[:-1, :-2], atol=1e-4)


def test_many_small_steps_lead_where_they_should(own: FloatArray) -> None:
    moving = grain(own)
    before = moving.map()[0, 0]
    for _ in range(40):
        moving.move(pan(0.3, 0.1), (0, 0))
    shown = moving.map()[0, 0]
    assert np.corrcoef(shown[1:-1, :-3].ravel(), before[2:, 3:].ravel())[0, 1] > 0.99


def test_it_stays_noise(own: FloatArray) -> None:
    moving, random = grain(own), np.random.default_rng(2)
    for _ in range(150):
        moving.move(pan(*random.normal(0, 3, 2)), (0, 0))
    shown = moving.map()[0, 0]
    assert 0.75 < shown.std() < 1.1
    assert abs(np.corrcoef(shown[:, 2:].ravel(), shown[:, :-2].ravel())[0, 1]) < 0.2  # interpolation's


@pytest.mark.parametrize("factor", [1.02, 0.98])
def test_a_zoom_does_not_stretch_it_for_ever(own: FloatArray, factor: float) -> None:
    """After 150 frames a picture would be 20 times as large: strokes would be, too."""
    moving = grain(own)
    x, y = np.meshgrid(np.arange(FRAME[0] // 2), np.arange(FRAME[1] // 2))
    center = np.array([FRAME[0] / 4, FRAME[1] / 4])
    back = ((np.stack([x, y], 2) - center) * (1 / factor - 1)).astype(np.float32)
    for _ in range(150):
        moving.move(Motion(back, np.ones(back.shape[:2], np.float32)), (0, 0))
    steps = np.abs(1 + np.diff(moving.shift, axis=1)[..., 0])
    assert 0.4 < np.median(steps) < 2.5
    assert 0.7 < moving.map().std() < 1.15


def test_where_nothing_can_be_trusted_it_begins_anew(own: FloatArray) -> None:
    moving = grain(own)
    before = moving.map()
    moving.move(pan(17, 9), (0, 0))
    moving.move(pan(17, 9, trust=0.0), (0, 0))
    assert np.array_equal(moving.map(), before)
