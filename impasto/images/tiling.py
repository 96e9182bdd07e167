"""Cutting a large image into windows whose counted parts cover it exactly once. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

ALIGNMENT = 32  # pixels: a multiple of every layer's stride, so that a window's features lie on the image's grid

Place = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True)
class Span:
    """One axis of a window: the network sees [outer_start, outer_stop), and [start, stop) of it is counted."""

    outer_start: int
    start: int
    stop: int
    outer_stop: int
    last: bool

    def counted(self, stride: int) -> slice:
        """The counted part in a feature map of the whole image."""
        return slice(self.start // stride, None if self.last else self.stop // stride)

    def counted_within(self, stride: int) -> slice:
        """The counted part in a feature map of the window."""
        stop = None if self.last else (self.stop - self.outer_start) // stride
        return slice((self.start - self.outer_start) // stride, stop)


@dataclass(frozen=True)
class Window:
    """A rectangle of the image with a margin (halo) for the loss network to see around what is counted."""

    rows: Span
    columns: Span

    @property
    def outer(self) -> Place:
        """What the network sees, in pixels of the image."""
        return (
            slice(self.rows.outer_start, self.rows.outer_stop),
            slice(self.columns.outer_start, self.columns.outer_stop),
        )

    def counted(self, stride: int) -> Place:
        """What is counted, in a (…, H/stride, W/stride) feature map of the whole image."""
        return self.rows.counted(stride), self.columns.counted(stride)

    def counted_within(self, stride: int) -> Place:
        """What is counted, in the window's own feature map."""
        return self.rows.counted_within(stride), self.columns.counted_within(stride)


def spans(length: int, tile: int, halo: int, offset: int) -> list[Span]:
    """Cut `length` pixels at offset, offset + tile, …; a piece shorter than half a tile joins its neighbour.

    No piece is longer than 1.5 tiles: where both ends are short and share a neighbour, the second stays alone.
    """
    cuts = [cut for cut in range(offset % tile, length, tile) if cut > 0]
    if cuts and cuts[0] < tile // 2:
        cuts.pop(0)
    last = cuts[-2] if len(cuts) > 1 else 0
    if cuts and length - cuts[-1] < tile // 2 and length - last <= tile * 3 // 2:
        cuts.pop()
    edges = [0, *cuts, length]
    return [
        Span(max(0, start - halo), start, stop, min(length, stop + halo), last=stop == length)
        for start, stop in pairwise(edges)
    ]


def equal_spans(length: int, tile: int, halo: int, step: int) -> list[Span]:
    """Cut `length` pixels into windows that are all equally long, at multiples of `step`: one size to compile for.

    length, tile, halo: multiples of step. A window is a tile and a halo on each side; those at the ends count
    their outer halo too.
    """
    outer = tile + 2 * halo
    if length <= outer:
        return [Span(0, 0, length, length, last=True)]
    count = -(-(length - 2 * halo) // tile)
    starts = [int(index * (length - outer) / (count - 1) / step + 0.5) * step for index in range(count)]
    edges = [0, *(start + halo for start in starts[1:]), length]
    return [
        Span(start, first, stop, start + outer, last=stop == length)
        for start, (first, stop) in zip(starts, pairwise(edges), strict=True)
    ]


def windows(height: int, width: int, tile: int | None, halo: int, offset: tuple[int, int] = (0, 0)) -> list[Window]:
    """Windows over an image of (height, width) px; one window without halo where `tile` is None.

    tile, halo, offset: pixels, multiples of `ALIGNMENT`. Counted parts are at most 1.5 tiles long.
    """
    if tile is None:
        tile, halo, offset = max(height, width), 0, (0, 0)
    rows, columns = spans(height, tile, halo, offset[0]), spans(width, tile, halo, offset[1])
    return [Window(row, column) for row in rows for column in columns]
