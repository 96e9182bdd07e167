"""FFmpeg's frames as pictures, and pictures as its frames: matrix, range, depth, alpha, which way is up."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..images import FloatArray, Picture, floats
from . import hdr
from .film import Color

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

# ITU-T H.273's numbers, which FFmpeg uses, of what is told apart here.
PRIMARIES = {"bt709": 1, "bt470bg": 5, "smpte170m": 6, "bt2020": 9, "smpte431": 11, "smpte432": 12}
TRANSFERS = {"bt709": 1, "smpte170m": 6, "iec61966-2-1": 13, "bt2020-10": 14, "smpte2084": 16, "arib-std-b67": 18}
MATRICES = {"rgb": 0, "bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "ycgco": 8, "bt2020nc": 9}
UNSAID = 2
LIMITED, FULL = 1, 2
# swscale's own numbers of the matrices that it converts by.
_SWS = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 5, "smpte240m": 7, "bt2020nc": 9}
# Bicubic chroma, of every pixel, rounded as it should be: swscale's defaults are off by up to three levels.
EXACTLY = 0x4 | 0x2000 | 0x40000
_TOP, _OPAQUE = 65535, 65535 - (1 << 6)
HD = (1280, 720)  # px from which untagged video is BT.709


def color_of(frame: VideoFrame) -> Color:
    """How a frame's numbers are meant."""
    return Color(
        _name(PRIMARIES, frame.color_primaries), _name(TRANSFERS, frame.color_trc), _name(MATRICES, frame.colorspace),
        frame.color_range == FULL or frame.format.name.startswith("yuvj"),
    )  # fmt: skip


def _name(table: dict[str, int], number: int) -> str:
    return next((name for name, one in table.items() if one == number), "")


def depth_of(frame: VideoFrame) -> int:
    """Bits a channel, 8 or 16, of its picture."""
    return 16 if max(component.bits for component in frame.format.components) > 8 else 8


def has_alpha(frame: VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def matrix_of(color: Color, size: tuple[int, int]) -> str:
    """The matrix that a frame's luma was made by; where it is not said, by its (width, height)."""
    if color.matrix in _SWS:
        return color.matrix
    if color.primaries == "bt2020":
        return "bt2020nc"
    return "bt709" if size[0] >= HD[0] or size[1] >= HD[1] else "smpte170m"


def to_picture(
    frame: VideoFrame, size: tuple[int, int], alpha: bool, by: VideoReformatter, peak: float = hdr.PEAK
) -> Picture:
    """A frame as an upright sRGB picture.

    by: what converts the frames of a film, one after the other. size: (width, height) of the film before it is turned,
    which the frame is brought to where it differs. alpha: whether the picture has it. peak: cd/m², of HDR.
    """
    color, depth = color_of(frame), depth_of(frame)
    beyond = color.is_hdr or color.primaries in hdr.WIDE
    deep = depth == 16 or beyond
    name = ("rgba64le" if alpha else "rgb48le") if deep else ("rgba" if alpha else "rgb24")
    source: dict[str, int] = {}
    if not frame.format.is_rgb:
        source["src_colorspace"] = _SWS[matrix_of(color, (frame.width, frame.height))]
        source["src_color_range"] = FULL if color.full_range else LIMITED
    converted = by.reformat(frame, *size, name, dst_color_range=FULL, interpolation=EXACTLY, **source)
    array = upright(converted.to_ndarray(), _display_matrix(frame))
    samples = np.ascontiguousarray(array[..., :3])
    if deep and source and _white_is_65280():
        samples += np.minimum(samples >> 8, _TOP - samples)
    if color.is_hdr:
        primaries = color.primaries if color.primaries in hdr.WIDE else "bt2020"
        samples = hdr.to_sdr(samples, color.transfer, primaries, peak)
    elif beyond:
        samples = hdr.narrowed(samples, color.primaries)
    if beyond and depth == 8:
        samples = (samples // 257).astype(np.uint8)
    return Picture(samples, _alpha(array[..., 3]) if alpha else None, depth)


def _alpha(levels: NDArray[Any]) -> FloatArray:
    """Alpha of 16 bits was made of 10 or more, whose highest is opaque."""
    alpha = floats(np.ascontiguousarray(levels))
    if levels.dtype == np.uint16:
        alpha[levels >= _OPAQUE] = 1
    return alpha


@cache
def _white_is_65280() -> bool:
    """Whether swscale takes RGB of 16 bits for RGB of 8 bits shifted, in which white is 255 · 256 (FFmpeg 8 does)."""
    import av

    frame = av.VideoFrame(16, 16, "yuv420p10le")
    for plane, value in zip(frame.planes, (940, 512, 512), strict=True):
        plane.update(np.full(plane.buffer_size // 2, value, np.uint16).tobytes())
    return int(frame.to_ndarray(format="rgb48le", src_color_range=LIMITED)[8, 8].max()) < _TOP - 128


def peak_of(frame: VideoFrame) -> float:
    """cd/m² of the brightest that HDR was mastered for."""
    data = _side_data(frame, "MASTERING_DISPLAY_METADATA")
    if data is None or len(data) < 88:
        return hdr.PEAK
    numbers = np.frombuffer(data[:88], np.int32)  # AVMasteringDisplayMetadata: ten fractions, then two flags
    most, least = int(numbers[18]), int(numbers[19])
    return float(np.clip(most / least, 400, 10_000)) if numbers[21] and least > 0 else hdr.PEAK


def _side_data(frame: VideoFrame, kind: str) -> bytes | None:
    found: Any = frame.side_data  # whose stubs take it for a mapping of names
    return next((bytes(one) for one in found if one.type.name == kind), None)


def _display_matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """Of the film's display matrix what turns and mirrors: x' = a·x + c·y, y' = b·x + d·y; as (a, b, c, d)."""
    data = _side_data(frame, "DISPLAYMATRIX")
    if data is None or len(data) < 36:
        return 1, 0, 0, 1
    a, b, _, c, d = (int(value) for value in np.frombuffer(data[:20], np.int32))
    return a, b, c, d


def is_turned(frame: VideoFrame) -> bool:
    """Whether its width becomes its height where it is upright."""
    a, b, c, d = _display_matrix(frame)
    return abs(b) + abs(c) > abs(a) + abs(d)


def upright(array: NDArray[Any], matrix: tuple[int, int, int, int]) -> NDArray[Any]:
    """An array of rows as a display matrix shows it, turned by the nearest right angle."""
    a, b, c, d = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):
        array, a, d = np.swapaxes(array, 0, 1), c, b
    if a < 0:
        array = array[:, ::-1]
    if d < 0:
        array = array[::-1]
    return array


def to_frame(picture: Picture, pix_fmt: str, by: VideoReformatter) -> VideoFrame:
    """A picture as a frame for an encoder, in BT.709; alpha is left out where the pixel format has none.

    by: what converts the pictures of a film, one after the other. Odd sides that the format has no chroma for are made
    even: the last row and column are there twice.
    """
    import av

    wanted = av.VideoFormat(pix_fmt, 16, 16)
    alpha = any(component.is_alpha for component in wanted.components)
    deep = max(component.bits for component in wanted.components) > 8
    array = (picture if alpha else Picture(picture.samples, None, picture.depth)).quantized(16 if deep else 8)
    if alpha and array.shape[2] == 3:
        array = np.dstack([array, np.full(array.shape[:2], np.iinfo(array.dtype).max, array.dtype)])
    width, height = even_size(picture.size, pix_fmt)
    if deep and not wanted.is_rgb and _white_is_65280():
        array = np.dstack([array[..., :3] - (array[..., :3] >> 8), array[..., 3:]])
    array = np.pad(array, ((0, height - array.shape[0]), (0, width - array.shape[1]), (0, 0)), "edge")
    name = ("rgba64le" if alpha else "rgb48le") if deep else ("rgba" if alpha else "rgb24")
    frame = av.VideoFrame.from_ndarray(array, name)
    rgb = wanted.is_rgb
    frame = by.reformat(
        frame, format=pix_fmt, interpolation=EXACTLY, dst_colorspace=None if rgb else 1,
        dst_color_range=FULL if rgb else LIMITED,
    )  # fmt: skip
    frame.colorspace = 0 if rgb else 1
    frame.color_range = FULL if rgb else LIMITED
    frame.color_primaries = frame.color_trc = 1
    return frame


def even_size(size: tuple[int, int], pix_fmt: str) -> tuple[int, int]:
    """(width, height) of an encoded picture."""
    wide, high = "420" in pix_fmt or "422" in pix_fmt, "420" in pix_fmt
    return size[0] + (size[0] % 2 if wide else 0), size[1] + (size[1] % 2 if high else 0)
