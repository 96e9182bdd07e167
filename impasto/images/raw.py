"""Raw photographs: what a camera's sensor saw, developed by LibRaw where the extra `formats` is installed."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .directories import Tag, directories
from .reading import Needed, UnsupportedError, check_size, needs_formats, silenced_stderr

RAW_SUFFIXES = (
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc", ".mef", ".mos",
    ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
)  # fmt: skip
_PANASONIC = b"IIU\0"
# Fujifilm, Minolta, Sigma, Panasonic, Olympus (three)
_MAGIC = (b"FUJIFILMCCD-RAW", b"\0MRM", b"FOVb", _PANASONIC, b"IIRO", b"IIRS", b"MMOR")
_OTHERS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8")  # named like a raw file, and none
_CFA, _LINEAR_RAW = 32803, 34892  # photometric interpretations
_SRGB_CURVE = (2.4, 12.92)  # power, and slope of the straight part


def is_raw(data: bytes, suffix: str = "") -> bool:
    """Whether a file is a raw photograph, by what is in it, or by its name where that may be.

    suffix: of its name, in small letters.
    """
    tiff = data[:4] in (b"II*\0", b"MM\0*") and (data[8:10] == b"CR" or data[8:12] in (b"IIII", b"MMMM"))
    canon = data[6:14] == b"HEAPCCDR" or data[4:12] == b"ftypcrx "
    if tiff or canon or data.startswith(_MAGIC) or (suffix in RAW_SUFFIXES and not data.startswith(_OTHERS)):
        return True
    for page in directories(data):
        with contextlib.suppress(ValueError):
            kind = page.number(Tag.PHOTOMETRIC_INTERPRETATION, 0)
            if Tag.DNG_VERSION in page.entries or kind in (_CFA, _LINEAR_RAW):
                return True
    return False


def size(data: bytes, needed: Needed | None = None) -> tuple[int, int]:
    """Width and height in px, as it is developed.

    Raises:
        UnsupportedError: without the extra `formats`; of a camera that LibRaw does not know.
        ValueError: the file is damaged.
    """
    with _opened(data) as photograph:
        width, height = _size(photograph)
        return (width // 2, height // 2) if _is_half_enough((width, height), needed) else (width, height)


def develop(data: bytes, needed: Needed | None = None) -> NDArray[np.uint16]:
    """(H, W, 3) in sRGB of 16 bits, upright, with the camera's white balance and as light as it was taken.

    needed: where half its size is enough, it is developed so, in a fraction of the time.

    Raises:
        UnsupportedError: without the extra `formats`; of a camera that LibRaw does not know.
        ValueError: the file is damaged.
    """
    with _opened(data) as photograph:
        with silenced_stderr:
            photograph.unpack()
        half = _is_half_enough(_size(photograph), needed)
        return photograph.postprocess(
            use_camera_wb=True, output_bps=16, gamma=_SRGB_CURVE, half_size=half,
            no_auto_bright=True,  # which would have a dusk as light as a noon, and each of a series differently so
        )  # fmt: skip


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    try:
        import rawpy
    except ImportError:
        raise needs_formats("a raw photograph") from None
    _check_whole(data)
    try:
        with silenced_stderr:
            photograph = rawpy.imread(io.BytesIO(data))
        with photograph:
            check_size(_size(photograph))
            yield photograph
    except (rawpy.LibRawFileUnsupportedError, rawpy.NotSupportedError):
        raise UnsupportedError("is a raw photograph of a kind that LibRaw cannot develop: save it as a TIFF") from None
    except rawpy.LibRawError as error:
        raise ValueError(error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)) from None


def _check_whole(data: bytes) -> None:
    """LibRaw may take what lies beyond the end for black. Panasonic's directory says the length alone."""
    panasonic = data.startswith(_PANASONIC)
    for page in directories(b"II*\0" + data[4:] if panasonic else data):
        if not page.is_thumbnail:
            strips = zip(page.numbers(Tag.STRIP_OFFSETS), page.numbers(Tag.STRIP_BYTE_COUNTS), strict=False)
            tiles = zip(page.numbers(Tag.TILE_OFFSETS), page.numbers(Tag.TILE_BYTE_COUNTS), strict=False)
            if any((0 if panasonic else place) + length > len(data) for place, length in (*strips, *tiles)):
                raise ValueError("it is cut off")


def _is_half_enough(size: tuple[int, int], needed: Needed | None) -> bool:
    return needed is not None and all(side >= 2 * wanted for side, wanted in zip(size, needed(size), strict=True))


def _size(photograph: Any) -> tuple[int, int]:
    sizes = photograph.sizes
    turned = sizes.flip in (5, 6)
    return (sizes.iheight, sizes.iwidth) if turned else (sizes.iwidth, sizes.iheight)
