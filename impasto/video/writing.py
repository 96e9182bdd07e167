"""Films to files, by their names."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from .. import images
from ..errors import ImpastoError
from ..files import check_target
from . import animations
from .codecs import CONTAINERS, DEFAULT_QUALITY, Encoding, choose_encoding
from .film import About, FilmWriter, Frame
from .joining import join
from .segments import SegmentWriter
from .sequences import SequenceWriter, is_pattern

ANIMATED = (".gif", ".webp", ".apng", ".png")


def check_film_output(path: str | os.PathLike[str]) -> Path:
    """Refuse, before any work is done, a path that `open_writer` could not write."""
    path = Path(path)
    if is_pattern(path):
        images.writable_format(path)
        _check_folder(path.parent)
        return path
    if path.suffix.lower() not in (*CONTAINERS, *ANIMATED):
        names = ", ".join((*CONTAINERS, *ANIMATED))
        raise ImpastoError(f"cannot write '{path.name}': a film's name must end with one of {names}, or hold a %05d")
    return check_target(path)


def _check_folder(folder: Path) -> None:
    """Refuse a folder of pictures that could neither be written to nor made."""
    there = next((one for one in (folder, *folder.parents) if os.path.lexists(one)), Path())
    if not there.is_dir():
        raise ImpastoError(f"cannot write to the folder {folder}: {there} is no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ImpastoError(f"cannot write to the folder {folder}: {there} is not writable")


def write_segment(path: Path, about: About, encoding: Encoding) -> FilmWriter:
    """A writer of one segment, for `join`. about: of the film; `choose_encoding` makes the encoding."""
    return SegmentWriter(path, about, encoding)


def open_writer(
    target: str | os.PathLike[str],
    about: About,
    source: Path | None = None,
    codec: str = "auto",
    quality: int = DEFAULT_QUALITY,
) -> FilmWriter:
    """A writer of a whole film: a video file, an animated GIF, WebP or PNG, or numbered pictures.

    about: of the film that is written. source: a film that sound and the rest are copied from, into a video file.
    codec: of a video file: see `choose_encoding`. quality: 1 to 100.

    Raises:
        ImpastoError: it cannot be written there, or not so.
    """
    path = check_film_output(target)
    if is_pattern(path):
        return SequenceWriter(path, quality)
    if path.suffix.lower() in ANIMATED:
        return animations.AnimationWriter(path, about, quality)
    return _VideoWriter(path, about, source, choose_encoding(path, codec, quality, about.depth, about.alpha))


class _VideoWriter(FilmWriter):
    """A video file of one segment, which lies beside it until it is joined with what is copied."""

    def __init__(self, target: Path, about: About, source: Path | None, encoding: Encoding) -> None:
        self._target, self._source = target, source
        self._stack = contextlib.ExitStack()
        try:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix=".impasto-", dir=target.parent))
        except OSError as error:
            raise ImpastoError(f"cannot write {target}: {error.strerror}") from None
        self._path = Path(folder) / "segment.nut"
        self._segment = SegmentWriter(self._path, about, encoding, target)
        self._last: Frame | None = None
        self.notes: list[str] = []  # what could not be copied as it is, once it is closed

    def write(self, frame: Frame) -> None:
        self._segment.write(frame)
        self._last = frame

    def close(self) -> None:
        with self._stack:
            self._segment.close()
            last = self._last
            end = None if last is None else last.time + last.duration
            self.notes = join([self._path], self._source, self._target, end=end)

    def abandon(self) -> None:
        self._segment.abandon()
        self._stack.close()
