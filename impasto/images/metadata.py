"""What lies around the pixels: which way is up, and the colour profile. What is damaged of it says nothing."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from .directories import directories

_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')
_LARGEST_PROFILE = 1 << 26  # bytes: what decompresses to more is no profile


@dataclass(frozen=True)
class Metadata:
    """orientation: as in EXIF, from 1, upright, to 8. profile: an ICC profile. exif: an EXIF block."""

    orientation: int = 1
    profile: bytes | None = None
    exif: bytes = b""


def orientation_of(exif: bytes, xmp: bytes = b"") -> int:
    """What an EXIF block says, or else an XMP packet; 1 where neither says anything."""
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    first = next(directories(exif), None)
    if first is not None and first.orientation is not None:
        return first.orientation
    found = _XMP_ORIENTATION.search(xmp)
    return int(found[1]) if found else 1


def inflated(data: bytes) -> bytes | None:
    """A zlib stream's content, or None where it is damaged, cut off, or too long for metadata."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(data, _LARGEST_PROFILE)
    except zlib.error:
        return None
    return content if stream.eof else None
