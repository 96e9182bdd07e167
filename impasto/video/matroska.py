"""The one thing of a Matroska or WebM file that PyAV cannot have written: the shape of its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

# Elements by their IDs: see the Matroska specification, RFC 9559.
_SEGMENT, _SEEK_HEAD, _SEEK, _SEEK_POSITION, _VOID = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AC, 0xEC
_TRACKS, _TRACK, _VIDEO, _CLUSTER = 0x1654AE6B, 0xAE, 0xE0, 0x1F43B675
_WIDTH, _HEIGHT, _DISPLAY_WIDTH, _DISPLAY_HEIGHT = 0xB0, 0xBA, 0x54B0, 0x54BA
_HEADER = 1 << 20  # bytes in which it lies
OPTIONS = {"write_crc32": "0"}  # of FFmpeg's muxer: sums would be wrong afterwards
_Element = tuple[int, int, int, int]  # ID; where it starts, its content starts, and it ends


def set_pixel_aspect(path: Path, aspect: Fraction) -> None:
    """Write down of a file, which FFmpeg has just written, that its pixels are `aspect` times as wide as high.

    The room is taken from what the muxer leaves free in front of the tracks, so that nothing behind them moves.
    """
    with path.open("rb+") as file:
        data = file.read(_HEADER)
        segment = next(one for one in _elements(data, 0, len(data)) if one[0] == _SEGMENT)
        parts = []
        for one in _elements(data, segment[2], len(data)):
            parts.append(one)
            if one[0] in (_TRACKS, _CLUSTER):
                break
        void = next(one for one in parts if one[0] == _VOID)
        tracks = parts[-1]
        widened = _with_display(data, tracks, aspect)
        added = len(widened) - (tracks[3] - tracks[1])
        left = void[3] - void[1] - added  # of the free room
        if left < 9:
            return  # which FFmpeg's muxer always leaves
        moved = {one[1] - segment[2] for one in parts if one[1] >= void[3]}
        header = data[segment[2] : void[1]]
        for seek in (one for one in parts if one[0] == _SEEK_HEAD):
            header = _resought(data, seek, header, segment[2], moved, added)
        free = _VOID.to_bytes(1, "big") + (1 << 56 | left - 9).to_bytes(8, "big") + bytes(left - 9)
        file.seek(segment[2])
        file.write(header + free + data[void[3] : tracks[1]] + widened)


def _elements(data: bytes, start: int, end: int) -> Iterator[_Element]:
    place = start
    while place < end:
        length = 9 - data[place].bit_length()
        name = int.from_bytes(data[place : place + length], "big")
        size_at = place + length
        size_length = 9 - data[size_at].bit_length()
        size = int.from_bytes(data[size_at : size_at + size_length], "big") - (1 << 7 * size_length)
        content = size_at + size_length
        yield name, place, content, content + size
        place = content + size


def _written(name: int, content: bytes) -> bytes:
    length = next(length for length in range(1, 9) if len(content) < (1 << 7 * length) - 1)
    size = (len(content) + (1 << 7 * length)).to_bytes(length, "big")
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + size + content


def _with_display(data: bytes, element: _Element, aspect: Fraction) -> bytes:
    """Of the tracks, a track or its video, the same with the display's size in it."""
    name, _, start, end = element
    content = b""
    for one in _elements(data, start, end):
        inside = one[0] in (_TRACK, _VIDEO)
        content += _with_display(data, one, aspect) if inside else data[one[1] : one[3]]
    if name == _VIDEO:
        values = {one[0]: int.from_bytes(data[one[2] : one[3]], "big") for one in _elements(data, start, end)}
        width, height = values[_WIDTH], values[_HEIGHT]
        shown = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
        for display, value in zip((_DISPLAY_WIDTH, _DISPLAY_HEIGHT), shown, strict=True):
            content += _written(display, value.to_bytes((value.bit_length() + 7) // 8, "big"))
    return _written(name, content)


def _resought(data: bytes, seek_head: _Element, header: bytes, origin: int, moved: set[int], added: int) -> bytes:
    """The bytes from `origin` on in which the index of the file's parts says where those are that have moved."""
    changed = bytearray(header)
    for seek in _elements(data, seek_head[2], seek_head[3]):
        for name, _, start, end in _elements(data, seek[2], seek[3]) if seek[0] == _SEEK else ():
            position = int.from_bytes(data[start:end], "big")
            if name == _SEEK_POSITION and position in moved:
                changed[start - origin : end - origin] = (position - added).to_bytes(end - start, "big")
    return bytes(changed)
