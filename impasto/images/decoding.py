"""Every way in for pixels: decode, orient, colour-manage."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import struct
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from ..errors import ImpastoError, reason
from ..files import read_file
from .heif import register_heif
from .kinds import recognized
from .picture import FloatArray, Picture

ImageLike = Union[str, "os.PathLike[str]", bytes, Image.Image, NDArray[Any], Picture]

# Formats that Pillow decodes itself; others (EPS …) would start outside programs.
READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF", "HEIF")
PIXEL_LIMIT = 2 * (Image.MAX_IMAGE_PIXELS or 89_478_485)  # where Pillow suspects a decompression bomb


def load(source: ImageLike, what: str = "image", short_side: int | None = None) -> Picture:
    """Decode an image: a path, the bytes of a file, a Pillow image, an array or a Picture.

    Arrays are (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint8, uint16, or floats in [0, 1].
    EXIF orientation is applied, ICC profiles are converted to sRGB; grey, palette, CMYK and alpha are understood.

    Args:
        source: the image.
        what: what error messages call it ("content image").
        short_side: in px: all that is needed of it. A larger JPEG file may come out smaller than it is, but not
            below this, which saves most of the decoding.

    Raises:
        ImpastoError: the file is missing, no image, truncated, or beyond the decompression-bomb limit.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source, what)
    if isinstance(source, Image.Image):
        with _decoding_errors(called(source, what)):
            return _decode(source, None, called(source, what))
    if isinstance(source, bytes):
        return _open(source, called(source, what), short_side)
    try:
        path = Path(source)
    except TypeError:
        raise ImpastoError(f"the {what} is no path, Pillow image or array but {type(source).__name__}") from None
    return _open(read_file(path, what), called(path, what), short_side)


def called(source: ImageLike, what: str) -> str:
    """What error messages call an image: "content image photo.jpg", or "the content image" where it is no file."""
    return f"{what} {source}" if isinstance(source, (str, os.PathLike)) else f"the {what}"


def size_of(data: bytes, what: str = "image") -> tuple[int, int]:
    """Width and height in px of an image file's bytes, from its header alone: nothing is decoded.

    Raises:
        ImpastoError: no image, or beyond the decompression-bomb limit.
    """
    with _decoding_errors(f"the {what}", data), _silenced_warnings:
        image = Image.open(io.BytesIO(data), formats=_readable_formats())
        return image.size


def _open(data: bytes, name: str, short_side: int | None) -> Picture:
    with _decoding_errors(name, data), _silenced_warnings:
        image = Image.open(io.BytesIO(data), formats=_readable_formats())
        with image, _silenced_libtiff if image.format == "TIFF" else contextlib.nullcontext():
            if short_side is not None:
                image.draft(None, (short_side, short_side))
            return _decode(image, data, name)


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
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, LookupError, TypeError, RuntimeError) as error:
        raise ImpastoError(f"{name} is damaged: {reason(error)}") from None


class _Shared:
    """A context that several threads may be in at once: the first one in enters it, the last one out leaves it.

    For what is one for the whole process: each thread that saved and restored it alone could restore what another set.
    """

    def __init__(self, make: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        self._make, self._lock, self._inside = make, threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._context = self._make()
                self._context.__enter__()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._context.__exit__(None, None, None)


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    """Pillow warns at half of the size where it raises; and of odd metadata that is not used here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _quiet_libtiff() -> Iterator[None]:
    """libtiff writes its errors to the process's stderr itself, beside the exception: one error, one line."""
    try:
        kept = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        if sys.stderr:
            sys.stderr.flush()
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


_silenced_libtiff, _silenced_warnings = _Shared(_quiet_libtiff), _Shared(_no_warnings)


@cache
def _quiet_tifffile() -> None:
    """Its warnings of odd tags go to whoever asks for them, not to stderr."""
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    logging.getLogger("tifffile").propagate = False


def _readable_formats() -> list[str]:
    register_heif()
    Image.init()
    return [name for name in READABLE if name in Image.OPEN]


def _from_array(array: NDArray[Any], what: str) -> Picture:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise ImpastoError(f"the {what} has shape {array.shape}: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) is wanted")
    if array.dtype in (np.uint8, np.uint16):
        top = np.iinfo(array.dtype).max
    elif np.issubdtype(array.dtype, np.floating):
        top = 1
    else:
        raise ImpastoError(f"the {what} has dtype {array.dtype}: uint8, uint16 or floats in [0, 1] are wanted")

    def unit(part: NDArray[Any]) -> FloatArray:
        if top != 1:
            return np.divide(part, top, dtype=np.float32, order="C")
        values: FloatArray = part.astype(np.float32, order="C")
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise ImpastoError(f"the {what} has floats outside [0, 1]")
        return values

    pixels = unit(array[..., :3])
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return Picture(pixels, unit(array[..., 3]) if array.shape[2] == 4 else None, 16 if array.dtype == np.uint16 else 8)


def _decode(image: Image.Image, data: bytes | None, name: str) -> Picture:
    orientation = image.getexif().get(0x0112, 1)
    profile = image.info.get("icc_profile")
    array = _decode_sixteen_bit(image, data) if data is not None else None
    if array is None:
        image.load()
        orientation = image.getexif().get(0x0112, 1)  # of a TIFF, Pillow has applied and removed it by now
        if image.mode in ("F", "I") and data is not None and image.format == "TIFF":
            raise ImpastoError(f"{name} has 32-bit pixels: save it with 8 or 16 bits a channel")
        array = _eight_bit(image, profile)
    elif profile:
        array = _sixteen_bit_to_srgb(array, profile)
    return _from_array(np.ascontiguousarray(_upright(array, orientation)), name)


def _eight_bit(image: Image.Image, profile: bytes | None) -> NDArray[Any]:
    if image.mode.startswith("I;16") or image.mode == "I":  # 16-bit grey
        return np.clip(np.asarray(image), 0, 65535).astype(np.uint16)
    if image.mode in ("RGBa", "La"):
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    if alpha is not None:
        image = image.convert("L" if image.mode == "LA" else "RGB")
    image = _to_srgb(image, profile)
    array = np.asarray(image)
    return array if alpha is None else np.dstack([array, np.asarray(alpha)])


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile and image.mode in ("L", "RGB", "CMYK", "LAB"):
        # A profile that is damaged or belongs to another colour space says nothing: the pixels count as sRGB then.
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
    return image.convert("RGB")


def _decode_sixteen_bit(image: Image.Image, data: bytes) -> NDArray[Any] | None:
    """16-bit pixels of a colour PNG or TIFF, which Pillow would cut to 8 bits; None for all other images."""
    if image.format == "PNG" and data[24:25] == b"\x10":
        decode: Any = "png"
    elif image.format == "TIFF" and max(image.tag_v2.get(258, (8,))) == 16:  # type: ignore[attr-defined]
        decode = "tiff"
    else:
        return None
    image.load()  # Pillow's own checks of truncated data come first
    try:
        import imagecodecs
        import tifffile
    except ImportError:
        return None  # read with 8 bits: the extra `formats` is not installed
    if decode == "png":
        array: NDArray[Any] = np.asarray(imagecodecs.png_decode(data))
    else:
        _quiet_tifffile()
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page: Any = file.pages[0]
            array = np.asarray(page.asarray())
            kinds = tifffile.PHOTOMETRIC
            if page.photometric not in (kinds.MINISBLACK, kinds.MINISWHITE, kinds.RGB) or array.dtype != np.uint16:
                return None  # CMYK, Lab: rare enough with 16 bits to be read with 8
            if page.photometric == kinds.MINISWHITE:
                array = 65535 - array
            if getattr(page, "planarconfig", 1) == tifffile.PLANARCONFIG.SEPARATE and array.ndim == 3:
                array = np.moveaxis(array, 0, 2)
            if tifffile.EXTRASAMPLE.ASSOCALPHA in page.extrasamples:
                array = _unpremultiplied(array)
    if array.dtype != np.uint16 or array.ndim not in (2, 3):
        return None
    if array.ndim == 3 and array.shape[2] == 2:  # grey and alpha
        array = array[..., [0, 0, 0, 1]]
    return array[..., :4] if array.ndim == 3 else array


def _unpremultiplied(array: NDArray[Any]) -> NDArray[Any]:
    alpha = array[..., -1:].astype(np.float64)
    color = np.minimum(array[..., :-1] * (65535 / np.maximum(alpha, 1)), 65535)
    return np.concatenate([np.rint(color), alpha], axis=2).astype(np.uint16)


def _sixteen_bit_to_srgb(array: NDArray[Any], profile: bytes) -> NDArray[Any]:
    import imagecodecs

    color = array[..., :3] if array.ndim == 3 else array
    try:
        srgb = imagecodecs.cms_profile("srgb")
        space = "rgb" if color.ndim == 3 else "gray"
        converted = imagecodecs.cms_transform(
            np.ascontiguousarray(color), profile, srgb, colorspace=space, outcolorspace="rgb"
        )
    except (RuntimeError, ValueError):  # a damaged profile, as in `_to_srgb`
        return array
    if array.ndim == 3 and array.shape[2] == 4:
        return np.dstack([converted, array[..., 3]])
    return np.asarray(converted)


def _upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation (1 to 8) to an array of rows."""
    if orientation in (5, 6, 7, 8):
        array = np.swapaxes(array, 0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array
