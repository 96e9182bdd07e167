"""The studio's web application: the front end as static files, and the API beside it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from .. import __version__
from ..errors import ImpastoError, one_line
from ..files import write_atomically
from .api import api, context_of, health
from .assets import write_style
from .context import Context
from .gallery import UnknownStyleError
from .guard import Guard
from .jobs import QueueFullError
from .settings import StudioSettings

PACKAGED, BUILT = Path(__file__).parent / "web", Path(__file__).parents[2] / "web" / "dist"
NOT_BUILT = """<!doctype html><meta charset="utf-8"><title>Impasto Studio</title>
<p>The front end is not built. With Node.js, in the folder of the source code:
<pre>npm --prefix web ci && npm --prefix web run build</pre>
<p>The <a href="docs">API</a> is there without it."""


def front_end() -> Path | None:
    """The folder of the built front end: in the installed package, or in a checkout."""
    return next((folder for folder in (PACKAGED, BUILT) if (folder / "index.html").exists()), None)


def create_app(settings: StudioSettings) -> Guard:
    """The application, behind its guard, for any ASGI server."""
    folder = front_end()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.context = Context(settings)
        yield
        app.state.context.jobs.close()

    app = FastAPI(
        title="Impasto Studio", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        description="Neural style transfer: stylize in one pass, paint by the iterative method, train new styles.",
    )  # fmt: skip
    app.include_router(health)
    app.include_router(api)
    app.add_exception_handler(UnknownStyleError, _answer(404))
    app.add_exception_handler(QueueFullError, _answer(429))
    app.add_exception_handler(ImpastoError, _answer(400))
    if folder is None:
        app.add_api_route("/", lambda: HTMLResponse(NOT_BUILT), include_in_schema=False)
    else:
        app.add_api_route("/styles/{file}", _style_file(folder), include_in_schema=False)
        app.mount("/", StaticFiles(directory=folder, html=True))
    return Guard(app, settings)


def _answer(status: int) -> Any:
    async def handler(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": one_line(error)}, status)

    return handler


def _style_file(folder: Path) -> Any:
    """The styles' files for the browser: built ones as they are, and those of styles that were trained here."""

    def style_file(file: str, request: Request) -> Any:
        context = context_of(request)
        made = context.jobs.root / "assets"
        listed = json.loads((folder / "styles" / "styles.json").read_bytes())
        for name, model in context.gallery.trained().items():
            entry = made / f"{name}.json"
            if not entry.exists() or entry.stat().st_mtime < model.stat().st_mtime:
                made.mkdir(exist_ok=True)
                write_atomically(entry, json.dumps(write_style(name, model, made)).encode())  # others may be reading
            listed.append(json.loads(entry.read_text()))
        if file == "styles.json":
            return JSONResponse(listed)
        files = {one["file"] for style in listed for one in style["files"].values()}
        if file not in files:  # whatever it is, it becomes no path
            return JSONResponse({"detail": "no such file"}, 404)
        return FileResponse(made / file if (made / file).exists() else folder / "styles" / file)

    return style_file
