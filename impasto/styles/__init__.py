"""The style models that come with Impasto, by name. Torch-free."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ImpastoError, unknown
from .model import About, read_about

SUFFIX = ".onnx"
_FOLDER = Path(__file__).parent


def style_files() -> dict[str, Path]:
    """Name → file, in alphabetical order."""
    return {file.stem: file for file in sorted(_FOLDER.glob(f"*{SUFFIX}"))}


def list_styles() -> list[About]:
    """What each of the styles says of itself: name, title, artist, year and more."""
    return [read_about(file) for file in style_files().values()]


def find_style(style: str | os.PathLike[str]) -> Path:
    """The file of a style: one that comes with Impasto, by its name, or a file of one's own.

    Raises:
        ImpastoError: neither; it names the nearest names.
    """
    files = style_files()
    if isinstance(style, str) and style in files:
        return files[style]
    try:
        path = Path(style)
    except TypeError:
        raise ImpastoError(f"the style is no name or path but {type(style).__name__}") from None
    # Unlike Path.exists, os.path.exists is no error for names that are too long.
    if str(style) and (path.suffix == SUFFIX or path.name != str(style) or os.path.exists(path)):
        return path
    raise unknown("style", str(style), files)
