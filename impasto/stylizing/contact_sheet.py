"""One photograph in many styles on one picture. Torch-free."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from .. import images
from ..errors import ImpastoError, check_integer
from ..files import PathLike
from ..images import ImageLike, Picture
from ..styles import style_files
from .stylization import Stylizer

GAP, CAPTION = 12, 26  # px between pictures, and below each for its name
PAPER, INK = (250, 249, 246), (40, 38, 36)
LARGEST = 4096  # px a side of a picture on the sheet


@dataclass(frozen=True)
class Cell:
    """A picture on a sheet, and what stands below it."""

    picture: Image.Image
    caption: str


def sheet(
    image: ImageLike,
    styles: PathLike | Sequence[PathLike] | None = None,
    *,
    size: int = 400,
    columns: int | None = None,
    runtime: str = "auto",
    callback: Callable[[int, int], object] | None = None,
    on_size: Callable[[tuple[int, int]], object] | None = None,
) -> Picture:
    """A photograph and its stylized images, each under its style's name.

    Args:
        image: path, bytes of a file, Pillow image or array.
        styles: names or style models' files; all that come with Impasto by default.
        size: long side of each picture in px.
        columns: pictures in a row; by default as many as make the sheet about as wide as it is high.
        runtime: see `Stylizer`.
        callback: told how many styles of how many are done.
        on_size: told the sheet's (width, height) before anything is painted; what it raises ends the work.

    Raises:
        ImpastoError: no image, an unknown style, no styles at all, or an option out of its range.
    """
    check_integer("size", size, 16, LARGEST)
    if columns is not None:
        check_integer("columns", columns, 1, 100)
    single = isinstance(styles, (str, os.PathLike))
    chosen: list[PathLike] = list(style_files()) if styles is None else [styles] if single else list(styles)  # type: ignore[list-item,arg-type]
    if not chosen:
        raise ImpastoError("no styles: give names or style models' files")
    photo = images.load(image, needed=images.for_long_side(size))
    if photo.hidden:
        raise ImpastoError(f"{images.called(image, 'image')} is wholly transparent: there is nothing to paint")
    photo = photo.resized(images.fit(photo.size, size))
    step, count = _step(photo.size), len(chosen) + 1
    across = min(columns or math.ceil(math.sqrt(count * step[1] / step[0])), count)
    if on_size:
        on_size(_whole(step, count, across))
    cells = [Cell(photo.to_pil(), "photograph")]
    for index, style in enumerate(chosen):
        stylizer = Stylizer(style, runtime=runtime)
        cells.append(Cell(stylizer(photo), stylizer.about.name))
        if callback:
            callback(index + 1, len(chosen))
    return laid_out(cells, across)


def laid_out(cells: Sequence[Cell], columns: int) -> Picture:
    """Rows of so many cells, all of one size, on a sheet."""
    width, height = cells[0].picture.size
    step = _step((width, height))
    paper = Image.new("RGB", _whole(step, len(cells), columns), PAPER)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(size=15)
    for index, cell in enumerate(cells):
        left, top = GAP + index % columns * step[0], GAP + index // columns * step[1]
        mask = cell.picture.getchannel("A") if cell.picture.mode == "RGBA" else None
        paper.paste(cell.picture.convert("RGB"), (left, top), mask)
        draw.text((left, top + height + 4), _fitting(cell.caption, font, width), INK, font)
    return images.load(paper)


def _step(size: tuple[int, int]) -> tuple[int, int]:
    """From a picture of a size to the next one on the sheet: across, and down."""
    return size[0] + GAP, size[1] + CAPTION + GAP


def _whole(step: tuple[int, int], count: int, columns: int) -> tuple[int, int]:
    """(width, height) of a sheet."""
    return columns * step[0] + GAP, math.ceil(count / columns) * step[1] + GAP


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Text in one line, cut so that it is no wider than its picture."""
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
