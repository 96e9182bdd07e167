"""Recipes of training, as data. Each names its source; nothing else in the code knows a preset's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import unknown
from ..networks import DEFAULT_NETWORK

SCHEDULES = ("cosine", "constant")


@dataclass(frozen=True)
class Level:
    """What the perceptual loss sees at one resolution.

    Attributes:
        reduction: picture and painting are averaged over squares of so many px a side.
        style_layers, content_layers: layer → weight.
    """

    reduction: int
    style_layers: Mapping[str, float] = field(default_factory=dict)
    content_layers: Mapping[str, float] = field(default_factory=dict)


# The iterative method goes from small to large; a network's picture is looked at small and large at once. At a quarter
# of the resolution the deepest layer sees 270 px of 512 wide paintings: whole waves, where at full it sees their foam.
LEVELS = (
    Level(1, {"relu1_1": 0.15, "relu2_1": 0.15, "relu3_1": 0.1}),
    Level(2, {"relu2_1": 0.1, "relu3_1": 0.2, "relu4_1": 0.2, "relu5_1": 0.15}, {"relu4_2": 1.0}),
    Level(4, {"relu3_1": 0.1, "relu4_1": 0.15, "relu5_1": 0.1}),
)


@dataclass(frozen=True)
class TrainingPreset:
    """A recipe. The defaults are those of `default`.

    Attributes:
        source: where it comes from, in one line.
        network: a name in `networks.NETWORKS`.
        loss_network, pooling, padding: see `loss_network.LossNetwork` and `weights.LOSS_NETWORKS`.
        levels: what the loss sees, at one resolution or several.
        content_loss, style_loss: names in `losses.CONTENT_FORMS` and `losses.STYLE_FORMS`.
        content_weight, style_weight, tv_weight: of the three terms of the perceptual loss.
        weave_weight: of a fourth term while training, see `perceptual.weave`.
        stability_weight: of a fifth, see `motion.stability_loss`; at 0 nothing is painted for it.
        stability_ramp: between which progresses it comes in: without it before, in full after, see `schedule`.
        iterations: batches.
        batch_size: photographs in a batch.
        crops: (share of the training's work, side in px of the square crops), small to large; see `schedule`.
        zoom: the photograph's short side is scaled to 1 … this many times the crop before it is cropped.
        painting_size: √(width · height) in px at which the painting is looked at: it sets the strokes' size in px.
        learning_rate, betas: Adam's.
        schedule: "cosine" (a short rise, then a fall to zero) or "constant".
        averaging: decay of the exponential average over weights that is the result; 0 takes the last ones.
        weakened: share of the photographs that are trained at a random strength instead of 1, where the network is
            adjustable.
        precision: of both networks' convolutions where the caller leaves the choice.
    """

    source: str
    network: str = DEFAULT_NETWORK
    loss_network: str = "vgg19"
    pooling: str = "average"
    padding: str = "replicate"
    levels: tuple[Level, ...] = LEVELS
    content_loss: str = "relative"
    style_loss: str = "wasserstein-principal"
    content_weight: float = 0.17
    style_weight: float = 1.0
    tv_weight: float = 0.5
    # Without, networks paint a weave of 4 px where a painting's ground is flecked: 4.1 of 255 in Van Gogh's
    # self-portrait, and none to be measured after 1,000 photographs with it, at a validation loss 0.3 % higher.
    weave_weight: float = 30.0
    stability_weight: float = 0.0
    stability_ramp: tuple[float, float] = (1 / 3, 2 / 3)
    iterations: int = 12_000
    batch_size: int = 4
    # At a quarter of the resolution, the deepest layer needs 64 px; small crops teach most for the time.
    crops: tuple[tuple[float, int], ...] = ((0.3, 192), (0.7, 320))
    zoom: float = 2.0
    painting_size: int = 512
    learning_rate: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.99)
    schedule: str = "cosine"
    averaging: float = 0.998
    weakened: float = 0.25
    precision: str = "auto"


TRAINING_PRESETS: dict[str, TrainingPreset] = {
    "default": TrainingPreset(source="Impasto's own: the iterative method's losses, growing crops, falling rate"),
    "johnson2016": TrainingPreset(
        source="Johnson, Alahi, Fei-Fei 2016, 'Perceptual Losses for Real-Time Style Transfer' (arXiv:1603.08155)",
        network="johnson2016",
        loss_network="vgg16",
        pooling="max",
        padding="zeros",
        levels=(
            Level(1, {"relu1_2": 1.0, "relu2_2": 1.0, "relu3_3": 1.0, "relu4_3": 1.0}, {"relu3_3": 1.0}),
        ),
        content_loss="johnson",
        style_loss="gram-mse",  # as the authors' code has it, whose weights 1 and 5 these are
        content_weight=1.0,
        style_weight=5.0,
        # The authors' code takes 1e-6 / 2 times the sum of squared differences over all pixels of a batch, in 0 … 255,
        # beside means over the batch; `losses` takes the mean over pixels in [0, 1].
        tv_weight=4 * 1e-6 / 2 * 3 * 256**2 * 255**2,
        weave_weight=0.0,
        stability_weight=0.0,
        iterations=40_000,
        crops=((1.0, 256),),
        zoom=1.0,
        painting_size=256,
        learning_rate=1e-3,
        betas=(0.9, 0.999),
        schedule="constant",
        averaging=0.0,
        weakened=0.0,
        precision="float32",
    ),
}


def get_training_preset(name: str) -> TrainingPreset:
    """A preset by name."""
    if name not in TRAINING_PRESETS:
        raise unknown("preset", name, TRAINING_PRESETS)
    return TRAINING_PRESETS[name]
