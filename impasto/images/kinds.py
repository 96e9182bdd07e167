"""What a file is: by its name, whether it is an image that can be read; by its first bytes, what it is instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import PurePath

from .heif import HEIF_SUFFIXES, register_heif
from .raw import RAW_SUFFIXES

NAMED = 20  # files of a kind that a summary names


@dataclass(frozen=True)
class Kind:
    """A kind of file that no decoder here reads.

    one: what one of them is called, more of them with an "s". advice: what to do about it, or "". suffixes: of their
    names. starts: the first bytes of some of them. brands: of an ISO media file (…ftyp…), what follows.
    """

    one: str
    advice: str = ""
    suffixes: tuple[str, ...] = ()
    starts: tuple[bytes, ...] = ()
    brands: tuple[bytes, ...] = ()

    def __str__(self) -> str:
        """For a message: a Photoshop document: save it as PNG or TIFF."""
        article = "an" if self.one[0].lower() in "aeio" else "a"
        return f"{article} {self.one}{f': {self.advice}' if self.advice else ''}"


_SAVE = "save it as PNG or TIFF"
HEIC = Kind(
    "HEIC photograph", "HEIC needs: pip install 'impasto[formats]'", HEIF_SUFFIXES,
    brands=(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
)  # fmt: skip
RAW = Kind("raw photograph", "raw needs: pip install 'impasto[formats]'", RAW_SUFFIXES)
# How the names of images end, for finding them in folders.
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".gif",
    ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".avif", *HEIC.suffixes, *RAW.suffixes,
)  # fmt: skip
VIDEO = Kind(
    "video", "impasto stylize paints it, with: pip install 'impasto[video]'", (
        ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".mts", ".m2ts",
        ".3g2", ".asf", ".divx", ".f4v", ".mxf", ".ogv", ".qt", ".ts", ".vob",
    ), (b"\x1a\x45\xdf\xa3",), (
        b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"qt  ", b"3gp4", b"3gp5",
    ),
)  # fmt: skip
# How the names of films end that `impasto.video` opens.
FILM_SUFFIXES = VIDEO.suffixes
# What looks like a picture to whoever looks at a folder.
_NEVER = (
    Kind("JPEG 2000 image", _SAVE, (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".jpm"),
         (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
    Kind("JPEG XL image", _SAVE, (".jxl",), (b"\xff\x0a", b"\0\0\0\x0cJXL ")),
    Kind("Photoshop document", _SAVE, (".psd", ".psb"), (b"8BPS",)),
    Kind("GIMP document", _SAVE, (".xcf",), (b"gimp xcf",)),
    Kind("OpenEXR image", _SAVE, (".exr",), (b"v/1\x01",)),
    Kind("Radiance image", _SAVE, (".hdr",), (b"#?RADIANCE", b"#?RGBE")),
    Kind("Targa image", _SAVE, (".tga",)),
    Kind("drawing", _SAVE, (".svg", ".svgz", ".eps", ".ai"), (b"<svg", b"%!PS", b"\xc5\xd0\xd3\xc6")),
    VIDEO,
)  # fmt: skip
ARCHIVE = Kind(
    "archive", "unpack it, and give the folder",
    (".zip", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar"),
    (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07"),
)  # fmt: skip
_OTHERS = (
    ARCHIVE,
    Kind("PDF document", "save its page as PNG", (), (b"%PDF",)),
    Kind("web page", "download the picture itself", (), (b"<!doctype html", b"<!DOCTYPE html", b"<html")),
    Kind("Git LFS pointer", "fetch the file itself: git lfs pull", (), (b"version https://git-lfs",)),
)  # fmt: skip


@cache
def _has_rawpy() -> bool:
    return find_spec("rawpy") is not None


def missing() -> tuple[Kind, ...]:
    """Kinds that the extra `formats` reads, where it is not installed."""
    return tuple(kind for kind, is_read in ((HEIC, register_heif), (RAW, _has_rawpy)) if not is_read())


def is_readable(name: PurePath) -> bool:
    """Whether a file is an image that can be read here, by its name."""
    return name.suffix.lower() in SUFFIXES and unusable(name) is None


def is_film(name: PurePath) -> bool:
    """Whether a file is a film, by its name; animated pictures, whose names do not tell, are not among them."""
    return name.suffix.lower() in FILM_SUFFIXES


def unusable(name: PurePath) -> Kind | None:
    """What a file is that looks like a picture by its name and cannot be read here; None for all others."""
    suffix = name.suffix.lower()
    return next((kind for kind in (*missing(), *_NEVER) if suffix in kind.suffixes), None)


def recognized(data: bytes) -> Kind | None:
    """What a file is that could not be read, by its first bytes; None where that is not known."""
    brand = data[8:12] if data[4:8] == b"ftyp" else b"-"
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    kinds = (*missing(), *_NEVER, *_OTHERS)
    return next((kind for kind in kinds if brand in kind.brands or start.startswith(kind.starts)), None)


def packed(name: PurePath, data: bytes = b"") -> Kind | None:
    """What a file is that may hold pictures once it is unpacked, by its name or first bytes; None for all others."""
    return ARCHIVE if name.suffix.lower() in ARCHIVE.suffixes or data.startswith(ARCHIVE.starts) else None


def summary(names: Iterable[PurePath]) -> str:
    """Of files that `unusable` knows: how many, which, what they are and what to do, in one line; "" of none."""
    found: dict[Kind, list[str]] = {}
    for name in names:
        if kind := unusable(name):
            found.setdefault(kind, []).append(str(name))
    return "; ".join(_counted(kind, files) for kind, files in found.items())


def _counted(kind: Kind, files: list[str]) -> str:
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    advice = f" ({kind.advice})" if kind.advice else ""
    return f"{len(files)} {kind.one}{'s' if len(files) > 1 else ''}{advice}: {', '.join(files[:NAMED])}{more}"
