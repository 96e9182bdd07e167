"""Pictures painted in a browser, against what `impasto.stylize` makes of them."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from painted import download, open_picture, pixels, set_slider, wait_until_painted
from PIL import Image

import impasto
from impasto.images.heif import register_heif
from impasto.styles import style_files

if TYPE_CHECKING:
    from browsing import Serving
    from playwright.sync_api import BrowserContext, Page

pytest_plugins = ["browsing"]
pytestmark = pytest.mark.xdist_group("browser")  # one after the other: they use all there is

STYLE = next(iter(style_files()))  # the one that the app begins with
CAT = Path(__file__).parents[2] / "examples" / "chelsea.jpg"


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cat, 202×150, as PNG: all decoders read that alike."""
    path = tmp_path_factory.mktemp("photo") / "cat.png"
    Image.open(CAT).resize((202, 150), Image.Resampling.LANCZOS).save(path)
    return path


def assert_alike(found: Path, wanted: Image.Image, largest: int = 2, mean: float = 0.1) -> None:
    """largest, mean: what they may differ by, of 255."""
    one, other = pixels(found), pixels(wanted)
    assert one.shape == other.shape
    difference = np.abs(one - other)
    told = f"differs by {difference.max()}, {difference.mean():.4f} on average"
    assert difference.max() <= largest, told
    assert difference.mean() <= mean, told


@pytest.mark.parametrize(
    ("controls", "options"),
    [
        ({}, {}),
        ({"Strength": 0.4}, {"strength": 0.4}),
        ({"Stroke size": 1, "Strength": 0.5}, {"style_scale": 2.0, "strength": 0.5}),
        ({"Stroke size": -1}, {"style_scale": 0.5}),
        ({"colours": "Photograph"}, {"preserve_color": "luminance"}),
        ({"colours": "Matched"}, {"preserve_color": "match"}),
    ],
    ids=["plain", "weaker", "larger strokes", "smaller strokes", "luminance", "match"],
)
def test_a_picture_is_what_python_makes_of_it(
    page: Page, photo: Path, tmp_path: Path, controls: dict[str, Any], options: dict[str, Any]
) -> None:
    open_picture(page, photo)
    for label, value in controls.items():
        if label == "colours":
            page.locator(".panel").get_by_text(value, exact=True).click()
        else:
            set_slider(page, label, value)
    saved = download(page, tmp_path)
    assert saved.name == f"cat-{STYLE}.png"
    # Matched colours are computed from pixels of 8 bits here, which Python keeps as floats.
    mean = 0.5 if "match" in options.values() else 0.1
    assert_alike(saved, impasto.stylize(photo, STYLE, precision="float32", **options), mean=mean)


def test_another_style_and_alpha(page: Page, photo: Path, tmp_path: Path) -> None:
    styles = impasto.list_styles()
    picture = Image.open(photo)
    alpha = np.full((picture.height, picture.width), 255, np.uint8)
    alpha[:40, :60], alpha[100:, 100:] = 0, 200
    picture.putalpha(Image.fromarray(alpha))
    file = tmp_path / "cut.png"
    picture.save(file)
    open_picture(page, file)
    page.locator(".gallery label").last.click()
    saved = download(page, tmp_path)
    wanted = impasto.stylize(file, styles[-1].name, precision="float32")
    np.testing.assert_array_equal(pixels(saved)[..., 3], alpha)
    # Where alpha is neither 0 nor 255, a canvas has rounded the photograph's colours.
    assert_alike(saved, wanted, largest=6)


def test_a_large_picture_in_tiles(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.open(CAT).resize((2400, 1000), Image.Resampling.LANCZOS).save(large)
    open_picture(page, large)
    wait_until_painted(page)
    saved = download(page, tmp_path)
    assert_alike(saved, impasto.stylize(large, STYLE, precision="float32"))


def test_painting_at_full_size_can_be_cancelled(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.open(CAT).resize((2400, 1000)).save(large)
    open_picture(page, large)
    page.get_by_role("button", name="Download").click()
    page.get_by_role("progressbar", name="Painting at full size").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Download").wait_for()
    assert page.get_by_role("alert").count() == 0


def test_jpeg_is_upright(page: Page, photo: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    turned = tmp_path / "turned.jpg"
    Image.open(photo).save(turned, exif=exif, quality=95)
    open_picture(page, turned)
    wait_until_painted(page)
    assert page.locator(".facts").inner_text() == "150 × 202 px"
    page.get_by_text("JPEG", exact=True).click()
    with Image.open(download(page, tmp_path)) as saved:
        assert (saved.format, saved.size) == ("JPEG", (150, 202))


def test_files_are_dropped_and_pasted(page: Page, photo: Path) -> None:
    wait_until_painted(page)
    data = list(photo.read_bytes())
    give = """([kind, data, key]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(data)], "given.png", { type: "image/png" }));
        const event = kind === "drop" ? new DragEvent(kind, { [key]: transfer, bubbles: true, cancelable: true })
                                      : new ClipboardEvent(kind, { [key]: transfer, bubbles: true });
        document.body.dispatchEvent(event);
    }"""
    for kind, key in (("drop", "dataTransfer"), ("paste", "clipboardData")):
        page.get_by_role("button", name="An astronaut").click()
        page.get_by_text("512 × 512 px").wait_for()
        page.evaluate(give, [kind, data, key])
        page.get_by_text("202 × 150 px").wait_for()


def test_a_file_that_is_no_picture_is_refused(page: Page) -> None:
    wait_until_painted(page)
    page.locator("input[type=file]").first.set_input_files(
        {"name": "text.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    assert "no picture that the browser can read" in page.get_by_role("alert").inner_text()


def test_heic_is_told_with_what_to_do(page: Page, photo: Path) -> None:
    """Without a server that reads it."""
    wait_until_painted(page)
    register_heif()
    data = io.BytesIO()
    with Image.open(photo) as image:
        image.save(data, "HEIF")
    page.locator("input[type=file]").first.set_input_files(
        {"name": "IMG_0001.HEIC", "mimeType": "", "buffer": data.getvalue()}
    )
    told = page.get_by_role("alert").inner_text()
    assert "This is a HEIC picture, which this browser cannot read: save it as JPEG" in told
    assert page.get_by_text("Your pictures stay on this device.").count() == 1


def test_the_divider_moves_by_keyboard_and_pointer(page: Page) -> None:
    wait_until_painted(page)
    divider = page.get_by_role("slider", name=re.compile("Divider"))
    divider.focus()
    for key, wanted in (("End", 100), ("ArrowLeft", 98), ("Shift+ArrowLeft", 88), ("PageDown", 78), ("Home", 0)):
        page.keyboard.press(key)
        assert divider.get_attribute("aria-valuenow") == str(wanted), key
    assert divider.get_attribute("aria-valuetext") == "100 % of the painting shown"
    box = page.locator(".picture").bounding_box()
    assert box
    page.mouse.move(box["x"] + 3, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.up()
    assert divider.get_attribute("aria-valuenow") == "50"


def test_every_control_is_reached_by_keyboard_and_named(page: Page) -> None:
    wait_until_painted(page)
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(
            "(e => e === document.body ? '' : e.ariaLabel || e.labels?.[0]?.innerText || e.innerText"
            " || e.querySelector('img')?.alt)(document.activeElement)"
        ))  # fmt: skip
    for wanted in ("Photo", "Live", "Choose a picture", "Strength", "Stroke size", "Painting", "PNG", "Download"):
        assert wanted in reached, reached
    assert None not in reached


def test_it_paints_offline_after_the_first_visit(context: BrowserContext, page: Page) -> None:
    wait_until_painted(page)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.get_by_role("button", name=re.compile("Keep all styles offline")).click()
    page.get_by_text("All styles are kept for offline use", exact=True).wait_for()
    context.set_offline(True)
    page.reload()
    wait_until_painted(page)
    for label in page.locator(".gallery label").all():
        label.click()
        page.wait_for_timeout(200)
        wait_until_painted(page)
    assert page.get_by_role("alert").count() == 0
    context.set_offline(False)


def test_nothing_is_asked_of_any_other_place(context: BrowserContext, page: Page, photo: Path, tmp_path: Path) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page.reload()
    open_picture(page, photo)
    wait_until_painted(page)
    download(page, tmp_path)
    own = page.evaluate("location.origin") + "/"
    assert asked
    assert [url for url in asked if not url.startswith((own, f"blob:{own}"))] == []


def test_it_paints_where_the_page_is_not_isolated(context: BrowserContext, serving: Serving) -> None:
    with serving(False) as address:
        page = context.new_page()
        page.goto(address)
        wait_until_painted(page)
        assert page.locator("[data-threads]").get_attribute("data-threads") == "1"
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.reload()  # the service worker has the headers that the server does not send
        wait_until_painted(page)
        assert page.evaluate("crossOriginIsolated")
        page.goto("about:blank")
