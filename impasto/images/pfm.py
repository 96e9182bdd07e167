"""PFM files: floats, grey or RGB (Debevec, "Portable FloatMap Image Format")."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from .reading import check_size

_HEADER = re.compile(rb"P([Ff])\s+(\d{1,9})\s+(\d{1,9})\s+([-+.\deE]+)\s")


def is_pfm(data: bytes) -> bool:
    return data[:2] in (b"PF", b"Pf") and data[2:3].isspace()


def size(data: bytes) -> tuple[int, int]:
    """Width and height in px.

    Raises:
        ValueError: the header is damaged.
    """
    return _header(data)[0]


def decode(data: bytes) -> NDArray[np.float32]:
    """(H, W, 1) or (H, W, 3) floats, as they are: the header's scale is a unit, not a factor to [0, 1].

    Raises:
        ValueError: the file is damaged or cut off.
    """
    (width, height), channels, order, start = _header(data)
    count = width * height * channels
    if len(data) < start + 4 * count:
        raise ValueError("it is cut off")
    floats = np.frombuffer(data, f"{order}f4", count, start).astype(np.float32)
    return floats.reshape(height, width, channels)[::-1]  # the lowest row comes first


def _header(data: bytes) -> tuple[tuple[int, int], int, str, int]:
    """Size, channels, the byte order as NumPy writes it, and where the floats begin."""
    found = _HEADER.match(data)
    if found is None:
        raise ValueError("its header cannot be read")
    size = int(found[2]), int(found[3])
    check_size(size)
    return size, 3 if found[1] == b"F" else 1, "<" if float(found[4]) < 0 else ">", found.end()
