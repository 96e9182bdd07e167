"""The styles that come with Impasto, each on a real photograph."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import impasto
from impasto.images.color import PRESERVE_COLOR
from impasto.styles import style_files
from impasto.styles.model import read_about
from impasto.stylizing import painting

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "astronaut.jpg"
SIDE = 256
# Of each painting's pixels, RGB in [0, 1]: the mean, and the upper triangle of the covariance matrix. Computed from the
# reproductions that the styles were trained on, scaled to 256 × 256 px.
COLOURS = {
    "adele-bloch-bauer": ([0.641, 0.443, 0.172], [0.0305, 0.0224, 0.0098, 0.0196, 0.0126, 0.0169]),
    "composition-vii": ([0.545, 0.428, 0.364], [0.0476, 0.0359, 0.0202, 0.0477, 0.0387, 0.0495]),
    "great-wave": ([0.75, 0.759, 0.714], [0.0854, 0.068, 0.045, 0.0557, 0.0383, 0.0282]),
    "scream": ([0.427, 0.303, 0.176], [0.075, 0.0237, -0.0011, 0.019, 0.01, 0.0111]),
    "shipwreck": ([0.416, 0.399, 0.369], [0.0274, 0.0253, 0.0216, 0.025, 0.0228, 0.0231]),
    "starry-night": ([0.302, 0.362, 0.436], [0.0287, 0.0292, 0.0196, 0.0319, 0.0257, 0.035]),
    "tableau-no-2": ([0.675, 0.633, 0.548], [0.0418, 0.0385, 0.0277, 0.0368, 0.0307, 0.0407]),
    "udnie": ([0.42, 0.423, 0.413], [0.0726, 0.0633, 0.0601, 0.0632, 0.0605, 0.0627]),
    "van-gogh-self-portrait": ([0.72, 0.576, 0.385], [0.0325, 0.0196, -0.0001, 0.0196, 0.0078, 0.0304]),
    "water-lilies": ([0.417, 0.454, 0.464], [0.0378, 0.025, 0.0275, 0.0204, 0.0189, 0.0415]),
}
Moments = tuple[NDArray[np.float64], NDArray[np.float64]]


def photograph() -> Image.Image:
    """An astronaut."""
    return Image.open(PHOTO).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def moments(image: Image.Image) -> Moments:
    """Mean and covariance of its colours."""
    pixels = np.asarray(image, np.float64).reshape(-1, 3) / 255
    return pixels.mean(0), np.cov(pixels.T)


def of_painting(style: str) -> Moments:
    mean, upper = COLOURS[style]
    covariance = np.zeros((3, 3))
    covariance[np.triu_indices(3)] = upper
    return np.array(mean), covariance + np.triu(covariance, 1).T


def root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T)


def apart(one: Moments, other: Moments) -> float:
    """Wasserstein-2 distance of two normal distributions."""
    half = root(one[1])
    spread = np.trace(one[1] + other[1] - 2 * root(half @ other[1] @ half))
    return float(np.sqrt(np.sum((one[0] - other[0]) ** 2) + max(0.0, float(spread))))


@pytest.fixture(scope="module")
def painted() -> dict[str, Image.Image]:
    """The photograph in every style."""
    return {style: impasto.stylize(photograph(), style) for style in style_files()}


@pytest.mark.parametrize("style", style_files())
def test_a_photograph_comes_out_in_its_size_and_in_the_painting_s_colours(
    style: str, painted: dict[str, Image.Image]
) -> None:
    picture = painted[style]
    assert picture.size == (SIDE, SIDE)
    wanted = of_painting(style)
    assert apart(moments(picture), wanted) < 0.8 * apart(moments(photograph()), wanted)


def card(style: str) -> dict[str, str]:
    """The rows of its table in docs/styles.md."""
    text = (ROOT / "docs" / "styles.md").read_text().split(f"\n## {style}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| ([a-z ]+) \| (.+) \|$", text, re.MULTILINE))


@pytest.mark.parametrize("style", style_files())
def test_a_card_says_what_the_file_says(style: str) -> None:
    about, told = read_about(style_files()[style]), card(style)
    assert about.content_loss is not None
    assert about.style_loss is not None
    assert about.validation_loss is not None
    losses = (about.content_loss, about.style_loss, about.validation_loss)
    assert told["losses"] == "content {:.3f}, style {:.4f}, total {:.4f}".format(*losses)
    assert f"{about.images_seen:,} photographs" in told["training"]
    assert (f"from {about.warm_start}, " in told["training"]) == bool(about.warm_start)
    assert told["painting"].startswith(f"{about.artist}, {about.title}, {about.year}")
    assert told["licence"].startswith("CC0 1.0")
    assert about.licence == "CC0-1.0"
    assert (about.name, about.network) == (style, told["network"])


@pytest.mark.parametrize("style", style_files())
def test_the_photograph_is_still_to_be_seen(style: str, painted: dict[str, Image.Image]) -> None:
    """Blurred, its light and dark lie where they were."""
    before, after = (
        np.asarray(image.convert("L").resize((16, 16), Image.Resampling.BOX), np.float64).ravel()
        for image in (photograph(), painted[style])
    )
    assert np.corrcoef(before, after)[0, 1] > 0.5


def test_no_two_styles_agree(painted: dict[str, Image.Image]) -> None:
    for (one, first), (other, second) in itertools.combinations(painted.items(), 2):
        difference = np.abs(np.asarray(first, np.float64) - np.asarray(second, np.float64)).mean()
        assert difference > 12, (one, other)


@pytest.mark.parametrize("style", style_files())
def test_strength_goes_from_the_photograph_to_the_style(style: str) -> None:
    stylizer, photo = impasto.Stylizer(style), photograph()
    steps = [np.asarray(stylizer(photo, strength=s), np.float64) for s in (0.0, 0.3, 0.6, 1.0)]
    np.testing.assert_array_equal(steps[0], np.asarray(photo))
    away = [np.abs(step - steps[0]).mean() for step in steps]
    assert away == sorted(away)
    assert np.abs(steps[1] - steps[0]).mean() > 2


@pytest.mark.parametrize("way", PRESERVE_COLOR)
def test_the_photograph_s_colours_can_be_kept(way: str, painted: dict[str, Image.Image]) -> None:
    photo = moments(photograph())
    for style, picture in painted.items():
        kept = impasto.stylize(photograph(), style, preserve_color=way)
        assert apart(moments(kept), photo) < apart(moments(picture), photo)


@pytest.mark.parametrize("style", style_files())
def test_tiles_show_no_seam(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever they are cut, the picture is the same; and it is that of one piece, but for what windows miss of it."""
    photo, stylizer = Image.open(PHOTO).convert("RGB"), impasto.Stylizer(style, precision="float32")
    whole = stylizer.picture(photo).pixels
    monkeypatch.setattr(painting, "UNTILED", 100 * 100)
    tiled = []
    for side in (128, 192):
        monkeypatch.setattr(painting, "TILE", side)
        tiled.append(stylizer.picture(photo).pixels)
    assert np.abs(tiled[0] - tiled[1]).max() * 255 < 0.1
    assert np.abs(tiled[0] - whole).mean() * 255 < 5
    assert np.abs((tiled[0] - whole).mean((0, 1))).max() * 255 < 2.5


@pytest.mark.parametrize("style", style_files())
def test_colours_do_not_depend_on_the_size(style: str) -> None:
    photo, stylizer = Image.open(PHOTO).convert("RGB"), impasto.Stylizer(style, precision="float32")
    small, large = (stylizer.picture(photo, size=side).pixels.mean((0, 1)) for side in (192, 512))
    assert np.abs(small - large).max() * 255 < 6


def test_each_is_named_described_and_licensed() -> None:
    cards, notice = ((ROOT / name).read_text("utf-8") for name in ("docs/styles.md", "NOTICE"))
    for about in impasto.list_styles():
        assert all((about.title, about.artist, about.year, about.source, about.licence)), about.name
        assert f"## {about.name}\n" in cards
        assert (ROOT / "docs" / "images" / f"{about.name}.jpg").exists()
        assert about.name in notice


def test_all_together_are_small() -> None:
    assert sum(file.stat().st_size for file in style_files().values()) < 15e6
