"""Directories of tags, as TIFF files, raw photographs and EXIF blocks hold them (TIFF 6.0; BigTIFF)."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal


class Tag(IntEnum):
    """Numbers of tags, by their names in the specifications."""

    NEW_SUBFILE_TYPE = 254
    SUBFILE_TYPE = 255
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC_INTERPRETATION = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    PLANAR_CONFIGURATION = 284
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    SUB_IFDS = 330
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    EXIF = 34665
    ICC_PROFILE = 34675
    DNG_VERSION = 50706


_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_MOST = 100  # directories that are looked at in one file


@dataclass(frozen=True)
class Directory:
    """The tags of one picture in a file.

    data: the whole file. order: "<" or ">". big: whether offsets have 64 bits. entries: each tag's record in the
    directory, as it lies there. following: where the next directory is; 0 for none.
    """

    data: bytes
    order: str
    big: bool
    entries: dict[int, bytes]
    following: int

    def blob(self, tag: int) -> bytes | None:
        """A tag's values as they lie in the file, or None where there is none.

        Raises:
            ValueError: they lie beyond the end of the file.
        """
        if tag not in self.entries:
            return None
        _, kind, count, inline = struct.unpack(self.order + ("HHQ8s" if self.big else "HHI4s"), self.entries[tag])
        length = count * _SIZES.get(kind, 1)
        if length <= len(inline):
            return bytes(inline[:length])
        start = struct.unpack(self.order + ("Q" if self.big else "I"), inline)[0]
        if start + length > len(self.data):
            raise ValueError(f"the values of tag {tag} lie beyond its end")
        return self.data[start : start + length]

    def numbers(self, tag: int) -> tuple[int, ...]:
        """A tag's values; none where it is missing or holds no integers.

        Raises:
            ValueError: they lie beyond the end of the file.
        """
        blob = self.blob(tag)
        code = None if blob is None else _INTEGERS.get(struct.unpack_from(self.order + "H", self.entries[tag], 2)[0])
        if blob is None or code is None:
            return ()
        return struct.unpack(f"{self.order}{len(blob) // struct.calcsize(code)}{code}", blob)

    def number(self, tag: int, default: int) -> int:
        """A tag's first value.

        Raises:
            ValueError: it lies beyond the end of the file.
        """
        return next(iter(self.numbers(tag)), default)

    def below(self, tag: int) -> Directory | None:
        """The directory that a tag leads to; None where there is none that can be read."""
        try:
            place = self.number(tag, 0)
        except ValueError:
            return None
        return _directory(self.data, self.order, self.big, place) if place else None

    @property
    def is_thumbnail(self) -> bool:
        """Whether it says that it holds a smaller version of another picture, or a mask of one."""
        if Tag.NEW_SUBFILE_TYPE in self.entries:
            return bool(self.number(Tag.NEW_SUBFILE_TYPE, 0) & 0b101)
        return self.number(Tag.SUBFILE_TYPE, 1) == 2

    @property
    def orientation(self) -> int | None:
        """As in EXIF, from 1 to 8; None where it is not said, or is none."""
        try:
            orientation = self.number(Tag.ORIENTATION, 0)
        except ValueError:
            return None
        return orientation if 1 <= orientation <= 8 else None


def directories(data: bytes) -> Iterator[Directory]:
    """Those of a TIFF block that can be read: each of the main ones, followed by those below it. None if it is none."""
    if data[:2] not in (b"II", b"MM") or data[2:4].strip(b"\0") not in (b"*", b"+"):
        return
    order, big = "<" if data[:2] == b"II" else ">", b"+" in data[2:4]
    place = int.from_bytes(data[8:16] if big else data[4:8], "little" if order == "<" else "big")
    seen: set[int] = set()
    while place and place not in seen and len(seen) < _MOST:
        seen.add(place)
        directory = _directory(data, order, big, place)
        if directory is None:
            return
        yield directory
        with contextlib.suppress(ValueError):
            for below in directory.numbers(Tag.SUB_IFDS)[:_MOST]:
                found = None if below in seen else _directory(data, order, big, below)
                seen.add(below)
                if found is not None:
                    yield found
        place = directory.following


def _directory(data: bytes, order: str, big: bool, place: int) -> Directory | None:
    """The directory at a place: of one that is cut off, the tags that are there."""
    head, length, tail = (8, 20, 8) if big else (2, 12, 4)
    endian: Literal["little", "big"] = "little" if order == "<" else "big"
    if place + head + length > len(data):
        return None
    count = int.from_bytes(data[place : place + head], endian)
    start = place + head
    end = start + min(count, (len(data) - start) // length) * length
    entries: dict[int, bytes] = {}
    for position in range(start, end, length):
        entries.setdefault(int.from_bytes(data[position : position + 2], endian), data[position : position + length])
    whole = end == start + count * length and end + tail <= len(data)
    following = int.from_bytes(data[end : end + tail], endian) if whole else 0
    return Directory(data, order, big, entries, following)
