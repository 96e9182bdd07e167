"""Fixtures: the built browser app, served, and a browser to open it in. Where one is missing, tests are skipped."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from impasto.studio.assets import write_assets

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

DIST = Path(__file__).parents[2] / "web" / "dist"
BUILD = "npm --prefix web ci && npm --prefix web run build"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]  # fmt: skip
PATIENCE = 60_000  # ms: a busy machine paints slowly


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm",
        ".webmanifest": "application/manifest+json",
    }  # fmt: skip

    def __init__(self, *arguments: Any, isolated: bool, styles: Path, **options: Any) -> None:
        self._isolated, self._styles = isolated, styles
        super().__init__(*arguments, **options)

    def translate_path(self, path: str) -> str:
        """The styles of this moment, not those of the build."""
        _, found, name = path.partition("?")[0].partition("/styles/")
        return str(self._styles / Path(name).name) if found else super().translate_path(path)

    def end_headers(self) -> None:
        if self._isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A page that is closed does not read what it asked for."""


Serving = Callable[[bool], AbstractContextManager[str]]


@contextmanager
def _serving(styles: Path, isolated: bool) -> Iterator[str]:
    """The address of the built app. isolated: with the headers that allow threads."""
    handler = partial(_Handler, directory=str(DIST), isolated=isolated, styles=styles)
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")  # playwright keeps an event loop running, in which no other can be started
def browser() -> Iterator[Browser]:
    """Chromium, if there is one and something to open in it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no Chromium here")
    if not (DIST / "index.html").exists():
        pytest.skip(f"the browser app is not built: {BUILD}")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def styles_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped styles as files for browsers."""
    folder = tmp_path_factory.mktemp("styles")
    write_assets(folder)
    return folder


@pytest.fixture
def serving(styles_folder: Path) -> Serving:
    """Serves the built app: (isolated) → a context with its address."""
    return partial(_serving, styles_folder)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A profile of its own, that may use the camera and the microphone."""
    context = browser.new_context(permissions=["camera", "microphone"], viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, serving: Serving) -> Iterator[Page]:
    """The app, opened; the sample photograph is painted. No error may come up until the test ends."""
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    with serving(True) as address:
        page.goto(address)
        yield page
        page.goto("about:blank")  # ends what it still does before its server is gone
    if errors:
        raise AssertionError("\n".join(errors))
