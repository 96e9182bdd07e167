"""How still a style's pictures hold where photographs move by a known flow: what would flicker in film.

    pip install .
    python benchmarks/stability.py [STYLE …] [--photographs FOLDER] [--size 640] [--limit 6]

STYLE is the name of a style that comes with Impasto, or a style model's file (.onnx); by default all that come with it.
FOLDER holds photographs, such as DATA/large; by default two of scikit-image's, which needs that package. Each is
painted as it is and after each of `MOVES`. Reported is the mean squared difference between the moved picture and the
picture of the moved photograph, times 1000, values in [0, 1], away from borders; and the mean over all moves. 0 is
perfectly still; what cubic interpolation takes from a picture's finest lines counts as unstill.

Strokes begin from a map of noise in the style model. `stays`: it stays where it is, as in `impasto stylize`. `moves`:
it is moved along with the photograph, as film can do.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from impasto import Stylizer, images
from impasto.images import FloatArray
from impasto.images.grain import interpolation
from impasto.styles import find_style, style_files
from impasto.styles.model import GRAIN, read_about, seal
from impasto.stylizing.shared_statistics import grain_of

BORDER = 32  # px that are not looked at: what networks see there has changed
FINER = 4  # samples between two entries of the noise


@dataclass(frozen=True)
class Move:
    """pan: px to the right and half as much down. zoom: about the middle. noise: deviation, of values in [0, 1]."""

    name: str
    pan: float = 0.0
    zoom: float = 1.0
    noise: float = 0.0

    def sources(self, rows: NDArray[np.float64], columns: NDArray[np.float64], size: tuple[int, int]) -> Places:
        """Where what is seen in some rows and columns, in px of a picture of (width, height), has come from."""
        width, height = size
        down, across = (height - 1) / 2, (width - 1) / 2
        return (rows - self.pan / 2 - down) / self.zoom + down, (columns - self.pan - across) / self.zoom + across


Places = tuple[NDArray[np.float64], NDArray[np.float64]]
MOVES = (
    Move("pan 0.5 px", pan=0.5), Move("pan 1 px", pan=1.0), Move("pan 3.3 px", pan=3.3), Move("zoom 1 %", zoom=1.01),
    Move("noise 0.01", noise=0.01),
)  # fmt: skip


def sampled(image: FloatArray, places: Places) -> FloatArray:
    """(H, W, C) at rows and columns, each by themselves, cubic (Keys, a = −0.5), mirrored outward."""
    for axis, place in enumerate(places):
        first, count = np.floor(place).astype(int), image.shape[axis]
        weights, lines = [], []
        for step in range(-1, 3):
            x = np.abs(place - first - step)
            near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * (x**3 - 5 * x**2 + 8 * x - 4)
            weights.append(np.where(x <= 1, near, far).astype(np.float32))
            line = np.abs(first + step)
            lines.append(np.where(line < count, line, 2 * (count - 1) - line))
        shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
        image = sum(w.reshape(shape) * image.take(line, axis) for w, line in zip(weights, lines, strict=True))
    return image


def moved(image: FloatArray, move: Move) -> FloatArray:
    """(H, W, C) after a move, without its noise."""
    height, width = image.shape[:2]
    rows, columns = (np.arange(side, dtype=np.float64) for side in (height, width))
    return sampled(image, move.sources(rows, columns, (width, height)))


def with_moved_noise(style: Path, move: Move, size: tuple[int, int]) -> bytes:
    """The style model whose noise has moved with a photograph of (width, height) px.

    The map repeats; so it must be as large as the picture.
    """
    model, cell = onnx.load(style), read_about(style).grain_cell
    grain = grain_of(model)
    assert grain is not None
    side = grain.shape[-1]
    if max(size) + 128 > cell * side:  # 128: what is mirrored around a picture, and more
        raise SystemExit(f"the noise repeats after {cell * side} px: choose a smaller --size")
    matrix = interpolation(side, FINER)
    finer = matrix @ grain[0, 0].astype(np.float64) @ matrix.T
    # The first entry lies above and left of the picture, by 18.5 px in the hourglass and by 38.5 in `shuffle`.
    begins = {"hourglass": -18.5, "shuffle": -38.5}[read_about(style).network]
    centers = begins + cell * np.arange(side, dtype=np.float64)
    rows, columns = (FINER * (place - begins) / cell for place in move.sources(centers, centers, size))
    changed = periodic(finer, (rows, columns))[None, None].astype(np.float32)
    for node in [node for node in model.graph.node if GRAIN in node.output]:  # the cast of what is stored in half
        model.graph.node.remove(node)
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name == GRAIN]:
        model.graph.initializer.remove(tensor)
    model.graph.initializer.append(numpy_helper.from_array(changed, GRAIN))
    return seal(model.SerializeToString())


def periodic(image: NDArray[np.float64], places: Places) -> NDArray[np.float64]:
    """An image that repeats, at all rows and columns, bilinear."""
    for axis, place in enumerate(places):
        first = np.floor(place).astype(int)
        share = (place - first).reshape((-1, 1) if axis == 0 else (1, -1))
        count = image.shape[axis]
        image = (1 - share) * image.take(first % count, axis) + share * image.take((first + 1) % count, axis)
    return image


def unstable(picture: FloatArray, next_picture: FloatArray, move: Move) -> float:
    """The mean squared difference, times 1000."""
    inner = (slice(BORDER, -BORDER),) * 2
    return 1000 * float(np.square(moved(picture, move)[inner] - next_picture[inner]).mean())


def photographs(folder: Path | None, limit: int, size: int) -> Iterator[FloatArray]:
    """(H, W, 3) in [0, 1], of `size` px on the long side, or as small as they are."""
    if folder is None:
        from skimage import data

        found = [images.load(getattr(data, name)()) for name in ("astronaut", "chelsea")]
    else:
        found = [images.load(file, needed=images.for_long_side(size)) for file in sorted(folder.iterdir())[:limit]]
    for picture in found:
        smaller = images.fit(picture.size, min(size, max(picture.size)))
        yield images.floats(picture.resized(smaller).pixels)[..., :3]


def painter(style: Path | bytes) -> Callable[[FloatArray], FloatArray]:
    """How a style model paints (H, W, 3) in [0, 1]."""
    stylizer = Stylizer(style, precision="float32")
    return lambda photo: images.floats(stylizer.picture(photo).pixels)[..., :3]


def measured(photo: FloatArray, style: Path, noise_moves: bool) -> list[float]:
    """Of one photograph, in each of `MOVES`."""
    paint = painter(style)
    painted, found = paint(photo), []
    for move in MOVES:
        noise = np.random.default_rng(0).normal(0, 1, photo.shape).astype(np.float32)
        frame = np.clip(moved(photo, move) + np.float32(move.noise) * noise, 0, 1)
        size = photo.shape[1], photo.shape[0]
        next_paint = painter(with_moved_noise(style, move, size)) if noise_moves else paint
        found.append(unstable(painted, next_paint(frame), move))
    return found


def row(name: str, noise: str, found: Sequence[Sequence[float]]) -> str:
    """Of the table: means over photographs, and over the moves."""
    means = [mean(values) for values in zip(*found, strict=True)]
    return f"| {name} | {noise} | {' | '.join(f'{value:.2f}' for value in (*means, mean(means)))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("styles", nargs="*", default=list(style_files()))
    parser.add_argument("--photographs", type=Path, help="a folder")
    parser.add_argument("--limit", type=int, default=6, help="of photographs")
    parser.add_argument("--size", type=int, default=640, help="px of their long side")
    options = parser.parse_args()
    photos = list(photographs(options.photographs, options.limit, options.size))
    print(f"| style | noise | {' | '.join(move.name for move in MOVES)} | mean |\n|{'---|' * (len(MOVES) + 3)}")
    for name in options.styles:
        style = Path(find_style(name))
        print(row(name, "stays", [measured(photo, style, False) for photo in photos]), flush=True)
        if read_about(style).grain_cell:
            print(row(name, "moves", [measured(photo, style, True) for photo in photos]), flush=True)


if __name__ == "__main__":
    main()
