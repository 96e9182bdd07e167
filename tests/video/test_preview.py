"""The sheet of a film that is not painted yet, and how flicker is measured."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import make_clip
from PIL import Image

from impasto.errors import ImpastoError
from impasto.stylizing.contact_sheet import CAPTION, GAP
from impasto.video.flicker import squared_error, warping_error
from impasto.video.flow import Motion, motion, moved, view
from impasto.video.preview import BURST, _clock, _compared, _spread, preview


def still(size: tuple[int, int], across: float = 0.0) -> Motion:
    """What lies here was `across` px to the right, everywhere, for certain."""
    width, height = size
    back = np.zeros((height, width, 2), np.float32)
    back[..., 0] = across
    return Motion(back, np.ones((height, width), np.float32))


def test_what_has_only_moved_is_no_error(photo: Image.Image) -> None:
    before = np.asarray(photo)
    now = np.roll(before, -3, axis=1)
    found = still(photo.size, 3.0)
    found.trust[:, -4:] = 0  # what came in from the other side
    assert warping_error(before, now, found) == 0
    assert warping_error(before, now, still(photo.size)) > 1e-3


def test_the_error_is_a_mean_square_of_channels_in_0_to_1_whatever_they_are_kept_as() -> None:
    before, now = np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 3), np.float32)
    now[:4, :, 0] = 0.5
    trust = np.ones((8, 8), np.float32)
    found = Motion(np.zeros((8, 8, 2), np.float32), trust)
    assert warping_error(before, now, found) == pytest.approx(0.25 / 3 / 2)
    trust[:4] = 0.5  # not more than half
    assert warping_error(before, now, found) == 0
    trust[:] = 0
    assert np.isnan(warping_error(before, now, found))
    trust[:] = 1
    eight, sixteen = ((np.rint(one * top)).astype(kind) for one, top, kind in (
        (now, 255, np.uint8), (now, 65535, np.uint16)
    ))  # fmt: skip
    assert warping_error(np.zeros_like(eight), eight, found) == pytest.approx(0.25 / 6, rel=0.01)
    assert warping_error(np.zeros_like(sixteen), sixteen, found) == pytest.approx(0.25 / 6, rel=1e-3)


def test_motion_of_another_size_is_enlarged(photo: Image.Image) -> None:
    before = np.asarray(photo.resize((192, 128), Image.Resampling.BICUBIC))
    now = moved(before, still((192, 128), 4.0).back)
    error, counts = squared_error(before, now, still((96, 64), 2.0))
    assert error.shape == counts.shape == (128, 192)
    assert error[:, :180].max() < 1e-4


def test_motion_that_is_found_explains_a_film(portrait: Image.Image) -> None:
    """Of a photograph itself little is left; of noise that does not move along, all."""
    large = np.asarray(portrait.resize((192, 192), Image.Resampling.BICUBIC))
    before, now = large[:, 8:168], large[:, 10:170]
    found = motion(view(before), view(now))
    noise = np.random.default_rng(0).integers(0, 256, before.shape, np.uint8)
    assert warping_error(before, now, found) < 0.1 * warping_error(noise, np.roll(noise, 40, axis=0), found)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 30)


def test_a_sheet(clip: Path, style_model: Path, work: Path) -> None:
    """30 frames are room for two places."""
    told: list[tuple[int, int]] = []
    sheet = preview(clip, style_model, callback=lambda *count: told.append(count))
    assert sheet.size == (2 * 64 + 3 * GAP, 2 * (48 + CAPTION + GAP) + GAP)
    assert told == [(index + 1, 2 * 2 * BURST) for index in range(2 * 2 * BURST)]
    photo, painted = (sheet.pixels[GAP + top : GAP + top + 48, GAP : GAP + 64] for top in (0, 48 + CAPTION + GAP))
    assert photo[..., 2].min() == pytest.approx(90 / 255, abs=0.05)
    assert np.abs(photo - painted).mean() > 0.02
    assert list(work.iterdir()) == []


@pytest.mark.usefixtures("work")
def test_options_are_those_of_the_film(clip: Path, style_model: Path) -> None:
    small = preview(clip, style_model, size=40, side=32, stop=0.5, steadiness=None)
    assert small.size == (32 + 2 * GAP, 2 * (24 + CAPTION + GAP) + GAP)
    half = Image.fromarray(np.kron(np.array([[255, 0]], np.uint8), np.ones((48, 32), np.uint8)))
    pixels, step = preview(clip, style_model, places=1, mask=half).pixels, 48 + CAPTION + GAP
    change = np.abs(pixels[GAP : GAP + 48, GAP : GAP + 64] - pixels[GAP + step : GAP + step + 48, GAP : GAP + 64])
    assert change[:, :32].mean() > 0.02
    assert change[:, 32:].max() == 0


@pytest.mark.usefixtures("work")
def test_what_is_wrong(clip: Path, style_model: Path) -> None:
    with pytest.raises(ImpastoError, match=r"^places must be at least 1|^places must be between"):
        preview(clip, style_model, places=0)
    with pytest.raises(ImpastoError, match=r"^side must be"):
        preview(clip, style_model, side=5)
    with pytest.raises(ImpastoError, match=r"^no such film: missing\.mp4$"):
        preview("missing.mp4", style_model)
    with pytest.raises(ImpastoError, match=r"clip\.mp4 has no frames in that range$"):
        preview(clip, style_model, start=100)
    with pytest.raises(ImpastoError, match=r"^strength must be"):
        preview(clip, style_model, strength=2.0)


def test_places_are_spread_and_rows_lie_within_the_film() -> None:
    rate = Fraction(24)
    starts = _spread(Fraction(10), Fraction(90), 4, rate)
    middles = [float(start + Fraction(BURST, 2) / rate) for start in starts]
    assert middles == pytest.approx([20, 40, 60, 80])
    assert _spread(Fraction(0), Fraction(0), 4, rate) == [0]  # of unknown length
    assert len(_spread(Fraction(0), 4 * BURST / rate, 4, rate)) == 2
    assert _spread(Fraction(3), Fraction(3) + 2 / rate, 4, rate) == [3]


def test_captions() -> None:
    assert [_clock(Fraction(tenths, 10)) for tenths in (5, 625, 36_025)] == ["0:00.5", "1:02.5", "1:00:02.5"]
    assert _compared(0.021, 0.1) == "flicker 0.21 of frame by frame"
    assert _compared(0.0, 0.0) == "no flicker, nor frame by frame"
    assert _compared(float("nan"), 0.1) == "flicker: not measured"
