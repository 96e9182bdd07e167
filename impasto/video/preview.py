"""What a film will look like, before it is painted: frames from several places of it, on one sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from .. import images
from ..errors import ImpastoError, check_integer
from ..files import PathLike
from ..images import Picture, Samples
from ..stylizing.contact_sheet import LARGEST, Cell, laid_out
from .film import Frame
from .flicker import warping_error
from .painting import FilmPainter
from .steadiness import Steadiness
from .stylization import film_task

PLACES, BURST = 4, 6  # places in a film, and frames in a row that are painted at each
FRAME_BY_FRAME = Steadiness(statistics=False, grain=False, anchor=False, blend=0.0)


def preview(
    source: PathLike,
    style: PathLike | bytes,
    target: PathLike | None = None,
    *,
    places: int = PLACES,
    side: int = 480,
    callback: Callable[[int, int], object] | None = None,
    **options: Any,
) -> Picture:
    """A sheet of frames from several places of a film: above each as it is, below as `stylize_video` would paint it.

    The painted ones say how much they flicker, as a share of what they would if each was painted by itself: see
    `flicker`. For that, `BURST` frames in a row are painted at each place, both ways, at their full size: 48 frames for
    four places, however long the film is. What is shown is the last of each row.

    Args:
        source, style, target: see `stylize_video`. Nothing is written, but what could not be is an error here, too.
        places: how many at most, spread evenly; fewer where the film is short.
        side: long side of each picture on the sheet in px; smaller where the film is.
        callback: told how many frames of how many are painted.
        options: other keywords of `stylize_video`.

    Raises:
        ImpastoError: no film, no frame in its range that can be decoded, or an option out of its range.
    """
    check_integer("places", places, 1, 100)
    check_integer("side", side, 16, LARGEST)
    task = film_task(source, style, target, **options)
    with task.open() as film:
        about = film.about
        first, last = task.start or Fraction(0), about.duration
        if task.stop is not None:
            last = min(task.stop, last or task.stop)
        starts = _spread(first, last, places, about.rate)
        painter = task.painter(about)
        done, total = 0, len(starts) * BURST * 2

        def painted(_: Frame) -> None:
            nonlocal done
            done += 1
            if callback:
                callback(done, total)

        size = images.fit(painter.size, min(side, max(painter.size)))
        above: list[Cell] = []
        below: list[Cell] = []
        for start in starts:
            frames = list(islice(film.frames(start, task.stop), BURST))
            if not frames:  # damaged there, or shorter than it says
                continue
            steady = _paint(painter.anew(), frames, painted)
            single = _paint(painter.anew(FRAME_BY_FRAME), frames, painted)
            for cells, picture, caption in (
                (above, frames[-1].picture, _clock(frames[-1].time)),
                (below, steady.last, _compared(steady.error, single.error)),
            ):
                cells.append(Cell(picture.resized(size).to_pil(), caption))
    if not above:
        raise ImpastoError(f"film {task.source} has no frames in that range")
    if callback and done < total:  # a row was shorter
        callback(total, total)
    return laid_out([*above, *below], len(above))


class _Row(NamedTuple):
    """Frames in a row, painted. last: of them. error: mean `warping_error` between neighbours, NaN without any."""

    last: Picture
    error: float


def _paint(painter: FilmPainter, frames: Iterable[Frame], painted: Callable[[Frame], object]) -> _Row:
    before: Samples | None = None
    errors = []
    for one in painter.paint(frames):
        last = one.frame.picture
        if before is not None and one.motion is not None:
            errors.append(warping_error(before, last.samples, one.motion))
        before = last.samples
        painted(one.frame)
    known = [error for error in errors if not math.isnan(error)]
    return _Row(last, float(np.mean(known)) if known else math.nan)


def _spread(first: Fraction, last: Fraction, places: int, rate: Fraction) -> list[Fraction]:
    """Seconds at which the rows begin: in the middle of each of so many equal stretches, of two rows at least."""
    row = BURST / rate
    length = max(last - first, Fraction(0))  # nothing where it is not known
    count = max(1, min(places, int(length / (2 * row))))
    return [first + max(Fraction(0), length * (2 * index + 1) / (2 * count) - row / 2) for index in range(count)]


def _clock(time: Fraction) -> str:
    """Seconds as 1:02.5 or 1:00:02.5."""
    minutes, tenths = divmod(math.floor(time * 10), 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{tenths // 10:02}.{tenths % 10}"
    return f"{hours}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"


def _compared(steady: float, single: float) -> str:
    if math.isnan(steady) or math.isnan(single):
        return "flicker: not measured"  # a single frame, a cut between any two, or motion that is too fast
    if single == 0:
        return "no flicker, nor frame by frame"
    return f"flicker {steady / single:.2f} of frame by frame"
