"""Animated GIF, WebP and PNG: read by Pillow; written frame after frame, so that no length takes more memory."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from .. import images
from ..errors import ImpastoError, check_integer, reason
from ..files import part_of
from ..images import Picture
from .codecs import DEFAULT_QUALITY
from .failures import told
from .film import About, Film, FilmWriter, Frame

SUFFIXES = (".gif", ".webp", ".apng", ".png")  # of files that may move
_FORMATS = ("GIF", "WEBP", "PNG")
_MILLISECOND = Fraction(1, 1000)
_UNSAID = 100  # ms that browsers show a frame for that says none
_DAMAGES = (OSError, ValueError, SyntaxError, EOFError, struct.error, LookupError, TypeError, RuntimeError, zlib.error)
_GIF_COLORS = 255  # and one that is transparent
_GIF_LEAST = 2  # hundredths of a second that a frame is shown for


def is_animated(path: Path) -> bool:
    """Whether a file is a GIF, WebP or PNG that moves."""
    try:
        with Image.open(path, formats=_FORMATS) as image:
            return getattr(image, "n_frames", 1) > 1
    except (*_DAMAGES, Image.DecompressionBombError):
        return False


class Animation(Film):
    """An animated GIF, WebP or PNG. All times are whole milliseconds."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        durations, alpha = [], False
        for image, duration in self._images():
            durations.append(duration)
            alpha = alpha or _is_clear_somewhere(image)
            size, loops = image.size, _plays(image)
        if not durations:
            raise ImpastoError(f"{path} is damaged: {self.first_damage}")
        total = round(sum(durations)) * _MILLISECOND
        self.about = About(
            size, len(durations) / total, len(durations), total, _MILLISECOND, alpha=alpha, loops=loops,
        )  # fmt: skip

    def frames(self, start: Fraction | None = None, stop: Fraction | None = None) -> Iterator[Frame]:
        elapsed = Fraction(0)
        for image, duration in self._images():
            time, after = (round(one) * _MILLISECOND for one in (elapsed, elapsed + duration))
            elapsed += duration
            if stop is not None and time >= stop:
                return
            if start is not None and time < start:
                continue
            picture = images.load(image, "frame")
            if self.about.alpha and picture.alpha is None:
                picture = replace(picture, alpha=np.ones(picture.samples.shape[:2], np.float32))
            elif not self.about.alpha:
                picture = replace(picture, alpha=None)
            yield Frame(picture, time, after - time)

    def _images(self) -> Iterator[tuple[Image.Image, Fraction]]:
        """Each of its pictures as it is shown, with its duration in ms."""
        with told(f"cannot read {self._path}"):
            file = open(self._path, "rb")  # noqa: SIM115, closed below
        with file:
            index = 0
            try:
                image = Image.open(file, formats=_FORMATS)
                count = getattr(image, "n_frames", 1)
                if image.info.get("default_image"):  # it is for programs that know no animated PNG
                    index = 1
                while index < count:
                    image.seek(index)
                    image.load()
                    duration = Fraction(image.info.get("duration") or _UNSAID).limit_denominator(65_535)
                    yield image, max(duration, Fraction(1))
                    index += 1
            except Image.DecompressionBombError:
                raise ImpastoError(f"{self._path} is too large: scale it down first") from None
            except _DAMAGES as error:
                self._damages.setdefault(index, reason(error))


def _is_clear_somewhere(image: Image.Image) -> bool:
    return image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema()[0] < 255  # type: ignore[operator]


def _plays(image: Image.Image) -> int:
    """How often it is played, 0 for ever. A GIF says how often again, and one that says nothing is played once."""
    loop = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else 0 if loop == 0 else int(loop) + 1
    return int(loop or 0)


class AnimationWriter(FilmWriter):
    """An animated GIF, WebP or PNG, by its name. Each frame is whole: the files are larger than they might be."""

    def __init__(self, path: Path, about: About, quality: int = DEFAULT_QUALITY) -> None:
        """about: its alpha and loops are used. quality: 1 to 100, of WebP."""
        check_integer("quality", quality, 1, 100)
        kinds: dict[str, type[_Container]] = {".gif": _Gif, ".webp": _WebP, ".png": _Png, ".apng": _Png}
        self._path, self._kind, self._about, self._quality = path, kinds[path.suffix.lower()], about, quality
        self._stack = contextlib.ExitStack()
        self._container: _Container | None = None
        with told(f"cannot write {path}"):
            self._file = self._stack.enter_context(self._stack.enter_context(part_of(path)).open("wb+"))

    def write(self, frame: Frame) -> None:
        with told(f"cannot write {self._path}"):
            picture = frame.picture
            if not self._about.alpha:
                picture = picture.over_white()
            elif picture.alpha is None:
                picture = replace(picture, alpha=np.ones(picture.samples.shape[:2], np.float32))
            if self._container is None:
                images.check_size(picture.size, self._kind.format)
                self._container = self._kind(self._file, picture.size, self._about, self._quality)
            if picture.size != self._container.size:
                raise ImpastoError(f"cannot write {self._path}: its pictures are of several sizes")
            self._container.add(picture, frame.time, frame.time + frame.duration)
            self._check_length()

    def close(self) -> None:
        if self._container is None:
            self.abandon()
            raise ImpastoError(f"cannot write {self._path}: there is no frame")
        with told(f"cannot write {self._path}"), self._stack:
            self._container.finish()
            self._check_length()

    def _check_length(self) -> None:
        if self._file.tell() > self._kind.limit:
            name = self._kind.format.replace("WEBP", "WebP")
            raise ImpastoError(f"cannot write {self._path}: it is too long for {name}, which holds 4 GiB")

    def abandon(self) -> None:
        with contextlib.suppress(Exception):
            self._stack.pop_all().__exit__(ImpastoError, ImpastoError(), None)


class _Container:
    """A file of frames that is being written."""

    format = ""
    limit = 1 << 50  # bytes of a file

    def __init__(self, file: IO[bytes], size: tuple[int, int], about: About, quality: int) -> None:
        self.size = size
        self._file, self._about, self._quality = file, about, quality
        self._count = 0
        self._start()

    def _start(self) -> None:
        raise NotImplementedError

    def add(self, picture: Picture, time: Fraction, after: Fraction) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        raise NotImplementedError


class _Gif(_Container):
    """Each frame with a palette of its own, dithered. Its clock has hundredths of a second.

    Browsers show a frame of one hundredth for ten: what comes sooner than two after the one before is left out, which
    is shown for it.
    """

    format = "GIF"

    def _start(self) -> None:
        self._last: Picture | None = None
        self._shown = self._until = 0  # hundredths: from when it is shown until when
        self._file.write(b"GIF89a" + struct.pack("<2H3B", *self.size, 0x70, 0, 0))
        if self._about.loops != 1:
            again = max(0, self._about.loops - 1)
            self._file.write(b"\x21\xff\x0bNETSCAPE2.0" + struct.pack("<BBHB", 3, 1, min(again, 65_535), 0))

    def add(self, picture: Picture, time: Fraction, after: Fraction) -> None:
        start = round(time * 100)
        if self._last is not None and start < self._shown + _GIF_LEAST:
            self._until = max(self._until, round(after * 100))
            return
        self._put()
        self._last, self._shown, self._until = picture, start, round(after * 100)

    def _put(self) -> None:
        """Write the last picture, once it is known how long it is shown for."""
        picture = self._last
        if picture is None:
            return
        indexed = _quantized(picture)
        clear = picture.alpha is not None
        delay = min(max(self._until - self._shown, _GIF_LEAST), 65_535)
        # A frame with clear places is taken away before the next one, which would be seen through to it.
        self._file.write(struct.pack("<4BHBB", 0x21, 0xF9, 4, 2 << 2 | 1 if clear else 1 << 2, delay, _GIF_COLORS, 0))
        palette, data = _gif_parts(indexed)
        bits = max(1, (len(palette) // 3 - 1).bit_length())
        self._file.write(b"\x2c" + struct.pack("<4HB", 0, 0, *self.size, 0x80 | bits - 1))
        self._file.write(palette + data)

    def finish(self) -> None:
        self._put()
        self._file.write(b"\x3b")


def _quantized(picture: Picture) -> Image.Image:
    """A picture with a palette; where it is more clear than not, with the palette's last colour."""
    image = Image.fromarray(replace(picture, alpha=None).quantized(8))
    palette = image.quantize(_GIF_COLORS)
    indexed = image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    table = (indexed.getpalette() or [])[: 3 * _GIF_COLORS]
    levels = np.array(indexed)
    if picture.alpha is not None:
        levels[picture.alpha < 0.5] = _GIF_COLORS
    result = Image.fromarray(levels, "L")
    result.putpalette(table + [0] * (768 - len(table)))
    return result


def _gif_parts(image: Image.Image) -> tuple[bytes, bytes]:
    """The palette, and the pixels as they lie in a GIF."""
    buffer = io.BytesIO()
    image.save(buffer, "GIF", optimize=False, interlace=0)
    data = buffer.getvalue()
    place = 13
    palette = data[place : place + 3 * (2 << (data[10] & 7))] if data[10] & 0x80 else b""
    place += len(palette)
    while data[place] == 0x21:  # extensions
        place += 2
        while data[place]:
            place += data[place] + 1
        place += 1
    flags = data[place + 9]
    place += 10
    if flags & 0x80:
        palette = data[place : place + 3 * (2 << (flags & 7))]
        place += len(palette)
    return palette, data[place:-1]


class _WebP(_Container):
    format = "WEBP"
    limit = (1 << 32) - 2

    def _start(self) -> None:
        width, height = self.size
        self._file.write(b"RIFF\0\0\0\0WEBP")
        flags = 0x02 | (0x10 if self._about.alpha else 0)
        self._chunk(b"VP8X", struct.pack("<I", flags) + _three(width - 1) + _three(height - 1))
        self._chunk(b"ANIM", struct.pack("<IH", 0, min(self._about.loops, 65_535)))

    def add(self, picture: Picture, time: Fraction, after: Fraction) -> None:
        buffer = io.BytesIO()
        picture.to_pil().save(buffer, "WEBP", quality=self._quality, exact=False)
        data, place, parts = buffer.getvalue(), 12, b""
        while place + 8 <= len(data):
            length = struct.unpack_from("<I", data, place + 4)[0]
            whole = data[place : place + 8 + length + length % 2]
            parts += whole if whole[:4] in (b"ALPH", b"VP8 ", b"VP8L") else b""
            place += 8 + length + length % 2
        duration = min(round(after * 1000) - round(time * 1000), (1 << 24) - 1)
        width, height = self.size
        placed = _three(0) * 2 + _three(width - 1) + _three(height - 1)
        self._chunk(b"ANMF", placed + _three(duration) + b"\x02" + parts)  # 2: it replaces the one before

    def finish(self) -> None:
        length = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", length - 8))
        self._file.seek(length)

    def _chunk(self, name: bytes, data: bytes) -> None:
        self._file.write(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2))


def _three(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


class _Png(_Container):
    """Of 16 bits where the film and the installed packages are."""

    format = "PNG"

    def _start(self) -> None:
        self._sequence = 0

    def add(self, picture: Picture, time: Fraction, after: Fraction) -> None:
        chunks = list(_png_chunks(images.encode(picture, "PNG")))
        if self._count == 0:
            self._file.write(b"\x89PNG\r\n\x1a\n")
            self._chunk(b"IHDR", next(data for name, data in chunks if name == b"IHDR"))
            self._actl = self._file.tell()
            self._chunk(b"acTL", bytes(8))
            for name, data in chunks:
                if name == b"iCCP":
                    self._chunk(name, data)
        milliseconds = min(round(after * 1000) - round(time * 1000), 65_535)
        self._chunk(b"fcTL", self._next() + struct.pack(">4I2H2B", *self.size, 0, 0, milliseconds, 1000, 0, 0))
        pixels = b"".join(data for name, data in chunks if name == b"IDAT")
        if self._count == 0:
            self._chunk(b"IDAT", pixels)
        else:
            self._chunk(b"fdAT", self._next() + pixels)
        self._count += 1

    def finish(self) -> None:
        self._chunk(b"IEND", b"")
        self._file.seek(self._actl)
        self._chunk(b"acTL", struct.pack(">2I", self._count, self._about.loops))

    def _next(self) -> bytes:
        number = struct.pack(">I", self._sequence)
        self._sequence += 1
        return number

    def _chunk(self, name: bytes, data: bytes) -> None:
        self._file.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place + 12 <= len(data):
        length = struct.unpack_from(">I", data, place)[0]
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += 12 + length
