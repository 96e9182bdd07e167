"""Large pictures: decoded as small as is enough, and kept in as few bytes as they have."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageCms

from impasto import images
from impasto.images import Picture, decoding, samples
from impasto.images.samples import as_samples, floats, kept_type, resize


def encoded(image: Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """A rocket, 1280×848."""
    return Image.fromarray(skimage.data.rocket()).resize((1280, 848), Image.Resampling.LANCZOS)  # type: ignore[no-untyped-call]


# --- decoding ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "scale"), [(20, 8), (80, 8), (81, 4), (160, 4), (170, 2), (320, 2), (330, 1)])
def test_a_jpeg_is_decoded_as_small_as_is_enough(side: int, scale: int, photo: Image.Image) -> None:
    """Twice what it will be resized to, at least: by less than a level, on average, from what comes of the whole."""
    data, needed = encoded(photo), images.for_long_side(side)
    found = images.load(data, needed=needed)
    assert found.size == images.size_of(data, needed=needed) == (1280 // scale, 848 // scale)
    size = images.fit((1280, 848), side)
    apart = np.abs(found.resized(size).pixels - images.load(data).resized(size).pixels)
    assert apart.mean() < 1 / 255
    assert apart.max() < 0.15


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_other_formats_are_decoded_whole(format: str, photo: Image.Image) -> None:
    data = encoded(photo, format)
    assert images.load(data, needed=images.for_long_side(20)).size == (1280, 848)
    assert images.size_of(data, needed=images.for_long_side(20)) == (1280, 848)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_reduced_jpeg_is_upright_in_srgb(orientation: int, photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = images.load(encoded(photo, exif=exif, icc_profile=profile), needed=images.for_long_side(150))
    assert found.size == ((320, 212) if orientation == 1 else (212, 320))


@pytest.mark.parametrize(("size", "area"), [((1280, 848), 100**2), ((1000, 100), 50**2), ((100, 4000), 64**2)])
def test_of_a_painting_there_are_four_times_as_many_pixels_as_are_looked_at(size: tuple[int, int], area: int) -> None:
    """But a narrow one keeps what a network needs."""
    width, height = images.for_area(area)(size)
    assert width * height >= 4 * area
    assert min(width, height) >= min(64, *size)
    assert width / height == pytest.approx(size[0] / size[1], rel=0.05) or min(width, height) == 64


def test_what_phones_take_is_read() -> None:
    """200 megapixels, which Pillow takes for a bomb; grey, for the test's sake."""
    data = encoded(Image.new("L", (16_320, 12_240), 90))
    assert images.size_of(data) == (16_320, 12_240)
    found = images.load(data, needed=images.for_long_side(1020))
    assert found.size == (2040, 1530)
    assert np.abs(found.pixels - 90 / 255).max() < 0.01


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA"])
@pytest.mark.parametrize("profiled", [False, True])
def test_strips_make_no_difference(
    mode: str, profiled: bool, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = photo.resize((131, 97)).convert(mode)
    options: dict[str, Any] = {}
    if profiled and mode in ("RGB", "RGBA"):
        curve = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        options["icc_profile"] = curve
    data = encoded(image, "TIFF", **options)
    whole = images.load(data)
    monkeypatch.setattr(decoding, "_STRIP", 131 * 10)
    again = images.load(data)
    np.testing.assert_array_equal(again.samples, whole.samples)
    assert (again.alpha is None) == (whole.alpha is None) == (mode != "RGBA")


# --- samples -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_picture_keeps_its_files_integers(kind: type[np.integer[Any]]) -> None:
    top = np.iinfo(kind).max
    array = np.random.default_rng(0).integers(0, top + 1, (20, 30, 3)).astype(kind)
    picture = images.load(array)
    assert picture.samples.dtype == kind
    np.testing.assert_array_equal(picture.samples, array)
    np.testing.assert_array_equal(picture.pixels, array.astype(np.float32) / np.float32(top))
    np.testing.assert_array_equal(picture.quantized(picture.depth), array)
    np.testing.assert_array_equal(as_samples(picture.pixels, np.dtype(kind)), array)
    array[:] = 0
    assert picture.samples.any()


def test_integers_of_one_depth_at_another() -> None:
    array = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    np.testing.assert_array_equal(Picture(array).quantized(16), array.astype(np.uint16) * 257)
    np.testing.assert_array_equal(Picture(array.astype(np.uint16) * 257, depth=16).quantized(8), array)


def test_only_large_pictures_stay_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    assert images.load(array).resized((90, 60)).samples.dtype == np.float32
    whole = images.load(array).resized((90, 60)).pixels
    monkeypatch.setattr(samples, "LARGE", 5000)
    large = images.load(array).resized((90, 60))
    assert large.samples.dtype == np.uint8
    assert np.abs(large.pixels - whole).max() <= 0.5 / 255 + 1e-6
    assert images.load(array).resized((60, 40)).samples.dtype == np.uint8  # it is its own size
    assert images.load(array).resized((45, 30)).samples.dtype == np.float32
    assert kept_type(floats(array), (1000, 1000)) == np.float32


@pytest.mark.parametrize("size", [(31, 17), (300, 200), (131, 500), (400, 97), (131, 3), (1, 1), (131, 97)])
def test_resizing_part_by_part_makes_no_difference(
    size: tuple[int, int], photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.asarray(photo.resize((131, 97)))
    whole = resize(array, size)
    monkeypatch.setattr(samples, "LARGE", 2000)
    np.testing.assert_allclose(resize(array, size), whole, atol=2e-6)
    np.testing.assert_allclose(resize(floats(array[..., 0]), size), whole[..., 0], atol=2e-6)
    assert np.abs(resize(array, size, np.dtype(np.uint8)) / 255 - whole).max() <= 0.5 / 255 + 2e-6
