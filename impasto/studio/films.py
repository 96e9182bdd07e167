"""Films that are sent to the server: from the network to the disk, and a look at what came. Nothing holds one whole."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import anyio.to_thread
from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from .. import images
from ..errors import reason

if TYPE_CHECKING:
    from ..video.film import About

_PIECE = 4_000_000  # bytes that are written at once
# FastAPI would put the parts of a form into files of its own, from which they had to be copied: a film is the body.
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
}  # fmt: skip
MEDIA_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".mkv": "video/x-matroska",
    ".webm": "video/webm",
}  # fmt: skip


def places(folder: Path, name: str) -> tuple[Path, Path]:
    """Where in a job's folder a film of that name lies, and where the painted one will: of the name, the ending."""
    from ..video.naming import default_target

    ending = Path(name.replace("\\", "/")).suffix.lower()
    source = folder / f"source{ending if re.fullmatch(r'[.][a-z0-9]{1,8}', ending) else ''}"
    return source, folder / f"painted{default_target(source, 'painted').suffix}"


def check_options(source: Path, style: Path, target: Path, options: Mapping[str, Any]) -> None:
    """Raise `ImpastoError` for what can be told to be wrong before the film arrives."""
    from ..video.steadiness import Steadiness
    from ..video.stylization import film_task

    film_task(source, style, target, **options, steadiness=Steadiness())


async def receive(request: Request, path: Path) -> None:
    """Write a request's body to a file."""
    length = int(request.headers.get("content-length", 0))  # a number, or the guard had refused it
    try:
        if shutil.disk_usage(path.parent).free < length:
            raise OSError(errno.ENOSPC, "")
        with open(path, "wb") as file:
            await _write(request, file)
    except ClientDisconnect:
        raise HTTPException(400, "the film did not arrive whole: send it again") from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise HTTPException(507, f"the film cannot be kept: {reason(error)}") from None
        where = f"make room where it keeps films ({path.parents[1].parent}), or set TMPDIR to another folder"
        raise HTTPException(507, f"there is no space for the film on the server's disk: {where}") from None


async def _write(request: Request, file: IO[bytes]) -> None:
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if len(waiting) >= _PIECE:
            await anyio.to_thread.run_sync(file.write, bytes(waiting))
            waiting.clear()
    await anyio.to_thread.run_sync(file.write, bytes(waiting))


def look(source: Path, target: Path, codec: str) -> About:
    """What is known of a film.

    Raises:
        ImpastoError: it is none, or cannot be painted so.
    """
    from ..video.codecs import CONTAINERS, choose_encoding
    from ..video.opening import open_film

    with open_film(source) as film:
        about = film.about
    if target.suffix in CONTAINERS:
        choose_encoding(target, codec, depth=about.depth, alpha=about.alpha)
    return about


def painted_size(about: About, size: int | None) -> tuple[int, int]:
    """(width, height) of the painted film."""
    return about.size if size is None else images.fit(about.size, size)
