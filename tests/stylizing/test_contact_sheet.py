"""One photograph in many styles on one picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFont
from ran import assert_raises_line

from impasto import Stylizer, sheet, styles
from impasto.images import Picture, fit, load
from impasto.stylizing import contact_sheet
from impasto.stylizing.contact_sheet import CAPTION, GAP, INK, PAPER

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
SIZE = 48  # px; the photo's 96×64 become 48×32


def cell(made: Picture, index: int, columns: int, size: tuple[int, int] = (48, 32)) -> Pixels:
    """A picture of the sheet, found by what its layout should be."""
    left = GAP + index % columns * (size[0] + GAP)
    top = GAP + index // columns * (size[1] + CAPTION + GAP)
    return made.quantized(8)[top : top + size[1], left : left + size[0]]


def caption(made: Picture, index: int, columns: int, size: tuple[int, int] = (48, 32)) -> Pixels:
    left = GAP + index % columns * (size[0] + GAP)
    top = GAP + index // columns * (size[1] + CAPTION + GAP) + size[1]
    return made.quantized(8)[top : top + CAPTION, left : left + size[0]]


def test_the_photograph_and_every_style_side_by_side(
    style_model: Path, fading_model: Path, photo: Image.Image
) -> None:
    made = sheet(photo, [style_model, str(fading_model)], size=SIZE, columns=3)
    assert isinstance(made, Picture)
    assert made.size == (3 * (48 + GAP) + GAP, 32 + CAPTION + 2 * GAP)
    small = load(photo).resized((48, 32))
    np.testing.assert_array_equal(cell(made, 0, 3), np.asarray(small.to_pil()))
    for index, model in ((1, style_model), (2, fading_model)):
        np.testing.assert_array_equal(cell(made, index, 3), np.asarray(Stylizer(model)(small)))
    for index in range(3):
        assert caption(made, index, 3).min() < 128  # ink
    # Between them and around them there is paper.
    pixels = made.quantized(8)
    assert (pixels[:GAP] == PAPER).all()
    assert (pixels[:, :GAP] == PAPER).all()
    assert (pixels[:, GAP + 48 : 2 * GAP + 48] == PAPER).all()
    assert (pixels[-GAP:] == PAPER).all()


def test_rows_and_columns(style_model: Path, photo: Image.Image) -> None:
    made = sheet(photo, [style_model] * 4, size=SIZE, columns=2)
    assert made.size == (2 * (48 + GAP) + GAP, 3 * (32 + CAPTION + GAP) + GAP)
    first = cell(made, 1, 2)
    for index in (2, 3, 4):
        np.testing.assert_array_equal(cell(made, index, 2), first)
    assert (cell(made, 5, 2) == PAPER).all()
    assert sheet(photo, [style_model], size=SIZE, columns=9).size[0] == 2 * (48 + GAP) + GAP


@pytest.mark.parametrize(("width", "height"), [(96, 64), (40, 96), (96, 20)])
def test_by_itself_the_sheet_is_about_square(width: int, height: int, fading_model: Path, photo: Image.Image) -> None:
    across, down = sheet(photo.resize((width, height)), [fading_model] * 6, size=SIZE).size
    assert 0.5 < across / down < 2


def test_pictures_keep_the_photographs_shape(fading_model: Path, photo: Image.Image) -> None:
    tall = photo.resize((40, 90))
    made = sheet(tall, [fading_model], size=60, columns=2)
    size = fit((40, 90), 60)
    assert made.size == (2 * (size[0] + GAP) + GAP, 60 + CAPTION + 2 * GAP)


def test_all_that_come_with_impasto_by_default(
    style_model: Path, fading_model: Path, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(styles, "_FOLDER", tmp_path)
    assert_raises_line(lambda: sheet(photo), "^no styles: give names or style models' files$")
    for model in (style_model, fading_model):
        (tmp_path / model.name).write_bytes(model.read_bytes())
    told: list[tuple[int, int]] = []
    made = sheet(photo, size=SIZE, columns=3, callback=lambda *counts: told.append(counts))
    assert told == [(1, 2), (2, 2)]
    np.testing.assert_array_equal(made.pixels, sheet(photo, ["fading", "great-wave"], size=SIZE, columns=3).pixels)


def test_captions_are_one_line_no_wider_than_their_pictures(
    fading_model: Path, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    about = dataclasses.replace(Stylizer(fading_model).about, name="A name\nof two lines " + "that does not end " * 9)
    monkeypatch.setattr(Stylizer, "about", property(lambda _: about))
    made = sheet(photo, [fading_model], size=SIZE, columns=2)
    pixels = made.quantized(8)
    assert caption(made, 1, 2).min() < 128
    assert (pixels[:, -GAP:] == PAPER).all()
    assert INK < PAPER
    font = ImageFont.load_default(size=15)
    assert contact_sheet._fitting("short", font, 100) == "short"
    cut = contact_sheet._fitting(about.name, font, 100)
    assert cut.startswith("A name of")
    assert cut.endswith("…")
    assert 80 < font.getlength(cut) <= 100
    assert contact_sheet._fitting("much", font, 1) == "…"


def test_transparent_photographs_lie_on_paper(fading_model: Path, photo: Image.Image) -> None:
    pixels = np.dstack([np.asarray(photo), np.full((64, 96), 255, np.uint8)])
    pixels[:, 48:, 3] = 0
    made = sheet(pixels, [fading_model], size=96, columns=2)
    for index in (0, 1):
        assert (cell(made, index, 2, (96, 64))[:, 50:] == PAPER).all()
        assert not (cell(made, index, 2, (96, 64))[:, :46] == PAPER).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 15}, "^size must be between 16 and 4096, not 15$"),
        ({"size": 5000}, "^size must be between 16 and 4096"),
        ({"size": 40.5}, "^size must be a whole number"),
        ({"columns": 0}, "^columns must be between 1 and 100, not 0$"),
        ({"columns": -1}, "^columns must be between 1 and 100"),
        ({"columns": 101}, "^columns must be between 1 and 100"),
        ({"columns": 2.0}, "^columns must be a whole number"),
        ({"runtime": "opnvino"}, "^unknown runtime 'opnvino': did you mean openvino"),
        ({"styles": []}, "^no styles: give names or style models' files$"),
        ({"styles": ["missing.onnx"]}, r"^no such style model: missing\.onnx$"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str, fading_model: Path, photo: Image.Image) -> None:
    done: list[int] = []
    given = {"styles": [fading_model], **options}
    assert_raises_line(lambda: sheet(photo, **given, callback=lambda *_: done.append(1)), message)
    assert done == []


def test_no_photograph(fading_model: Path) -> None:
    assert_raises_line(lambda: sheet("missing.jpg", [fading_model]), r"^no such image: missing\.jpg$")


def test_the_default_size_is_for_looking(fading_model: Path, photo: Image.Image) -> None:
    made = sheet(photo, [fading_model])
    columns = math.ceil(math.sqrt(2 * (267 + CAPTION + GAP) / (400 + GAP)))
    assert made.size[0] == columns * (400 + GAP) + GAP
