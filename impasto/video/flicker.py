"""How much a painted film flickers: what changes from one frame to another although what it shows has only moved.

The warping error of Lai et al. 2018, "Learning Blind Video Temporal Consistency". It is no measure of beauty: a blurred
film has little of it, and one that is a still has none where nothing moves.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..images import FloatArray, Samples, floats
from .flow import Motion, enlarged, moved

TRUSTED = 0.5  # trust from which a pixel counts


def warping_error(before: Samples, now: Samples, motion: Motion) -> float:
    """Mean squared difference of a frame to one before it, moved to where the same things are now.

    Args:
        before, now: (H, W, 3) painted frames, of [0, 1] or integers.
        motion: from `now` to `before`, at any size, found in what they were painted from: where it can be trusted,
            pixels count.

    Returns:
        Of channels in [0, 1]; NaN where no pixel counts.
    """
    error, counts = squared_error(before, now, motion)
    return float(error[counts].mean()) if counts.any() else float("nan")


def squared_error(before: Samples, now: Samples, motion: Motion) -> tuple[FloatArray, np.ndarray]:
    """(H, W) squared difference of each pixel, the mean over its channels, and whether it counts: `warping_error`."""
    found = enlarged(motion, (now.shape[1], now.shape[0]))
    # Cubic: what a linear filter smooths would count as a change.
    was = np.clip(floats(moved(before, found.back, cv2.INTER_CUBIC)), 0, 1)
    return np.square(floats(now) - was).mean(2), found.trust > TRUSTED
