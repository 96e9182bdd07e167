"""Impasto: neural style transfer.

    import impasto
    result = impasto.optimize("photo.jpg", "painting.jpg")
    result.image.save("out.png")

Nothing heavy is imported before it is used: `import impasto` needs neither torch nor time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import ImpastoError
from .lazy import attributes

if TYPE_CHECKING:
    from .contact_sheet import sheet
    from .images import Picture
    from .inputs import Style
    from .objective import Losses
    from .optimization import Result, Step, optimize
    from .plan import Plan
    from .presets import PRESETS, Preset
    from .style_model import About, read_about
    from .styles import list_styles
    from .stylization import Stylizer, stylize
    from .training import TRAINING_PRESETS, TrainingPreset, TrainingResult, TrainingStep, pack, train

__version__ = "0.1.0"
__all__ = [
    "PRESETS", "TRAINING_PRESETS", "About", "ImpastoError", "Losses", "Picture", "Plan", "Preset", "Result", "Step",
    "Style", "Stylizer", "TrainingPreset", "TrainingResult", "TrainingStep", "list_styles", "optimize", "pack",
    "read_about", "sheet", "stylize", "train",
]  # fmt: skip

_HOMES = {
    "PRESETS": "presets", "Losses": "objective", "Picture": "images", "Plan": "plan", "Preset": "presets",
    "Result": "optimization", "Step": "optimization", "Style": "inputs", "optimize": "optimization",
    "TRAINING_PRESETS": "training", "TrainingPreset": "training", "TrainingResult": "training",
    "TrainingStep": "training", "train": "training", "pack": "training",
    "About": "style_model", "read_about": "style_model", "Stylizer": "stylization", "stylize": "stylization",
    "list_styles": "styles", "sheet": "contact_sheet",
}  # fmt: skip
__getattr__ = attributes(__name__, _HOMES)
