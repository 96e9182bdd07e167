"""What the API works with, for as long as the server runs."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections import OrderedDict
from collections.abc import AsyncIterator

from fastapi import HTTPException

from ..stylizing.stylization import Stylizer
from .browser_styles import BrowserStyles
from .gallery import Gallery
from .jobs import Jobs
from .settings import StudioSettings

LOADED = 3  # styles that are kept in memory
FILM_DEVICE = "cpu"  # what paints films


class Context:
    """What the API works with, for as long as the server runs."""

    def __init__(self, settings: StudioSettings) -> None:
        self.settings = settings
        self.gallery = Gallery(settings.folder)
        self.device, self.trains = torch_device(settings.device)
        self.films = paints_films()
        lines = [self.device, *([FILM_DEVICE] if self.films else [])]
        self.jobs = Jobs(list(dict.fromkeys(line for line in lines if line)), settings.limits.jobs)
        self.browser_styles = BrowserStyles(self.gallery, self.jobs.root / "browser")
        self._turn, self._waiting = asyncio.Lock(), 0
        self._loaded: OrderedDict[str, Stylizer] = OrderedDict()

    def close(self) -> None:
        """End all jobs and remove all files, but for trained styles and their runs."""
        self.browser_styles.close()
        self.jobs.close()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Stylizing takes all processors: one at a time, and only so many wait."""
        if self._waiting >= self.settings.limits.stylizing:
            raise HTTPException(429, "too many pictures are waiting: try again in a moment", {"Retry-After": "1"})
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1

    def stylizer(self, name: str) -> Stylizer:
        """A style, loaded; the last few are kept. Call it in a turn."""
        file = self.gallery.file(name)
        if name not in self._loaded:
            self._loaded[name] = Stylizer(file)
        self._loaded.move_to_end(name)
        while len(self._loaded) > LOADED:
            self._loaded.popitem(last=False)
        return self._loaded[name]


def paints_films() -> bool:
    """Whether the packages of the extra `video` are there."""
    return all(importlib.util.find_spec(package) is not None for package in ("av", "cv2"))


def torch_device(wanted: str) -> tuple[str | None, bool]:
    """(the device that jobs work on, or None without torch; whether training's own packages are there)."""
    try:
        from ..perception.compute import choose_device
    except ModuleNotFoundError:
        return None, False
    try:
        from .. import training

        _ = training.train
    except ModuleNotFoundError:
        return str(choose_device(wanted)), False
    return str(choose_device(wanted)), True
