"""HDR against the standards' own numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from impasto.video import hdr


def hlg(scene: NDArray[Any]) -> NDArray[Any]:
    """ARIB STD-B67's OETF."""
    upper = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)


def shown(nits: float, transfer: str = "smpte2084", color: tuple[float, float, float] = (1, 1, 1)) -> list[float]:
    """8-bit sRGB of a colour of BT.2020 whose brightest channel has so many cd/m²."""
    light = np.array(color) * nits
    if transfer == "smpte2084":
        signal = hdr.nits_to_pq(light)
    else:  # BT.2100's inverse OOTF and OETF for a screen of 1000 cd/m²
        luminance = light @ [0.2627, 0.6780, 0.0593]
        scene = light / 1000 * (luminance / 1000) ** (1 / 1.2 - 1)
        signal = hlg(scene)
    samples = np.rint(np.asarray(signal) * 65535).astype(np.uint16).reshape(1, 1, 3)
    return list(hdr.to_sdr(samples, transfer)[0, 0] / 257.0)


def test_pq_is_st_2084() -> None:
    """Values of BT.2408, table 1, and of the standard's ends."""
    levels = [0, 0.508, 0.5807, 0.7518, 1]
    np.testing.assert_allclose(hdr.nits_to_pq(np.array([0, 100, 203, 1000, 10_000])), levels, atol=2e-4)
    ramp = np.linspace(0, 1, 101)
    np.testing.assert_allclose(hdr.nits_to_pq(hdr.pq_to_nits(ramp)), ramp, atol=1e-4)


def test_hlg_is_std_b67() -> None:
    np.testing.assert_allclose(hdr.hlg_to_scene(np.array([0, 0.5, 0.75, 1])), [0, 1 / 12, 0.2650, 1], atol=1e-3)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_greys_stay_grey_and_rise_to_white(transfer: str) -> None:
    """A page is light, a face where it would be on an SDR screen, and nothing is washed out."""
    greys = {nits: shown(nits, transfer) for nits in (0.1, 1, 5, 20, 50, 100, 203, 500, 1000)}
    for grey in greys.values():
        assert max(grey) - min(grey) < 1.5
    bright = [grey[1] for grey in greys.values()]
    assert bright == sorted(bright)
    assert greys[0.1][1] < 4
    # 50 cd/m² of 203 are dark enough that nothing is rolled off: sRGB's value of 50 / 203.
    assert greys[50][1] == pytest.approx(255 * (1.055 * (50 / 203) ** (1 / 2.4) - 0.055), abs=1.5)
    assert 205 < greys[203][1] < 235
    assert greys[1000][1] > 253


def test_the_roll_off_is_smooth() -> None:
    nits = np.linspace(1, 1000, 2000)
    rolled = hdr.rolled_off(nits, 1000)
    steps = np.diff(rolled)
    assert (steps >= 0).all()
    assert np.abs(np.diff(steps)).max() < 0.02
    assert rolled[-1] == pytest.approx(hdr.WHITE, rel=0.01)


def test_a_dim_master_is_left_as_it_is() -> None:
    nits = np.array([1.0, 100, 200])
    np.testing.assert_allclose(hdr.rolled_off(nits, 203), nits, rtol=0.05)


def test_colours_keep_their_hue() -> None:
    """BT.709's red, given in BT.2020: it is that red again, dim or bright."""
    red = np.linalg.inv(hdr.to_bt709("bt2020")) @ [1, 0, 0]
    dim = shown(20 * red.max(), color=tuple(red / red.max()))
    assert dim[0] > 60
    assert max(dim[1:]) < 3
    bright = shown(600, color=tuple(red / red.max()))
    assert bright[0] > 230
    assert max(bright[1:]) < 12


def test_beyond_the_gamut_is_clipped_without_turning() -> None:
    green = shown(100, color=(0, 1, 0))
    assert green[0] < 3
    assert green[2] < 0.6 * green[1]


def test_wide_gamuts_are_narrowed() -> None:
    grey = np.full((1, 1, 3), 30_000, np.uint16)
    np.testing.assert_allclose(hdr.narrowed(grey, "smpte432"), grey, atol=40)
    # sRGB (200, 50, 50) by CSS Color 4's matrix to Display P3.
    matrix = np.array([[0.82246, 0.17754, 0], [0.03319, 0.96681, 0], [0.01708, 0.07240, 0.91052]])
    levels = np.array([200, 50, 50]) / 255
    light = matrix @ ((levels + 0.055) / 1.055) ** 2.4
    p3 = np.rint((1.055 * light ** (1 / 2.4) - 0.055) * 65535).astype(np.uint16).reshape(1, 1, 3)
    np.testing.assert_allclose(hdr.narrowed(p3, "smpte432")[0, 0] / 257, [200, 50, 50], atol=0.3)
