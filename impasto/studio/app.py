"""The studio's web application: the front end as static files, and the API beside it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse

from ..errors import ImpastoError, one_line
from ..version import __version__
from .api import api, context_of, health
from .assets import INDEX
from .context import Context
from .gallery import UnknownStyleError
from .guard import Guard
from .jobs import QueueFullError
from .settings import StudioSettings
from .static_files import PackedStaticFiles

PACKAGED, SOURCE = Path(__file__).parent / "web", Path(__file__).parents[2] / "web"
BUILT = SOURCE / "dist"
# In a checkout that is installed in place; else the package's build has to do it anew.
IN_PLACE = "npm --prefix web ci && npm --prefix web run build"
HOW_TO_BUILD = IN_PLACE if (SOURCE / "package.json").exists() else "pip install --force-reinstall --no-deps ."
NOT_BUILT = f"""<!doctype html><meta charset="utf-8"><title>Impasto Studio</title>
<p>The front end is not built. Install Node.js 20.19 or newer, then run in the folder of the source code:
<pre>{HOW_TO_BUILD}</pre>
<p>The API is there without it: <a href="openapi.json">openapi.json</a> describes it."""


def front_end() -> Path | None:
    """The folder of the built front end: in the installed package, or in a checkout."""
    return next((folder for folder in (PACKAGED, BUILT) if (folder / "index.html").exists()), None)


def create_app(settings: StudioSettings) -> Guard:
    """The application, behind its guard, for any ASGI server."""
    folder = front_end()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.context = Context(settings)
        if folder is not None and settings.prepare:
            app.state.context.browser_styles.prepare()
        yield
        app.state.context.close()

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
        app.add_api_route("/styles/{file}", _style_file, include_in_schema=False)
        app.add_api_route("/docs", lambda: RedirectResponse("docs.html"), include_in_schema=False)
        app.mount("/", PackedStaticFiles(directory=folder, html=True))
    return Guard(app, settings)


def _answer(status: int) -> Any:
    async def handler(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": one_line(error)}, status)

    return handler


def _style_file(file: str, request: Request) -> Any:
    """The styles' files for the browser."""
    styles = context_of(request).browser_styles
    if file == INDEX:
        return JSONResponse(styles.listed())
    path = styles.path(file)
    return JSONResponse({"detail": "no such file"}, 404) if path is None else FileResponse(path)
