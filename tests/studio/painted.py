"""What tests do in the app's photo view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Page


def wait_until_painted(page: Page) -> None:
    """Until the picture is painted and nothing more is to come."""
    page.wait_for_selector(".picture canvas:not([hidden])")
    page.wait_for_selector(".picture:not(.working)")


def open_picture(page: Page, file: Path) -> None:
    """Choose a picture; its preview need not be done."""
    wait_until_painted(page)
    before = page.locator(".picture img").get_attribute("src")
    page.locator("input[type=file]").first.set_input_files(file)
    page.wait_for_function("before => document.querySelector('.picture img')?.src !== before", arg=before)


def set_slider(page: Page, label: str, value: float) -> None:
    """Move a slider to a value of its own scale."""
    page.get_by_label(label, exact=True).evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})) }", value
    )


def download(page: Page, folder: Path) -> Path:
    """Paint at full size; the file that is saved."""
    with page.expect_download() as saving:
        page.get_by_role("button", name="Download").click()
    file = folder / saving.value.suggested_filename
    saving.value.save_as(file)
    return file


def pixels(image: Image.Image | Path) -> NDArray[np.int16]:
    """(H, W, channels)."""
    return np.asarray(image if isinstance(image, Image.Image) else Image.open(image)).astype(np.int16)
