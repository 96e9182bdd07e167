"""The fast method's first half: train an image transformation network for one painting.

presets (recipes) → photographs (crops) → perceptual (the loss) → trainer (the loop) → run (its folder) → export
"""

from .api import TrainingResult, train
from .photographs import pack
from .presets import TRAINING_PRESETS, TrainingPreset
from .trainer import TrainingStep

__all__ = ["TRAINING_PRESETS", "TrainingPreset", "TrainingResult", "TrainingStep", "pack", "train"]
