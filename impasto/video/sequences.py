"""Films as folders of numbered pictures: frames/%05d.png."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from .. import images
from ..errors import ImpastoError, reason
from ..files import missing
from ..images import Picture
from .codecs import DEFAULT_QUALITY
from .film import About, Film, FilmWriter, Frame

RATE = Fraction(24)
_NUMBER = re.compile(r"%(0\d{1,2})?d")


def is_pattern(path: str | os.PathLike[str]) -> bool:
    """Whether a path names numbered pictures: its last part holds a %d, or a %05d of five digits.

    Videos do not, whatever their names hold (50%done.mp4).
    """
    path = Path(path)
    return _NUMBER.search(path.name) is not None and path.suffix.lower() not in images.FILM_SUFFIXES


class Sequence(Film):
    """Numbered pictures, of one size; where a number is missing, the picture before it is shown for longer."""

    def __init__(self, pattern: Path, rate: Fraction | None = None) -> None:
        super().__init__()
        self._files, self._rate = numbered(pattern), rate or RATE
        if not self._files:
            raise ImpastoError(f"no pictures are named {pattern}")
        self._first = min(self._files)
        first = self._load(self._first)
        if first is None:
            raise ImpastoError(self.first_damage)
        self._damages.clear()
        last = max(self._files) - self._first + 1
        tick = 1 / self._rate
        self.about = About(
            first.size, self._rate, len(self._files), last * tick, tick, first.depth, first.alpha is not None
        )

    def frames(self, start: Fraction | None = None, stop: Fraction | None = None) -> Iterator[Frame]:
        tick = self.about.time_base
        numbers = sorted(self._files)
        for number, after in pairwise([*numbers, numbers[-1] + 1]):
            time = (number - self._first) * tick
            if (start is None or time >= start) and (stop is None or time < stop):
                picture = self._load(number)
                if picture is not None:
                    yield Frame(self._alike(picture, number), time, (after - number) * tick)

    def _load(self, number: int) -> Picture | None:
        try:
            return images.load(self._files[number], "frame")
        except ImpastoError as error:
            self._damages.setdefault(number, str(error))
            return None

    def _alike(self, picture: Picture, number: int) -> Picture:
        about = self.about
        if picture.size != about.size:
            raise ImpastoError(
                f"frame {self._files[number]} has {picture.size[0]}×{picture.size[1]} px and the first one "
                f"{about.size[0]}×{about.size[1]}: they must be of one size"
            )
        if about.alpha and picture.alpha is None:
            return replace(picture, alpha=np.ones(picture.samples.shape[:2], np.float32))
        return picture if about.alpha else picture.over_white()


def numbered(pattern: Path) -> dict[int, Path]:
    """The files that a pattern names, by their numbers."""
    match = _NUMBER.search(pattern.name)
    assert match is not None
    digits = f"\\d{{{int(match[1])},}}" if match[1] else "\\d+"
    name = re.compile(re.escape(pattern.name[: match.start()]) + f"({digits})" + re.escape(pattern.name[match.end() :]))
    try:
        entries = [entry.name for entry in os.scandir(pattern.parent)]
    except FileNotFoundError:
        raise missing(pattern.parent, "folder of frames") from None
    except OSError as error:
        raise ImpastoError(f"cannot read the folder {pattern.parent}: {reason(error)}") from None
    found = ((name.fullmatch(entry), entry) for entry in entries)
    return {int(match[1]): pattern.parent / entry for match, entry in found if match}


class SequenceWriter(FilmWriter):
    """Numbered pictures; each is there once it is written."""

    def __init__(self, pattern: Path, quality: int = DEFAULT_QUALITY, first: int = 1) -> None:
        """quality: 1 to 100, of lossy formats. first: the first one's number."""
        images.writable_format(pattern)
        self._pattern, self._quality, self._number = pattern, quality, first
        try:
            pattern.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImpastoError(f"cannot make the folder {pattern.parent}: {reason(error)}") from None

    def write(self, frame: Frame) -> None:
        name = _NUMBER.sub(lambda match: f"{self._number:{match[1] or ''}d}", self._pattern.name, count=1)
        images.save(frame.picture, self._pattern.with_name(name), self._quality)
        self._number += 1

    def close(self) -> None:
        """There is nothing left to do."""

    def abandon(self) -> None:
        """What has been written stays, unlike that of other writers: each picture is whole by itself."""
