"""Film: moving pictures decoded, painted so that they hold still, and encoded. Torch-free; PyAV is imported late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attributes

if TYPE_CHECKING:
    from .codecs import DEFAULT_QUALITY, Encoding, choose_encoding
    from .film import About, Color, Film, FilmWriter, Frame, Track
    from .joining import join
    from .opening import is_animated, open_film
    from .writing import check_film_output, open_writer, write_segment

__all__ = [
    "DEFAULT_QUALITY", "About", "Color", "Encoding", "Film", "FilmWriter", "Frame", "Track", "check_film_output",
    "choose_encoding", "is_animated", "join", "open_film", "open_writer", "write_segment",
]  # fmt: skip

_HOMES = {
    "About": "film", "Color": "film", "Film": "film", "Frame": "film", "Track": "film", "join": "joining",
    "is_animated": "opening", "open_film": "opening", "DEFAULT_QUALITY": "codecs", "Encoding": "codecs",
    "choose_encoding": "codecs", "FilmWriter": "film",
    "check_film_output": "writing", "open_writer": "writing", "write_segment": "writing",
}  # fmt: skip
__getattr__ = attributes(__name__, _HOMES)
