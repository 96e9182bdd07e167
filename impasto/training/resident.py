"""Pictures that lie decoded in a device's memory, where crops are cut from them.

A GPU takes hundreds of crops a second, more than processors decode. It has room for thousands of pictures.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..images import Picture
from .photographs import Crops

SHORT, LONG = 320, 448  # px: a photograph is scaled to this short side, and its long side cut to this


class Window(NamedTuple):
    """A square of a picture, in px of its short side: where it begins, how long it is, and whether it is mirrored."""

    left: float
    top: float
    side: float
    mirrored: bool


class Resident:
    """Pictures in squares of one size on a device, uint8.

    Args:
        load: gives a picture by its index, or None, which is left out. count: how many to ask for. short: px that their
            short sides are scaled to. long: side of the squares; what is longer loses its ends. device: where they are
            to lie.

    Attributes:
        sizes: (N, 2) width and height that belong to the picture.
    """

    def __init__(
        self, load: Callable[[int], Picture | None], count: int, short: int, long: int, device: torch.device
    ) -> None:
        def square(index: int) -> tuple[NDArray[np.uint8], tuple[int, int]] | None:
            picture = load(index)
            return None if picture is None else _square(picture, short, long)

        with ThreadPoolExecutor(os.cpu_count() or 1, "pictures") as reader:
            found = [one for one in reader.map(square, range(count)) if one is not None]
        self._pixels = torch.from_numpy(np.stack([pixels for pixels, _ in found])).to(device)
        self.sizes = np.array([size for _, size in found])
        self._long = long

    def __len__(self) -> int:
        return len(self.sizes)

    def cut(self, chosen: Sequence[int], windows: Sequence[Window], side: int) -> Tensor:
        """(B, 3, side, side) in [0, 1], one window of each picture chosen."""
        boxes = np.zeros((len(chosen), 2, 3), np.float32)  # from a crop's coordinates to its square's, in [-1, 1]
        for box, (left, top, window, mirrored) in zip(boxes, windows, strict=True):
            half = window / self._long
            box[0, 0], box[1, 1] = -half if mirrored else half, half
            box[:, 2] = (2 * left + window) / self._long - 1, (2 * top + window) / self._long - 1
        device = self._pixels.device
        pixels = self._pixels[torch.tensor(chosen).to(device, non_blocking=True)].float() / 255
        grid = F.affine_grid(torch.from_numpy(boxes).to(device, non_blocking=True), [len(boxes), 3, side, side], False)
        crops = F.grid_sample(pixels, grid, mode="bicubic", padding_mode="reflection", align_corners=False)
        return crops.clamp(0, 1)

    def window(self, index: int, zoom: float, random: np.random.Generator) -> Window:
        """A square anywhere in a picture, as long as its short side or up to `zoom` times shorter."""
        width, height = self.sizes[index]
        side = min(width, height) / random.uniform(1, zoom)
        left, top = (float(random.random() * (length - side)) for length in (width, height))
        return Window(left, top, side, random.random() < 0.5)


class ResidentCrops:
    """The crops of `Crops`, from the same photographs and drawn in the same manner, cut on a device.

    Args:
        crops: which photographs, seed and zoom.
        device: where they are to lie.
        limit: bytes that they may take.
    """

    def __init__(self, crops: Crops, device: torch.device, limit: int) -> None:
        self._seed, self._zoom = crops.seed, crops.zoom
        pool = crops.pool[: max(1, limit // (3 * LONG * LONG))]
        self._photographs = Resident(
            lambda place: crops.photographs.load(int(pool[place]), SHORT), len(pool), SHORT, LONG, device
        )
        self._order = lru_cache(maxsize=2)(
            lambda epoch: np.random.default_rng((self._seed, 1, epoch)).permutation(len(self._photographs))
        )

    def batch(self, first: int, count: int, side: int) -> Tensor:
        """(count, 3, side, side) in [0, 1], the crops at positions `first` … of the endless sequence."""
        chosen, windows = [], []
        for position in range(first, first + count):
            epoch, place = divmod(position, len(self._photographs))
            index = int(self._order(epoch)[place])
            random = np.random.default_rng((self._seed, 2, position))
            chosen.append(index)
            windows.append(self._photographs.window(index, self._zoom, random))
        return self._photographs.cut(chosen, windows, side)


def _square(picture: Picture, short: int, long: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """A picture in a square, (3, long, long), from its upper left corner on, and its width and height there."""
    image = picture.to_pil().convert("RGB")
    scale = short / min(image.size)
    width, height = (min(long, round(side * scale)) for side in image.size)
    wide, high = min(image.width, width / scale), min(image.height, height / scale)
    left, top = (image.width - wide) / 2, (image.height - high) / 2
    box = (left, top, left + wide, top + high)
    image = image.resize((width, height), Image.Resampling.BICUBIC, box, reducing_gap=2.0)
    square = np.zeros((3, long, long), np.uint8)
    square[:, :height, :width] = np.asarray(image).transpose(2, 0, 1)
    return square, (width, height)
