"""Samples of every depth and kind: right, or refused by name; and alpha is what is said to be alpha."""

from __future__ import annotations

import io
import struct
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from made import chunk, directory, page, png, srgb, tiff
from numpy.typing import NDArray
from PIL import Image, ImageCms

from impasto import images
from impasto.errors import ImpastoError

GREY, RGB = (20, 37, 1), (20, 37, 3)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB_SAMPLES = 0, 1, 2
NEEDS = r"needs: pip install 'impasto\[formats\]'$"


def _values(shape: tuple[int, ...], bits: int) -> NDArray[np.int64]:
    return np.random.default_rng(bits).integers(0, 2**bits, shape)


def _light(values: NDArray[Any], bits: int, photometric: int) -> NDArray[np.float64]:
    light = values / (2**bits - 1)
    return np.broadcast_to(1 - light if photometric == WHITE_IS_ZERO else light, (*values.shape[:2], 3))


def _read(data: bytes, installed: str) -> images.Picture | None:
    """The picture; None where the base installation says which extra it needs."""
    try:
        return images.load(data)
    except ImpastoError as error:
        if installed == "base" and str(error).endswith("needs: pip install 'impasto[formats]'"):
            return None
        raise


def _assert_light(picture: images.Picture, light: NDArray[np.float64]) -> None:
    assert np.abs(picture.pixels - light).max() < (1 / 250 if picture.depth == 8 else 2e-5)


# --- integers ---


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO, RGB_SAMPLES])
def test_integers_of_every_depth(bits: int, photometric: int, installed: str) -> None:
    values = _values(RGB if photometric == RGB_SAMPLES else GREY, bits)
    for order, compressed in product("<>", (False, True)):
        data = tiff(page(values, bits, photometric, order=order, compressed=compressed), order=order)
        picture = _read(data, installed)
        if picture is None:
            assert bits not in (1, 2, 4, 8) or photometric == RGB_SAMPLES
            continue
        _assert_light(picture, _light(values, bits, photometric))
        assert picture.depth == (8 if bits <= 8 or (installed == "base" and photometric == RGB_SAMPLES) else 16)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("photometric", [BLACK_IS_ZERO, RGB_SAMPLES])
def test_what_the_base_installation_reads_as_ever(bits: int, photometric: int, installed: str) -> None:
    values = _values(RGB if photometric == RGB_SAMPLES else GREY, bits)
    picture = images.load(tiff(page(values, bits, photometric)))
    _assert_light(picture, _light(values, bits, photometric))
    assert (picture.depth == 16) == (bits == 16 and (installed == "formats" or photometric == BLACK_IS_ZERO))


def test_grey_of_twelve_bits_and_white_is_zero_need_no_extra(installed: str) -> None:
    assert installed
    for bits, photometric in ((12, BLACK_IS_ZERO), (16, WHITE_IS_ZERO)):
        values = _values(GREY, bits)
        picture = images.load(tiff(page(values, bits, photometric)))
        _assert_light(picture, _light(values, bits, photometric))
        assert picture.depth == 16


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extra", [(), (0,), (2,), (1,)])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("photometric", ["minisblack", "rgb"])
def test_channels_that_lie_apart(
    photometric: str, compression: str | None, extra: tuple[int, ...], bits: int, installed: str
) -> None:  # fmt: skip
    colors = 3 if photometric == "rgb" else 1
    values = _values((colors + len(extra), 20, 37), bits).astype(f"u{bits // 8}")
    if 1 in extra:
        values[-1] = 2**bits - 1  # premultiplied with 1
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, values if len(values) > 1 else values[0], photometric=photometric, compression=compression,
        planarconfig="separate" if len(values) > 1 else None, extrasamples=extra, metadata=None,
    )  # fmt: skip
    picture = _read(buffer.getvalue(), installed)
    if picture is None:
        assert bits == 16 or photometric != "rgb" or extra in ((0,), (1,))
        return
    _assert_light(picture, _light(np.moveaxis(values[:colors], 0, 2), bits, BLACK_IS_ZERO))
    assert (picture.alpha is not None) == (extra in ((1,), (2,)))
    if picture.alpha is not None:
        assert np.abs(picture.alpha - values[-1] / (2**bits - 1)).max() < 1 / 250


@pytest.mark.parametrize(
    ("bits", "sample_format", "told"),
    [
        (8, 2, "8-bit signed grey"),
        (16, 2, "16-bit signed grey"),
        (32, 2, "32-bit signed grey"),
        (32, 1, "32-bit grey"),
        (64, 1, "64-bit grey"),
        (64, 6, "64-bit complex grey"),
        (16, 4, "16-bit untyped grey"),
    ],
)
def test_samples_that_say_no_light_are_refused_by_name(
    bits: int, sample_format: int, told: str, installed: str
) -> None:
    assert installed
    data = tiff(page(_values(GREY, 7), bits, BLACK_IS_ZERO, sample_format=sample_format))
    with pytest.raises(ImpastoError, match=f"^the image is a TIFF of {told}: (32-bit pixels: )?save it .*8 or 16 bits"):
        images.load(data)


def test_channels_of_which_nothing_is_said(installed: str) -> None:
    assert installed
    with pytest.raises(ImpastoError, match="is a TIFF of 8-bit grey in 3 channels: save it as grey or RGB"):
        images.load(tiff(page(_values(RGB, 8), 8, BLACK_IS_ZERO)))
    tags, pixels = page(_values(GREY, 8), 8, BLACK_IS_ZERO)
    with pytest.raises(ImpastoError, match="damaged: it does not say what its samples mean"):
        images.load(tiff(([tag for tag in tags if tag[0] != 262], pixels)))


def test_colours_that_neither_reads(installed: str) -> None:
    data = tiff(page(_values(RGB, 16), 16, 8))
    told = NEEDS if installed == "base" else ": save it as grey or RGB with 8 or 16 bits a channel$"
    with pytest.raises(ImpastoError, match="^the image is a TIFF of 16-bit CIELab.*" + told):
        images.load(data)


def test_strips_that_are_not_there(installed: str) -> None:
    assert installed
    for bits in (8, 16):
        tags, pixels = page(_values(RGB, bits), bits, RGB_SAMPLES)
        in_three = [tag if tag[0] != 278 else (278, "H", [7]) for tag in tags]
        with pytest.raises(ImpastoError, match="is damaged: some of its pixels are missing"):
            images.load(tiff((in_three, pixels)))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("bits", "sample_format"), [(8, 1), (12, 1), (16, 1), (32, 3)])
def test_a_tiff_that_is_cut_off(bits: int, sample_format: int, compressed: bool, installed: str) -> None:
    values = _values(RGB, 8) / 255 if sample_format == 3 else _values(RGB, bits)
    tags, pixels = page(values, bits, RGB_SAMPLES, sample_format=sample_format, compressed=compressed)
    whole = tiff((tags, pixels))
    # The directory first, as in files that are written in one go.
    place = 8 + len(whole) - 8 - len(pixels) - len(pixels) % 2
    entries = [tag for tag in tags if tag[0] not in (273, 279)]
    data = b"II*\0\x08\0\0\0" + directory([*entries, (273, "I", [place]), (279, "I", [len(pixels)])], 8)
    assert len(data) == place
    if _read(data + pixels, installed) is None:
        assert bits in (12, 32)
        return
    assert np.array_equal(images.load(data + pixels).pixels, images.load(whole).pixels)
    for length in (1, len(pixels) // 2, len(pixels) - 1):
        with pytest.raises(ImpastoError, match="is damaged"):
            images.load(data + pixels[:length])


def test_a_last_strip_that_says_too_much(installed: str) -> None:
    """As some write it: each strip's length is that of a full one."""
    assert installed
    values = _values(GREY, 8)
    data = bytearray(tiff(page(values, 8, BLACK_IS_ZERO)))
    place = data.index(struct.pack("<HHI", 279, 4, 1))
    struct.pack_into("<I", data, place + 8, 10**6)
    assert np.abs(images.load(bytes(data)).pixels - values / 255).max() < 1e-6


@pytest.mark.parametrize("options", [{"bigtiff": True}, {"byteorder": ">", "bigtiff": True}, {"tile": (16, 32)}])
@pytest.mark.parametrize("bits", [8, 16])
def test_large_tiffs_and_tiles(options: dict[str, Any], bits: int, installed: str) -> None:
    values = _values((70, 90, 3), bits).astype(f"u{bits // 8}")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, photometric="rgb", metadata=None, **options)
    assert images.size_of(buffer.getvalue()) == (90, 70)
    picture = _read(buffer.getvalue(), installed)
    if picture is None:
        assert options.get("byteorder") == ">"
        return
    _assert_light(picture, values / (2**bits - 1))
    assert picture.depth == (16 if bits == 16 and installed == "formats" else 8)


# --- floats ---


@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO, RGB_SAMPLES])
@pytest.mark.parametrize("compressed", [False, True])
def test_tiffs_of_floats(bits: int, photometric: int, compressed: bool, installed: str) -> None:
    floats = np.random.default_rng(0).random(RGB if photometric == RGB_SAMPLES else GREY)
    data = tiff(page(floats, bits, photometric, sample_format=3, order=">", compressed=compressed), order=">")
    if installed == "base":
        with pytest.raises(ImpastoError, match=rf"^the image is a TIFF of {bits}-bit float .*{NEEDS}"):
            images.load(data)
        return
    picture = images.load(data)
    assert picture.depth == 16
    expected = np.broadcast_to(1 - floats if photometric == WHITE_IS_ZERO else floats, RGB)
    assert np.abs(picture.pixels - expected).max() < (6e-4 if bits == 16 else 2e-5)


@pytest.mark.parametrize("wrong", [-0.01, 1.01, np.nan, np.inf])
def test_floats_beyond_light_are_refused(wrong: float) -> None:
    floats = np.full(RGB, 0.5)
    floats[3, 4, 1] = wrong
    for data in (tiff(page(floats, 32, RGB_SAMPLES, sample_format=3)), _pfm(floats)):
        with pytest.raises(ImpastoError, match=r"^the image has floats outside \[0, 1\]: "):
            images.load(data)


def _pfm(floats: NDArray[Any], order: str = "<", scale: float = 1.0) -> bytes:
    kind = b"PF" if floats.shape[2] == 3 else b"Pf"
    head = kind + f"\n{floats.shape[1]} {floats.shape[0]}\n{-scale if order == '<' else scale}\n".encode()
    return head + floats[::-1].astype(f"{order}f4").tobytes()


@pytest.mark.parametrize("shape", [GREY, RGB])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_portable_float_maps(
    shape: tuple[int, ...], order: str, scale: float, installed: str, tmp_path: Path
) -> None:
    assert installed
    floats = np.random.default_rng(0).random(shape)
    data = _pfm(floats, order, scale)
    (tmp_path / "x.pfm").write_bytes(data)
    for source in (data, tmp_path / "x.pfm"):
        picture = images.load(source)
        assert picture.depth == 16
        assert np.abs(picture.pixels - floats).max() < 2e-5
    assert images.size_of(data) == (37, 20)
    assert ".pfm" in images.SUFFIXES


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PF\n37 20\n-1.0\n" + bytes(100), "is damaged: it is cut off"),
        (b"PF\n37\n", "is damaged: its header cannot be read"),
        (b"Pf\n0 20\n-1.0\n", "is damaged: it has no pixels"),
        (b"PF\n99999 99999\n-1.0\n" + bytes(100), "megapixels"),
        (b"PF\n3 2\n-1e\n" + bytes(100), "is damaged"),
    ],
)
def test_damaged_float_maps(data: bytes, message: str) -> None:
    for read in (images.load, images.size_of):
        if read is images.load or b"37 20" not in data:
            with pytest.raises(ImpastoError, match=message):
                read(data)


@pytest.mark.parametrize(("top", "letters"), [(1, "P2"), (255, "P5"), (1023, "P5"), (4095, "P2"), (16383, "P5")])
def test_portable_grey_maps_of_every_depth(top: int, letters: str, installed: str) -> None:
    assert installed
    values = np.random.default_rng(0).integers(0, top + 1, (5, 7))
    if letters == "P5":
        pixels = values.astype(">u2" if top > 255 else "u1").tobytes()
    else:
        pixels = b" ".join(str(value).encode() for value in values.ravel())
    picture = images.load(f"{letters}\n7 5\n{top}\n".encode() + pixels)
    assert np.abs(picture.pixels - values[..., None] / top).max() < (1 / 500 if top <= 255 else 2e-5)
    assert picture.depth == (16 if top > 255 else 8)


def test_pillow_images_of_wide_samples() -> None:
    floats = np.linspace(0, 1, 20, dtype=np.float32).reshape(4, 5)
    picture = images.load(Image.fromarray(floats))
    assert np.abs(picture.pixels - floats[..., None]).max() < 2e-5
    with pytest.raises(ImpastoError, match=r"the image has floats outside \[0, 1\]"):
        images.load(Image.fromarray(floats * 255))
    for wide in (np.full((4, 5), 65536, np.int32), np.full((4, 5), -1, np.int32)):
        with pytest.raises(ImpastoError, match="the image has integers beyond 16 bits: save it with 8 or 16"):
            images.load(Image.fromarray(wide))


# --- colours ---


def test_a_lab_tiff_needs_no_profile(installed: str) -> None:
    assert installed
    lab = Image.new("LAB", (20, 16), (136, 128, 128))
    buffer = io.BytesIO()
    lab.save(buffer, "TIFF")
    assert np.abs(images.load(buffer.getvalue()).pixels * 255 - 127).max() < 2  # L* = 53.3 is a grey of 127


def test_a_profile_of_wide_grey_counts(installed: str) -> None:
    values = _values(GREY, 16)
    picture = images.load(tiff(page(values, 16, BLACK_IS_ZERO, (34675, "x", _grey_profile(1.8)))))
    expected = srgb((values / 65535) ** (461 / 256))
    assert np.abs(expected - values / 65535).max() > 0.05
    assert np.abs(picture.pixels - expected).max() < (0.02 if installed == "base" else 0.01)
    assert picture.depth == (8 if installed == "base" else 16)


def _grey_profile(gamma: float) -> bytes:
    """An ICC profile (version 2) of grey with one exponent."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"grey\0" + bytes(78 + 1)
    tags = [(b"desc", name), (b"wtpt", white), (b"kTRC", curve)]
    table, place, body = struct.pack(">I", len(tags)), 128 + 4 + 12 * len(tags), b""
    for kind, data in tags:
        table += kind + struct.pack(">II", place + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    size = place + len(body)
    head = struct.pack(">I4sI4s4s4s12x4s", size, b"\0" * 4, 0x02100000, b"mntr", b"GRAY", b"XYZ ", b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    profile = head.ljust(128, b"\0") + table + body
    assert ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip() == "GRAY"
    return profile


# --- alpha ---


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extra", [(), (0,), (999,), (0, 0)])
def test_a_channel_that_is_not_said_to_be_alpha(extra: tuple[int, ...], bits: int, installed: str) -> None:
    values = _values((20, 37, 3 + max(1, len(extra))), bits)
    more = [(338, "H", list(extra))] if extra else []
    picture = _read(tiff(page(values, bits, RGB_SAMPLES, *more)), installed)
    if picture is None:
        assert extra in ((999,), (0, 0))
        return
    assert picture.alpha is None
    _assert_light(picture, _light(values[..., :3], bits, RGB_SAMPLES))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("photometric", "extra"), [(2, (2,)), (2, (2, 0)), (2, (0, 2)), (1, (2,)), (0, (0, 2))])
def test_a_channel_that_is_said_to_be_alpha(
    photometric: int, extra: tuple[int, ...], bits: int, installed: str
) -> None:
    colors = 3 if photometric == RGB_SAMPLES else 1
    values = _values((20, 37, colors + len(extra)), bits)
    picture = _read(tiff(page(values, bits, photometric, (338, "H", list(extra)))), installed)
    if picture is None:
        assert extra == (0, 2) or (bits == 16 and (photometric, extra) != (RGB_SAMPLES, (2,)))
        return
    assert picture.alpha is not None
    assert np.abs(picture.alpha - values[..., colors + extra.index(2)] / (2**bits - 1)).max() < 1 / 250
    _assert_light(picture, _light(values[..., :colors], bits, photometric))


def _bitmap(alpha: int, mask: int = 0xFF000000) -> bytes:
    """A Windows bitmap of 32 bits with a V5 header."""
    pixels = np.zeros((16, 20, 4), np.uint8)
    pixels[...] = (30, 60, 90, alpha)  # blue, green, red
    head = struct.pack("<IiiHHIIiiII", 124, 20, 16, 1, 32, 3, pixels.nbytes, 2835, 2835, 0, 0)
    head += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, mask)
    head = head.ljust(124, b"\0")
    return struct.pack("<2sIHHI", b"BM", 14 + 124 + pixels.nbytes, 0, 0, 14 + 124) + head + pixels.tobytes()


def test_a_bitmap_whose_alpha_is_nothing_is_opaque() -> None:
    for data in (_bitmap(0), _bitmap(0, mask=0)):
        picture = images.load(data)
        assert picture.alpha is None
        assert np.allclose(picture.pixels * 255, (90, 60, 30))
    with Image.open(io.BytesIO(_bitmap(0))) as image:
        assert images.load(image).alpha is None


def test_a_bitmap_with_alpha_has_it() -> None:
    picture = images.load(_bitmap(51))
    assert picture.alpha is not None
    assert np.allclose(picture.alpha, 0.2)
    half = bytearray(_bitmap(0))
    half[-1] = 255
    picture = images.load(bytes(half))
    assert picture.alpha is not None
    assert picture.alpha.sum() == 1


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_one_grey_that_is_transparent(depth: int, installed: str) -> None:
    assert installed
    values = np.arange(16).reshape(4, 4) % 2**depth
    key = min(5, 2**depth - 1)
    data = _png_with_clear(values[..., None], depth, [key])
    picture = images.load(data)
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha == 0, values == key)
    assert np.abs(picture.pixels - values[..., None] / (2**depth - 1)).max() < 1e-6


def test_one_colour_that_is_transparent(installed: str) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (4, 5, 3))
    values[2, 3] = values[1, 1] + [0, 0, 1]  # apart by what 8 bits do not hold
    data = _png_with_clear(values, 16, list(values[1, 1]))
    if installed == "base":
        with pytest.raises(ImpastoError, match=f"is a PNG of 16 bits with one colour transparent, which {NEEDS}"):
            images.load(data)
        return
    picture = images.load(data)
    assert picture.alpha is not None
    assert np.argwhere(picture.alpha == 0).tolist() == [[1, 1]]


def _png_with_clear(values: NDArray[Any], depth: int, key: list[int]) -> bytes:
    array = values.astype(np.uint16 if depth == 16 else np.uint8)
    return png(array, chunk(b"tRNS", struct.pack(f">{len(key)}H", *key)), depth=None if depth >= 8 else depth)
