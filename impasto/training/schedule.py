"""What changes while a network is trained, as functions of progress: crops, the learning rate, the stability's weight.

Progress is a share in [0, 1] of the training's work: the pixels of all crops, which is what takes the time. So
trainings by the minute and by iterations follow the same schedule.
"""

from __future__ import annotations

import math
from itertools import accumulate

import numpy as np

from .presets import TrainingPreset

WARM_UP = 0.02  # of the training


def crop_side(preset: TrainingPreset, progress: float) -> int:
    """Side in px of the crops at a progress."""
    ends = zip(accumulate(share for share, _ in preset.crops), preset.crops, strict=True)
    return next((side for end, (_, side) in ends if progress < end), preset.crops[-1][1])


def progress_after(preset: TrainingPreset, iterations: float) -> float:
    """The progress when a share of all iterations is done: early ones, of small crops, are less work."""
    work, batches = _ends(preset)
    return float(np.interp(iterations, batches, work))


def iterations_after(preset: TrainingPreset, progress: float) -> float:
    """The inverse: the share of all iterations that is done at a progress."""
    work, batches = _ends(preset)
    return float(np.interp(progress, work, batches))


def pixels_of_a_crop(preset: TrainingPreset) -> float:
    """On average over all iterations."""
    return 1 / sum(share / side**2 for share, side in preset.crops)


def _ends(preset: TrainingPreset) -> tuple[list[float], list[float]]:
    """Where the stages of the crops begin and end: as shares of the work, and of the iterations."""
    work = [share for share, _ in preset.crops]
    batches = [share / side**2 * pixels_of_a_crop(preset) for share, side in preset.crops]
    return [0.0, *accumulate(work)], [0.0, *accumulate(batches)]


def learning_rate(preset: TrainingPreset, progress: float) -> float:
    """Adam's learning rate at a progress: "cosine" rises in a straight line, then falls to zero."""
    if preset.schedule == "constant":
        return preset.learning_rate
    rise = min(1.0, (progress + 1e-3) / WARM_UP)
    fall = (1 + math.cos(math.pi * min(1.0, max(0.0, progress - WARM_UP) / (1 - WARM_UP)))) / 2
    return preset.learning_rate * min(rise, fall)


def stability_weight(preset: TrainingPreset, progress: float) -> float:
    """The stability loss's weight at a progress: 0, then a straight line up to the preset's.

    "Directly training the model with all the loss terms is hard" (Wang et al. 2020, the authors' code): a network that
    has no strokes yet holds still most easily by painting none.
    """
    begins, full = preset.stability_ramp
    if progress >= full:  # which may be where it begins
        return preset.stability_weight
    return preset.stability_weight * max(0.0, progress - begins) / (full - begins)
