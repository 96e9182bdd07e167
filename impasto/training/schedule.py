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


def work_left(preset: TrainingPreset, progress: float) -> float:
    """What is left of a training at a progress in [0, 1]: its share of all crops, times their size in px²."""
    total, start = 0.0, 0.0
    for index, (part, side) in enumerate(preset.crops):
        end = 1.0 if index == len(preset.crops) - 1 else start + part
        total += max(0.0, end - max(start, progress)) * side**2
        start = end
    return total


def learning_rate(preset: TrainingPreset, progress: float) -> float:
    """Adam's learning rate at a progress in [0, 1]: "cosine" rises in a straight line, then falls to zero."""
    if preset.schedule == "constant":
        return preset.learning_rate
    rise = min(1.0, (progress + 1e-3) / WARM_UP)
    fall = (1 + math.cos(math.pi * min(1.0, max(0.0, progress - WARM_UP) / (1 - WARM_UP)))) / 2
    return preset.learning_rate * min(rise, fall)
