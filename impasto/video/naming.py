"""What painted films are called."""

from __future__ import annotations

from pathlib import Path

from .codecs import CONTAINERS
from .sequences import is_pattern
from .writing import ANIMATED


def default_target(source: Path, style: str) -> Path:
    """Where a film goes if nobody says where: into the working folder."""
    if is_pattern(source):
        return Path(f"{source.parent.resolve().name}-{style}") / source.name
    return Path(f"{source.stem}-{style}{Path(painted_name(source)).suffix}")


def painted_name(source: Path) -> str:
    """What a film is called in a folder of painted ones; of a kind that is not written, it becomes MP4."""
    written = source.suffix.lower() in (*CONTAINERS, *ANIMATED)
    return source.name if written else f"{source.name}.mp4"
