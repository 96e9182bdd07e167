"""`impasto sheet`: the contact sheet it writes, and how it fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ran import Ran, Run, assert_refused

from impasto import sheet, styles
from impasto.stylizing.painting import Painter


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_writes_what_the_function_makes(
    run: Run, files: Path, style_model: Path, fading_model: Path, work: Path
) -> None:
    ran = run(
        "sheet", files / "photo.jpg", "--style", style_model, "--style", fading_model, "-o", "out.png", "--size", "48",
        "--columns", "2",
    )  # fmt: skip
    expected = sheet(files / "photo.jpg", [style_model, fading_model], size=48, columns=2)
    width, height = expected.size
    assert ran == Ran(0, f"out.png  {width}×{height}\n", "stylizing 2/2\n")
    with Image.open(work / "out.png") as image:
        np.testing.assert_array_equal(np.asarray(image), expected.quantized(8))


def test_every_style_that_comes_with_impasto_on_photo_styles_by_default(
    run: Run, files: Path, style_model: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(styles, "_FOLDER", style_model.parent)
    assert run("sheet", files / "photo.jpg", "--size", "48", "-q") == Ran(0, "", "")
    assert names(work) == ["photo-styles.jpg"]
    with Image.open(work / "photo-styles.jpg") as image:
        assert (image.format, image.size) == ("JPEG", sheet(files / "photo.jpg", [style_model], size=48).size)


def test_the_defaults_are_the_functions(run: Run) -> None:
    ran = run("sheet", "--help")
    assert (ran.code, ran.err) == (0, "")
    words = " ".join(ran.out.split())
    assert "default: 400" in words
    assert "default: auto" in words


# --- wrong input: one line, exit code 2, nothing written ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "4"], "size must be between 16 and 4096, not 4$"),
        (["--columns", "0"], "columns must be between 1 and 100, not 0$"),
        (["--columns", "many"], "--columns"),
        (["--runtime", "opnvino"], "unknown runtime 'opnvino': did you mean openvino"),
        (["--style", "missing.onnx"], r"no such style model: missing\.onnx$"),
        (["--style", "grate-wave"], "unknown style 'grate-wave'"),
        (["--quality", "0"], "--quality"),
        (["-o", "out.gif"], r"cannot write 'out\.gif'"),
        (["-o", "missing/out.jpg"], "the folder of the output does not exist: missing$"),
        (["other.jpg"], "unexpected extra argument"),
    ],
)
def test_wrong_options(
    arguments: list[str], message: str, run: Run, style_model: Path, files: Path, work: Path
) -> None:
    style = () if "--style" in arguments else ("--style", style_model)
    assert_refused(run("sheet", files / "photo.jpg", *style, *arguments), message)
    assert names(work) == []


def test_wrong_photographs(run: Run, style_model: Path, work: Path) -> None:
    (work / "text.jpg").write_text("this is a text\n")
    assert_refused(run("sheet", "text.jpg", "--style", style_model), r"text\.jpg is not an image that can be read$")
    assert_refused(run("sheet", "missing.jpg", "--style", style_model), r"no such image: missing\.jpg$")
    assert_refused(run("sheet", "o" * 300, "--style", style_model, "-o", "a.jpg"), "File name too long$")
    assert_refused(run("sheet", "text.jpg", "--style", style_model, "-o", "text.jpg"), "would overwrite the input$")
    assert names(work) == ["text.jpg"]


def test_a_sheet_that_the_format_cannot_hold_is_refused_before_painting(
    run: Run, files: Path, style_model: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paint(*_: object) -> None:
        raise AssertionError("it was painted")

    monkeypatch.setattr(Painter, "paint", paint)
    ran = run("sheet", files / "photo.jpg", "-o", "out.webp", "--size", "4096", "--columns", "4",
              *(part for _ in range(4) for part in ("--style", style_model)))  # fmt: skip
    assert_refused(ran, "cannot encode 16444×5550 px as WEBP, which holds 16383 px a side")
    assert names(work) == []


def test_a_wholly_transparent_photograph(run: Run, style_model: Path, work: Path) -> None:
    Image.new("RGBA", (40, 40)).save(work / "clear.png")
    ran = run("sheet", "clear.png", "--style", style_model)
    assert_refused(ran, r"image clear\.png is wholly transparent: there is nothing to paint$")


def test_no_styles_at_all(run: Run, files: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(styles, "_FOLDER", work)
    assert_refused(run("sheet", files / "photo.jpg"), "no styles: give names or style models' files$")
    assert names(work) == []
