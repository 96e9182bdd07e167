"""Every way out for pixels: encode, write."""

from __future__ import annotations

import io
import os
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from PIL import ImageCms

from ..errors import ImpastoError, reason
from ..files import check_target, write_atomically
from .heif import HEIF_SUFFIXES, register_heif
from .kept import Kept
from .kinds import HEIC
from .picture import Picture
from .png import with_chunk

WRITABLE = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF",
    ".avif": "AVIF", ".heic": "HEIF", ".heif": "HEIF", ".jpe": "JPEG", ".jif": "JPEG", ".jfif": "JPEG", ".hif": "HEIF",
}  # fmt: skip
# px a side that a format holds; of AVIF, that its usual decoders take.
LARGEST = {"JPEG": 65_500, "WEBP": 16_383, "AVIF": 32_768}
SIXTEEN_BIT_FORMATS = ("PNG", "TIFF")
DEFAULT_QUALITY = 92  # of lossy formats


def check_output(path: str | os.PathLike[str]) -> Path:
    """Refuse, before any work is done, a path that `save` could not write."""
    writable_format(Path(path))
    return check_target(path)


def writable_format(path: Path) -> str:
    """Pillow's name of the format that a path's suffix asks for."""
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise ImpastoError(f"cannot write '{path.name}': its name must end with one of {', '.join(WRITABLE)}")
    if suffix in HEIF_SUFFIXES and not register_heif():
        raise ImpastoError(f"cannot write '{path.name}': {HEIC.advice}")
    return WRITABLE[suffix]


def check_size(size: tuple[int, int], format: str) -> None:
    """Refuse, before any work is done, a (width, height) that `encode` could not write in a format."""
    limit = LARGEST.get(format)
    if limit is not None and max(size) > limit:
        raise ImpastoError(
            f"cannot encode {size[0]}×{size[1]} px as {format}, which holds {limit} px a side: choose a smaller size, "
            "or PNG"
        )


def save(
    picture: Picture, path: str | os.PathLike[str], quality: int = DEFAULT_QUALITY, kept: Kept | None = None
) -> None:
    """Write a picture, atomically: after a crash the old file or the new one is there, never half of one.

    quality, kept: see `encode`.
    """
    path = Path(path)
    data = encode(picture, writable_format(path), quality, kept)
    write_atomically(path, data)


def encode(picture: Picture, format: str, quality: int = DEFAULT_QUALITY, kept: Kept | None = None) -> bytes:
    """Encode a picture with an sRGB profile and, of other metadata, what is `kept` of a photograph's.

    format: one of `WRITABLE`'s values. quality: 1 to 100, of lossy formats. Transparency that JPEG cannot hold is
    laid over white; 16 bits are kept in PNG and TIFF (where the extra `formats` is installed).
    """
    check_size(picture.size, format)
    try:
        data = _encode(picture, format, quality, kept)
        if kept is None or format not in ("PNG", "TIFF"):
            return data
        return kept.in_png(data) if format == "PNG" else kept.in_tiff(data)
    except (OSError, ValueError, RuntimeError, SystemError, OverflowError) as error:
        width, height = picture.size
        raise ImpastoError(f"cannot encode {width}×{height} px as {format}: {reason(error)}") from None


def _encode(picture: Picture, format: str, quality: int, kept: Kept | None) -> bytes:
    if picture.depth == 16 and format in SIXTEEN_BIT_FORMATS:
        data = _encode_sixteen_bit(picture, format)
        if data is not None:
            return data
    if format == "JPEG":
        picture = picture.over_white()
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": quality} if format not in ("PNG", "TIFF") else {}
    if format == "TIFF":
        options["compression"] = "tiff_adobe_deflate"
    elif kept is not None and format != "PNG":
        # AVIF says which way is up by other means: for a tag of EXIF's, Pillow would write all others anew, in ASCII.
        options["exif"] = kept.exif(orientation=format != "AVIF")
    picture.to_pil().save(buffer, format, icc_profile=_srgb_profile(), **options)
    return buffer.getvalue()


@cache
def _srgb_profile() -> bytes:
    """With no time of creation in its header, so that the same picture is the same file."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def _encode_sixteen_bit(picture: Picture, format: str) -> bytes | None:
    try:
        import imagecodecs
        import tifffile
    except ImportError:
        return None
    array = picture.quantized(16)
    if format == "TIFF":
        buffer = io.BytesIO()
        tifffile.imwrite(
            buffer, array, photometric="rgb", compression="zlib", metadata=None, software=False,
            extrasamples=[] if picture.alpha is None else ["unassalpha"], iccprofile=_srgb_profile(),
        )  # fmt: skip
        return buffer.getvalue()
    return with_chunk(bytes(imagecodecs.png_encode(array)), b"iCCP", b"sRGB\0\0" + zlib.compress(_srgb_profile()))
