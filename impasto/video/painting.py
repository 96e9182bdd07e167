"""The frames of a film through a style model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..images import FloatArray, Samples, color, fit
from ..images.color import Moments
from ..images.masks import opaque_where_hidden
from ..stylizing.painting import Painter
from ..stylizing.stylization import put_back
from .film import Frame
from .flow import Motion
from .steadiness import State, Steadiness, SteadyPainter

MATCHED = 0.15  # share of a frame's colours in those that are matched: they move as slowly as the statistics


@dataclass(frozen=True)
class FilmStyle:
    """What decides how a frame is painted, besides the style model.

    strength, style_scale, size, preserve_color: see `Stylizer.picture`. steadiness: see there.
    """

    strength: float = 1.0
    style_scale: float = 1.0
    size: int | None = None
    preserve_color: str | None = None
    steadiness: Steadiness = field(default_factory=Steadiness)

    def size_of(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of the painted film."""
        return size if self.size is None else fit(size, self.size)


class Painted(NamedTuple):
    """frame: painted. photo: what it was painted from, at its size. motion, rests, ends: see `Steady`."""

    frame: Frame
    photo: Samples
    motion: Motion | None
    rests: bool
    ends: bool


@dataclass(frozen=True)
class Prepared:
    """A frame at the size that it is painted at. samples: without what alpha hides."""

    frame: Frame
    samples: Samples


def prepared(frame: Frame, size: tuple[int, int]) -> Prepared:
    """A frame as it is painted. size: (width, height) that is painted."""
    frame = replace(frame, picture=frame.picture.resized(size))
    picture = frame.picture
    return Prepared(frame, picture.samples if picture.hidden else opaque_where_hidden(picture).samples)


class FilmPainter:
    """Paints a film's frames, one after the other.

    Args:
        painter: a style model. size: (width, height) of the film. style: how. where: (H, W) share of the style in each
            frame, at the size that is painted; everywhere by default.
    """

    def __init__(
        self, painter: Painter, size: tuple[int, int], style: FilmStyle, where: FloatArray | None = None
    ) -> None:
        self.size = style.size_of(size)
        self._painter, self._film_size, self._style, self._where = painter, size, style, where
        self._steady = SteadyPainter(painter, self.size, style.steadiness, style.strength, style.style_scale)
        self._matched: tuple[Moments, Moments] | None = None  # of the paintings, and of the photographs

    def paint(self, frames: Iterable[Frame]) -> Iterator[Painted]:
        """See `SteadyPainter.paint`; frames of other sizes are scaled."""
        for one in self._steady.paint(prepared(frame, self.size) for frame in frames):
            if one.motion is None:
                self._matched = None
            photo, painted = one.frame.samples, one.painted
            put_back(painted, photo, self._style.preserve_color, self._where, self._recoloring(painted, photo))
            picture = replace(one.frame.frame.picture, samples=painted)
            yield Painted(replace(one.frame.frame, picture=picture), photo, one.motion, one.rests, one.ends)

    def anew(self, steadiness: Steadiness | None = None) -> FilmPainter:
        """Another one that remembers nothing: of the same style model, and held still as this one if none is given."""
        style = self._style if steadiness is None else replace(self._style, steadiness=steadiness)
        return FilmPainter(self._painter, self._film_size, style, self._where)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """What is remembered after a frame that `rests`."""
        values = self._steady.state
        if self._matched is not None:
            values["matched"] = np.stack([np.vstack(one) for one in self._matched])
        return values

    @state.setter
    def state(self, values: State) -> None:
        self._steady.state = values
        if "matched" in values:
            style, photo = (Moments(one[0], one[1:]) for one in values["matched"])
            self._matched = style, photo

    def _recoloring(self, painted: Samples, photo: Samples) -> Callable[[FloatArray], FloatArray] | None:
        if self._style.preserve_color != "match":
            return None
        now = color.moments(painted), color.moments(photo)
        if self._matched is not None:
            first, second = (
                Moments(*(a + MATCHED * (b - a) for a, b in zip(old, new, strict=True)))
                for old, new in zip(self._matched, now, strict=True)
            )
            now = first, second
        self._matched = now
        return color.recoloring(*now)
