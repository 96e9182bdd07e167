"""Image files made by hand, byte by byte: with what no encoder writes, or with damage where it is wanted."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tags = Iterable[tuple[int, str, Sequence[int] | bytes]]


# --- PNG ---


def chunk(kind: bytes, body: bytes, damage: int = 0) -> bytes:
    """A chunk of a PNG; `damage` is added to its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) ^ damage)


def png(array: NDArray[Any], before: bytes = b"", after: bytes = b"", depth: int | None = None) -> bytes:
    """A PNG of (H, W) or (H, W, C) samples. before, after: chunks around the pixels. depth: bits, if fewer than 8."""
    bits = depth or 8 * array.dtype.itemsize
    color = {2: 0, 3: {1: 0, 2: 4, 3: 2, 4: 6}[array.shape[-1]]}[array.ndim]
    rows = array.reshape(len(array), -1)
    lines = [b"\0" + (row.astype(">u2").tobytes() if bits == 16 else packed(row[None], bits)) for row in rows]
    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], bits, color, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"".join(lines)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + pixels + after + chunk(b"IEND", b"")


def packed(rows: NDArray[Any], bits: int) -> bytes:
    """Samples of so many bits one after the other, each row filled up to a byte."""
    lines = []
    for row in rows:
        digits = "".join(format(int(value), f"0{bits}b") for value in row)
        digits += "0" * (-len(digits) % 8)
        lines.append(int(digits or "0", 2).to_bytes(len(digits) // 8, "big"))
    return b"".join(lines)


# --- JPEG ---


def with_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    """A JPEG with these at its beginning: the marker's second byte, and the content."""
    added = b"".join(bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
    return jpeg[:2] + added + jpeg[2:]


# --- WebP ---


def webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


# --- TIFF ---


def directory(tags: Tags, place: int, order: str = "<", following: int = 0) -> bytes:
    """A directory that lies at `place`, and after it the values that do not fit into it.

    tags: number, the letter of `struct` for its type ("s": text), and the values.
    """
    kinds = {"B": 1, "s": 2, "H": 3, "I": 4, "r": 5, "R": 10, "x": 7}
    entries, beyond = b"", b""
    sorted_tags = sorted(tags, key=lambda tag: tag[0])
    behind = place + 2 + 12 * len(sorted_tags) + 4
    for number, code, values in sorted_tags:
        if isinstance(values, bytes):
            raw, count = values, len(values)
        else:
            letter = {"r": "I", "R": "i"}.get(code, code)
            raw = struct.pack(f"{order}{len(values)}{letter}", *values)
            count = len(values) // 2 if code in "rR" else len(values)
        entry = struct.pack(order + "HHI", number, kinds[code], count)
        if len(raw) <= 4:
            entries += entry + raw.ljust(4, b"\0")
        else:
            entries += entry + struct.pack(order + "I", behind + len(beyond))
            beyond += raw + b"\0" * (len(raw) % 2)
    return struct.pack(order + "H", len(sorted_tags)) + entries + struct.pack(order + "I", following) + beyond


def tiff(*pages: tuple[Tags, bytes], order: str = "<", below: bool = False) -> bytes:
    """A TIFF: each page's tags, and its pixels, whose place and length are added to the tags.

    below: the pages after the first are in its tag for directories below it (SubIFDs), not after it.
    """
    data = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    places: list[int] = []
    heads: list[tuple[Tags, int, int]] = []
    for tags, pixels in pages:
        heads.append((tags, len(data), len(pixels)))
        data += pixels + b"\0" * (len(pixels) % 2)
    for tags, start, length in reversed(heads):  # the last one first: those before it must know where it lies
        first = len(places) == len(heads) - 1
        added: list[tuple[int, str, Sequence[int]]] = [(273, "I", [start]), (279, "I", [length])]
        if below and first and places:
            added.append((330, "I", list(reversed(places))))
        following = 0 if below or not places else places[-1]
        places.append(len(data))
        data += directory([*tags, *added], len(data), order, following)
        data += b"\0" * (len(data) % 2)
    struct.pack_into(order + "I", data, 4, places[-1])
    return bytes(data)


def page(
    values: NDArray[Any], bits: int, photometric: int, *more: tuple[int, str, Sequence[int] | bytes],
    sample_format: int = 1, order: str = "<", compressed: bool = False,
) -> tuple[Tags, bytes]:  # fmt: skip
    """A page for `tiff`: (H, W, C) integers of so many bits, or floats, in one strip."""
    height, width, channels = values.shape
    if bits in (16, 32, 64):
        pixels = values.astype(f"{order}{'f' if sample_format == 3 else 'i' if sample_format == 2 else 'u'}{bits // 8}")
        data = pixels.tobytes()
    else:
        data = packed(values.reshape(height, -1).astype(np.int64) & (2**bits - 1), bits)
    if compressed:
        data = zlib.compress(data)
    tags: list[tuple[int, str, Sequence[int] | bytes]] = [
        (256, "H", [width]), (257, "H", [height]), (258, "H", [bits] * channels),
        (259, "H", [8 if compressed else 1]), (262, "H", [photometric]), (277, "H", [channels]), (278, "H", [height]),
        (339, "H", [sample_format] * channels), *more,
    ]  # fmt: skip
    return tags, data


# --- raw ---

_XYZ_TO_SRGB = np.linalg.inv(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE_BALANCE = (0.5, 1.0, 0.7)  # what the sensor of `dng` sees of white, in red, green and blue


def mosaic(light: NDArray[np.float64]) -> NDArray[np.uint16]:
    """What a sensor behind red, green, green and blue filters sees of (H, W, 3) linear sRGB in [0, 1]."""
    seen = np.rint(light * WHITE_BALANCE * 65535).astype(np.uint16)
    flat = seen[..., 1].copy()
    flat[0::2, 0::2], flat[1::2, 1::2] = seen[0::2, 0::2, 0], seen[1::2, 1::2, 2]
    return flat


def sensor(light: NDArray[np.float64], orientation: int = 1) -> tuple[Tags, bytes]:
    """A page for `tiff`: linear sRGB as that sensor sees it, of 16 bits, uncompressed."""
    matrix = np.rint(np.diag(WHITE_BALANCE) @ _XYZ_TO_SRGB * 10000).astype(int).ravel()
    return page(
        mosaic(light)[..., None], 16, 32803, (254, "I", [0]), (274, "H", [orientation]), (33421, "H", [2, 2]),
        (33422, "B", [0, 1, 1, 2]), (50706, "B", [1, 4, 0, 0]), (50708, "s", b"Impasto test\0"),
        (50714, "I", [0]), (50717, "I", [65535]), (50721, "R", [part for value in matrix for part in (value, 10000)]),
        (50728, "r", [part for value in WHITE_BALANCE for part in (round(value * 10000), 10000)]), (50778, "H", [21]),
    )  # fmt: skip


def dng(light: NDArray[np.float64], orientation: int = 1) -> bytes:
    """A digital negative (Adobe DNG 1.4) of linear sRGB in [0, 1], (H, W, 3) of even sides."""
    return tiff(sensor(light, orientation))


def srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light in sRGB's curve (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
