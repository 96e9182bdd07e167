"""Recipes of the iterative method, as data. Each names its source; nothing else in the code knows a preset's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ..errors import ImpastoError, check_integer, unknown

OPTIMIZERS = ("adam", "lbfgs")
INITS = ("content", "noise", "blend", "style")

_EQUAL = {f"relu{block}_1": 0.2 for block in range(1, 6)}
# relu5_1 at full weight paints the painting's own objects into the photograph: a second face beside the sitter's.
_GENTLE = {**_EQUAL, "relu5_1": 0.1}


@dataclass(frozen=True)
class Preset:
    """A recipe. The defaults are those of `default`, but for its scales: give `iterations` or `scales`.

    Attributes:
        source: where it comes from, in one line.
        loss_network, pooling, padding: see `loss_network.LossNetwork` and `weights.LOSS_NETWORKS`.
        content_layers, style_layers: layer → weight.
        content_loss, style_loss: names in `losses.CONTENT_FORMS` and `losses.STYLE_FORMS`.
        content_weight, style_weight, tv_weight: of the three terms of the objective.
        optimizer: "adam" or "lbfgs".
        learning_rate: in units of `pixel_range`; the step length of L-BFGS.
        betas: Adam's decay rates.
        pixel_range: the optimizer sees pixels in [0, pixel_range] (Adam's steps depend on it).
        clamp: keep pixels in range after each iteration.
        averaging: decay of the exponential average over iterates that is the result; 0 takes the last iterate.
        init: "content", "noise", "style", or "blend": (1 − noise_share) · content + noise_share · noise.
        noise_share: of "blend".
        noise_amplitude: noise is uniform in ± this around ImageNet's mean colour, pixels in [0, 1].
        iterations: at the final size; used alone where `scales` is empty.
        scales: coarse to fine, (long side in px, iterations) of the stages below the final size, which runs with
            the iterations of the nearest entry.
        save_every: save the picture this often by default (0: only at the end).
        margin: of mirrored photograph that is painted around the picture and cut off, as a fraction of the long side:
            at its border the loss network sees no picture, and leaves a coloured fringe.
        precision: "auto", or "float32" for recipes whose optimizer takes differences of gradients.
    """

    source: str
    loss_network: str = "vgg19"
    pooling: str = "average"
    padding: str = "replicate"
    content_layers: Mapping[str, float] = field(default_factory=lambda: {"relu4_2": 1.0})
    style_layers: Mapping[str, float] = field(default_factory=lambda: dict(_GENTLE))
    content_loss: str = "relative"
    style_loss: str = "wasserstein-principal"
    content_weight: float = 0.07
    style_weight: float = 1.0
    tv_weight: float = 0.5
    optimizer: str = "adam"
    learning_rate: float = 0.04
    betas: tuple[float, float] = (0.9, 0.99)
    pixel_range: float = 1.0
    clamp: bool = True
    averaging: float = 0.9
    init: str = "content"
    noise_share: float = 0.5
    noise_amplitude: float = 0.5
    iterations: int = 0
    scales: tuple[tuple[int, int], ...] = ()
    save_every: int = 0
    margin: float = 0.02
    precision: str = "auto"


# Half as many iterations at twice the size: by then only fine texture is left to do.
_LARGE = ((724, 14), (1024, 10), (1448, 8), (2048, 6), (2896, 5), (4096, 4), (5793, 4), (8192, 4), (11585, 4))

PRESETS: dict[str, Preset] = {
    "default": Preset(
        source="Impasto's own: Wasserstein-2 style loss, coarse to fine",
        scales=((181, 32), (256, 28), (362, 16), (512, 16), *_LARGE),
    ),
    "fast": Preset(
        source="Impasto's own: a good preview in seconds",
        content_weight=0.1,
        learning_rate=0.05,
        scales=((181, 32), (362, 14), (512, 6), (1024, 5), (2048, 4), (4096, 4), (8192, 4)),
    ),
    "best": Preset(
        source="Impasto's own: quality first, in a few times the default's time",
        style_loss="wasserstein",
        content_weight=0.09,
        learning_rate=0.03,
        scales=((181, 80), (256, 70), (362, 60), (512, 60), *((side, 3 * count) for side, count in _LARGE)),
    ),
    "gatys2015": Preset(
        source="Gatys, Ecker, Bethge 2015, 'A Neural Algorithm of Artistic Style' (arXiv:1508.06576)",
        padding="zeros",
        style_layers=_EQUAL,
        margin=0.0,
        content_loss="gatys",
        style_loss="gram-gatys",
        content_weight=1.0,
        style_weight=1e3,  # α/β = 1e-3
        tv_weight=0.0,
        optimizer="lbfgs",
        learning_rate=1.0,
        pixel_range=255.0,
        clamp=False,
        averaging=0.0,
        init="noise",
        iterations=500,
        precision="float32",
    ),
    "coursera": Preset(
        source="deeplearning.ai, Convolutional Neural Networks, week 4: 'Art Generation with Neural Style Transfer'",
        padding="zeros",
        style_layers=_EQUAL,
        margin=0.0,
        content_loss="coursera",
        style_loss="gram-gatys",  # the exercise's style cost is Gatys' eq. 4
        content_weight=10.0,
        style_weight=40.0,
        tv_weight=0.0,
        learning_rate=2.0,
        betas=(0.9, 0.999),
        pixel_range=255.0,
        clamp=False,
        averaging=0.0,
        init="blend",
        noise_share=0.6,
        noise_amplitude=20 / 255,
        iterations=200,
        save_every=20,
        precision="float32",
    ),
    "fastai": Preset(
        source="fast.ai, Cutting Edge Deep Learning for Coders (2018), lesson 13: 'Style transfer'",
        loss_network="vgg16",
        pooling="max",
        padding="zeros",
        margin=0.0,
        content_layers={"relu4_3": 1.0},
        style_layers={"relu1_2": 1.0, "relu2_2": 1.0, "relu3_3": 1.0, "relu4_3": 1.0, "relu5_3": 1.0},
        content_loss="johnson",
        style_loss="gram-mse",
        content_weight=1e6,  # K
        style_weight=1e12,  # the lesson's Gram matrix is 1e6 · F Fᵀ / (C·H·W)
        tv_weight=0.0,
        optimizer="lbfgs",
        learning_rate=1.0,
        pixel_range=1 / 0.225,  # the lesson optimises normalised pixels
        clamp=False,
        averaging=0.0,
        init="noise",
        iterations=1000,
        precision="float32",
    ),
    "vgg16": Preset(
        source="Simonyan and Zisserman's VGG-16 with plain Euclidean distances, as in many courses' reports",
        loss_network="vgg16",
        pooling="max",
        padding="zeros",
        margin=0.0,
        content_layers={"relu4_2": 1.0},
        style_layers={"relu1_2": 0.2, "relu2_2": 0.2, "relu3_3": 0.2, "relu4_3": 0.2, "relu5_3": 0.2},
        content_loss="euclidean",
        style_loss="gram-euclidean",
        content_weight=1.0,
        style_weight=1e3,
        tv_weight=0.0,
        optimizer="lbfgs",
        learning_rate=1.0,
        pixel_range=255.0,
        clamp=False,
        averaging=0.0,
        init="noise",
        iterations=500,
        precision="float32",
    ),
}


def get_preset(name: str) -> Preset:
    """A preset by name."""
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PRESETS[name]


@dataclass(frozen=True)
class Stage:
    """One size of the coarse-to-fine run: the long side in px, and how many iterations it gets."""

    long_side: int
    iterations: int


def schedule(preset: Preset, long_side: int, iterations: int | None = None, shortest: int = 1) -> list[Stage]:
    """The stages of a run whose result is `long_side` px long; `iterations` overrides their sum.

    Each stage up to the last follows the preset's table as far as it is clearly smaller than the result; stages of
    a long side below `shortest` are left out (a narrow picture's short side would vanish in them).
    """
    stages = [Stage(side, count) for side, count in preset.scales if shortest <= side and side * 1.2 < long_side]
    nearest = min(preset.scales, key=lambda scale: abs(scale[0] / long_side - 1), default=(0, preset.iterations))
    last = nearest[1]
    stages.append(Stage(long_side, last))
    if sum(stage.iterations for stage in stages) < 1:
        raise ImpastoError("the preset has no iterations: give it `iterations` or `scales`")
    if iterations is None:
        return stages
    check_integer("iterations", iterations, 1)
    return _rescale(stages, iterations)


def _rescale(stages: list[Stage], iterations: int) -> list[Stage]:
    """Share out `iterations` in the stages' proportions, exactly; where the last would get none, it gets all."""
    total = sum(stage.iterations for stage in stages)
    bounds = [0]
    for stage in stages:
        bounds.append(bounds[-1] + stage.iterations)
    edges = [round(bound * iterations / total) for bound in bounds]
    shared = [Stage(s.long_side, b - a) for s, (a, b) in zip(stages, pairwise(edges), strict=True)]
    if shared[-1].iterations == 0:
        return [Stage(stages[-1].long_side, iterations)]
    return [stage for stage in shared if stage.iterations > 0]
