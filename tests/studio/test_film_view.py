"""A film that is dropped on the page, painted by the studio's server, and played."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest
from filmed import film
from painted import wait_until_painted
from served import studio

from impasto.styles import style_files

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytest_plugins = ["browsing"]
pytestmark = pytest.mark.xdist_group("browser")

STYLE = next(iter(style_files()))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with studio(tmp_path_factory.mktemp("studio")) as address:
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


GIVE = """([kind, key, data, name, type]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(data)], name, { type }));
    const event = kind === "drop" ? new DragEvent(kind, { [key]: transfer, bubbles: true, cancelable: true })
                                  : new ClipboardEvent(kind, { [key]: transfer, bubbles: true });
    document.body.dispatchEvent(event);
}"""


def drop(page: Page, file: Path, type: str = "video/mp4") -> None:
    page.evaluate(GIVE, ["drop", "dataTransfer", list(file.read_bytes()), file.name, type])


def save(page: Page, folder: Path) -> Path:
    with page.expect_download() as saving:
        page.get_by_role("link", name="Download").click()
    file = folder / f"saved-{saving.value.suggested_filename}"
    saving.value.save_as(file)
    return file


def test_a_film_is_dropped_painted_and_played(page: Page, tmp_path: Path) -> None:
    drop(page, film(tmp_path / "day.mp4", 24, (160, 120)))
    page.get_by_text("day.mp4").wait_for()
    wait_until_painted(page)  # its first frame, as it will look
    assert page.get_by_text("Pictures are sent to this studio’s server").count() == 1
    page.get_by_role("button", name="Paint the film").click()
    page.wait_for_selector(".facts[data-state=done]")
    page.reload()
    page.wait_for_function("() => document.querySelector('video')?.readyState >= 1")
    video = page.locator("video")
    assert video.evaluate("v => [v.videoWidth, v.videoHeight, Math.round(v.duration)]") == [160, 120, 2]
    assert video.evaluate("async v => { v.muted = true; await v.play(); v.currentTime = 1.5; return v.error }") is None
    page.wait_for_function("() => document.querySelector('video').currentTime > 1.5")
    saved = save(page, tmp_path)
    assert saved.name == f"saved-day-{STYLE}.mp4"
    with av.open(str(saved)) as painted:
        assert painted.streams.audio
        assert sum(1 for _ in painted.decode(video=0)) == 24
    assert page.get_by_role("alert").count() == 0
    page.get_by_role("button", name="Remove").click()
    page.get_by_text("A film, every frame of it").wait_for()


def test_a_film_is_watched_and_cancelled(page: Page, tmp_path: Path) -> None:
    drop(page, film(tmp_path / "long.mp4", 1500, (160, 120)))
    page.get_by_role("button", name="Paint the film").click()
    page.get_by_text(re.compile(r"frame \d+ of 1500, [\d.]+ frames a second, .+ left")).wait_for()
    page.get_by_alt_text("long, as it looks now").wait_for()
    page.get_by_role("progressbar", name="Painting the film").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector(".facts[data-state=cancelled]")
    page.get_by_role("button", name="long.mp4").click()  # back to its first frame
    wait_until_painted(page)


def test_a_film_that_only_the_server_can_read(page: Page, tmp_path: Path) -> None:
    """And only a part of it."""
    drop(page, film(tmp_path / "old.avi", 24, codec="mpeg4", sound="mp3"), "")
    page.get_by_text("This browser cannot show the film. The server can paint it.").wait_for()
    page.get_by_label("From", exact=True).fill("0:01")
    page.get_by_label("To", exact=True).fill("soon")
    page.get_by_role("button", name="Paint the film").click()
    assert "A time is written as" in page.get_by_role("alert").inner_text()
    page.get_by_label("To", exact=True).fill("1,5")
    page.get_by_role("button", name="Paint the film").click()
    page.wait_for_function("() => document.querySelector('video')?.readyState >= 1")
    with av.open(str(save(page, tmp_path))) as painted:
        assert sum(1 for _ in painted.decode(video=0)) == 6


def test_what_is_no_film_is_refused(page: Page, tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"no film")
    drop(page, tmp_path / "no.mp4")
    page.get_by_text("This browser cannot show the film.").wait_for()
    page.get_by_role("button", name="Paint the film").click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "No is not a film that can be read: it is damaged, or of another kind." in alert.inner_text()


def test_live_leads_to_the_whole_film(page: Page, tmp_path: Path) -> None:
    page.get_by_role("link", name="Live").click()
    drop(page, film(tmp_path / "day.mp4", 24))
    page.wait_for_selector(".facts[data-rate]")
    page.get_by_role("button", name="Paint the whole film").click()
    page.get_by_role("button", name="day.mp4").wait_for()
    page.get_by_role("button", name="Paint the film").wait_for()


def test_an_animation_is_a_film_here(page: Page, tmp_path: Path, photo: object) -> None:
    photo.save(tmp_path / "cat.gif", save_all=True, append_images=[photo.rotate(9)], duration=100)  # type: ignore[attr-defined]
    page.get_by_role("link", name="Film").click()
    page.locator("input[accept*='image/gif']").first.set_input_files(tmp_path / "cat.gif")
    wait_until_painted(page)
    page.get_by_role("button", name="Paint the film").click()
    page.wait_for_selector(".facts[data-state=done]")
    assert page.get_by_alt_text("cat, as it looks now").get_attribute("src").endswith("/result")  # type: ignore[union-attr]
