"""What changes while a network is trained: crops grow, the learning rate rises and falls. Functions of progress."""

from __future__ import annotations

import math

from .presets import TrainingPreset

WARM_UP = 0.02  # of the training


def crop_side(preset: TrainingPreset, progress: float) -> int:
    """Side in px of the crops at a progress in [0, 1]."""
    share = 0.0
    for part, side in preset.crops:
        share += part
        if progress < share:
            return side
    return preset.crops[-1][1]


def learning_rate(preset: TrainingPreset, progress: float) -> float:
    """Adam's learning rate at a progress in [0, 1]: "cosine" rises in a straight line, then falls to zero."""
    if preset.schedule == "constant":
        return preset.learning_rate
    rise = min(1.0, (progress + 1e-3) / WARM_UP)
    fall = (1 + math.cos(math.pi * min(1.0, max(0.0, progress - WARM_UP) / (1 - WARM_UP)))) / 2
    return preset.learning_rate * min(rise, fall)
