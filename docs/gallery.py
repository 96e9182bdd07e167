"""Paints the pictures of docs/styles.md: three photographs in each style, side by side.

python docs/gallery.py DATA [STYLE …]     (DATA holds large/tea-gardens.jpg)
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from impasto import Stylizer, images
from impasto.styles import style_files

HERE = Path(__file__).parent
HEIGHT, GAP, PAINTED = 384, 6, 640  # px: of the row, between pictures, the long side at which they are painted


def row(style: str, photos: list[Path]) -> Image.Image:
    """The photographs in a style."""
    stylizer = Stylizer(style)
    painted = [stylizer(photo, size=PAINTED) for photo in photos]
    widths = [round(one.width * HEIGHT / one.height) for one in painted]
    paper = Image.new("RGB", (sum(widths) + GAP * (len(widths) - 1), HEIGHT), "white")
    left = 0
    for one, width in zip(painted, widths, strict=True):
        paper.paste(one.convert("RGB").resize((width, HEIGHT), Image.Resampling.LANCZOS), (left, 0))
        left += width + GAP
    return paper


def main() -> None:
    examples = HERE.parent / "examples"
    photos = [examples / "astronaut.jpg", Path(sys.argv[1]) / "large/tea-gardens.jpg", examples / "chelsea.jpg"]
    for style in sys.argv[2:] or style_files():
        images.save(images.load(row(style, photos)), HERE / "images" / f"{style}.jpg", quality=88)


if __name__ == "__main__":
    main()
