"""Painting and training by the studio's server, from the views in the browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from painted import download, open_picture, pixels, set_slider, wait_until_painted
from PIL import Image
from served import studio
from tiny import save_photos

import impasto
from impasto.images.heif import register_heif
from impasto.styles.model import read_about

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytest_plugins = ["browsing"]
pytestmark = pytest.mark.xdist_group("browser")

EXAMPLES = Path(__file__).parents[2] / "examples"
PAINTING = EXAMPLES / "after-van-gogh.jpg"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of `impasto studio`, with photographs to train on."""
    folder = tmp_path_factory.mktemp("studio")
    save_photos(folder / "photos")
    with studio(folder, "--content", "photos") as address:
        yield address


@pytest.fixture
def page(context: BrowserContext, address: str) -> Iterator[Page]:
    """The studio, opened; its own sample photograph is painted."""
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    wait_until_painted(page)
    yield page
    page.goto("about:blank")
    assert errors == []


def choose(page: Page, place: str, file: Path) -> None:
    page.get_by_role("group", name=place).locator("input[type=file]").set_input_files(file)


def begin_painting(page: Page, preset: str = "fast", size: int = 256) -> None:
    """The photograph is the one that the first view shows."""
    page.get_by_role("link", name="Paint").click()
    choose(page, "Paintings", PAINTING)
    page.get_by_label("Preset").select_option(preset)
    set_slider(page, "Size", size)
    page.get_by_role("button", name="Paint", exact=True).click()


def test_a_picture_is_painted_though_the_page_is_reloaded(page: Page, tmp_path: Path) -> None:
    begin_painting(page)
    page.get_by_text(re.compile(r"iteration \d+ of \d+")).wait_for()
    assert page.get_by_text("Pictures are sent to this studio’s server").count() == 1
    page.reload()
    page.wait_for_selector(".facts[data-state=done]", timeout=180_000)
    assert page.get_by_role("img", name=re.compile("The loss went from")).count() == 1
    with page.expect_download() as saving:
        page.get_by_role("link", name="Download").click()
    assert saving.value.suggested_filename == "astronaut.png"
    saving.value.save_as(tmp_path / "painted.png")
    painted = pixels(tmp_path / "painted.png")
    assert painted.shape == (256, 256, 3)
    assert painted.std() > 20
    page.get_by_role("button", name="Remove").click()
    page.get_by_text("Any photograph, after any painting").wait_for()


def test_a_job_is_stopped_and_kept_and_another_cancelled(page: Page) -> None:
    begin_painting(page, "best", 512)
    page.get_by_role("button", name="Stop and keep").click()
    page.wait_for_selector(".facts[data-state=done]")
    assert "stopped after" in page.locator(".facts").inner_text()
    page.get_by_role("button", name="Paint", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector(".facts[data-state=cancelled]")
    others = page.get_by_role("group", name="Jobs").get_by_role("button")
    assert others.count() >= 2
    others.last.click()
    page.wait_for_selector(".facts[data-state=done]")
    page.get_by_alt_text("astronaut, as it looks now").wait_for()


@pytest.mark.parametrize(("format", "size"), [("heic", "200 × 150"), ("tif", "150 × 200")])
def test_a_photograph_that_the_browser_cannot_read_goes_through_the_server(
    page: Page, tmp_path: Path, format: str, size: str
) -> None:
    """Upright: a TIFF is turned as its EXIF says, HEIC by its own means."""
    register_heif()
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(EXAMPLES / "chelsea.jpg") as photo:
        photo.resize((200, 150)).save(tmp_path / f"cat.{format}", exif=exif)
    assert page.get_by_text("this studio’s server reads those that the browser cannot").count() == 1
    open_picture(page, tmp_path / f"cat.{format}")
    wait_until_painted(page)
    assert page.locator(".facts").inner_text() == f"{size} px"
    assert page.get_by_role("alert").count() == 0
    saved = download(page, tmp_path)
    style = saved.stem.removeprefix("cat-")
    painted = impasto.stylize(tmp_path / f"cat.{format}", style, precision="float32")
    assert np.abs(pixels(saved) - pixels(painted)).mean() < 4  # JPEG came between


def test_a_file_that_the_server_cannot_read_either_is_refused(page: Page) -> None:
    page.locator("input[type=file]").first.set_input_files(
        {"name": "text.heic", "mimeType": "image/heic", "buffer": b"no picture"}
    )
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "The image is not an image that can be read." in alert.inner_text()


def test_what_the_server_refuses_is_said(page: Page, tmp_path: Path) -> None:
    page.get_by_role("link", name="Paint").click()
    (tmp_path / "no.png").write_bytes(b"no painting")
    choose(page, "Paintings", tmp_path / "no.png")
    page.get_by_role("button", name="Paint", exact=True).click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "The painting is not an image that can be read." in alert.inner_text()


def test_a_style_is_trained_and_hangs_among_the_others(page: Page, address: str, tmp_path: Path) -> None:
    page.get_by_role("link", name="Train").click()
    choose(page, "Painting", Path(shutil.copy(PAINTING, tmp_path / "night_cafe-1888.jpg")))
    assert page.get_by_label("Title").input_value() == "Night cafe 1888"
    page.get_by_label("Artist").fill("N. N.")
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Stop and keep").click()  # there once something was learned
    page.wait_for_selector(".facts[data-state=done]", timeout=180_000)
    with page.expect_download() as saving:
        page.get_by_role("link", name="Download").click()
    saving.value.save_as(tmp_path / saving.value.suggested_filename)
    about = read_about(tmp_path / "night-cafe-1888.onnx")
    assert (about.title, about.artist) == ("Night cafe 1888", "N. N.")
    page.get_by_role("button", name="Paint with it").click()
    page.get_by_text("after Night cafe 1888, N. N.").wait_for()
    wait_until_painted(page)
    assert page.request.get(f"{address}api/styles").json()[-1]["name"] == "night-cafe-1888"


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_view_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for view in ("Photo", "Live", "Film", "Paint", "Train"):
        page.get_by_role("link", name=view, exact=True).click()
        page.locator(".view").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view


def test_the_api_is_documented(page: Page, address: str) -> None:
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    assert page.evaluate("Boolean(navigator.serviceWorker.controller)")  # which keeps the app, and nothing else
    page.goto(f"{address}docs")
    page.get_by_text("/api/jobs/paint", exact=True).first.wait_for()
    assert page.goto(f"{address}openapi.json").json()["info"]["title"] == "Impasto Studio"  # type: ignore[union-attr]
