"""What a stylized image may keep of its photograph's EXIF (CIPA DC-008): when, by whom, with which camera.

Where it was taken is not kept, nor are its thumbnail and what the camera's maker adds; the orientation is 1, for the
pixels are upright.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from ..files import read_file
from .containers import pixels_alone
from .directories import Directory, Tag, directories
from .heif import register_heif
from .png import SIGNATURE, Png, with_chunk
from .reading import silenced_warnings

# Texts of the main directory: make, model, date, artist, copyright; of EXIF's own: dates, their offsets from UTC and
# fractions of seconds, make and model of the lens.
_MAIN = (271, 272, 306, 315, 33432)
_OWN = (36867, 36868, 36880, 36881, 36882, 37520, 37521, 37522, 42035, 42036)
_VERSION = 36864  # of EXIF
_TEXT, _SHORT, _LONG, _UNDEFINED, _UTF8 = 2, 3, 4, 7, 129  # types of values
_LENGTHS = {_SHORT: 2, _LONG: 4, _UNDEFINED: 1, _TEXT: 1}  # bytes of a value
_LONGEST = 4096  # bytes of a text: JPEG holds 64 KB of all that is said in EXIF

_Fields = Mapping[int, tuple[int, bytes]]  # tag → type and values


@dataclass(frozen=True)
class Kept:
    """main, own: tag → text, of EXIF's two directories."""

    main: Mapping[int, bytes]
    own: Mapping[int, bytes]

    def exif(self, orientation: bool = True) -> bytes:
        """An EXIF block, as JPEG and WebP hold it. orientation: whether it says that the pixels are upright."""
        return b"Exif\0\0" + self._added(struct.pack("<2sHI", b"II", 42, 0), orientation)

    def in_png(self, png: bytes) -> bytes:
        """A PNG file with this in it, before its first pixels."""
        return with_chunk(png, b"eXIf", self.exif()[6:])

    def in_tiff(self, tiff: bytes) -> bytes:
        """A TIFF file of one picture with this in it."""
        return self._added(tiff, True)

    def _added(self, tiff: bytes, orientation: bool) -> bytes:
        """A TIFF block with this at its end, in a directory that replaces the first one and has all that is in it."""
        order = "<" if tiff[:2] == b"II" else ">"
        first = next(directories(tiff), None)
        place = len(tiff) + len(tiff) % 2
        own = {tag: (_TEXT, text + b"\0") for tag, text in self.own.items()} | {_VERSION: (_UNDEFINED, b"0232")}
        below = _directory(own, {}, place, order)
        fields = {tag: (_TEXT, text + b"\0") for tag, text in self.main.items()}
        fields[int(Tag.EXIF)] = _LONG, struct.pack(order + "I", place)
        if orientation:
            fields[int(Tag.ORIENTATION)] = _SHORT, struct.pack(order + "H", 1)
        start = place + len(below)
        main = _directory(fields, first.entries if first else {}, start, order)
        return tiff[:4] + struct.pack(order + "I", start) + tiff[8:].ljust(place - 8, b"\0") + below + main


def kept_metadata(photo: str | os.PathLike[str] | bytes) -> Kept | None:
    """What may be kept of a photograph's EXIF, or None where it says none of it, or is damaged.

    photo: a file or the bytes of one.

    Raises:
        ImpastoError: the file is missing or cannot be read.
    """
    data = photo if isinstance(photo, bytes) else read_file(photo, "image")
    found: dict[int, bytes] = {}
    for directory in directories(_block(data)):
        below = directory.below(Tag.EXIF)
        for part, tags in ((directory, _MAIN), (below, _OWN)):
            for tag in tags:
                if part is not None and (text := _text(part, tag)):
                    found.setdefault(tag, text)
    if not found:
        return None
    main, own = ({tag: found[tag] for tag in tags if tag in found} for tags in (_MAIN, _OWN))
    return Kept(main, own)


def _block(data: bytes) -> bytes:
    """The TIFF block that a file's EXIF is; many raw photographs are one themselves."""
    if data[:2] in (b"II", b"MM"):
        if data[2:4].strip(b"\0") in (b"*", b"+"):
            return data
        return data[:2] + (b"*\0" if data[:2] == b"II" else b"\0*") + data[4:]  # of Olympus and Panasonic
    with contextlib.suppress(Exception):  # whatever is damaged: the decoder says so where it matters
        if data.startswith(SIGNATURE):
            return _bare(Png.of(data).metadata.exif)
        if data[4:8] == b"ftyp":
            register_heif()
            with silenced_warnings, Image.open(io.BytesIO(data), formats=("AVIF", "HEIF")) as image:
                return _bare(image.info.get("exif") or b"")
        return _bare(pixels_alone(data)[1].exif)
    return b""


def _bare(exif: bytes) -> bytes:
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    return exif


def _text(directory: Directory, tag: int) -> bytes:
    """A tag's text, or none where it holds something else, or is damaged."""
    kind = struct.unpack_from(directory.order + "H", directory.entries.get(tag, bytes(4)), 2)[0]
    with contextlib.suppress(ValueError):
        if kind in (_TEXT, _UTF8):
            return (directory.blob(tag) or b"")[:_LONGEST].strip(b"\0 ")
    return b""


def _directory(fields: _Fields, others: Mapping[int, bytes], place: int, order: str) -> bytes:
    """A directory, and the values that do not fit into it, to lie at a place.

    others: tag → record, as it is to lie in the directory.
    """
    records, values = dict(others), b""
    after = place + 2 + 12 * len({**fields, **others}) + 4
    for tag, (kind, value) in fields.items():
        count = len(value) // _LENGTHS[kind]
        inline = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", after + len(values))
        records[tag] = struct.pack(order + "HHI", tag, kind, count) + inline
        values += b"" if len(value) <= 4 else value + bytes(len(value) % 2)
    body = b"".join(records[tag] for tag in sorted(records))
    return struct.pack(order + "H", len(records)) + body + bytes(4) + values
