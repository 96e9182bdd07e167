"""The noise that strokes begin from, moving along with what it lies on.

A network has one map of noise (`networks.layers.Grain`), fixed to the frame: a film painted with it is seen through a
shower door. Here each cell of the frame remembers which place of the map it shows, and that place moves along the flow.
White noise has no structure, so nothing shows where cells that have become visible begin anew.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..images import FloatArray
from .flow import Motion

BLOCK = 8  # cells a side that begin anew together
LOST = 0.3  # trust below which a cell begins anew
STRETCH = 1.25, 1.7  # enlargement from which some blocks, and at which all, begin anew; and shrinking by as much


class MovingGrain:
    """Noise for the frames of a shot.

    Args:
        own: (1, 1, h, w), the network's, which repeats.
        seen: (width, height) in px that the network sees: of a frame, and of what is mirrored around it.
        frame: (width, height) of the frame in it.
        cell: px for each entry of the noise.
        margin: px to the left and above what is seen that the noise begins at; it ends as far beyond.
        offset: (columns, rows) from the left and upper border of what is seen to the first frame.

    Attributes:
        places: (rows, columns, 2) column and row in the map of each cell.
        offset: (columns, rows) to the last frame.
    """

    def __init__(
        self, own: FloatArray, seen: tuple[int, int], frame: tuple[float, float], cell: int, margin: int,
        offset: tuple[float, float],
    ) -> None:  # fmt: skip
        self._own, self._frame, self._cell, self._margin = own[0, 0], frame, cell, margin
        columns, rows = (-(-(side + 2 * margin) // cell) + 1 for side in seen)
        grid = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
        self._still = np.stack(grid, axis=2)
        # Blocks do not give up all at once.
        chance = np.random.default_rng(0).random((-(-rows // BLOCK), -(-columns // BLOCK))).astype(np.float32)
        self._limit = np.kron(chance, np.ones((BLOCK, BLOCK), np.float32))[:rows, :columns]
        self.places, self.offset = self._still, offset

    def move(self, motion: Motion, offset: tuple[float, float]) -> None:
        """To the next frame. motion: from it to this one, at any size. offset: of the next frame."""
        height, width = motion.back.shape[:2]
        scale = np.array([self._frame[0] / width, self._frame[1] / height], np.float32)
        # Where cells lie in the flow's image; beyond the frame, what is mirrored there moves as its border does.
        there = (self._still * self._cell - self._margin - np.asarray(offset, np.float32)) / scale
        back, trust = (
            cv2.remap(values, there[..., 0], there[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for values in (motion.back, motion.trust)
        )
        change = np.subtract(self.offset, offset, dtype=np.float32)
        places = self._places_at(self._still + (back * scale + change) / np.float32(self._cell))
        anew = (trust < LOST) | self._worn(places)
        self.places, self.offset = np.where(anew[..., None], self._still, places), offset

    def map(self) -> FloatArray:
        """(1, 1, rows, columns), between the map's entries as a band-limited signal.

        Linear interpolation halves what is fine half-way between two entries, and what is coarse stays: strokes would
        change their character with every step.
        """
        height, width = self._own.shape
        shown = cv2.remap(
            self._own, self.places[..., 0] % width, self.places[..., 1] % height, cv2.INTER_LANCZOS4,
            borderMode=cv2.BORDER_WRAP,
        )  # fmt: skip
        return shown[None, None]

    def _places_at(self, was: FloatArray) -> FloatArray:
        """The places of the map that were shown at (rows, columns, 2) cells of the frame before."""
        rows, columns = self.places.shape[:2]
        limits = np.array([columns - 1, rows - 1], np.float32)
        within = np.clip(was, 0, limits)
        nearest = np.rint(within).astype(np.int32)
        near = self.places[nearest[..., 1], nearest[..., 0]] + (was - nearest)
        smooth = cv2.remap(
            self.places, within[..., 0], within[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ) + (was - within)
        # Between cells that show places far apart, a mean of the two would be neither's.
        far = np.abs(smooth - near).max(2, keepdims=True) > 1
        return np.where(far, near, smooth).astype(np.float32)

    def _worn(self, places: FloatArray) -> np.ndarray:
        """Where the map is stretched or squeezed so far that strokes would change their size."""
        mean = cv2.blur(places, (BLOCK, BLOCK), borderType=cv2.BORDER_REPLICATE)
        down, across = np.gradient(mean, axis=(0, 1))
        area = np.abs(across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0])
        limit = STRETCH[0] + (STRETCH[1] - STRETCH[0]) * self._limit
        stretched = (area < 1 / limit**2) | (area > limit**2)
        share = cv2.blur(stretched.astype(np.float32), (BLOCK, BLOCK), borderType=cv2.BORDER_REPLICATE)
        return share > 0.5
