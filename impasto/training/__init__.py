"""The fast method's first half: train an image transformation network for one painting.

setup (what is asked) → presets (recipes) → photographs (crops) → perceptual (the loss) → trainer (the loop) → run (its
folder) → export. Imported when it is used, so that packing photographs needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attributes

if TYPE_CHECKING:
    from .api import TrainingResult, train
    from .photographs import pack
    from .presets import TRAINING_PRESETS, TrainingPreset
    from .trainer import TrainingStep

__all__ = ["TRAINING_PRESETS", "TrainingPreset", "TrainingResult", "TrainingStep", "pack", "train"]

_HOMES = {
    "TRAINING_PRESETS": "presets", "TrainingPreset": "presets", "TrainingResult": "api", "TrainingStep": "trainer",
    "pack": "photographs", "train": "api",
}  # fmt: skip
__getattr__ = attributes(__name__, _HOMES)
