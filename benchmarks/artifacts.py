"""What should not be seen in a style model's pictures, measured: a weave in flat parts, a fringe at the borders.

    pip install .
    python benchmarks/artifacts.py DATA [MODEL …]

DATA holds `large/` (photographs). Without MODELs (names or files), all styles that come with Impasto.

- weave: what repeats every 4 px, the network's own lattice, where the photograph is smooth. In windows of 60 × 60 px,
  the deviation of the sixteen means over pixels at the same place in the lattice, less what any texture would give:
  the same of lattices of 3 and 5 px, the more pixels a mean has the smaller. Below 0 where those repeat more.
- fringe: for each side, how far the mean colour of one of the outermost 6 rows is from that of rows 12 to 28, at most.
  Photographs differ there, too: theirs is in the first row.

Both in steps of 8-bit pixels, over all photographs at 640 px together.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFilter

from impasto import Stylizer, images
from impasto.images import Picture
from impasto.styles import style_files

SIDE, WINDOW, LATTICE = 640, 60, 4
SMOOTH = 8 / 255  # deviation of the photograph in a window, at most
OUTERMOST, INSIDE = slice(0, 6), slice(12, 28)
Array = NDArray[np.float64]


def windows(values: Array) -> Array:
    """(N, WINDOW, WINDOW) of (H, W)."""
    rows, columns = (side // WINDOW for side in values.shape)
    cut = values[: rows * WINDOW, : columns * WINDOW].reshape(rows, WINDOW, columns, WINDOW)
    return cut.transpose(0, 2, 1, 3).reshape(-1, WINDOW, WINDOW)


def repeated(fine: Array, period: int) -> float:
    """Variance of the means over pixels that are whole periods apart, times the number of pixels in each mean."""
    repeats = WINDOW // period
    means = fine.reshape(-1, repeats, period, repeats, period).mean((1, 3))
    return float(means.var((1, 2)).mean()) * repeats**2


def weave(photos: list[Picture], painted: list[Picture]) -> float:
    found = []
    for photo, picture in zip(photos, painted, strict=True):
        image = picture.to_pil().convert("L")
        fine = windows(np.asarray(image, float) - np.asarray(image.filter(ImageFilter.GaussianBlur(LATTICE)), float))
        found.append(fine[windows(photo.pixels.mean(2).astype(float)).std((1, 2)) < SMOOTH])
    smooth = np.concatenate(found)
    if not len(smooth):
        raise SystemExit("nothing in these photographs is smooth")
    more = repeated(smooth, LATTICE) - (repeated(smooth, LATTICE - 1) + repeated(smooth, LATTICE + 1)) / 2
    return float(np.sign(more) * (abs(more) / (WINDOW // LATTICE) ** 2) ** 0.5)


def fringe(pictures: list[Picture]) -> list[float]:
    """Of the top, right, bottom and left."""
    found = []
    for side in range(4):
        rows = np.mean([np.rot90(picture.pixels, side)[: INSIDE.stop].mean(1) for picture in pictures], 0)
        found.append(255 * float(np.abs(rows[OUTERMOST] - rows[INSIDE].mean(0)).mean(1).max()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("models", nargs="*", default=list(style_files()))
    arguments = parser.parse_args()
    photos = [images.load(path) for path in sorted((arguments.data / "large").glob("*.jpg"))]
    photos = [photo.resized(images.fit(photo.size, SIDE)) for photo in photos]
    print("| | weave | fringe: top | right | bottom | left |")
    print("|---|---|---|---|---|---|")
    for model in (None, *arguments.models):
        painted = photos
        if model is not None:
            stylizer = Stylizer(model)
            painted = [stylizer.picture(photo) for photo in photos]
        sides = " | ".join(f"{side:.0f}" for side in fringe(painted))
        print(f"| {model or 'photographs'} | {weave(photos, painted):.1f} | {sides} |", flush=True)


if __name__ == "__main__":
    main()
