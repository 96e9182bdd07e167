"""What stylized images keep of their photographs' EXIF, and what not."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image
from ran import assert_raises_line

from impasto import images
from impasto.images import Picture
from impasto.images.heif import register_heif
from impasto.images.kept import Kept, kept_metadata

Base = ExifTags.Base
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
MAIN = {
    Base.Make: "Impasto", Base.Model: "Box 1", Base.DateTime: "2024:05:06 07:08:09",
    Base.Artist: "José Größe", Base.Copyright: "© J. G., all rights",
}  # fmt: skip
OWN = {
    Base.DateTimeOriginal: "2024:05:06 07:08:09", Base.OffsetTimeOriginal: "+02:00", Base.SubsecTimeOriginal: "25",
    Base.LensMake: "Impasto", Base.LensModel: "50mm f/1.8",
}  # fmt: skip
PRIVATE = b"51.5007 N, serial 4711"


def photograph(format: str = "JPEG", **options: Any) -> bytes:
    """With all that cameras and programs write."""
    register_heif()
    exif = Image.Exif()
    for tag, text in MAIN.items():
        exif[tag] = text.encode()
    exif[Base.Orientation] = 6
    exif[Base.Software] = PRIVATE.decode()
    own = exif.get_ifd(ExifTags.IFD.Exif)
    for tag, text in OWN.items():
        own[tag] = text
    own[Base.MakerNote] = PRIVATE
    own[Base.BodySerialNumber] = PRIVATE.decode()
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[1], place[2], place[29] = "N", (51.0, 30.0, 2.5), "2024:05:06"
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(buffer, format, exif=exif, **options)
    return buffer.getvalue()


def texts(data: bytes) -> dict[int, str]:
    """All of an image file's EXIF as Pillow reads it, but for versions, offsets and what says how TIFF's pixels lie."""
    with Image.open(io.BytesIO(data)) as image:
        exif = image.getexif()
        found = {**exif, **exif.get_ifd(ExifTags.IFD.Exif), **exif.get_ifd(ExifTags.IFD.GPSInfo)}
    return {tag: value.encode("latin-1").decode() for tag, value in found.items() if isinstance(value, str)}


PICTURE = Picture(np.linspace(0, 1, 40 * 30 * 3, dtype=np.float32).reshape(30, 40, 3))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("format", FORMATS)
def test_date_author_copyright_and_camera_are_written(format: str, depth: int) -> None:
    kept = kept_metadata(photograph())
    picture = Picture(PICTURE.pixels, depth=depth)
    data = images.encode(picture, format, 90, kept)
    assert texts(data) == {int(tag): text for tag, text in (MAIN | OWN).items()}
    assert PRIVATE not in data
    assert b"GPS" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif().get(Base.Orientation, 1) == 1
        assert image.info["icc_profile"] == Image.open(io.BytesIO(images.encode(picture, format))).info["icc_profile"]
    # The pixels are those that are written without.
    one, other = images.load(data), images.load(images.encode(picture, format, 90))
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert one.depth == other.depth == (depth if format in ("PNG", "TIFF") else 8)


@pytest.mark.parametrize("format", FORMATS)
def test_they_are_read_from_every_format(format: str) -> None:
    """Pillow writes only a TIFF's first directory, and AVIF's texts in ASCII."""
    kept = kept_metadata(photograph(format))
    assert kept is not None
    assert kept.main[Base.Make] == b"Impasto"
    assert kept.main[Base.DateTime] == b"2024:05:06 07:08:09"
    if format != "TIFF":
        assert kept.own[Base.LensModel] == b"50mm f/1.8"
    again = kept_metadata(images.encode(PICTURE, format, 90, kept))
    assert again == kept


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_files_of_either_byte_order(order: str) -> None:
    """As raw photographs and scanners write them; the texts in the first directory, and in EXIF's."""
    buffer = io.BytesIO()
    extra = [(int(tag), 2, 0, text.encode(), True) for tag, text in MAIN.items()]
    tifffile.imwrite(buffer, np.zeros((20, 30, 3), np.uint16), byteorder=order, photometric="rgb", extratags=extra,  # type: ignore[arg-type]
                     software=False, metadata=None)  # fmt: skip
    kept = kept_metadata(buffer.getvalue())
    assert kept == Kept({int(tag): text.encode() for tag, text in MAIN.items()}, {})
    assert kept_metadata(kept.in_tiff(buffer.getvalue())) == kept
    assert images.load(kept.in_tiff(buffer.getvalue())).size == (30, 20)


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_to_keep(format: str) -> None:
    data = images.encode(PICTURE, format)
    assert kept_metadata(data) is None
    assert images.encode(PICTURE, format, kept=None) == data


@pytest.mark.parametrize("exif", [b"", b"junk" * 20, b"MM\0*\0\0\0\x08\xff\xff", b"II*\0\x08\0\0\0\x01\0\x0f\x01"])
def test_damaged_exif_keeps_nothing(exif: bytes) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20)).save(buffer, "JPEG", exif=b"Exif\0\0" + exif)
    assert kept_metadata(buffer.getvalue()) is None


def test_what_can_be_read_of_damaged_exif_is_kept() -> None:
    """A text that lies beyond the end, one that is no text, and one that is longer than EXIF has room for."""
    records = [
        (Base.Make, 2, 10, struct.pack("<I", 10**6)), (Base.Model, 2, 4, b"Box\0"), (Base.DateTime, 4, 1, b"\1\0\0\0"),
        (Base.Copyright, 2, 60_000, struct.pack("<I", 62)),
    ]  # fmt: skip
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", len(records))
    block += b"".join(struct.pack("<HHI", int(tag), kind, count) + value for tag, kind, count, value in records)
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20)).save(buffer, "PNG", exif=block + bytes(4) + b"\xc2\xa9" * 30_000)
    kept = kept_metadata(buffer.getvalue())
    assert kept is not None
    assert kept.main[Base.Model] == b"Box"
    assert set(kept.main) == {Base.Model, Base.Copyright}
    assert 1000 < len(kept.main[Base.Copyright]) < 5000
    assert kept_metadata(images.encode(PICTURE, "JPEG", 90, kept)) == kept


@pytest.mark.parametrize("data", [b"", b"no image", b"II", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\0\0\0\1ftypavif"])
def test_what_is_no_image_keeps_nothing(data: bytes) -> None:
    assert kept_metadata(data) is None


def test_a_file_and_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(photograph())
    assert kept_metadata(path) == kept_metadata(str(path)) == kept_metadata(photograph())
    assert_raises_line(lambda: kept_metadata(tmp_path / "missing.jpg"), r"^no such image: .*missing\.jpg$")
    images.save(PICTURE, tmp_path / "out.jpg", kept=kept_metadata(path))
    assert texts((tmp_path / "out.jpg").read_bytes())[Base.Artist] == "José Größe"
