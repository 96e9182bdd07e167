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
from .version import __version__ as __version__

if TYPE_CHECKING:
    from .images import Picture
    from .optimizing.inputs import Style
    from .optimizing.optimization import Result, Step, optimize
    from .optimizing.plan import Plan
    from .optimizing.presets import PRESETS, Preset
    from .perception.terms import Losses
    from .styles import list_styles
    from .styles.model import About, read_about
    from .stylizing.contact_sheet import sheet
    from .stylizing.stylization import Stylizer, stylize
    from .training import TRAINING_PRESETS, TrainingPreset, TrainingResult, TrainingStep, pack, train
    from .video.steadiness import Steadiness
    from .video.stylization import FilmResult, FilmStep, stylize_frames, stylize_video

__all__ = [
    "PRESETS", "TRAINING_PRESETS", "About", "FilmResult", "FilmStep", "ImpastoError", "Losses", "Picture", "Plan",
    "Preset", "Result", "Steadiness", "Step", "Style", "Stylizer", "TrainingPreset", "TrainingResult", "TrainingStep",
    "list_styles", "optimize", "pack", "read_about", "sheet", "stylize", "stylize_frames", "stylize_video", "train",
]  # fmt: skip

_HOMES = {
    "PRESETS": "optimizing.presets", "Losses": "perception.terms", "Picture": "images", "Plan": "optimizing.plan",
    "Preset": "optimizing.presets", "Result": "optimizing.optimization", "Step": "optimizing.optimization",
    "Style": "optimizing.inputs", "optimize": "optimizing.optimization",
    "TRAINING_PRESETS": "training", "TrainingPreset": "training", "TrainingResult": "training",
    "TrainingStep": "training", "train": "training", "pack": "training",
    "About": "styles.model", "read_about": "styles.model", "Stylizer": "stylizing.stylization",
    "FilmResult": "video.stylization", "FilmStep": "video.stylization", "Steadiness": "video.steadiness",
    "stylize_frames": "video.stylization", "stylize_video": "video.stylization",
    "stylize": "stylizing.stylization", "list_styles": "styles", "sheet": "stylizing.contact_sheet",
}  # fmt: skip
__getattr__ = attributes(__name__, _HOMES)
