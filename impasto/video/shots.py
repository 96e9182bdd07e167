"""Shots of a film: what is painted without knowing anything of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from .film import Frame
from .flow import View, view
from .painting import prepared
from .steadiness import is_cut


@dataclass(frozen=True)
class Shot:
    """number: from 0. start, stop: seconds of the film that its frames' times lie in, stop not included; None where the
    film's range ends."""

    number: int
    start: Fraction
    stop: Fraction | None


def find_shots(frames: Iterable[Frame], size: tuple[int, int]) -> Iterator[Shot]:
    """The shots that `FilmPainter` sees in frames, each as soon as the next one begins.

    size: (width, height) that is painted: cuts are looked for in what the painter sees.
    """
    last: View | None = None
    start, number = Fraction(0), 0
    for frame in frames:
        seen = view(prepared(frame, size).samples)
        if last is None:
            start = frame.time
        elif is_cut(last, seen):
            yield Shot(number, start, frame.time)
            start, number = frame.time, number + 1
        last = seen
    if last is not None:
        yield Shot(number, start, None)
