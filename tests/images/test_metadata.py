"""What lies around the pixels: it may be damaged in any way, and whole pixels are painted all the same."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
from made import chunk, page, png, tiff, webp_chunk, with_segments
from numpy.typing import NDArray
from PIL import Image

from impasto import images
from impasto.errors import ImpastoError
from impasto.images.heif import register_heif

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
NO_TIFF = b"\0" * 40
NO_TIFF_EITHER = struct.pack(">HHHHIH", 8, 2, 0x0112, 3, 1, 6)  # a block without its head
POINTS_NOWHERE = struct.pack("<4sIHHHIII", b"II*\0", 8, 2, 0x8769, 4, 1, 0xFFFFFF0, 0)
ENDLESS = struct.pack("<4sIHHHIII", b"II*\0", 8, 1, 0x0112, 3, 1, 1, 8)  # the next directory is this one
EXIF = [NO_TIFF, NO_TIFF_EITHER, POINTS_NOWHERE, ENDLESS, b"", b"II*\0", b"MM\0*\xff\xff\xff\xff"]
LONG = b"x" * 3_000_000  # more than Pillow lets a text or a profile be


def _file(image: Image.Image, format: str, **options: Any) -> bytes:
    register_heif()
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _turned(orientation: int, order: str = "<") -> bytes:
    """An EXIF block that says nothing else."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)


def _assert_painted(data: bytes, whole: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """It comes out as the file without damage does; nothing is said beside it."""
    picture, expected = images.load(data), images.load(whole)
    assert np.array_equal(picture.pixels, expected.pixels)
    assert picture.depth == expected.depth
    assert images.size_of(data) == (240, 160)
    assert capfd.readouterr() == ("", "")


# --- JPEG ---

JPEG = _file(Image.fromarray(PIXELS), "JPEG", dpi=(300, 300))
NO_JFIF = JPEG[:2] + JPEG[20:]


@pytest.mark.parametrize("plain", [JPEG, NO_JFIF])
@pytest.mark.parametrize("exif", EXIF)
def test_a_jpeg_with_damaged_exif(exif: bytes, plain: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    before = with_segments(plain, (0xE1, b"Exif\0\0" + exif))
    after = plain[:20] + before[2 : 2 + len(before) - len(plain)] + plain[20:]
    for data in (before, after if plain is JPEG else before):
        _assert_painted(data, plain, capfd)


@pytest.mark.parametrize(
    "segments",
    [
        [(0xE0, b"JFIF\0")],
        [(0xE0, b"JFXX\0\x10" + b"no thumbnail")],
        [(0xEE, b"Adobe")],
        [(0xED, b"Photoshop 3.0\x008BIM\x04\x04\xff" + b"\xff" * 9)],
        [(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40)],
        [(0xE2, b"MPF\0nothing")],
        [(0xE2, b"ICC_PROFILE\0")],
        [(0xE2, b"ICC_PROFILE\0\x01\x03" + b"a part of three")],
        [(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"\xff" * 500)],
        [(0xFE, b"\xff" * 300)],
        [(0xE1, b"Exif\0\0" + NO_TIFF), (0xE1, b"Exif\0\0" + NO_TIFF)],
    ],
)
def test_a_jpeg_with_damaged_segments(segments: list[tuple[int, bytes]], capfd: pytest.CaptureFixture[str]) -> None:
    _assert_painted(with_segments(JPEG, *segments), JPEG, capfd)


def test_a_jpeg_of_more_than_eight_bits_is_named() -> None:
    data = bytearray(JPEG)
    data[data.index(b"\xff\xc0") + 4] = 12
    for read in (images.load, images.size_of):
        with pytest.raises(ImpastoError, match=r"^the image is a JPEG of 12 bits a sample: save it with 8"):
            read(bytes(data))


# --- PNG ---

Around = dict[str, tuple[bytes, bytes]]
AROUND: Around = {
    "a checksum of a profile": (chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile"), damage=1), b""),
    "a checksum of a text": (chunk(b"tEXt", b"Author\0Anna", damage=1 << 31), b""),
    "a checksum of packed text": (chunk(b"zTXt", b"Author\0\0" + zlib.compress(b"Anna"), damage=255), b""),
    "a checksum of EXIF": (chunk(b"eXIf", _turned(1), damage=1), b""),
    "checksums of all sorts": (b"".join(chunk(name, bytes(9), 1) for name in (b"gAMA", b"pHYs", b"abCd")), b""),
    "a text of megabytes": (chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LONG)), b""),
    "many texts of megabytes": (70 * chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LONG[:1_000_000])), b""),
    "a text in Unicode of megabytes": (chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(LONG)), b""),
    "a text after the pixels": (b"", chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LONG), damage=1)),
    "a profile of megabytes": (chunk(b"iCCP", b"x\0\0" + zlib.compress(LONG)), b""),
    "a profile that is no zlib": (chunk(b"iCCP", b"x\0\0" + b"\xff" * 50), b""),
    "a profile packed in another way": (chunk(b"iCCP", b"x\0\7" + zlib.compress(b"no profile")), b""),
    "a profile without a name": (chunk(b"iCCP", b""), b""),
    "a text without a keyword": (chunk(b"tEXt", b"\0"), chunk(b"iTXt", b"XML:com.adobe.xmp\0\1")),
    "a raw profile of nonsense": (chunk(b"tEXt", b"Raw profile type exif\0\nexif\n  9\n 12345 zz"), b""),
    "the frames of an animation": (chunk(b"acTL", b"\0") + chunk(b"fcTL", bytes(26)), chunk(b"fdAT", b"\0\0")),
    "what follows the pixels": (b"", b"\0\0\0\5tEXtcut o"),
    "what follows the pixels, wildly": (b"", b"\xff" * 60),
} | {f"EXIF {number}": (chunk(b"eXIf", exif), b"") for number, exif in enumerate(EXIF)}


@pytest.mark.parametrize("name", AROUND)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_png_with_damage_around_its_pixels(
    name: str, kind: type, installed: str, capfd: pytest.CaptureFixture[str]
) -> None:
    array: NDArray[Any] = PIXELS.astype(kind) * (257 if kind == np.uint16 else 1)
    before, after = AROUND[name]
    _assert_painted(png(array, before, after), png(array), capfd)
    assert images.load(png(array, before, after)).depth == (16 if (kind, installed) == (np.uint16, "formats") else 8)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_png_that_ends_with_its_pixels(kind: type, installed: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = png(PIXELS.astype(kind))
    assert installed
    _assert_painted(data[:-12], data, capfd)


@pytest.mark.parametrize("name", [b"IHDR", b"IDAT", b"tRNS"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_wrong_checksum_of_pixels_is_damage(name: bytes, kind: type, installed: str) -> None:
    data = bytearray(png(PIXELS.astype(kind), chunk(b"tRNS", bytes(6))))
    start = data.index(name)
    data[start + 4 + int.from_bytes(data[start - 4 : start], "big")] ^= 1
    assert installed
    with pytest.raises(ImpastoError, match=f"^the image is damaged: the checksum of its {name.decode()} is wrong$"):
        images.load(bytes(data))


# --- WebP ---


def _webp(*chunks: bytes, cut: int = 0) -> bytes:
    """A WebP with these behind its pixels, and its end cut off."""
    plain = _file(Image.fromarray(PIXELS), "WEBP", quality=80)
    head = webp_chunk(b"VP8X", struct.pack("<I", 0b00101100) + struct.pack("<I", 239)[:3] + struct.pack("<I", 159)[:3])
    body = b"WEBP" + head + plain[12:] + b"".join(chunks)
    return (b"RIFF" + struct.pack("<I", len(body)) + body)[: -cut or None]


@pytest.mark.parametrize("exif", EXIF)
@pytest.mark.parametrize("start", [b"", b"Exif\0\0"])
def test_a_webp_with_damaged_exif(exif: bytes, start: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    _assert_painted(_webp(webp_chunk(b"EXIF", start + exif)), _webp(), capfd)


def test_a_webp_with_damaged_metadata(capfd: pytest.CaptureFixture[str]) -> None:
    for chunks in (webp_chunk(b"ICCP", b"no profile"), webp_chunk(b"XMP ", b"\xff" * 9), webp_chunk(b"????", b"odd")):
        _assert_painted(_webp(chunks), _webp(), capfd)
    _assert_painted(_webp(webp_chunk(b"EXIF", _turned(1) * 9), cut=30), _webp(), capfd)


def test_a_webp_whose_pixels_are_cut_off() -> None:
    plain = _file(Image.fromarray(PIXELS), "WEBP")
    with pytest.raises(ImpastoError, match=r"is (damaged|not an image)"):
        images.load(plain[: len(plain) * 2 // 3])


# --- AVIF, HEIF ---


@pytest.mark.parametrize("exif", EXIF)
@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_heif_and_avif_with_damaged_exif(format: str, exif: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    block = Image.Exif()
    block[0x010F] = "a maker of cameras"
    whole = _file(Image.fromarray(PIXELS), format, exif=block.tobytes())
    start = max(whole.find(b"II*\0"), whole.find(b"MM\0*"))
    assert b"a maker of cameras" in whole[start : start + 60]
    damaged = exif.ljust(40, b"\xff")
    _assert_painted(whole[:start] + damaged + whole[start + len(damaged) :], whole, capfd)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned_by_its_own_properties(orientation: int) -> None:
    data = _file(Image.fromarray(PIXELS), "AVIF", exif=_turned(orientation), quality=90)
    upright = images.load(png(PIXELS, chunk(b"eXIf", _turned(orientation))))
    assert np.abs(images.load(data).pixels - upright.pixels).mean() < 0.05


# --- TIFF ---


@pytest.mark.parametrize(
    "tag",
    [
        (34665, "I", [0xFFFFFF0]),  # EXIF
        (34853, "I", [0xFFFFFF0]),  # place
        (34675, "x", b"no profile at all"),
        (700, "B", b"\xff" * 50),  # XMP
        (282, "s", b"wide\0"),  # resolution
        (270, "s", b"\xff" * 50),  # description
        (33723, "x", b"\xff" * 50),  # IPTC
        (330, "I", [0xFFFFFF0]),  # directories below
        (42112, "s", b"<GDALMetadata>\0"),
        (50839, "x", b"\xff" * 50),  # ImageJ
    ],
)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_tiff_with_damaged_metadata(
    tag: tuple[int, str, Any], bits: int, compressed: bool, installed: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert installed
    values = PIXELS.astype(np.uint16) * (257 if bits == 16 else 1)
    data = tiff(page(values, bits, 2, tag, compressed=compressed))
    beyond = bytearray(data)
    place = data.index(struct.pack("<H", tag[0]), struct.unpack_from("<I", data, 4)[0])
    struct.pack_into("<HII", beyond, place + 2, 4, 100, 0xFFFFFF0)  # its values, beyond the end
    for damaged in (data, bytes(beyond)):
        _assert_painted(damaged, tiff(page(values, bits, 2, compressed=compressed)), capfd)


# --- what is whole of it is used ---


@pytest.fixture(scope="module")
def adobe_rgb() -> bytes:
    return bytes(imagecodecs.cms_profile("adobergb"))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_profile_counts_whatever_its_checksum_and_length(kind: type, installed: str, adobe_rgb: bytes) -> None:
    assert installed
    array: NDArray[Any] = PIXELS.astype(kind) * (257 if kind == np.uint16 else 1)
    whole = images.load(png(array, chunk(b"iCCP", b"x\0\0" + zlib.compress(adobe_rgb))))
    assert np.abs(whole.pixels - images.load(png(array)).pixels).max() > 0.03
    wrong = chunk(b"iCCP", b"x\0\0" + zlib.compress(adobe_rgb), damage=1)
    long = chunk(b"iCCP", b"x\0\0" + zlib.compress(adobe_rgb + bytes(2_000_000)))
    for profile in (wrong, long):
        assert np.array_equal(images.load(png(array, profile)).pixels, whole.pixels)


def test_the_parts_of_a_profile_are_put_together(adobe_rgb: bytes) -> None:
    parts = [b"ICC_PROFILE\0\x02\x02" + adobe_rgb[300:], b"ICC_PROFILE\0\x01\x02" + adobe_rgb[:300]]
    whole = images.load(_file(Image.fromarray(PIXELS), "JPEG", icc_profile=adobe_rgb))
    assert np.array_equal(images.load(with_segments(JPEG, *((0xE2, part) for part in parts))).pixels, whole.pixels)
    assert not np.array_equal(images.load(JPEG).pixels, whole.pixels)


def _xmp(orientation: int) -> bytes:
    return f'<x:xmpmeta><rdf:Description tiff:Orientation="{orientation}"/></x:xmpmeta>'.encode()


def _raw_profile(exif: bytes) -> bytes:
    return f"\nexif\n{len(exif):8}\n{exif.hex()}\n".encode()


XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"
TURNED: dict[str, bytes] = {
    "EXIF, damaged behind": with_segments(JPEG, (0xE1, b"Exif\0\0" + _turned(6, ">") + b"damaged")),
    "XMP": with_segments(JPEG, (0xE1, XMP_SEGMENT + _xmp(6))),
    "XMP where EXIF is damaged": with_segments(JPEG, (0xE1, b"Exif\0\0" + NO_TIFF), (0xE1, XMP_SEGMENT + _xmp(6))),
    "PNG": png(PIXELS, chunk(b"eXIf", _turned(6), damage=1)),
    "PNG, after the pixels": png(PIXELS, after=chunk(b"eXIf", b"Exif\0\0" + _turned(6))),
    "PNG, 16 bits": png(PIXELS.astype(np.uint16) * 257, chunk(b"eXIf", _turned(6)[:-4])),
    "PNG, XMP": png(PIXELS, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + _xmp(6))),
    "PNG, long XMP": png(PIXELS, chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(_xmp(6) + LONG))),
    "PNG, raw profile": png(
        PIXELS, chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(_raw_profile(_turned(6))))
    ),
    "WebP": _webp(webp_chunk(b"EXIF", _turned(6)[:-2])),
    "WebP, XMP": _webp(webp_chunk(b"XMP ", _xmp(6))),
    "TIFF": tiff(page(PIXELS, 8, 2, (274, "H", [6]), (34665, "I", [0xFFFFFF0]))),
    "TIFF, big-endian": tiff(page(PIXELS, 8, 2, (274, "H", [6]), order=">"), order=">"),
}


@pytest.mark.parametrize("name", TURNED)
def test_which_way_is_up_is_read_wherever_it_is_said(name: str) -> None:
    picture = images.load(TURNED[name])
    assert picture.size == (160, 240)
    assert np.abs(picture.pixels - np.rot90(PIXELS, -1) / 255).mean() < 0.08


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_orientation_that_is_none(orientation: int) -> None:
    assert images.load(png(PIXELS, chunk(b"eXIf", _turned(orientation)))).size == (240, 160)


@pytest.mark.parametrize("exif", EXIF)
def test_a_pillow_image_with_damaged_exif(exif: bytes) -> None:
    with Image.open(io.BytesIO(with_segments(JPEG, (0xE1, b"Exif\0\0" + exif)))) as image:
        assert np.array_equal(images.load(image).pixels, images.load(JPEG).pixels)
