"""PNG files: their chunks (PNG third edition, W3C 2025), 16 bits a channel, and the one colour that is transparent."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .metadata import Metadata, inflated, orientation_of
from .reading import needs_formats, silenced_stderr

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
_GREY, _RGB, _PALETTE = 0, 2, 3  # types of colour without alpha


@dataclass(frozen=True)
class Png:
    """A PNG file's header, its pixels alone as a file of their own, and what is said around them.

    depth: bits a sample. clear: the samples of the one colour that is transparent, of files without other alpha.
    """

    data: bytes
    metadata: Metadata
    depth: int
    clear: tuple[int, ...] | None

    @staticmethod
    def of(data: bytes) -> Png:
        """Take a file apart.

        Raises:
            ValueError: its pixels are damaged or missing.
        """
        depth, color, clear = 0, 0, None
        kept: list[bytes | memoryview] = [SIGNATURE]
        around = _Around()
        for kind, body, chunk in _chunks(data):
            if kind == b"IHDR" and len(body) >= 13:
                depth, color = body[8], body[9]
            if kind == b"tRNS" and color in (_GREY, _RGB):
                if len(body) < (2 if color == _GREY else 6):
                    raise ValueError("its tRNS is too short")
                clear = struct.unpack_from(">H" if color == _GREY else ">3H", body)
            elif kind in _PIXELS or (kind == b"tRNS" and color == _PALETTE):
                kept.append(chunk)
            else:
                around.add(kind, body)
        if not any(chunk[4:8] == b"IDAT" for chunk in kept):
            raise ValueError("it has no pixels")
        alone = data if sum(map(len, kept)) == len(data) else b"".join(kept)  # a copy of it may be gigabytes
        return Png(alone, around.metadata(), depth, clear)

    def deep(self) -> NDArray[np.uint16] | None:
        """(H, W, C) of 16 bits: grey or RGB, and alpha or not. None of files with fewer, and without the extra.

        Raises:
            RuntimeError: the file is damaged.
        """
        if self.depth != 16:
            return None
        try:
            import imagecodecs
        except ImportError:
            return None
        with silenced_stderr:
            array: NDArray[np.uint16] = np.asarray(imagecodecs.png_decode(self.data))
        array = array.reshape(*array.shape[:2], -1)
        alpha = self.alpha(array)
        return array if alpha is None else np.dstack([array, alpha])

    def alpha(self, samples: NDArray[Any]) -> NDArray[Any] | None:
        """Where the transparent colour is not, in the samples' type.

        samples: (H, W) or (H, W, C), grey or RGB, as Pillow decodes them with 8 bits, or with 16.
        """
        if self.clear is None:
            return None
        if self.depth == 16 and samples.dtype != np.uint16:
            raise needs_formats("a PNG of 16 bits with one colour transparent")
        top = np.iinfo(samples.dtype).max
        key = np.array(self.clear) * (top // (2**self.depth - 1))
        same = samples.reshape(*samples.shape[:2], -1)[..., : len(key)] == key
        return np.where(same.all(axis=2), 0, top).astype(samples.dtype)


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """A file with one more chunk, right after its header."""
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    head = len(SIGNATURE) + 25
    return png[:head] + chunk + png[head:]


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """Kind, content and whole of each chunk. What follows the pixels may be damaged: there is always an end."""
    view, position, passed = memoryview(data), len(SIGNATURE), False
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        chunk = view[position : position + 12 + length]
        body = chunk[8 : 8 + length]
        position += 12 + length
        if kind == b"IEND":
            break
        if kind in _PIXELS or kind == b"tRNS":
            checked = chunk[-4:] if len(chunk) == 12 + length else b""
            if checked and zlib.crc32(chunk[4:-4]) != int.from_bytes(checked, "big"):
                raise ValueError(f"the checksum of its {kind.decode()} is wrong")
            passed = kind == b"IDAT" and bool(checked)
        yield kind, body, chunk
    if passed:
        yield b"IEND", memoryview(b""), memoryview(_END)


class _Around:
    """Collects what the chunks around the pixels say."""

    def __init__(self) -> None:
        self._exif, self._xmp, self._profile = b"", b"", b""

    def add(self, kind: bytes, body: memoryview) -> None:
        if kind == b"eXIf":
            self._exif = self._exif or bytes(body)
        elif kind == b"iCCP":
            self._profile = inflated(bytes(body).partition(b"\0")[2][1:]) or b""
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            key, _, rest = bytes(body).partition(b"\0")
            if key in (b"XML:com.adobe.xmp", b"Raw profile type exif"):
                text = _text(kind, rest)
                if key.startswith(b"XML"):
                    self._xmp = text
                else:
                    self._exif = self._exif or _raw_profile(text)

    def metadata(self) -> Metadata:
        return Metadata(orientation_of(self._exif, self._xmp), self._profile or None, self._exif)


def _text(kind: bytes, rest: bytes) -> bytes:
    """A text chunk's text, after its keyword."""
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return inflated(rest[1:]) or b""
    parts = rest[2:].split(b"\0", 2)  # language, translated keyword, text
    text = parts[2] if len(parts) == 3 else b""
    return (inflated(text) or b"") if rest[:1] == b"\1" else text


def _raw_profile(text: bytes) -> bytes:
    """EXIF as ImageMagick writes it into a text: three lines of heading, then hexadecimal digits."""
    lines = text.split(b"\n")
    digits = re.sub(rb"\s", b"", b"".join(lines[3:]))
    return bytes.fromhex(digits.decode("ascii")) if re.fullmatch(rb"(?:[0-9A-Fa-f]{2})*", digits) else b""
