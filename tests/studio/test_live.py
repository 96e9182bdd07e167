"""Video painted in a browser: a camera's, which Chromium fakes, and a file's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from painted import pixels
from PIL import Image

from impasto.styles import style_files

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest_plugins = ["browsing"]
pytestmark = pytest.mark.xdist_group("browser")


def rate(page: Page, seconds: float) -> float:
    """Frames a second, after some time to settle."""
    page.wait_for_selector(".facts[data-rate]")
    page.wait_for_timeout(seconds * 1000)
    found = float(page.locator(".facts").get_attribute("data-rate") or 0)
    print(page.locator(".facts").inner_text())  # noqa: T201 - shown by pytest -rP
    return found


def test_a_camera_is_painted_recorded_and_played_again(page: Page, tmp_path: Path) -> None:
    page.get_by_role("link", name="Live").click()
    page.get_by_role("button", name="Start the camera").click()
    assert rate(page, 5) > 0.5

    with page.expect_download() as saving:
        page.get_by_role("button", name="Snapshot").click()
    saving.value.save_as(tmp_path / "snapshot.png")
    shown = pixels(Image.open(tmp_path / "snapshot.png").convert("RGB"))
    assert max(shown.shape) >= 640
    assert np.std(shown) > 10

    page.get_by_role("button", name="Record").click()
    page.wait_for_timeout(2500)
    with page.expect_download() as saving:
        page.get_by_role("button", name="Finish").click()
    name = saving.value.suggested_filename
    assert name.startswith(f"live-{next(iter(style_files()))}.")
    saving.value.save_as(tmp_path / name)
    assert (tmp_path / name).stat().st_size > 1000

    page.get_by_role("button", name="Stop").click()
    page.locator("input[accept='video/*']").set_input_files(tmp_path / name)
    assert rate(page, 3) > 0.5
    assert page.get_by_role("alert").count() == 0


def test_a_file_that_is_no_video_is_refused(page: Page) -> None:
    page.get_by_role("link", name="Live").click()
    page.locator("input[accept='video/*']").set_input_files(
        {"name": "no.mp4", "mimeType": "video/mp4", "buffer": b"no video"}
    )
    assert "no video that the browser can play" in page.get_by_role("alert").inner_text()
    page.get_by_role("button", name="Start the camera").wait_for()


def test_it_rests_while_the_page_is_hidden(page: Page) -> None:
    page.get_by_role("link", name="Live").click()
    page.get_by_role("button", name="Start the camera").click()
    page.wait_for_selector(".facts[data-rate]")
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true});"
        "window.away = true; document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.wait_for_timeout(1000)
    count = (
        "new Promise(done => { let n = 0; const put = CanvasRenderingContext2D.prototype.putImageData;"
        "CanvasRenderingContext2D.prototype.putImageData = function (...a) { n++; return put.apply(this, a) };"
        "setTimeout(() => done(n), 1500) })"
    )
    assert page.evaluate(count) == 0
    page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    assert page.evaluate(count) > 0
