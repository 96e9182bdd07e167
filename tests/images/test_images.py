from __future__ import annotations

import errno
import functools
import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import imagecodecs
import numpy as np
import pytest
import skimage.data
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from made import dng
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from impasto import images
from impasto.errors import ImpastoError
from impasto.images import Picture, decoding, encoding, kinds, reading
from impasto.images.heif import register_heif

LOSSLESS = (".png", ".tif", ".tiff")
LOSSY = (".jpg", ".jpeg", ".webp", ".avif", ".heic", ".heif")
SUFFIXES = (*LOSSLESS, *LOSSY)
ORIENTATION = 0x0112


def _file(image: Image.Image, format: str, **options: Any) -> bytes:
    register_heif()
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _format(path: Path) -> str | None:
    with Image.open(path) as image:
        return image.format


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _tiff(array: NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(width: int, height: int, depth: int, color: int, rows: bytes, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + extra + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _sixteen(channels: int = 3) -> NDArray[np.uint16]:
    """16-bit values that 8 bits could not hold."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 65536, (20, 30, channels), dtype=np.uint16)


def _quadrants(width: int = 96, height: int = 64) -> Image.Image:
    """Four flat colours, so that every orientation differs and lossy formats keep it."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (200, 40, 40)
    pixels[: height // 2, width // 2 :] = (40, 200, 40)
    pixels[height // 2 :, : width // 2] = (40, 40, 200)
    pixels[height // 2 :, width // 2 :] = (200, 200, 200)
    return Image.fromarray(pixels)


# --- round trips ---


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip(suffix: str, photo: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    picture = images.load(photo)
    images.save(picture, path)
    again = images.load(path)
    assert again.size == (96, 64)
    assert again.depth == 8
    assert again.alpha is None
    error = np.abs(again.pixels - picture.pixels)
    if suffix in LOSSLESS:
        assert error.max() < 1e-6
    else:
        assert error.mean() < 0.02
    assert _format(path) == images.WRITABLE[suffix]
    assert _names(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".avif", ".heic"])
def test_round_trip_keeps_alpha(suffix: str, photo: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    alpha = np.linspace(0, 1, 96, dtype=np.float32)[None].repeat(64, 0)
    images.save(Picture(images.load(photo).pixels, alpha), path)
    again = images.load(path)
    assert again.alpha is not None
    assert np.abs(again.alpha - alpha).max() < (0.003 if suffix in LOSSLESS else 0.05)


def test_jpeg_lays_transparency_over_white(tmp_path: Path) -> None:
    alpha = np.zeros((32, 32), np.float32)
    alpha[:, 16:] = 1
    images.save(Picture(np.zeros((32, 32, 3), np.float32), alpha), tmp_path / "x.jpg")
    again = images.load(tmp_path / "x.jpg")
    assert again.pixels[:, :14].min() > 0.95
    assert again.pixels[:, 18:].max() < 0.05


def test_suffixes_may_be_capitals(photo: Image.Image, tmp_path: Path) -> None:
    images.save(images.load(photo), tmp_path / "X.JPG")
    assert _format(tmp_path / "X.JPG") == "JPEG"


def test_quality_sets_the_size_of_lossy_files(photo: Image.Image) -> None:
    for name in ("JPEG", "WEBP", "AVIF", "HEIF"):
        low, high = (len(images.encode(images.load(photo), name, quality)) for quality in (20, 95))
        assert low < 0.8 * high


@pytest.mark.parametrize("size", [(1, 1), (17, 19), (300, 1)])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_odd_sizes_can_be_written(suffix: str, size: tuple[int, int], tmp_path: Path) -> None:
    images.save(Picture(np.full((size[1], size[0], 3), 0.5, np.float32)), tmp_path / f"x{suffix}")
    again = images.load(tmp_path / f"x{suffix}")
    assert again.size == size
    assert np.abs(again.pixels - 0.5).max() < 0.03


@pytest.mark.parametrize(("format", "limit"), [("JPEG", 65_500), ("WEBP", 16_383), ("AVIF", 32_768)])
@pytest.mark.parametrize("upright", [False, True])
def test_formats_hold_so_many_pixels_a_side(
    format: str, limit: int, upright: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is said to fit can be written and read again; what is not is refused, and no library says so itself."""

    def picture(long: int) -> Picture:
        return Picture(np.full((long, 8, 3) if upright else (8, long, 3), 0.5, np.float32))

    fitting, too_long = picture(limit), picture(limit + 1)
    images.check_size(fitting.size, format)
    assert images.load(images.encode(fitting, format)).size == fitting.size
    width, height = too_long.size
    message = rf"^cannot encode {width}×{height} px as {format}, which holds {limit} px a side: choose a smaller size, "
    with pytest.raises(ImpastoError, match=message):
        images.check_size(too_long.size, format)
    with pytest.raises(ImpastoError, match=message):
        images.encode(too_long, format)
    images.check_size((10**6, 10**6), "PNG")
    assert capfd.readouterr() == ("", "")


# --- 16 bits ---


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_kept(suffix: str, channels: int, tmp_path: Path) -> None:
    array = _sixteen(channels)
    path = tmp_path / f"x{suffix}"
    images.save(images.load(array), path)
    written = imagecodecs.png_decode(path.read_bytes()) if suffix == ".png" else tifffile.imread(path)
    assert written.dtype == np.uint16
    assert np.array_equal(written, array)
    again = images.load(path)
    assert again.depth == 16
    assert np.array_equal(np.rint(again.pixels * 65535), array[..., :3])
    assert (again.alpha is None) == (channels == 3)
    if again.alpha is not None:
        assert np.array_equal(np.rint(again.alpha * 65535), array[..., 3])


@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_tiffs_of_all_kinds(compression: str | None, planar: str, channels: int) -> None:
    array = _sixteen(channels)
    stored = array if planar == "contig" else np.moveaxis(array, 2, 0)
    extra = ["unassalpha"] if channels == 4 else []
    data = _tiff(stored, photometric="rgb", planarconfig=planar, compression=compression, extrasamples=extra)
    picture = images.load(data)
    assert picture.depth == 16
    assert np.array_equal(np.rint(picture.pixels * 65535), array[..., :3])
    assert (picture.alpha is not None) == (channels == 4)


def test_sixteen_bit_grey_files() -> None:
    grey = _sixteen(1)[..., 0]
    for data in (bytes(imagecodecs.png_encode(grey)), _tiff(grey, photometric="minisblack")):
        picture = images.load(data)
        assert picture.depth == 16
        assert np.array_equal(np.rint(picture.pixels * 65535), np.repeat(grey[..., None], 3, 2))


def test_sixteen_bit_grey_where_white_is_zero() -> None:
    picture = images.load(_tiff(np.full((20, 30), 65535 // 4, np.uint16), photometric="miniswhite"))
    assert np.allclose(picture.pixels, 0.75, atol=0.01)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiffs_of_premultiplied_alpha(dtype: type) -> None:
    top = np.iinfo(dtype).max
    array: NDArray[Any] = np.zeros((20, 30, 4), dtype)
    array[..., 0], array[..., 3] = top // 4, top // 2
    picture = images.load(_tiff(array, photometric="rgb", extrasamples=["assocalpha"]))
    assert picture.alpha is not None
    assert np.allclose(picture.alpha, 0.5, atol=0.01)
    assert np.allclose(picture.pixels, [0.5, 0, 0], atol=0.01)


def test_sixteen_bit_png_with_grey_and_alpha() -> None:
    array = _sixteen(2)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    picture = images.load(_png(30, 20, 16, 4, rows))
    assert picture.depth == 16
    assert picture.alpha is not None
    assert np.array_equal(np.rint(picture.pixels[..., 1] * 65535), array[..., 0])
    assert np.array_equal(np.rint(picture.alpha * 65535), array[..., 1])


def test_sixteen_bit_png_with_a_transparent_colour() -> None:
    array = _sixteen(3)
    array[3, 5] = array[0, 0]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    picture = images.load(_png(30, 20, 16, 2, rows, _chunk(b"tRNS", array[0, 0].astype(">u2").tobytes())))
    assert picture.alpha is not None
    assert sorted(zip(*np.nonzero(picture.alpha == 0), strict=True)) == [(0, 0), (3, 5)]


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".heic"])
def test_formats_of_eight_bits_round_sixteen(suffix: str, tmp_path: Path) -> None:
    images.save(Picture(np.full((32, 32, 3), 0.3, np.float32), depth=16), tmp_path / f"x{suffix}")
    again = images.load(tmp_path / f"x{suffix}")
    assert again.depth == 8
    assert np.abs(again.pixels - 0.3).max() < 0.02


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_without_the_optional_packages_sixteen_bits_become_eight(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = _sixteen(3)
    images.save(images.load(array), tmp_path / f"x{suffix}")
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    picture = images.load(tmp_path / f"x{suffix}")
    assert picture.depth == 8
    assert np.abs(picture.pixels - array / 65535).max() < 1 / 250
    images.save(images.load(array), tmp_path / f"y{suffix}")
    assert images.load(tmp_path / f"y{suffix}").depth == 8


def test_thirty_two_bit_tiffs_are_refused_with_the_reason() -> None:
    with pytest.raises(ImpastoError, match="32-bit pixels: save it with 8 or 16"):
        images.load(_tiff(np.zeros((20, 30), np.uint32)))


# --- orientation ---


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "TIFF 16", "AVIF", "HEIF"])
def test_orientation_is_applied(format: str, orientation: int) -> None:
    image = _quadrants()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    if format == "TIFF 16":
        wide = np.asarray(image).astype(np.uint16) * 257
        data = _tiff(wide, photometric="rgb", extratags=[(ORIENTATION, 3, 1, orientation, True)])
    elif format == "TIFF":
        data = _file(image, format, tiffinfo={ORIENTATION: orientation})
    else:
        data = _file(image, format, exif=exif.tobytes())
    image.getexif()[ORIENTATION] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image)) / 255
    picture = images.load(data)
    assert picture.pixels.shape == upright.shape
    assert np.abs(picture.pixels - upright).mean() < 0.02


def test_orientation_of_a_pillow_image_is_applied() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    with Image.open(io.BytesIO(_file(_quadrants(), "JPEG", exif=exif.tobytes()))) as image:
        assert images.load(image).size == (64, 96)


def test_orientation_turns_alpha_too() -> None:
    rgba = _quadrants().convert("RGBA")
    rgba.putalpha(Image.fromarray(np.arange(64, dtype=np.uint8)[:, None].repeat(96, 1)))
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    alpha = images.load(_file(rgba, "PNG", exif=exif.tobytes())).alpha
    assert alpha is not None
    assert np.allclose(alpha[:, 0] * 255, np.arange(63, -1, -1))


# --- colour ---


def _adobe_rgb_to_srgb(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """By the two specifications: gamma 563/256, both matrices at D65."""
    adobe = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]])
    srgb = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    linear = np.clip((rgb ** (563 / 256)) @ adobe.T @ srgb.T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


MUTED = np.array([[0.5, 0.6, 0.4], [0.7, 0.5, 0.5], [0.4, 0.45, 0.6], [0.2, 0.2, 0.2], [0.9, 0.8, 0.85]])


@pytest.fixture(scope="module")
def adobe_rgb() -> bytes:
    return bytes(imagecodecs.cms_profile("adobergb"))


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "AVIF", "HEIF", "JPEG"])
def test_profiles_are_converted_to_srgb(format: str, adobe_rgb: bytes) -> None:
    expected = _adobe_rgb_to_srgb(MUTED)
    assert np.abs(expected - MUTED).max() > 0.03
    blocks = np.rint(MUTED * 255).astype(np.uint8).repeat(32, 0)[None].repeat(32, 0)
    picture = images.load(_file(Image.fromarray(blocks), format, icc_profile=adobe_rgb, quality=95))
    found = picture.pixels[16, 16::32]
    assert np.abs(found - expected).max() < (0.008 if format in ("PNG", "TIFF") else 0.025)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_profiles_of_sixteen_bit_files_are_converted_to_srgb(format: str, alpha: bool, adobe_rgb: bytes) -> None:
    blocks = np.rint(MUTED * 65535).astype(np.uint16)[None].repeat(4, 0)
    if alpha:
        blocks = np.dstack([blocks, np.full(blocks.shape[:2], 30000, np.uint16)])
    if format == "TIFF":
        extra = ["unassalpha"] if alpha else []
        data = _tiff(blocks, photometric="rgb", planarconfig="contig", iccprofile=adobe_rgb, extrasamples=extra)
    else:
        data = bytes(imagecodecs.png_encode(blocks))
        data = data[:33] + _chunk(b"iCCP", b"x\0\0" + zlib.compress(adobe_rgb)) + data[33:]
    picture = images.load(data)
    assert picture.depth == 16
    # Closer than 8 bits could be: the conversion itself has 16.
    assert np.abs(picture.pixels[0] - _adobe_rgb_to_srgb(MUTED)).max() < 0.0015
    assert (picture.alpha is not None) == alpha
    if picture.alpha is not None:
        assert np.allclose(picture.alpha, 30000 / 65535)


def test_profile_of_a_palette_image_is_converted(adobe_rgb: bytes) -> None:
    blocks = np.rint(MUTED * 255).astype(np.uint8)[None].repeat(4, 0)
    paletted = Image.fromarray(blocks).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    picture = images.load(_file(paletted, "PNG", icc_profile=adobe_rgb))
    assert np.abs(picture.pixels[0] - _adobe_rgb_to_srgb(MUTED)).max() < 0.012


def test_srgb_profile_changes_nothing(photo: Image.Image) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tagged = images.load(_file(photo, "PNG", icc_profile=profile))
    assert np.abs(tagged.pixels - images.load(photo).pixels).max() < 1.5 / 255


@pytest.mark.parametrize("broken", ["garbage", "truncated", "of another colour space"])
@pytest.mark.parametrize("depth", [8, 16])
def test_broken_profiles_are_ignored(broken: str, depth: int, adobe_rgb: bytes) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    profile = {"garbage": b"not a profile" * 20, "truncated": adobe_rgb[:300], "of another colour space": lab}[broken]
    array = _sixteen(3) if depth == 16 else (_sixteen(3) >> 8).astype(np.uint8)
    data = bytes(imagecodecs.png_encode(array))
    data = data[:33] + _chunk(b"iCCP", b"x\0\0" + zlib.compress(profile)) + data[33:]
    picture = images.load(data)
    assert picture.depth == depth
    assert np.abs(picture.pixels - array / (2**depth - 1)).max() < 1e-6


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_srgb_is_embedded(suffix: str, depth: int, tmp_path: Path) -> None:
    images.save(Picture(np.full((32, 32, 3), 0.5, np.float32), depth=depth), tmp_path / f"x{suffix}")
    with Image.open(tmp_path / f"x{suffix}") as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        image.load()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_metadata_is_kept_out(suffix: str, photo: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET camera"
    exif.get_ifd(0x8825)[1] = "N"
    source = _file(photo, "JPEG", exif=exif.tobytes(), comment=b"SECRET comment", xmp=b"<x>SECRET xmp</x>")
    assert source.count(b"SECRET") == 3
    path = tmp_path / f"x{suffix}"
    for picture in (images.load(source), images.load(Image.open(io.BytesIO(source)))):
        images.save(picture, path)
        assert b"SECRET" not in path.read_bytes()
        with Image.open(path) as image:
            tags = set(image.getexif())
            assert not tags & {0x010F, 0x8825}
            assert "comment" not in image.info


# --- modes ---


@pytest.mark.parametrize(
    ("mode", "value", "rgb"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 100, (100, 100, 100)),
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("CMYK", (255, 0, 0, 51), (0, 204, 204)),
        ("HSV", (0, 255, 200), (200, 0, 0)),
        ("YCbCr", (100, 128, 128), (100, 100, 100)),
        ("RGBX", (10, 20, 30, 0), (10, 20, 30)),
    ],
)
def test_opaque_modes(mode: str, value: Any, rgb: tuple[int, int, int]) -> None:
    picture = images.load(Image.new(mode, (5, 4), value))
    assert picture.size == (5, 4)
    assert picture.alpha is None
    assert picture.depth == 8
    assert np.abs(picture.pixels * 255 - rgb).max() <= 1


@pytest.mark.parametrize(
    ("mode", "value", "rgb"),
    [("LA", (100, 51), 100), ("RGBA", (10, 20, 30, 51), (10, 20, 30)), ("PA", (0, 51), 0)],
)
def test_modes_with_alpha(mode: str, value: Any, rgb: Any) -> None:
    picture = images.load(Image.new(mode, (5, 4), value))
    assert picture.alpha is not None
    assert np.allclose(picture.alpha, 0.2)
    assert np.allclose(picture.pixels * 255, rgb)


@pytest.mark.parametrize(("mode", "plain"), [("RGBa", "RGBA"), ("La", "LA")])
def test_premultiplied_modes(mode: str, plain: str) -> None:
    value = (200, 100, 50, 102) if plain == "RGBA" else (200, 102)
    picture = images.load(Image.new(plain, (5, 4), value).convert(mode))
    assert picture.alpha is not None
    assert np.allclose(picture.alpha, 0.4)
    assert np.abs(picture.pixels[0, 0] * 255 - (value[:3] if plain == "RGBA" else 200)).max() <= 3


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_sixteen_bit_grey_modes(mode: str) -> None:
    picture = images.load(Image.new(mode, (5, 4), 30000))
    assert picture.depth == 16
    assert np.allclose(picture.pixels, 30000 / 65535)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_palettes_with_transparency(format: str) -> None:
    rgba = _quadrants(32, 32).convert("RGBA")
    hole = np.asarray(rgba).copy()
    hole[:16, :16, 3] = 0
    data = _file(Image.fromarray(hole).convert("P") if format == "PNG" else Image.fromarray(hole), format)
    picture = images.load(data)
    assert picture.alpha is not None
    assert picture.alpha[:15, :15].max() == 0
    assert picture.alpha[17:, 17:].min() == 1
    assert np.abs(picture.pixels[20:28, 20:28] * 255 - 200).max() < 8


def test_png_palette_with_a_transparent_entry() -> None:
    paletted = Image.new("P", (4, 4), 0)
    paletted.putpalette([10, 20, 30, 200, 100, 50])
    paletted.putpixel((1, 2), 1)
    picture = images.load(_file(paletted, "PNG", transparency=0))
    assert picture.alpha is not None
    assert picture.alpha.sum() == 1
    assert np.allclose(picture.pixels[2, 1] * 255, (200, 100, 50))


def test_grey_png_with_a_transparent_value() -> None:
    grey = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4))
    picture = images.load(_file(grey, "PNG", transparency=5))
    assert picture.alpha is not None
    assert np.argwhere(picture.alpha == 0).tolist() == [[1, 1]]


def test_cmyk_jpeg() -> None:
    picture = images.load(_file(Image.new("CMYK", (32, 32), (255, 0, 0, 51)), "JPEG", quality=95))
    assert np.abs(picture.pixels * 255 - (0, 204, 204)).max() <= 4


def test_a_jpeg_of_several_pictures_gives_the_first() -> None:
    data = _file(_quadrants(), "MPO", save_all=True, append_images=[Image.new("RGB", (96, 64))])
    assert np.abs(images.load(data).pixels[:30, :46] * 255 - (200, 40, 40)).mean() < 5


def test_an_animation_gives_its_first_frame() -> None:
    data = _file(_quadrants(), "GIF", save_all=True, append_images=[Image.new("RGB", (96, 64))])
    assert np.abs(images.load(data).pixels[:30, :46] * 255 - (200, 40, 40)).mean() < 5


# --- arrays ---


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4)])
def test_arrays(dtype: type, shape: tuple[int, ...]) -> None:
    top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    values = np.random.default_rng(0).random(shape)
    array: NDArray[Any] = (values * top).astype(dtype)
    picture = images.load(array)
    expected = array.astype(np.float64).reshape(4, 5, -1) / top
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.shape == (4, 5, 3)
    assert picture.depth == (16 if dtype == np.uint16 else 8)
    assert np.allclose(picture.pixels, expected[..., :3], atol=1e-6)
    assert (picture.alpha is not None) == (shape[2:] == (4,))
    if picture.alpha is not None:
        assert np.allclose(picture.alpha, expected[..., 3], atol=1e-6)


def test_a_loaded_array_is_a_copy() -> None:
    array = np.zeros((4, 5, 3), np.float32)
    picture = images.load(array)
    array += 1
    assert picture.pixels.max() == 0


def test_strided_arrays() -> None:
    array = np.random.default_rng(0).random((8, 10, 6)).astype(np.float32)[::-2, ::2, ::2]
    assert np.array_equal(images.load(array).pixels, array)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5, 2), np.uint8), r"shape \(4, 5, 2\)"),
        (np.zeros((3, 40, 50), np.uint8), r"shape \(3, 40, 50\)"),
        (np.zeros((1, 4, 5, 3), np.uint8), r"shape \(1, 4, 5, 3\)"),
        (np.zeros(5, np.uint8), r"shape \(5,"),
        (np.zeros((0, 5, 3), np.uint8), r"shape \(0, 5, 3\)"),
        (np.zeros((4, 5, 3), np.int32), "dtype int32"),
        (np.zeros((4, 5, 3), bool), "dtype bool"),
        (np.zeros((4, 5, 3), object), "dtype object"),
        (np.full((4, 5, 3), 1.01), r"floats outside \[0, 1\]"),
        (np.full((4, 5, 3), -0.01), r"floats outside \[0, 1\]"),
        (np.full((4, 5, 3), np.nan), r"floats outside \[0, 1\]"),
    ],
)
def test_bad_arrays(array: NDArray[Any], message: str) -> None:
    with pytest.raises(ImpastoError, match=message):
        images.load(array, "content image")


def test_pictures_and_pathlike_sources(files: Path, photo: Image.Image) -> None:
    picture = images.load(photo)
    assert images.load(picture) is picture
    as_path, as_text = images.load(files / "portrait.png"), images.load(str(files / "portrait.png"))
    as_bytes = images.load((files / "portrait.png").read_bytes())
    assert np.array_equal(as_path.pixels, as_text.pixels)
    assert np.array_equal(as_path.pixels, as_bytes.pixels)


def test_to_pil_is_exact(photo: Image.Image) -> None:
    assert np.array_equal(np.asarray(images.load(photo).to_pil()), np.asarray(photo))
    rgba = photo.convert("RGBA")
    rgba.putalpha(37)
    assert images.load(rgba).to_pil().tobytes() == rgba.tobytes()


def test_tensors_and_back(photo: Image.Image) -> None:
    pixels = images.load(photo).pixels
    tensor = images.to_tensor(pixels)
    assert tuple(tensor.shape) == (1, 3, 64, 96)
    assert tensor[0, 1, 2, 3].item() == pixels[2, 3, 1]
    assert np.array_equal(images.from_tensor(tensor), pixels)
    assert tuple(images.to_tensor(pixels[..., 0]).shape) == (1, 1, 64, 96)
    assert images.from_tensor(tensor * 3 - 1).min() == 0
    assert images.from_tensor(tensor * 3 - 1).max() == 1


# --- sizes ---


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 5000))
def test_fit(width: int, height: int, long_side: int) -> None:
    fitted = images.fit((width, height), long_side)
    assert max(fitted) == long_side
    assert min(fitted) >= 1
    assert abs(fitted[0] * height - fitted[1] * width) <= max(width, height)


def test_resize_keeps_the_mean_and_the_range(photo: Image.Image) -> None:
    pixels = images.load(photo).pixels
    small = images.resize(pixels, (31, 20))
    assert small.shape == (20, 31, 3)
    assert np.allclose(small.mean((0, 1)), pixels.mean((0, 1)), atol=0.01)
    edge = np.zeros((16, 16), np.float32)
    edge[:, 8:] = 1
    assert images.resize(edge, (64, 64)).min() == 0
    assert images.resize(edge, (64, 64)).max() == 1


def test_resizing_does_not_bleed_hidden_colours() -> None:
    pixels = np.zeros((64, 64, 3), np.float32)
    alpha = np.zeros((64, 64), np.float32)
    pixels[:, :31], alpha[:, :31] = (1, 0, 0), 1
    pixels[:, 31:] = (0, 1, 0)  # hidden
    for size in ((20, 20), (150, 150)):
        resized = Picture(pixels, alpha).resized(size)
        assert resized.alpha is not None
        assert resized.size == size
        visible = resized.alpha > 0.02
        assert 0.4 < visible.mean() < 0.6
        assert resized.pixels[visible][:, 1].max() < 1e-3
        assert resized.pixels[visible][:, 0].min() > 0.99
    picture = Picture(pixels, alpha)
    assert picture.resized((64, 64)) is picture


# --- what cannot be read ---


def test_files_that_are_no_images(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("this is no picture\n" * 100)
    (tmp_path / "empty.png").touch()
    for path, message in (
        (tmp_path / "missing.jpg", r"^no such content image: .*missing\.jpg$"),
        (tmp_path / "missing" / "x.jpg", r"^no such content image: .*x\.jpg$"),
        (tmp_path, r"^content image .* is a directory$"),
        (text, r"^content image .*text\.jpg is not an image that can be read$"),
        (tmp_path / "empty.png", r"is not an image that can be read$"),
        (text / "x.jpg", r"^cannot read content image .*x\.jpg: Not a directory$"),
        ("nul\0l.jpg", "null byte"),
    ):
        with pytest.raises(ImpastoError, match=message):
            images.load(path, "content image")


def test_a_name_too_long_for_the_file_system() -> None:
    with pytest.raises(ImpastoError, match="cannot read image"):
        images.load("a" * 5000)
    with pytest.raises(ImpastoError):
        images.check_output("a" * 300 + ".png")


@pytest.mark.parametrize("source", [None, 3, 1.5, object(), io.BytesIO(), bytearray(b"x"), {"a": 1}])
def test_things_that_are_no_images(source: Any) -> None:
    with pytest.raises(ImpastoError, match="the style image is no path, Pillow image or array but "):
        images.load(source, "style image")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_truncated_images(format: str, photo: Image.Image, tmp_path: Path) -> None:
    data = _file(photo, format)
    path = tmp_path / "x"
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(ImpastoError, match=r"^content image .* is (damaged: |not an image)") as caught:
        images.load(path, "content image")
    assert "\n" not in str(caught.value)


def test_a_truncated_pillow_image(photo: Image.Image) -> None:
    data = _file(photo, "JPEG")
    with Image.open(io.BytesIO(data[: len(data) // 2])) as image, pytest.raises(ImpastoError, match="damaged"):
        images.load(image)


@pytest.mark.parametrize("depth", [8, 16])
def test_decompression_bombs(depth: int) -> None:
    with pytest.raises(ImpastoError, match="larger than 300 megapixels: scale it down first"):
        images.load(_png(60_000, 60_000, depth, 2, b""))


def test_images_that_pillow_only_warns_of_are_read(photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Pillow's own limit is, which stays what it was."""
    for limit in (96 * 64 - 1, 10, None):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert images.load(_file(photo, "PNG")).size == (96, 64)
        assert limit == Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(reading, "PIXEL_LIMIT", 96 * 64 - 1)
    for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        with pytest.raises(ImpastoError, match="scale it down first"):
            images.load(_file(photo, kind))


@pytest.mark.parametrize("name", ["x.eps", "x.jpg"])
def test_postscript_is_refused_and_starts_no_program(
    name: str, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(_file(photo, "EPS"))

    def started(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    with pytest.raises(ImpastoError, match="not an image that can be read"):
        images.load(path)


def test_heic_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (decoding, encoding, kinds):
        monkeypatch.setattr(module, "register_heif", lambda: False)
    monkeypatch.setattr(decoding, "READABLE", ("JPEG", "PNG"))
    (tmp_path / "x.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(ImpastoError, match=r"HEIC needs: pip install 'impasto\[formats\]'"):
        images.load(tmp_path / "x.heic")
    with pytest.raises(ImpastoError, match=r"HEIC needs: pip install 'impasto\[formats\]'"):
        images.check_output(tmp_path / "y.heic")


def test_a_sixteen_bit_png_with_a_wrong_checksum() -> None:
    data = bytearray(imagecodecs.png_encode(_sixteen(3)))
    start = data.index(b"IDAT")
    length = struct.unpack(">I", data[start - 4 : start])[0]
    data[start + 4 + length] ^= 1
    with pytest.raises(ImpastoError, match="damaged"):
        images.load(bytes(data))


def test_a_damaged_tiff_adds_nothing_to_stderr(photo: Image.Image, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(_file(photo, "TIFF", compression="tiff_adobe_deflate"))
    data[8] ^= 255  # the first byte of the compressed pixels
    with pytest.raises(ImpastoError, match="damaged"):
        images.load(bytes(data))
    assert capfd.readouterr().err == ""


# --- fuzzing ---


@functools.cache
def _samples() -> dict[str, bytes]:
    pixels: NDArray[np.uint8] = getattr(skimage.data, "coffee")()[::10, ::10]  # noqa: B009 (untyped)
    image, wide = Image.fromarray(pixels), pixels.astype(np.uint16) * 257
    samples = {name: _file(image, name) for name in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "PPM")}
    for compression in ("raw", "tiff_adobe_deflate", "tiff_lzw", "jpeg"):
        samples[f"TIFF {compression}"] = _file(image, "TIFF", compression=compression)
    for kind in (None, "lzw", "zlib"):
        samples[f"TIFF 16 {kind}"] = _tiff(wide, photometric="rgb", compression=kind)
    samples["TIFF float"] = _tiff((pixels / 255).astype(np.float32), photometric="rgb", compression="zlib")
    samples["PNG 16"] = bytes(imagecodecs.png_encode(wide))
    samples["PFM"] = b"PF\n60 40\n-1.0\n" + (pixels / 255).astype("<f4").tobytes()
    samples["DNG"] = dng((pixels / 255) ** 2.2)
    return samples


SAMPLES = sorted(_samples())


def _survives(data: bytes) -> None:
    """Loads, or raises `ImpastoError` with one line."""
    with mock.patch.object(reading, "PIXEL_LIMIT", 100_000):  # damaged headers must not cost gigabytes here
        try:
            picture = images.load(data, "content image")
        except ImpastoError as error:
            assert "\n" not in str(error)  # noqa: PT017 (either outcome is right)
        else:
            assert np.isfinite(picture.pixels).all()


@settings(max_examples=100, derandomize=True)
@given(st.binary(max_size=400))
def test_random_bytes(data: bytes) -> None:
    with pytest.raises(ImpastoError):
        images.load(data)


@settings(max_examples=60, derandomize=True)
@given(st.sampled_from(SAMPLES), st.binary(max_size=400))
def test_random_bytes_after_a_valid_header(sample: str, data: bytes) -> None:
    _survives(_samples()[sample][:32] + data)


@settings(max_examples=250, derandomize=True)
@given(st.sampled_from(SAMPLES), st.floats(0, 1, exclude_max=True))
def test_random_truncations(sample: str, fraction: float) -> None:
    data = _samples()[sample]
    _survives(data[: int(len(data) * fraction)])


@pytest.mark.parametrize("sample", SAMPLES)
def test_random_damage(sample: str) -> None:
    data, rng = _samples()[sample], np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(data)
        reach = len(data) if rng.random() < 0.6 else min(300, len(data))
        for place in rng.integers(0, reach, rng.choice([1, 3, 20])):
            damaged[place] = rng.integers(0, 256)
        _survives(bytes(damaged))


# --- writing ---


def _failing(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(
    step: str, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, step, _failing(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(ImpastoError, match=r"^cannot write .*x\.png: No space left on device$"):
        images.save(images.load(photo), path)
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["x.png"]


def test_an_interrupted_write_leaves_the_old_file(
    photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", _failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        images.save(images.load(photo), path)
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["x.png"]


def test_a_failed_encoder_leaves_the_old_file(
    photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(Image.Image, "save", _failing(OSError("encoder error -2")))
    with pytest.raises(ImpastoError, match="encoder error -2"):
        images.save(images.load(photo), path)
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["x.png"]


def test_a_picture_too_large_for_its_format(tmp_path: Path) -> None:
    wide = Picture(np.zeros((16, 16_384, 3), np.float32))
    with pytest.raises(ImpastoError, match="as WEBP, which holds 16383 px a side"):
        images.save(wide, tmp_path / "x.webp")
    assert _names(tmp_path) == []


def test_a_write_replaces_the_old_file(photo: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"old")
    images.save(images.load(photo), path)
    assert images.load(path).size == (96, 64)
    assert _names(tmp_path) == ["x.png"]


def test_check_output_accepts_what_can_be_written(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        assert images.check_output(tmp_path / f"x{suffix}") == tmp_path / f"x{suffix}"
    assert _names(tmp_path) == []


def test_check_output_refuses_what_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.png").mkdir()
    for name, message in (
        ("folder.png", r"folder\.png is a directory$"),
        ("missing/x.png", r"^the folder of the output does not exist: .*missing$"),
        ("x.gif", r"^cannot write 'x\.gif': its name must end with one of \.jpg, "),
        ("x", "its name must end with one of"),
    ):
        with pytest.raises(ImpastoError, match=message):
            images.check_output(tmp_path / name)
    (tmp_path / "kept.png").touch()
    denied = tmp_path / "kept.png"
    # The superuser may write anywhere, so permissions are told rather than set.
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != denied)
    with pytest.raises(ImpastoError, match=r"kept\.png is not writable$"):
        images.check_output(denied)
    assert images.check_output(tmp_path / "new.png") == tmp_path / "new.png"
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)
    with pytest.raises(ImpastoError, match=r"new\.png is not writable$"):
        images.check_output(tmp_path / "new.png")
