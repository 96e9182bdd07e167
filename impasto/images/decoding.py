"""Every way in for pixels: decode, orient, colour-manage."""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import ImpastoError, reason
from ..files import read_file
from . import pfm, raw
from .containers import pixels_alone
from .directories import Tag
from .heif import register_heif
from .kinds import recognized
from .metadata import orientation_of
from .picture import Picture
from .png import SIGNATURE, Png
from .profiles import deep_to_srgb, to_srgb
from .reading import PIXEL_LIMIT, Needed, UnsupportedError, silenced_stderr, silenced_warnings
from .samples import floats
from .tiff import Tiff

ImageLike = Union[str, "os.PathLike[str]", bytes, Image.Image, NDArray[Any], Picture]

# Formats that Pillow decodes itself; others (EPS …) would start outside programs.
READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF", "HEIF")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")
_DECODER_ERRORS = (OSError, ValueError, SyntaxError, EOFError, struct.error, LookupError, TypeError, RuntimeError)
_AlphaOf = Callable[[NDArray[Any]], NDArray[Any] | None]
_STRIP = 1 << 24  # px


def load(source: ImageLike, what: str = "image", needed: Needed | None = None) -> Picture:
    """Decode an image: a path, the bytes of a file, a Pillow image, an array or a Picture.

    Arrays are (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint8, uint16, or floats in [0, 1].
    EXIF orientation is applied, ICC profiles are converted to sRGB; grey, palette, CMYK and alpha are understood; raw
    photographs are developed. What is damaged around whole pixels does not matter.

    Args:
        source: the image.
        what: what error messages call it ("content image").
        needed: of its (width, height), those that are all that is needed. A JPEG file or a raw photograph may come out
            smaller than it is, but not below them, which saves most of the time and of the memory.

    Raises:
        ImpastoError: the file is missing, no image, truncated, beyond the decompression-bomb limit, or of a kind that
            is not read, or not without the extra `formats`.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source.copy(), called(source, what))
    if isinstance(source, Image.Image):
        with _decoding_errors(called(source, what)), silenced_warnings:
            return _from_array(_decode_pillow(source), called(source, what))
    if isinstance(source, bytes):
        return _open(source, called(source, what), "", needed)
    try:
        path = Path(source)
    except TypeError:
        raise ImpastoError(f"the {what} is no path, Pillow image or array but {type(source).__name__}") from None
    return _open(read_file(path, what), called(path, what), path.suffix.lower(), needed)


def called(source: ImageLike, what: str) -> str:
    """What error messages call an image: "content image photo.jpg", or "the content image" where it is no file."""
    return f"{what} {source}" if isinstance(source, (str, os.PathLike)) else f"the {what}"


def size_of(data: bytes, what: str = "image", needed: Needed | None = None) -> tuple[int, int]:
    """Width and height in px of an image file's bytes, as `load` decodes it, from its header alone: nothing is decoded.

    Raises:
        ImpastoError: no image, or beyond the decompression-bomb limit.
    """
    with _decoding_errors(f"the {what}", data), silenced_warnings:
        if raw.is_raw(data):
            return raw.size(data, needed)
        if pfm.is_pfm(data):
            return pfm.size(data)
        if data.startswith(_TIFF):
            return Tiff.of(data).size
        alone = Png.of(data).data if data.startswith(SIGNATURE) else pixels_alone(data)[0]
        with _reduced(alone, needed) as image:
            return image.size


def _open(data: bytes, name: str, suffix: str, needed: Needed | None) -> Picture:
    with _decoding_errors(name, data), silenced_warnings:
        return _from_array(_decode(data, suffix, needed), name)


def _reduced(data: bytes, needed: Needed | None) -> Image.Image:
    """An image file, opened; of a JPEG, which has its frequencies apart, only those that are needed will be decoded."""
    image = Image.open(io.BytesIO(data), formats=_readable_formats())
    if needed is not None:
        image.draft(None, needed(image.size))
    return image


@contextlib.contextmanager
def _decoding_errors(name: str, data: bytes = b"") -> Iterator[None]:
    """What decoders raise for files that are damaged or foreign, as one kind of error. data: the file's."""
    try:
        yield
    except Image.DecompressionBombError:
        raise ImpastoError(f"{name} is larger than {PIXEL_LIMIT / 1e6:.0f} megapixels: scale it down first") from None
    except UnidentifiedImageError:
        kind = recognized(data)
        raise ImpastoError(f"{name} is not an image that can be read{f' (it is {kind})' if kind else ''}") from None
    except UnsupportedError as error:
        raise ImpastoError(f"{name} {error}") from None
    except _DECODER_ERRORS as error:
        raise ImpastoError(f"{name} is damaged: {reason(error)}") from None


def _readable_formats() -> list[str]:
    register_heif()
    Image.init()
    return [name for name in READABLE if name in Image.OPEN]


def _from_array(array: NDArray[Any], name: str) -> Picture:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise ImpastoError(f"{name} has shape {array.shape}: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) is wanted")
    depth = 16 if array.dtype == np.uint16 else 8
    if np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float32)
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise ImpastoError(f"{name} has floats outside [0, 1]")
    elif array.dtype not in (np.uint8, np.uint16):
        raise ImpastoError(f"{name} has dtype {array.dtype}: uint8, uint16 or floats in [0, 1] are wanted")
    alpha = floats(array[..., 3]) if array.shape[2] == 4 else None
    color = np.repeat(array, 3, axis=2) if array.shape[2] == 1 else np.ascontiguousarray(array[..., :3])
    return Picture(color, None if alpha is None else np.ascontiguousarray(alpha), depth)


def _decode(data: bytes, suffix: str, needed: Needed | None) -> NDArray[Any]:
    """(H, W, C), as `_from_array` takes it, upright and in sRGB, of a file's bytes."""
    if raw.is_raw(data, suffix):
        return raw.develop(data, needed)
    if pfm.is_pfm(data):
        return _array_to_srgb(pfm.decode(data), None)
    if data.startswith(_TIFF):
        return _decode_tiff(Tiff.of(data))
    if data.startswith(SIGNATURE):
        return _decode_png(Png.of(data))
    alone, metadata = pixels_alone(data)
    with _reduced(alone, needed) as image:
        exif, profile = image.info.get("exif"), metadata.profile or image.info.get("icc_profile")
        return _upright(_pillow_to_srgb(image, profile), orientation_of(exif) if exif else metadata.orientation)


def _decode_tiff(tiff: Tiff) -> NDArray[Any]:
    tiff.check()
    orientation, profile = tiff.metadata.orientation, tiff.metadata.profile
    with silenced_stderr:
        array = tiff.with_tifffile() if tiff.deep else None
        if array is None and (image := tiff.with_pillow()) is not None:
            return _upright(_pillow_to_srgb(image, profile), orientation)
        if array is None:
            array = tiff.with_tifffile()
    if array is None:
        raise tiff.unreadable()
    return _upright(_array_to_srgb(array, profile), orientation)


def _decode_png(png: Png) -> NDArray[Any]:
    orientation, profile = png.metadata.orientation, png.metadata.profile
    with Image.open(io.BytesIO(png.data), formats=("PNG",)) as image:  # which checks the size
        array = png.deep()
        if array is None:
            return _upright(_pillow_to_srgb(image, profile, png.alpha), orientation)
    return _upright(_array_to_srgb(array, profile), orientation)


def _decode_pillow(image: Image.Image) -> NDArray[Any]:
    """The same of a Pillow image."""
    array = _pillow_to_srgb(image, image.info.get("icc_profile"))
    orientation = 1  # of a TIFF, Pillow has applied and removed it by now
    with contextlib.suppress(*_DECODER_ERRORS):
        orientation = image.getexif().get(Tag.ORIENTATION, 1)
    return _upright(array, orientation)


def _array_to_srgb(array: NDArray[Any], profile: bytes | None) -> NDArray[Any]:
    """(H, W, C) of 16 bits, or of floats, which become that: grey or RGB, and alpha or not."""
    if np.issubdtype(array.dtype, np.floating):
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise UnsupportedError("has floats outside [0, 1]: scale them, or save it with 8 or 16 bits a channel")
        array = np.rint(array * np.float32(65535)).astype(np.uint16)
    array = deep_to_srgb(array, profile) if profile else array
    return array[..., [0, 0, 0, 1]] if array.shape[2] == 2 else array


def _pillow_to_srgb(image: Image.Image, profile: bytes | None, alpha_of: _AlphaOf | None = None) -> NDArray[Any]:
    """alpha_of: of its samples, for images whose alpha is none of their channels."""
    image.load()
    is_bitmap = image.format == "BMP"
    if image.mode == "F":
        return _array_to_srgb(np.asarray(image)[..., None], profile)
    if image.mode == "I" or image.mode.startswith("I;16"):
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() > 65535:
            raise UnsupportedError("has integers beyond 16 bits: save it with 8 or 16 bits a channel")
        grey = grey.astype(np.uint16)[..., None]
        alpha = alpha_of(grey) if alpha_of else None
        return _array_to_srgb(grey if alpha is None else np.dstack([grey, alpha]), profile)
    if image.mode in ("RGBa", "La"):
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in ("RGBA", "LA"):
        alpha = np.asarray(image.getchannel("A"))
        image = image.convert("L" if image.mode == "LA" else "RGB")
        if is_bitmap and not alpha.any():  # written by a program that knows of no alpha
            alpha = None
    else:
        alpha = alpha_of(np.asarray(image)) if alpha_of else None
    array = _in_strips(image, profile)
    return array if alpha is None else np.dstack([array, alpha])


def _in_strips(image: Image.Image, profile: bytes | None) -> NDArray[np.uint8]:
    """(H, W, 3) in sRGB, of a large image a strip after the other: Pillow makes two copies of what it gives away."""
    width, height = image.size
    rows = max(1, _STRIP // width)
    if rows >= height:
        return np.asarray(to_srgb(image, profile))
    array = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        array[top : top + rows] = np.asarray(to_srgb(strip, profile))
    return array


def _upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation (1 to 8) to an array of rows."""
    if orientation in (5, 6, 7, 8):
        array = np.swapaxes(array, 0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array
