"""JPEG, WebP, AVIF and HEIF files taken apart: the pixels, as a file of their own, and what is said around them.

Decoders refuse a whole photograph for damage in a text or a thumbnail that nothing here uses. So they are given a file
that holds nothing but the pixels. Where its parts cannot be told apart, it stays as it is, and the decoder says why.
"""

from __future__ import annotations

import struct

from .metadata import Metadata, orientation_of
from .reading import UnsupportedError


def pixels_alone(data: bytes) -> tuple[bytes, Metadata]:
    """The file without its metadata, and the metadata; other kinds of files as they are."""
    if data[:3] == b"\xff\xd8\xff":
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"ftyp":
        return _without_exif(data), Metadata()
    return data, Metadata()


# --- JPEG (ITU-T T.81, annex B) ---

_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def _jpeg(data: bytes) -> tuple[bytes, Metadata]:
    kept: list[bytes | memoryview] = [b"\xff\xd8"]
    position, exif, xmp, profile = 2, b"", b"", []
    while (position := data.find(b"\xff", position)) >= 0 and position + 4 <= len(data):
        marker = data[position + 1]
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:  # padding, and markers without a segment
            position += 1 if marker == 0xFF else 2
            continue
        if marker in (0xD9, 0xDA):
            break
        end = position + 2 + max(2, struct.unpack_from(">H", data, position + 2)[0])
        segment = data[position + 4 : end]
        if marker in _FRAMES and segment[:1] not in (b"", b"\x08"):
            raise UnsupportedError(f"is a JPEG of {segment[0]} bits a sample: save it with 8, or as PNG or TIFF")
        if segment.startswith(_EXIF):
            exif += segment[len(_EXIF) :]
        elif segment.startswith(_XMP):
            xmp = segment
        elif segment.startswith(_ICC) and marker == 0xE2:
            profile.append(segment[len(_ICC) :])
        # Those two say how the samples mean colours, where they are whole.
        colors = (segment.startswith(b"JFIF\0") and len(segment) >= 14) or (
            segment.startswith(b"Adobe") and len(segment) >= 12
        )
        if colors or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(data[position:end])
        position = end
    if position < 0:
        return data, Metadata()
    whole = all(len(part) > 1 and part[1] == len(profile) for part in profile)  # each says how many there are
    icc = b"".join(part[2:] for part in sorted(profile)) if whole else b""
    kept.append(memoryview(data)[position:])
    return b"".join(kept), Metadata(orientation_of(exif, xmp), icc or None, exif)


# --- WebP (RFC 9649) ---

_WEBP_PIXELS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF")
_WEBP_METADATA_FLAGS = 0b00101100  # profile, EXIF and XMP, in VP8X


def _webp(data: bytes) -> tuple[bytes, Metadata]:
    kept, position = [b"WEBP"], 12
    found: dict[bytes, bytes] = {}
    while position + 8 <= len(data):
        kind, length = data[position : position + 4], struct.unpack_from("<I", data, position + 4)[0]
        end = position + 8 + length + length % 2
        chunk = data[position:end]
        if kind == b"VP8X" and len(chunk) > 8:
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_METADATA_FLAGS]) + chunk[9:]
        if kind in _WEBP_PIXELS:
            kept.append(chunk)
        else:
            found.setdefault(kind, chunk[8 : 8 + length])
        position = end
    body = b"".join(kept)
    exif, profile = found.get(b"EXIF", b""), found.get(b"ICCP") or None
    metadata = Metadata(orientation_of(exif, found.get(b"XMP ", b"")), profile, exif)
    return b"RIFF" + struct.pack("<I", len(body)) + body, metadata


# --- AVIF and HEIF (ISO/IEC 14496-12 and 23008-12) ---


def _boxes(data: bytes, position: int, end: int) -> list[tuple[bytes, int, int]]:
    """Kind, and where its content begins and ends, of the boxes that lie within."""
    boxes = []
    while position + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, position)
        head = 8
        if length == 1 and position + 16 <= end:
            length, head = struct.unpack_from(">Q", data, position + 8)[0], 16
        stop = end if length == 0 else min(end, position + length)
        if stop < position + head:
            break
        boxes.append((kind, position + head, stop))
        position = stop
    return boxes


def _without_exif(data: bytes) -> bytes:
    """EXIF has no say in which way is up here, for which there are properties: the item gets another name."""
    renamed = bytearray(data)
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind != b"meta":
            continue
        for below, first, last in _boxes(data, start + 4, end):
            if below == b"iinf" and first < last:
                for _, item, stop in _boxes(data, first + (6 if data[first] == 0 else 8), last):
                    # after version, flags, ID and protection
                    name = item + (8 if data[item : item + 1] <= b"\x02" else 10)
                    if name + 4 <= stop and data[name : name + 4] == b"Exif":
                        renamed[name : name + 4] = b"skip"
    return bytes(renamed)
