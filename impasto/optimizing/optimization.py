"""The iterative method: optimise the pixels of one image (Gatys, Ecker, Bethge 2015)."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from .. import images
from ..errors import ImpastoError, check_integer, check_number, unknown
from ..images import ImageLike, Picture, color
from ..perception.compute import Compute, available_memory, choose_device, choose_precision, out_of_memory
from ..perception.loss_network import CAFFE, LossNetwork, stride
from ..perception.terms import Losses, Terms
from ..perception.threads import sharing_cores
from ..perception.weights import load_weights
from .canvas import Canvas, DivergedError, resample
from .inputs import MIN_SIDE, Inputs, Style
from .objective import Objective
from .plan import Plan, choose_tile, stage_size
from .presets import INITS, OPTIMIZERS, Preset, get_preset, schedule
from .staging import Staging

MAX_SIDE = 16_000  # px: WebP ends at 16,383


@dataclass(frozen=True)
class Step:
    """What a callback learns after each iteration.

    iteration: 1 … iterations. size: (width, height) of the current stage. losses: before this iteration.
    seconds: since the start. remaining: estimated seconds to go. preview: renders the picture as it stands now, at
    the current stage's size.
    """

    iteration: int
    iterations: int
    size: tuple[int, int]
    losses: Losses
    seconds: float
    remaining: float
    preview: Callable[[], Picture]


@dataclass(frozen=True)
class Result:
    """A stylized image and how it came about.

    picture: float pixels and alpha; `image` the same as an 8-bit Pillow image. losses: of the final picture, before
    colours, masks and alpha are restored. history: losses before each iteration. stopped: why the run ended early, or
    None. preset: the recipe with all overrides applied.
    """

    picture: Picture
    losses: Losses
    history: tuple[Losses, ...]
    seconds: float
    plan: Plan
    preset: Preset
    seed: int
    stopped: str | None

    @property
    def image(self) -> Image.Image:
        """The picture as an 8-bit Pillow image, RGB or RGBA."""
        return self.picture.to_pil()

    @property
    def iterations(self) -> int:
        """How many were done."""
        return len(self.history)


Callback = Callable[[Step], object]


@sharing_cores()
def optimize(
    content: ImageLike,
    styles: ImageLike | Style | Sequence[ImageLike | Style],
    *,
    size: int = 512,
    preset: str | Preset = "default",
    iterations: int | None = None,
    content_weight: float | None = None,
    style_weight: float | None = None,
    tv_weight: float | None = None,
    content_layers: Mapping[str, float] | None = None,
    style_layers: Mapping[str, float] | None = None,
    style_loss: str | None = None,
    style_scale: float = 1.0,
    strength: float = 1.0,
    init: ImageLike | None = None,
    optimizer: str | None = None,
    preserve_color: str | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    loss_network: str | None = None,
    weights: str | None = None,
    memory: float | None = None,
    progress: bool = False,
    callback: Callback | None = None,
    on_plan: Callable[[Plan], object] | None = None,
) -> Result:
    """Paint a photograph in the style of one or several paintings.

    Options that are None take the preset's value.

    Args:
        content: the photograph: path, Pillow image, array ((H, W, 3) uint8, uint16 or floats in [0, 1]).
        styles: a painting, a `Style`, or a sequence of them.
        size: long side of the result in px, 16 … 16000.
        preset: a name in `presets.PRESETS`, or a `Preset`.
        iterations: total over all stages.
        content_weight, style_weight, tv_weight: of the three terms; dimensionless in Impasto's own presets.
        content_layers, style_layers: layer name → weight.
        style_loss: a name in `losses.STYLE_FORMS`.
        style_scale: stroke size; 1 shows the painting at the picture's own number of pixels, 2 doubles its strokes.
        strength: 0 (the photograph) … 1 (the preset's full style), continuous: the style statistics aimed at
            lie that far between the photograph's own and the painting's.
        init: what to begin from: "content", "noise", "blend" (of the two), "style", or a picture of the result's shape
            (an earlier result, touched up or smaller, or the last frame's): then only the last stage is run, for the
            coarse ones would blur it.
        optimizer: "adam" or "lbfgs".
        preserve_color: "luminance" paints in grey under the photograph's colours; "match" recolours the
            painting to the photograph's mean and covariance first.
        seed: of noise and of tile offsets. The same seed gives the same picture on one machine in the same
            precision and tiles (which "auto" and free memory choose: see `Result.plan`) and with the same number of
            threads (which the machine's load chooses, unless OMP_NUM_THREADS is set).
        device: "auto", "cpu", "cuda", "cuda:1" … or "mps".
        precision: of the loss network: "auto", "float32" or "bfloat16".
        loss_network, weights: see `weights.load_weights`.
        memory: limit in GB; by default what is free. Larger pictures are worked in tiles.
        progress: draw a bar on stderr while a loss network's weights are downloaded.
        callback: called with a `Step` after each iteration; a result of False stops the run and keeps the picture.
        on_plan: called once with the `Plan` before the first iteration.

    Returns:
        A `Result`. A KeyboardInterrupt after the first iteration, or a loss that stops being finite, ends the
        run early with the last good picture and the reason in `Result.stopped`.

    Raises:
        ImpastoError: bad input, too little memory, or a loss that is not finite from the start.
    """
    start = time.perf_counter()
    named, begun = _beginning(init)
    recipe = _resolve(
        get_preset(preset) if isinstance(preset, str) else preset,
        content_weight=content_weight, style_weight=style_weight, tv_weight=tv_weight,
        content_layers=content_layers, style_layers=style_layers, style_loss=style_loss,
        init=named, optimizer=optimizer, loss_network=loss_network,
    )  # fmt: skip
    check_integer("size", size, MIN_SIDE, MAX_SIDE)
    check_number("style scale", style_scale, 0.1, 10)
    check_number("strength", strength, 0, 1)
    check_integer("seed", seed, 0, 2**63 - 1)
    if memory is not None:
        check_number("memory", memory, 0.001, 1e6)
    if preserve_color is not None and preserve_color not in color.PRESERVE_COLOR:
        raise unknown("way to preserve colors", preserve_color, color.PRESERVE_COLOR)
    inputs = Inputs.load(content, styles, size, preserve_color, recipe.margin, begun, style_scale)
    canvas = inputs.canvas_size
    layers = [*recipe.content_layers, *recipe.style_layers]
    compute = _choose_compute(device, precision if precision != "auto" else recipe.precision)
    loaded = load_weights(recipe.loss_network, weights, progress)
    network = LossNetwork(loaded, recipe.pooling, recipe.padding, compute.device, compute.dtype)
    network.check_layers(layers)
    smallest = max(MIN_SIDE, *(stride(layer) for layer in layers))
    shortest = math.ceil(smallest * max(canvas) / min(inputs.size)) if begun is None else max(canvas)
    stages = schedule(recipe, max(canvas), iterations, shortest)
    free = available_memory(compute.device) if memory is None else int(memory * 1e9)
    given = canvas[0] * canvas[1] * (style_scale**2 * len(inputs.paintings) + (begun is not None))
    tile, needed = choose_tile(
        canvas, free, layers, network.architecture, compute.dtype, recipe.optimizer, int(given)
    )
    plan = Plan(
        inputs.size, canvas, tuple(stages), needed, free, tile,
        str(compute.device), str(compute.dtype).removeprefix("torch."),
    )  # fmt: skip
    if on_plan is not None:
        on_plan(plan)
    terms = Terms(
        recipe.content_layers, recipe.style_layers, recipe.content_loss, recipe.style_loss,
        recipe.content_weight, recipe.style_weight, recipe.tv_weight * strength, strength,
    )  # fmt: skip
    staging = Staging(inputs, network, plan, terms, style_scale, torch.Generator().manual_seed(seed))
    run = _Run(recipe, staging, seed, callback, start)
    try:
        return run.run()
    except (MemoryError, RuntimeError) as error:
        if out_of_memory(error):
            planned = f"{needed / 1e9:.1f} GB were planned"
            raise ImpastoError(f"out of memory ({planned}): choose a smaller --size or set --memory") from error
        raise


# --- options -----------------------------------------------------------------------------------------------


def _resolve(preset: Preset, **overrides: object) -> Preset:
    """The preset with what the caller gave in place of its own values, checked."""
    if not isinstance(preset, Preset):
        raise ImpastoError(f"a preset is a name or a Preset, not {type(preset).__name__}")
    recipe = replace(preset, **{k: v for k, v in overrides.items() if v is not None})  # type: ignore[arg-type]
    for name in ("content_weight", "style_weight", "tv_weight"):
        check_number(name.replace("_", " "), getattr(recipe, name), 0)
    for layers in (recipe.content_layers, recipe.style_layers):
        if not isinstance(layers, Mapping):
            raise ImpastoError("layers must be a mapping of layer to weight, such as {'relu4_2': 1.0}")
        for layer, weight in layers.items():
            check_number(f"weight of {layer}", weight, 0)
    if not sum(recipe.style_layers.values()):
        raise ImpastoError("at least one style layer needs a weight above 0")
    if recipe.init not in INITS:
        raise unknown("init", recipe.init, INITS)
    if recipe.optimizer not in OPTIMIZERS:
        raise unknown("optimizer", recipe.optimizer, OPTIMIZERS)
    if recipe.optimizer != preset.optimizer:
        # A learning rate belongs to its optimizer: the other one starts from its own usual rate.
        rate = 1.0 if recipe.optimizer == "lbfgs" else Preset.learning_rate * recipe.pixel_range
        precision = "float32" if recipe.optimizer == "lbfgs" else recipe.precision
        recipe = replace(recipe, learning_rate=rate, precision=precision, clamp=recipe.optimizer == "adam")
    return recipe


def _beginning(init: ImageLike | None) -> tuple[str | None, ImageLike | None]:
    """A name in `INITS`, or None for the preset's; and a picture to begin from, if one is given."""
    if init is None or (isinstance(init, str) and init in INITS):
        return init, None
    if isinstance(init, str) and Path(init).name == init and not Path(init).suffix and not os.path.exists(init):
        raise unknown("init", init, (*INITS, "a picture's file"))
    return None, init


def _choose_compute(device: str, precision: str) -> Compute:
    chosen = choose_device(device)
    return Compute(chosen, choose_precision(chosen, precision))


# --- the run -----------------------------------------------------------------------------------------------


class _Run:
    """One run through all stages."""

    def __init__(self, preset: Preset, staging: Staging, seed: int, callback: Callback | None, start: float) -> None:
        self.preset, self.staging, self.seed, self.callback, self.start = preset, staging, seed, callback, start
        self.inputs, self.plan, self.device = staging.inputs, staging.plan, torch.device(staging.plan.device)
        self.history: list[Losses] = []
        self.current: _Picture | None = None  # as it stands
        self.best: _Picture | None = None  # of the current stage, by its loss
        self.work_done, self.began = 0.0, time.perf_counter()

    def run(self) -> Result:
        stopped: str | None = None
        canvas: Canvas | None = None
        try:
            for stage in self.plan.stages:
                width, height = stage_size(self.plan.canvas, stage)
                photo = images.to_tensor(images.resize(self.inputs.pixels, (width, height)), self.device)
                if canvas is None:
                    canvas = Canvas(self._initial(photo), self._gentle(self.preset))
                canvas.resize((height, width))
                self._run_stage(canvas, self.staging.objective(photo), stage.iterations)
        except _StoppedError as reason:
            stopped = str(reason)
        except KeyboardInterrupt:
            if self.current is None:
                raise
            stopped = "interrupted"
        except DivergedError as error:
            if self.best is None:
                raise ImpastoError(f"{error}: lower the weights or the learning rate") from error
            stopped = f"{error} (after iteration {len(self.history)}): the best picture before is kept"
            self.current = self.best
        assert self.current is not None
        try:
            losses = self.current.objective.losses(self.current.image)
        except KeyboardInterrupt:  # the picture is there: only its losses are not
            losses, stopped = self.history[-1], "interrupted"
        picture = self._at_full_size(self.current.image)
        seconds = time.perf_counter() - self.start
        return Result(picture, losses, tuple(self.history), seconds, self.plan, self.preset, self.seed, stopped)

    def _gentle(self, preset: Preset) -> Preset:
        """Adam normalises gradients however small: at strength 0 it would paint rounding errors over the photograph.

        So below a strength of a quarter its steps shrink with it.
        """
        if preset.init != "content" or self.inputs.begun is not None or preset.optimizer != "adam":
            return preset
        return replace(preset, learning_rate=preset.learning_rate * min(1.0, 4 * self.staging.terms.strength))

    def _run_stage(self, canvas: Canvas, objective: Objective, iterations: int) -> None:
        height, width = objective.content.shape[-2:]
        least, before = math.inf, canvas.average
        for _ in range(iterations):
            if self.plan.tile is not None:
                objective.windows = self.staging.windows(height, width)
            losses = canvas.step(objective.gradient)
            self.history.append(losses)
            if losses.total <= least:
                least, self.best = losses.total, _Picture(before, objective)
            before = canvas.average
            self.current = _Picture(before, objective)
            if self._report(losses, (width, height)) is False:
                raise _StoppedError("stopped by request")

    def _at_full_size(self, image: Tensor) -> Picture:
        """A run that ends in an early stage still gives a picture of the size asked for."""
        width, height = self.plan.canvas
        if tuple(image.shape[-2:]) != (height, width):
            image = resample(image, (height, width))
        return self.inputs.finish(images.from_tensor(image))

    def _initial(self, photo: Tensor) -> Tensor:
        begun = self.inputs.begun_pixels
        if begun is not None:
            return images.to_tensor(images.resize(begun, (photo.shape[-1], photo.shape[-2])), self.device)
        kind = self.preset.init
        if kind == "content":
            return photo
        if kind == "style":
            painting = self.inputs.on_canvas(images.resize(self.inputs.paintings[0].pixels, self.inputs.size))
            return images.to_tensor(images.resize(painting, (photo.shape[-1], photo.shape[-2])), self.device)
        mean = torch.tensor(CAFFE.mean).view(1, 3, 1, 1) / CAFFE.scale
        noise = mean + (torch.rand(photo.shape, generator=self.staging.random) * 2 - 1) * self.preset.noise_amplitude
        share = 1.0 if kind == "noise" else self.preset.noise_share
        return (1 - share) * photo + share * noise.to(self.device)

    def _report(self, losses: Losses, size: tuple[int, int]) -> object:
        now = time.perf_counter()
        self.work_done += size[0] * size[1]
        if self.callback is None:
            return None
        total = 0.0
        for stage in self.plan.stages:
            width, height = stage_size(self.plan.canvas, stage)
            total += stage.iterations * width * height
        remaining = (now - self.began) * (total / self.work_done - 1)
        assert self.current is not None
        image = self.current.image

        def preview() -> Picture:
            return self.inputs.finish(images.from_tensor(image))

        margin = self.inputs.margin_at(size[0])
        shown = size[0] - 2 * margin, size[1] - 2 * margin
        iteration, seconds = len(self.history), now - self.start
        return self.callback(Step(iteration, self.plan.iterations, shown, losses, seconds, remaining, preview))


@dataclass(frozen=True)
class _Picture:
    """A picture, and the objective of its stage."""

    image: Tensor
    objective: Objective


class _StoppedError(Exception):
    """The callback asked to stop."""
