"""The noise that strokes begin from, moving along with what it lies on.

A network has one map of noise (`networks.layers.Grain`), fixed to the frame: a film painted with it is seen through a
shower door. Here each cell of the frame remembers which place of the map it shows, and that place moves along the flow.
White noise has no structure, so nothing shows where cells that have become visible begin anew.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..images import FloatArray
from ..styles.model import About
from .flow import Motion

# Px from the left and upper border of what is seen to the centre of the first entry of the noise, by the network: it is
# mirrored outward first, and convolutions use up a part of that.
FIRST = {"hourglass": -18.5, "shuffle": -38.5}
BLOCK = 8  # cells a side that begin anew together
LOST = 0.3  # trust below which a cell begins anew
STRETCH = 1.25, 1.7  # enlargement from which some blocks, and at which all, begin anew; and shrinking by as much


class MovingGrain:
    """Noise for the frames of a shot.

    Args:
        own: (1, 1, h, w), the network's, which repeats.
        seen: (width, height) in px that the network sees: of a frame, and of what is mirrored around it.
        frame: (width, height) of the frame in it.
        about: of the style model: px for each entry of the noise, and where the first one lies.
        offset: (columns, rows) from the left and upper border of what is seen to the first frame.

    Attributes:
        shift: (rows, columns, 2) columns and rows by which the place of the map that each cell shows is off its own.
        offset: (columns, rows) to the last frame.
    """

    def __init__(
        self, own: FloatArray, seen: tuple[int, int], frame: tuple[float, float], about: About,
        offset: tuple[float, float],
    ) -> None:  # fmt: skip
        self._own, self._frame, self._cell = own[0, 0], frame, about.grain_cell
        self._first = FIRST.get(about.network, 0.0)
        columns, rows = (-(-(side + 2 * about.smallest) // self._cell) + 1 for side in seen)
        grid = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
        self._still = np.stack(grid, axis=2)
        # Blocks do not give up all at once.
        chance = np.random.default_rng(0).random((-(-rows // BLOCK), -(-columns // BLOCK))).astype(np.float32)
        self._limit = np.kron(chance, np.ones((BLOCK, BLOCK), np.float32))[:rows, :columns]
        self.shift, self.offset = np.zeros_like(self._still), offset

    def move(self, motion: Motion, offset: tuple[float, float]) -> None:
        """To the next frame. motion: from it to this one, at any size. offset: of the next frame."""
        height, width = motion.back.shape[:2]
        scale = np.array([self._frame[0] / width, self._frame[1] / height], np.float32)
        # Where cells lie in the flow's image; beyond the frame, what is mirrored there moves as its border does.
        there = (self._first + self._still * self._cell - np.asarray(offset, np.float32)) / scale
        back, trust = (
            cv2.remap(values, there[..., 0], there[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for values in (motion.back, motion.trust)
        )
        change = np.subtract(self.offset, offset, dtype=np.float32)
        shift = self._shift_along((back * scale + change) / np.float32(self._cell))
        anew = (trust < LOST) | self._worn(self._still + shift)
        self.shift, self.offset = np.where(anew[..., None], np.float32(0), shift), offset

    def map(self) -> FloatArray:
        """(1, 1, rows, columns), between the map's entries as a band-limited signal.

        Linear interpolation halves what is fine half-way between two entries, and what is coarse stays: strokes would
        change their character with every step.
        """
        height, width = self._own.shape
        places = self._still + self.shift
        shown = cv2.remap(
            self._own, places[..., 0] % width, places[..., 1] % height, cv2.INTER_LANCZOS4,
            borderMode=cv2.BORDER_WRAP,
        )  # fmt: skip
        return shown[None, None]

    def _shift_along(self, way: FloatArray) -> FloatArray:
        """The shift of what has come along (rows, columns, 2) ways back, in cells.

        The shift is what is interpolated: OpenCV knows a thirty-second of a cell, which would add up in the places.
        """
        rows, columns = self.shift.shape[:2]
        was = np.clip(self._still + way, 0, np.array([columns - 1, rows - 1], np.float32))
        smooth = cv2.remap(self.shift, was[..., 0], was[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        nearest = np.rint(was).astype(np.int32)
        near = self.shift[nearest[..., 1], nearest[..., 0]]
        # Between cells that show places far apart, a mean of the two would be neither's.
        far = np.abs(smooth - near).max(2, keepdims=True) > 1
        return way + np.where(far, near, smooth)

    def _worn(self, places: FloatArray) -> np.ndarray:
        """Where the map is stretched or squeezed so far that strokes would change their size."""
        down, across = np.gradient(places, axis=0), np.gradient(places, axis=1)
        area = np.abs(across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0])
        limit = STRETCH[0] + (STRETCH[1] - STRETCH[0]) * self._limit
        stretched = (area < 1 / limit**2) | (area > limit**2)
        share = cv2.blur(stretched.astype(np.float32), (BLOCK, BLOCK), borderType=cv2.BORDER_REPLICATE)
        return share > 0.5
