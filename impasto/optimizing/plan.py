"""What a run will do and take, known before it starts: sizes, iterations, memory, tiles."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch

from ..errors import ImpastoError
from ..images import fit
from ..images.tiling import ALIGNMENT
from ..perception.loss_network import activation_values
from .presets import Stage

HALO = 64  # px around a tile: gradients are exact for layers up to relu4_1, within 0.1 % for relu5_1
MIN_TILE, MAX_TILE = 256, 2048  # px
# Beside the features kept for the gradient, of the widest layer: its gradient, the next one, and float32 copies.
_WORKING_CHANNELS = 64
_IMAGE_COPIES = 14  # float32 RGB copies of the picture: pixels, gradient, moments, average, content, style, masks
_LBFGS_COPIES = 24  # ten pairs of curvature vectors and working copies
_FIXED_BYTES = 250_000_000  # the loss network and its runtime


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    size: (width, height) of the result. canvas: the same with the margin that is cut off at the end.
    stages: coarse to fine. memory: bytes that the run needs at most.
    available: bytes free on the device. tile: side of the tiles in px, or None for a run in one piece.
    device, precision: where and in what the loss network is computed.
    """

    size: tuple[int, int]
    canvas: tuple[int, int]
    stages: tuple[Stage, ...]
    memory: int
    available: int
    tile: int | None
    device: str
    precision: str

    @property
    def iterations(self) -> int:
        """Of all stages together."""
        return sum(stage.iterations for stage in self.stages)

    def describe(self) -> str:
        """One line for people."""
        width, height = self.size
        tiles = f", in tiles of {self.tile} px" if self.tile else ""
        return (
            f"{width}×{height} px, {self.iterations} iterations on {self.device} ({self.precision}), "
            f"needs {self.memory / 1e9:.1f} GB of {self.available / 1e9:.1f} GB available{tiles}"
        )


def memory_needed(
    pixels: int,
    window_pixels: int,
    layers: Collection[str],
    architecture: str,
    dtype: torch.dtype,
    optimizer: str,
    given_pixels: int = 0,
) -> int:
    """Bytes a run takes at its peak, for a result of `pixels` whose network sees `window_pixels` at a time.

    given_pixels: of all style images together, at the size they are looked at, and of a picture to begin from.

    Measured against the peak resident memory of real runs: see benchmarks/RESULTS.md.
    """
    width = dtype.itemsize
    working = _WORKING_CHANNELS * (3 * width + 3 * 4)
    network = window_pixels * (activation_values(layers, architecture) * width + working)
    copies = _IMAGE_COPIES + (_LBFGS_COPIES if optimizer == "lbfgs" else 0)
    targets = pixels * 32 * width  # content targets: 512 channels at an eighth of the size are 8 values a pixel
    return int(_FIXED_BYTES + network + (pixels * copies + given_pixels * 3) * 3 * 4 + targets)


def choose_tile(
    size: tuple[int, int],
    available: int,
    layers: Collection[str],
    architecture: str,
    dtype: torch.dtype,
    optimizer: str,
    given_pixels: int = 0,
) -> tuple[int | None, int]:
    """The largest tile (None: no tiling) that fits in 90 % of the available memory, and the bytes it needs.

    Raises:
        ImpastoError: not even the smallest tile fits.
    """
    def needed(tile: int | None) -> int:
        # The largest window: a tile that its half-sized neighbour has joined, and the halo.
        sides = [side if tile is None else min(side, tile * 3 // 2 + 2 * HALO) for side in size]
        window, pixels = sides[0] * sides[1], size[0] * size[1]
        return memory_needed(pixels, window, layers, architecture, dtype, optimizer, given_pixels)

    budget = int(available * 0.9)
    if needed(None) <= budget:
        return None, needed(None)
    tile = MAX_TILE
    while tile > MIN_TILE and needed(tile) > budget:
        tile -= ALIGNMENT
    memory = needed(tile)
    if memory > budget:
        raise ImpastoError(
            f"a picture of this size needs at least {memory / 1e9:.1f} GB of memory, but only "
            f"{available / 1e9:.1f} GB is free: choose a smaller --size"
        )
    return tile, memory


def stage_size(size: tuple[int, int], stage: Stage) -> tuple[int, int]:
    """(width, height) of a stage of a run whose canvas has `size`."""
    return size if stage.long_side >= max(size) else fit(size, stage.long_side)
