"""Films by their paths: which kind of file they are."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from .. import images
from ..errors import ImpastoError
from ..files import missing
from . import animations
from .film import Film
from .sequences import Sequence, is_pattern


def open_film(path: str | os.PathLike[str], rate: Fraction | None = None) -> Film:
    """Open a film: a video file, an animated GIF, WebP or PNG, or numbered pictures (frames/%05d.png).

    rate: frames a second of numbered pictures, by default 24.

    Raises:
        ImpastoError: there is none, it is none, or it cannot be read.
    """
    path = Path(path)
    if is_pattern(path) and not path.exists():
        return Sequence(path, rate)
    if path.is_dir():
        raise ImpastoError(f"film {path} is a folder: name its pictures by their number, as in {path / '%05d.png'}")
    if not os.path.exists(path):
        raise missing(path, "film")
    if is_animated(path):
        return animations.Animation(path)
    if images.is_readable(path):
        raise ImpastoError(f"{path} is a picture that does not move, not a film")
    from .decoding import VideoFile

    return VideoFile(path)


def is_animated(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a GIF, WebP or PNG that moves, quickly: only those that are named so are looked into."""
    path = Path(path)
    return path.suffix.lower() in animations.SUFFIXES and animations.is_animated(path)
