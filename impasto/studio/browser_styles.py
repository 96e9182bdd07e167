"""The server's styles as files for the browser, made when they are first asked for."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from ..errors import one_line
from .assets import write_style
from .gallery import Gallery

LOG = logging.getLogger(__name__)


class BrowserStyles:
    """What `assets` writes of each style in a gallery.

    folder: where to; of this server alone.
    """

    def __init__(self, gallery: Gallery, folder: Path) -> None:
        self._gallery, self._folder = gallery, folder
        self._lock, self._closed = threading.Lock(), threading.Event()
        # Name → (when the model was written, its entry; None for one that cannot be read).
        self._made: dict[str, tuple[float, dict[str, Any] | None]] = {}

    def listed(self) -> list[dict[str, Any]]:
        """The entry of each style; what is missing is made, half a second each. Damaged models are left out."""
        with self._lock:
            entries = []
            for name, model in self._gallery.files().items():
                if self._closed.is_set():
                    return []
                try:
                    written = model.stat().st_mtime
                except OSError:  # removed just now
                    continue
                if name not in self._made or self._made[name][0] != written:
                    try:
                        self._made[name] = written, self._make(name, model)
                    except OSError as error:  # a full disk: the next time it may go
                        LOG.warning("the style %s is left out this time: %s", name, one_line(error))
                        continue
                entries.append(self._made[name][1])
            return [entry for entry in entries if entry is not None]

    def _make(self, name: str, model: Path) -> dict[str, Any] | None:
        self._folder.mkdir(exist_ok=True)
        try:
            return write_style(name, model, self._folder)
        except OSError:
            raise
        except Exception as error:  # whatever is wrong with one, the others are there
            LOG.warning("the style %s is left out: %s: %s", name, type(error).__name__, one_line(error))
            return None

    def prepare(self) -> None:
        """Begin to make them, so that the first page need not wait."""
        threading.Thread(target=self.listed, name="browser-styles", daemon=True).start()

    def close(self) -> None:
        """Make no more; once this returns, nothing is being written."""
        self._closed.set()
        with self._lock:
            pass

    def path(self, file: str) -> Path | None:
        """A file that is listed, or None: whatever else is asked for becomes no path."""
        known = {one["file"] for entry in self.listed() for one in entry["files"].values()}
        return self._folder / file if file in known else None
