"""Motion and noise made up for photographs, so that a network learns to hold still in film without seeing any.

Wang et al. 2020, "Consistent Video Style Transfer via Relaxation and Regularization": a network whose pictures of a
moved, noisy photograph are its moved pictures of the photograph has nothing in it that flickers. The numbers are those
of the authors' code; where something differs, a comment says why.

A flow is (B, 2, H, W) in px, to the right and down: what is seen in a pixel has come there by so much.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

CELL = 100  # px between the places that move independently
MOTION, SHIFT = 8.0, 10.0  # px: deviation there, and the most that everything moves together
NOISE = 0.03  # the largest deviation; the authors' is 0.001 to 0.002, in units of which cameras have 0.005 to 0.03
BRIGHTNESS = 0.02  # the largest relative change: a camera sets its exposure anew


class Motion(NamedTuple):
    """What happens to a batch of photographs from one frame to the next.

    flow: (B, 2, H, W) px. gain: (B, 1, 1, 1), of the brightness. noise: (B, 3, H, W), in units of the photographs.
    """

    flow: Tensor
    gain: Tensor
    noise: Tensor

    def of(self, rows: slice) -> Motion:
        """That of some of the photographs."""
        return Motion(*(part[rows] for part in self))

    def next_frame(self, photos: Tensor) -> Tensor:
        """(B, 3, H, W) photographs in [0, 1] after it."""
        return (self.gain * moved(photos, self.flow) + self.noise).clamp(0, 1)


def random_motion(random: np.random.Generator, count: int, side: int, device: torch.device) -> Motion:
    """Motion for `count` square photographs: from none to that of the authors, each its own share.

    All follows from `random`; the noise is drawn on the device, as it takes numpy longer than a GPU takes to learn.
    """
    knots = math.ceil(side / CELL) + 2
    coarse = random.normal(0, MOTION, (count, 2, knots, knots)) + random.uniform(-SHIFT, SHIFT, (count, 2, 1, 1))
    # The authors move all alike. Film often stands nearly still, and there flicker is seen most.
    coarse *= random.random((count, 1, 1, 1))
    brightness = random.uniform(-BRIGHTNESS, BRIGHTNESS, (count, 1, 1, 1))
    deviations = random.uniform(0, NOISE, (count, 1, 1, 1))
    basis, values, gain, deviation = (
        torch.from_numpy(part.astype(np.float32)).to(device, non_blocking=True)
        for part in (_spline(side), coarse, 1 + brightness, deviations)
    )
    drawn = torch.Generator(device).manual_seed(int(random.integers(2**63)))
    noise = deviation * torch.randn(count, 3, side, side, generator=drawn, device=device)
    return Motion(torch.einsum("yi,bcij,xj->bcyx", basis, values, basis), gain, noise)


def _spline(side: int) -> NDArray[np.float64]:
    """(side, knots): quadratic B-splines, which are linear interpolation blurred by a box as wide as a cell."""
    place = np.arange(side) / CELL
    first = np.floor(place).astype(int)
    share = place - first
    basis = np.zeros((side, math.ceil(side / CELL) + 2))
    for step, weights in enumerate(((1 - share) ** 2 / 2, 0.5 + share - share**2, share**2 / 2)):
        basis[np.arange(side), first + step] = weights
    return basis


def _sources(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Columns and rows, (B, H, W) each in px, that pixels have come from."""
    height, width = flow.shape[-2:]
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype)
    return columns - flow[:, 0], rows[:, None] - flow[:, 1]


def moved(images: Tensor, flow: Tensor) -> Tensor:
    """(B, C, H, W) images after a flow; what comes from outside is their mirror image, as networks see it there.

    Cubic: linear interpolation blurs what moves by half a pixel, and a network that is asked to paint the same would
    learn to paint nothing fine.
    """
    height, width = images.shape[-2:]
    columns, rows = _sources(flow.to(images.dtype))
    grid = torch.stack([2 * columns / (width - 1) - 1, 2 * rows / (height - 1) - 1], 3)
    return F.grid_sample(images, grid, "bicubic", "reflection", align_corners=True)


def inside(flow: Tensor) -> Tensor:
    """(B, 1, H, W), 1 where a pixel has come from a place in the picture, else 0."""
    height, width = flow.shape[-2:]
    columns, rows = _sources(flow)
    known = (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)
    return known[:, None].to(flow.dtype)


def stability_loss(painted: Tensor, next_painted: Tensor, flow: Tensor) -> Tensor:
    """How far a picture of the next frame is from the moved picture of this one (Wang et al. 2020's regularization).

    Mean absolute difference in the units of (B, C, H, W) pictures, of each over what has come from inside. Gradients go
    to both, as in the authors' code. What differs is where strokes lie, and of two places neither is right: a network
    that only follows its first picture would keep putting strokes wherever a pixel's fraction says, and one that only
    leads would never learn to see through noise. Painting flat would be stable, too; the style loss, which sees the
    first picture alone, is against that, and a second picture that is flatter than the first is far from it.
    """
    known = inside(flow)
    apart = (moved(painted, flow) - next_painted).abs() * known
    return (apart.sum((1, 2, 3)) / (painted.shape[1] * known.sum((1, 2, 3))).clamp_min(1)).mean()
