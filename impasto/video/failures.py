"""What FFmpeg and the system object to, in one line."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from ..errors import ImpastoError, one_line, reason


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Their errors as an ImpastoError. what: what cannot be done ("cannot write film.mp4")."""
    import av

    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise ImpastoError(one_line(f"{what}: {why(error)}")) from None


def why(error: BaseException) -> str:
    """What an error says, and of a full disk what to do."""
    if getattr(error, "errno", None) == errno.ENOSPC:
        return "no space left on the disk: make room, and run the same command again"
    return reason(error)
