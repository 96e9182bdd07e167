"""HEIC and HEIF, where the extra `formats` is installed."""

from __future__ import annotations

from functools import cache

HEIF_SUFFIXES = (".heic", ".heif", ".hif")  # the last one is of cameras


@cache
def register_heif() -> bool:
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True
