"""The styles that a server has: those that come with Impasto and those that were trained here."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from ..errors import ImpastoError, unknown
from ..styles import SUFFIX, style_files
from ..styles.model import About, read_about


class Gallery:
    """Names and files. A name is looked up, and never part of a path.

    Args:
        folder: the server's; trained styles lie in its folder `styles`.
    """

    def __init__(self, folder: Path) -> None:
        self._trained = folder / "styles"

    def files(self) -> dict[str, Path]:
        """Name → file: the shipped ones first."""
        return style_files() | self.trained()

    def trained(self) -> dict[str, Path]:
        """Those trained here, but for names that shipped ones have."""
        shipped = style_files()
        return {file.stem: file for file in sorted(self._trained.glob(f"*{SUFFIX}")) if file.stem not in shipped}

    def file(self, name: str) -> Path:
        """The file of a style.

        Raises:
            UnknownStyleError: there is none of that name.
        """
        files = self.files()
        if name not in files:
            raise UnknownStyleError(str(unknown("style", name[:80], files)))
        return files[name]

    def list(self) -> list[About]:
        """What each says of itself, under the name that it has here; damaged files are left out."""
        found = []
        for name, file in self.files().items():
            with contextlib.suppress(ImpastoError):
                about = read_about(file)
                found.append(about if about.name == name else _renamed(about, name))
        return found


class UnknownStyleError(ImpastoError):
    """No style of that name."""


def _renamed(about: About, name: str) -> About:
    return replace(about, name=name)
