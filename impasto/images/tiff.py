"""TIFF files: which of their pictures is the picture, and what its samples mean (TIFF 6.0).

Pillow decodes what has 8 bits, and of what has 16 bits a part, and that rounded; tifffile, of the extra `formats`,
decodes whatever is grey or RGB.
"""

from __future__ import annotations

import io
import logging
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import reason
from .directories import Directory, Tag, directories
from .metadata import Metadata
from .reading import UnsupportedError, check_size, needs_formats

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _YCBCR = 0, 1, 2, 6  # photometric interpretations
_COLORS = {
    0: "grey", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab", 9: "ICCLab",
    10: "ITULab", 32844: "LogL", 32845: "LogLuv",
}  # fmt: skip
_CHANNELS = {2: 3, 5: 4, 6: 3, 8: 3, 9: 3, 10: 3}  # of colour; one in the others
_UNSIGNED, _FLOAT = 1, 3  # formats of samples
_FORMATS = {2: "signed ", 3: "float ", 4: "untyped ", 5: "complex ", 6: "complex "}
_PREMULTIPLIED, _ALPHA = 1, 2  # what an extra channel may be
_OLD_JPEG, _JPEG = 6, 7  # compressions
# All that says how pixels lie in the file and what they mean. Nothing else can go wrong in a file that holds no more.
_PIXEL_TAGS = (
    256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 332, 334, 338, 339,
    347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532,
)  # fmt: skip


@dataclass(frozen=True)
class Tiff:
    """The picture of a TIFF file.

    page: its directory. bits: of a sample; the most, where they differ. format: how samples are to be read (see
    `_FORMATS`), 0 where they differ. samples: of a pixel. planar: whether each channel lies for itself. extra: what
    the channels beyond colour are, where it is said.
    """

    page: Directory
    metadata: Metadata
    size: tuple[int, int]
    bits: int
    format: int
    photometric: int
    samples: int
    planar: bool
    extra: tuple[int, ...]

    @staticmethod
    def of(data: bytes) -> Tiff:
        """Find the picture: the first that does not say that it is a smaller version, or a mask, of another.

        Raises:
            UnsupportedError: there is nothing but a thumbnail.
            ValueError: the file is damaged.
        """
        pages = list(directories(data))
        if not pages:
            raise ValueError("its directory cannot be read")
        page = next((page for page in pages if not page.is_thumbnail), None)
        if page is None:
            raise UnsupportedError("is a TIFF that says it holds nothing but a thumbnail")
        size = page.number(Tag.IMAGE_WIDTH, 0), page.number(Tag.IMAGE_LENGTH, 0)
        check_size(size)
        jpeg = page.number(Tag.COMPRESSION, 1) in (_OLD_JPEG, _JPEG)
        if Tag.PHOTOMETRIC_INTERPRETATION not in page.entries and not jpeg:
            raise ValueError("it does not say what its samples mean")
        photometric = page.number(Tag.PHOTOMETRIC_INTERPRETATION, _YCBCR)
        samples = page.number(Tag.SAMPLES_PER_PIXEL, 3 if jpeg and photometric in (_RGB, _YCBCR) else 1)
        bits, formats = page.numbers(Tag.BITS_PER_SAMPLE) or (1,), page.numbers(Tag.SAMPLE_FORMAT) or (_UNSIGNED,)
        try:
            profile = page.blob(Tag.ICC_PROFILE)
        except ValueError:
            profile = None
        return Tiff(
            page, Metadata(page.orientation or pages[0].orientation or 1, profile), size, max(bits),
            formats[0] if len(set(bits)) == len(set(formats)) == 1 else 0, photometric, samples,
            page.number(Tag.PLANAR_CONFIGURATION, 1) == 2 and samples > 1, page.numbers(Tag.EXTRA_SAMPLES),
        )  # fmt: skip

    def __str__(self) -> str:
        color = _COLORS.get(self.photometric, f"photometric interpretation {self.photometric}")
        kind = "" if self.format == _UNSIGNED else _FORMATS.get(self.format, "mixed ")
        channels = "" if self.samples == self._colors else f" in {self.samples} channels"
        compression = self.page.number(Tag.COMPRESSION, 1)
        return f"a TIFF of {self.bits}-bit {kind}{color}{channels}" + (
            f", compression {compression}" if compression > 1 else ""
        )

    @property
    def _colors(self) -> int:
        return _CHANNELS.get(self.photometric, 1)

    @property
    def alpha(self) -> int | None:
        """Which of the channels is said to be alpha."""
        said = (self._colors + place for place, kind in enumerate(self.extra) if kind in (_PREMULTIPLIED, _ALPHA))
        return next((place for place in said if place < self.samples), None)

    @property
    def deep(self) -> bool:
        """Whether 8 bits would lose some of it."""
        return self.bits > 8 and self.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)

    def alone(self) -> bytes:
        """A file of its own for the picture, without what only describes it: the same bytes, and another directory."""
        page, data = self.page, io.BytesIO(self.page.data)
        entries = [page.entries[tag] for tag in sorted(page.entries) if tag in _PIXEL_TAGS]
        place = data.seek(0, io.SEEK_END)
        place += data.write(b"\0" * (-place % 16))
        data.write(struct.pack(page.order + ("Q" if page.big else "H"), len(entries)))
        data.write(b"".join(entries) + b"\0" * 8)
        data.seek(0)
        data.write(b"II" if page.order == "<" else b"MM")
        head, values = ("HHHQ", (43, 8, 0, place)) if page.big else ("HI", (42, place))
        data.write(struct.pack(page.order + head, *values))
        return data.getvalue()

    def check(self) -> None:
        """Refuse what no decoder is to be asked for.

        Raises:
            UnsupportedError: samples that have no agreed meaning as light: signed ones, integers of more than 16 bits,
                channels of which nothing is said.
            ValueError: the file is damaged: pixels are missing.
        """
        sloppy = self.photometric == _RGB and self.samples == 4  # a fourth channel is often not spoken of
        if self.format not in (_UNSIGNED, _FLOAT) or self.samples > self._colors + max(len(self.extra), sloppy):
            raise UnsupportedError(f"is {self}: save it as grey or RGB with 8 or 16 bits a channel")
        if self.format == _UNSIGNED and self.bits > 16:
            raise UnsupportedError(f"is {self}: 32-bit pixels: save it with 8 or 16 bits a channel")
        self._check_parts()

    def _check_parts(self) -> None:
        """Decoders leave blank what is not there, or take for it what comes next."""
        page, (width, height), compression = self.page, self.size, self.page.number(Tag.COMPRESSION, 1)
        if compression == _OLD_JPEG:  # which has other ways to say where its pixels are
            return
        if Tag.TILE_OFFSETS in page.entries:
            across, rows = page.number(Tag.TILE_WIDTH, width), page.number(Tag.TILE_LENGTH, height)
            places, lengths = page.numbers(Tag.TILE_OFFSETS), page.numbers(Tag.TILE_BYTE_COUNTS)
            last = rows
        else:
            across, rows = width, min(height, page.number(Tag.ROWS_PER_STRIP, height))
            places, lengths = page.numbers(Tag.STRIP_OFFSETS), page.numbers(Tag.STRIP_BYTE_COUNTS)
            last = (height - 1) % max(1, rows) + 1
        if min(across, rows) < 1:
            raise ValueError("its parts have no pixels")
        down = -(-height // rows)
        wanted = -(-width // across) * down * (self.samples if self.planar else 1)
        if len(places) < wanted:
            raise ValueError("some of its pixels are missing")
        if compression == 1 and self.photometric != _YCBCR:  # whose lengths are often wrong, and follow from the size
            row = -(-across * self.bits * (1 if self.planar else self.samples) // 8)
            lengths = tuple(row * (last if part % down == down - 1 else rows) for part in range(wanted))
        parts = list(zip(places, lengths, strict=False))[:wanted]
        if len(parts) < wanted or not all(place and length for place, length in parts):
            raise ValueError("some of its pixels are missing")
        if max(place + length for place, length in parts) > len(page.data):
            raise ValueError("it is cut off")

    def with_pillow(self) -> Image.Image | None:
        """The picture as Pillow decodes it, but for what it cannot, and what it would get wrong.

        Channels that are not said to be alpha are left out.
        """
        whole = self.bits in (1, 2, 4, 8) or (self.bits in (12, 16) and not self.planar)
        apart = self.planar and (self.photometric != _RGB or _PREMULTIPLIED in self.extra)
        reversed_bits = self.page.number(Tag.FILL_ORDER, 1) == 2 and self.bits >= 8
        if self.format != _UNSIGNED or not whole or apart or reversed_bits:
            return None
        try:
            image: Image.Image = Image.open(io.BytesIO(self.alone()), formats=("TIFF",))
        except UnidentifiedImageError:
            return None
        image.load()
        if image.mode.startswith("I;16"):
            grey = np.asarray(image).astype(np.uint16)
            grey = _scaled(grey, self.bits) if self.bits < 16 else grey
            return Image.fromarray(65535 - grey if self.photometric == _WHITE_IS_ZERO else grey)
        if self.alpha is None and image.mode in ("RGBA", "LA"):
            image.putalpha(255)  # so that no colour is cleared on the way
            return image.convert("RGB" if image.mode == "RGBA" else "L")
        return image

    def with_tifffile(self) -> NDArray[Any] | None:
        """(H, W, C) of 8 or 16 bits, or floats: grey or RGB, and alpha where one is said to be.

        None for other colours, and where the extra `formats` is not installed.
        """
        if self.photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB) or not _has_formats():
            return None
        array = self._tifffile_array()
        if self.format == _FLOAT:
            array = array.astype(np.float32)
        elif self.bits not in (8, 16):
            array = _scaled(array, self.bits)
        colors = array[..., : self._colors]
        if self.photometric == _WHITE_IS_ZERO:
            colors = _white(colors) - colors
        if self.alpha is None:
            return colors
        alpha = array[..., self.alpha : self.alpha + 1]
        if self.extra[self.alpha - self._colors] == _PREMULTIPLIED:
            colors = _unpremultiplied(colors, alpha)
        return np.concatenate([colors, alpha], axis=2)

    def _tifffile_array(self) -> NDArray[Any]:
        """(H, W, samples), as they lie in the file."""
        import tifffile

        _quiet_tifffile()
        try:
            with tifffile.TiffFile(io.BytesIO(self.alone())) as file:
                page: Any = file.pages[0]
                array: NDArray[Any] = page.asarray(squeeze=False)  # planes, depth, rows, columns, channels
        except MemoryError:
            raise
        except Exception as error:  # whatever its arithmetic with damaged tags comes to
            raise ValueError(reason(error)) from None
        array = np.moveaxis(array[:, 0], 0, 2) if self.planar else array[0, 0]
        return array.reshape(*self.size[::-1], self.samples)

    def unreadable(self) -> UnsupportedError:
        """What to say of a file that neither decodes."""
        if not _has_formats():
            return needs_formats(str(self))
        return UnsupportedError(f"is {self}: save it as grey or RGB with 8 or 16 bits a channel")


def _has_formats() -> bool:
    try:
        import imagecodecs  # noqa: F401 (tifffile asks for it only where it meets compressed data)
        import tifffile  # noqa: F401
    except ImportError:
        return False
    return True


def _scaled(array: NDArray[Any], bits: int) -> NDArray[Any]:
    """Integers of so many bits, at 8 or 16 bits."""
    top, kind = 2**bits - 1, np.uint8 if bits <= 8 else np.uint16
    return ((array.astype(np.uint32) * np.iinfo(kind).max + top // 2) // top).astype(kind)


def _white(array: NDArray[Any]) -> Any:
    return array.dtype.type(np.iinfo(array.dtype).max if np.issubdtype(array.dtype, np.integer) else 1)


def _unpremultiplied(colors: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    top = float(_white(colors))
    exact = np.minimum(colors * (top / np.maximum(alpha.astype(np.float64), top / 65535)), top)
    return (np.rint(exact) if np.issubdtype(colors.dtype, np.integer) else exact).astype(colors.dtype)


@cache
def _quiet_tifffile() -> None:
    """Its warnings of odd tags go to whoever asks for them, not to stderr."""
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    logging.getLogger("tifffile").propagate = False
