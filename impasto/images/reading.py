"""What the decoders share: how they say what they cannot read, and how they keep quiet."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

from PIL import Image

Needed = Callable[[tuple[int, int]], tuple[int, int]]  # of a picture's (width, height), those that are needed of it
PIXEL_LIMIT = 300_000_000  # half as many again as phones take: more may be meant to use up all memory


class UnsupportedError(Exception):
    """A whole file of a kind that is not read: the message says what it is and what to do, after the file's name."""


def needs_formats(kind: str) -> UnsupportedError:
    """A kind of file that the extra `formats` reads."""
    return UnsupportedError(f"is {kind}, which needs: pip install 'impasto[formats]'")


def check_size(size: tuple[int, int]) -> None:
    """Refuse a picture of no pixels, and, before there is memory for it, one of more than `PIXEL_LIMIT`."""
    if min(size) < 1:
        raise ValueError("it has no pixels")
    if size[0] * size[1] > PIXEL_LIMIT:
        raise Image.DecompressionBombError


class _Shared:
    """A context that several threads may be in at once: the first one in enters it, the last one out leaves it.

    For what is one for the whole process: each thread that saved and restored it alone could restore what another set.
    """

    def __init__(self, make: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        self._make, self._lock, self._inside = make, threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._context = self._make()
                self._context.__enter__()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._context.__exit__(None, None, None)


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, PIXEL_LIMIT // 2
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = kept


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    try:
        kept = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        if sys.stderr:
            sys.stderr.flush()
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


# Pillow warns of odd metadata that is not used here, and of half of the size where it raises, which is set here.
silenced_warnings = _Shared(_no_warnings)
# libtiff, libpng and LibRaw write what they object to to the process's stderr themselves, beside the exception.
silenced_stderr = _Shared(_no_stderr)
