"""Video beyond sRGB shown as it is meant: HDR (PQ, HLG) toned down to a white page's brightness, wide gamuts clipped.

ITU-R BT.2100 says what the numbers mean, BT.2408 that a white page is at 203 cd/m², BT.2390 how brightness beyond is
rolled off.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images import FloatArray, blocks

Deep = NDArray[np.uint16]
WHITE = 203.0  # cd/m² of a white page
PEAK = 1000.0  # cd/m² that most HDR is mastered for, where it does not say so itself
_TOP = 65535
_MOST = 10_000.0  # cd/m² that PQ goes to
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_BLOCK = 1 << 18  # values that are computed with at a time: they stay in the processor's cache
# Chromaticities (x, y) of red, green and blue; all with D65 as their white.
_PRIMARIES = {
    "bt709": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "smpte432": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_D65 = (0.3127, 0.3290)
WIDE = tuple(name for name in _PRIMARIES if name != "bt709")


def pq_to_nits(signal: NDArray[Any]) -> FloatArray:
    """cd/m² of PQ values in [0, 1] (SMPTE ST 2084)."""
    root = np.maximum(signal, 0) ** (1 / _M2)
    return np.asarray(_MOST * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1), np.float32)


def nits_to_pq(nits: NDArray[Any]) -> FloatArray:
    """PQ values of cd/m²: the inverse."""
    root = (np.maximum(nits, 0) / _MOST) ** _M1
    return np.asarray(((_C1 + _C2 * root) / (1 + _C3 * root)) ** _M2, np.float32)


def hlg_to_scene(signal: NDArray[Any]) -> FloatArray:
    """A camera's light in [0, 1] of HLG values in [0, 1] (ARIB STD-B67)."""
    return np.asarray(np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _C) / _A) + _B) / 12), np.float32)


def rolled_off(nits: NDArray[Any], peak: float = PEAK) -> FloatArray:
    """cd/m² up to `peak` brought below `WHITE`: what is darker than about half of that stays as it is (BT.2390)."""
    most = float(nits_to_pq(np.array([peak]))[0])
    level = np.clip(nits_to_pq(nits) / most, 0, 1)
    limit = float(nits_to_pq(np.array([WHITE]))[0]) / most
    knee = 1.5 * limit - 0.5
    if knee >= 1:
        return nits
    at = (level - knee) / (1 - knee)
    curve = (2 * at**3 - 3 * at**2 + 1) * knee + (at**3 - 2 * at**2 + at) * (1 - knee) + (3 * at**2 - 2 * at**3) * limit
    return pq_to_nits(np.where(level < knee, level, curve) * np.float32(most))


def to_sdr(samples: Deep, transfer: str, primaries: str = "bt2020", peak: float = PEAK) -> Deep:
    """HDR as sRGB of 16 bits.

    samples: (H, W, 3). transfer: smpte2084 (PQ) or arib-std-b67 (HLG). primaries: bt2020, smpte432 or bt709. peak:
    cd/m² of the brightest that it was mastered for.
    """
    result = np.empty_like(samples)
    matrix, to_light, factors = to_bt709(primaries), _to_light(transfer), _roll_off(peak)
    for rows in blocks(samples, _BLOCK):
        light = to_light[samples[rows]]
        if transfer == "arib-std-b67":  # its screen is brighter where the scene is: BT.2100's OOTF for 1000 cd/m²
            luminance = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
            light *= (PEAK * np.maximum(luminance, 1e-6) ** np.float32(0.2))[..., None]
        light = _in_gamut(light @ matrix.T)
        # All three by the same factor, so that a colour keeps its hue.
        place = np.sqrt(light.max(axis=-1) / np.float32(_MOST)) * np.float32(_TOP)
        light *= factors[np.minimum(place, _TOP).astype(np.uint16)][..., None]
        result[rows] = _to_srgb(light)
    return result


def narrowed(samples: Deep, primaries: str) -> Deep:
    """Video of a wide gamut (bt2020, smpte432) and usual brightness as sRGB of 16 bits; what is beyond is clipped."""
    result = np.empty_like(samples)
    matrix, to_light = to_bt709(primaries), _srgb_light()
    for rows in blocks(samples, _BLOCK):
        result[rows] = _to_srgb(_in_gamut(to_light[samples[rows]] @ matrix.T))
    return result


@cache
def to_bt709(primaries: str) -> FloatArray:
    """(3, 3): linear RGB of these primaries to that of BT.709, which are sRGB's."""
    return np.asarray(np.linalg.inv(_to_xyz("bt709")) @ _to_xyz(primaries), np.float32)


def _to_xyz(primaries: str) -> NDArray[np.float64]:
    def xyz(chromaticity: tuple[float, float]) -> list[float]:
        x, y = chromaticity
        return [x / y, 1, (1 - x - y) / y]

    columns = np.array([xyz(one) for one in _PRIMARIES[primaries]]).T
    return columns * np.linalg.solve(columns, np.array(xyz(_D65)))


def _in_gamut(light: FloatArray) -> FloatArray:
    """Colours with a negative channel drawn towards the grey of their luminance until they have none."""
    grey = np.maximum(light @ np.array([0.2126, 0.7152, 0.0722], np.float32), 0)
    lowest = light.min(axis=-1)
    share = np.where(lowest < 0, grey / np.maximum(grey - lowest, 1e-9), 1)
    return np.asarray(grey[..., None] + (light - grey[..., None]) * share[..., None], np.float32)


@cache
def _levels() -> FloatArray:
    return np.linspace(0, 1, _TOP + 1, dtype=np.float32)


@cache
def _to_light(transfer: str) -> FloatArray:
    """Of each 16-bit value: cd/m² of PQ; of HLG the camera's light."""
    levels = _levels().astype(np.float64)
    return (pq_to_nits if transfer == "smpte2084" else hlg_to_scene)(levels).astype(np.float32)


@cache
def _srgb_light() -> FloatArray:
    levels = _levels()
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _roll_off(peak: float) -> FloatArray:
    """Of (i / 65535)² · 10,000 cd/m²: the factor that makes them light in which a page's white is 1."""
    nits = _levels().astype(np.float64) ** 2 * _MOST
    nits[0] = nits[1]
    return np.asarray(rolled_off(nits, peak) / nits / WHITE, np.float32)


@cache
def _srgb_levels() -> Deep:
    """16-bit sRGB of the light (i / 65535)², which has enough places near black."""
    light = _levels().astype(np.float64) ** 2
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(encoded * _TOP).astype(np.uint16)


def _to_srgb(light: FloatArray) -> Deep:
    index = np.sqrt(np.clip(light, 0, 1)) * np.float32(_TOP)
    return _srgb_levels()[np.rint(index).astype(np.uint16)]
