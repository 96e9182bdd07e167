"""Every way in and out for pixels: decode, orient, colour-manage, resize, encode, write. Torch only in `tensors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attributes
from .decoding import PIXEL_LIMIT, READABLE, SUFFIXES, ImageLike, load, size_of
from .encoding import DEFAULT_QUALITY, WRITABLE, check_output, encode, save, writable_format
from .picture import HIDDEN, FloatArray, Picture, blocks, fit, resize

if TYPE_CHECKING:
    from .tensors import from_tensor, to_tensor

__all__ = [
    "DEFAULT_QUALITY", "HIDDEN", "PIXEL_LIMIT", "READABLE", "SUFFIXES", "WRITABLE", "FloatArray", "ImageLike",
    "Picture", "blocks", "check_output", "encode", "fit", "from_tensor", "load", "resize", "save", "size_of",
    "to_tensor", "writable_format",
]  # fmt: skip

__getattr__ = attributes(__name__, {"from_tensor": "tensors", "to_tensor": "tensors"})
