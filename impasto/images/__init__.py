"""Every way in and out for pixels: decode, orient, colour-manage, resize, encode, write. Torch-free."""

from .decoding import PIXEL_LIMIT, READABLE, SUFFIXES, ImageLike, load, size_of
from .encoding import DEFAULT_QUALITY, WRITABLE, check_output, encode, save, writable_format
from .picture import HIDDEN, FloatArray, Picture, blocks, fit, from_tensor, resize, to_tensor

__all__ = [
    "DEFAULT_QUALITY", "HIDDEN", "PIXEL_LIMIT", "READABLE", "SUFFIXES", "WRITABLE", "FloatArray", "ImageLike",
    "Picture", "blocks", "check_output", "encode", "fit", "from_tensor", "load", "resize", "save", "size_of",
    "to_tensor", "writable_format",
]  # fmt: skip
