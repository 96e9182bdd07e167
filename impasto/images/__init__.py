"""Every way in and out for pixels: decode, orient, colour-manage, resize, encode, write. Torch only in `tensors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attributes
from .decoding import READABLE, ImageLike, called, load, size_of
from .encoding import DEFAULT_QUALITY, WRITABLE, check_output, check_size, encode, save, writable_format
from .kept import Kept, kept_metadata
from .kinds import FILM_SUFFIXES, SUFFIXES, is_film, is_readable, packed, summary, unusable
from .picture import HIDDEN, Picture, fit, for_area, for_long_side
from .reading import PIXEL_LIMIT, Needed
from .samples import DType, FloatArray, Samples, as_samples, blocks, floats, kept_type, resize

if TYPE_CHECKING:
    from .tensors import from_tensor, to_tensor

__all__ = [
    "DEFAULT_QUALITY", "FILM_SUFFIXES", "HIDDEN", "PIXEL_LIMIT", "READABLE", "SUFFIXES", "WRITABLE", "DType",
    "FloatArray", "ImageLike", "Kept", "Needed", "Picture", "Samples", "as_samples", "blocks", "called", "check_output",
    "check_size", "encode", "fit", "floats", "for_area", "for_long_side", "from_tensor", "is_film", "is_readable",
    "kept_metadata", "kept_type", "load", "packed", "resize", "save", "size_of", "summary", "to_tensor", "unusable",
    "writable_format",
]  # fmt: skip

__getattr__ = attributes(__name__, {"from_tensor": "tensors", "to_tensor": "tensors"})
