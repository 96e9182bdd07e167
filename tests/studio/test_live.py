"""Video painted in a browser: a camera's, which Chromium fakes, and a file's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from filmed import film
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


def loudness(file: Path) -> float | None:
    """Of the sound, at its loudest second of [0, 1]; None where a film has none."""
    with av.open(str(file)) as film:
        assert film.streams.video
        if not film.streams.audio:
            return None
        resampler = av.AudioResampler("flt", "mono")
        samples = [part.to_ndarray() for frame in film.decode(audio=0) for part in resampler.resample(frame)]
    return float(np.abs(np.concatenate(samples, axis=1)).max())


def record(page: Page, folder: Path, milliseconds: int = 3000) -> Path:
    page.get_by_role("button", name="Record").click()
    page.get_by_role("button", name="Finish").wait_for()
    page.wait_for_timeout(milliseconds)
    with page.expect_download() as saving:
        page.get_by_role("button", name="Finish").click()
    file = folder / saving.value.suggested_filename
    saving.value.save_as(file)
    return file


def test_a_camera_is_recorded_with_the_microphone_where_that_is_wanted(page: Page, tmp_path: Path) -> None:
    """Chromium's fake microphone beeps each second."""
    page.get_by_role("link", name="Live").click()
    page.get_by_role("button", name="Start the camera").click()
    page.wait_for_selector(".facts[data-rate]")
    page.get_by_role("button", name="Sound off").click()
    page.get_by_role("button", name="Sound on").wait_for()
    loud = loudness(record(page, tmp_path))
    assert loud is not None
    assert loud > 0.01


def test_a_video_is_recorded_with_its_own_sound(page: Page, tmp_path: Path) -> None:
    page.get_by_role("link", name="Live").click()
    page.locator("input[accept='video/*']").set_input_files(film(tmp_path / "clip.mp4", 120))
    page.wait_for_selector(".facts[data-rate]")
    for _ in range(2):  # a video is led into the recorder once, and used again
        loud = loudness(record(page, tmp_path))
        assert loud is not None
        assert loud > 0.1
    assert page.get_by_role("button", name="Sound off").count() == 0
    assert page.get_by_role("alert").count() == 0


def test_without_a_server_a_film_is_played_and_what_paints_it_whole_is_told(page: Page, tmp_path: Path) -> None:
    page.wait_for_selector(".picture canvas:not([hidden])")
    page.locator("input[type=file]").first.set_input_files(film(tmp_path / "clip.mp4", 24))
    page.wait_for_selector(".facts[data-rate]")
    assert page.get_by_text("takes the studio’s own server").count() == 1
    assert page.get_by_text("pip install 'impasto[studio,video]'").count() == 1
    assert page.get_by_role("link", name="Film").count() == 0


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
    assert loudness(tmp_path / name) is None  # no microphone without being asked

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
