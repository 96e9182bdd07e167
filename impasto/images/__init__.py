"""Every way in and out for pixels: decode, orient, colour-manage, resize, encode, write. Torch-free."""

from .decoding import PIXEL_LIMIT, READABLE, ImageLike, called, load, size_of
from .encoding import DEFAULT_QUALITY, WRITABLE, check_output, check_size, encode, save, writable_format
from .kept import Kept, kept_metadata
from .kinds import SUFFIXES, is_readable, packed, summary, unusable
from .picture import HIDDEN, FloatArray, Picture, blocks, fit, from_tensor, resize, to_tensor

__all__ = [
    "DEFAULT_QUALITY", "HIDDEN", "PIXEL_LIMIT", "READABLE", "SUFFIXES", "WRITABLE", "FloatArray", "ImageLike", "Kept",
    "Picture", "blocks", "called", "check_output", "check_size", "encode", "fit", "from_tensor", "is_readable",
    "kept_metadata", "load", "packed", "resize", "save", "size_of", "summary", "to_tensor", "unusable",
    "writable_format",
]  # fmt: skip
