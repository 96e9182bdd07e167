"""`train`: from a painting and a folder of photographs to a style model."""

from __future__ import annotations

import contextlib
import inspect
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .. import images
from ..errors import ImpastoError, check_integer, check_number
from ..files import PathLike
from ..images import Picture
from ..networks import ImageTransformationNetwork, create_network
from ..perception.compute import (
    Compute,
    available_memory,
    choose_device,
    choose_precision,
    keep_freed_memory,
    out_of_memory,
)
from ..perception.loss_network import LossNetwork
from ..perception.terms import Losses
from ..perception.threads import sharing_cores
from ..perception.weights import load_weights
from ..styles.export import export, load_network
from ..styles.model import About
from .distributed import Processes, joined, local_device
from .perceptual import perceptual_loss
from .photographs import Crops, Photographs
from .presets import TrainingPreset
from .resident import ResidentCrops
from .run import RunFolder, Settings
from .setup import Overrides, Wanted, begin, check_model_target, go_on, short
from .trainer import Trainer, TrainingCallback

HELD_OUT = 16  # photographs for validation
SAMPLES, SAMPLE_SIDE = 4, 384
# What may be given beside `resume`.
RESUMABLE = (
    "painting", "content", "output", "resume", "weights", "device", "checkpoint_minutes", "progress", "callback",
    "note", "warn",
)  # fmt: skip


@dataclass(frozen=True)
class TrainingResult:
    """A finished training, or one that was interrupted.

    output: the style model, or None where the run was interrupted. about: what it says of itself. run: its folder.
    iterations, images_seen, seconds: all told. validation: losses on the photographs held out. skipped: files that
    were no usable photographs, and why. stopped: "interrupted", "stopped by request", that the loss was no longer
    finite, or None.
    """

    output: Path | None
    about: About | None
    run: Path
    iterations: int
    images_seen: int
    seconds: float
    validation: Losses | None
    skipped: dict[str, str]
    stopped: str | None


@sharing_cores()
def train(
    painting: PathLike | None = None,
    content: PathLike | Sequence[PathLike] | None = None,
    output: PathLike | None = None,
    *,
    preset: str | TrainingPreset = "default",
    network: str | None = None,
    iterations: int | None = None,
    minutes: float | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    content_weight: float | None = None,
    style_weight: float | None = None,
    tv_weight: float | None = None,
    stability_weight: float | None = None,
    style_loss: str | None = None,
    style_scale: float = 1.0,
    start: str = "auto",
    resume: PathLike | None = None,
    run: PathLike | None = None,
    name: str | None = None,
    title: str = "",
    artist: str = "",
    year: str = "",
    source: str = "",
    licence: str = "",
    samples: Sequence[PathLike] = (),
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    loss_network: str | None = None,
    weights: str | None = None,
    checkpoint_minutes: float = 2.0,
    progress: bool = False,
    callback: TrainingCallback | None = None,
    note: Callable[[str], object] | None = None,
    warn: Callable[[str], object] | None = None,
) -> TrainingResult:
    """Teach a network a painting, and write it as one style model.

    Options that are None take the preset's value. With `resume`, everything comes from the interrupted run; `painting`,
    `content` and `output` may be given again, but must be the same.

    Args:
        painting: an image file.
        content: folders of photographs (searched recursively) or tar shards (see `pack`).
        output: the style model to write; by default the painting's name with .onnx, in the working folder.
        preset: a name in `TRAINING_PRESETS`, or a `TrainingPreset`.
        network: a name in `networks.NETWORKS`.
        iterations: batches. minutes: the length of the training instead, in one go or over several.
        batch_size: photographs in a batch, all processes together.
        learning_rate: Adam's, at its highest.
        content_weight, style_weight, tv_weight: of the three terms; dimensionless in Impasto's own presets.
        stability_weight: of the term that holds strokes still where a photograph moves, for film; 0 is without.
        style_loss: a name in `losses.STYLE_FORMS`.
        style_scale: stroke size in px; 2 doubles the preset's.
        start: "auto" (from a style model that comes with Impasto and has the same network, if there is one),
            "scratch", or a style model's file.
        resume: the folder of an interrupted run to go on with.
        run: the folder for checkpoints, metrics and samples; by default runs/NAME.
        name: of the style; the output's if None. title, artist, year, source: of the painting. licence: of the style
            model. It says all these of itself.
        samples: photographs to paint while training; by default some of those held out from `content`.
        seed: of first weights, order, crops and strengths.
        device: "auto", "cpu", "cuda", "cuda:1" … or "mps".
        precision: of both networks' convolutions: "auto", "float32" or "bfloat16".
        loss_network, weights: see `weights.load_weights`.
        checkpoint_minutes: between checkpoints.
        progress: draw a bar on stderr while a loss network's weights are downloaded.
        callback: called with a `TrainingStep` after each batch; a result of False ends the training, model and all.
        note: called with lines worth telling, such as what is skipped.
        warn: called with what may cost work, such as a checkpoint that could not be written; `note` by default.

    Returns:
        A `TrainingResult`. After SIGINT or SIGTERM the run is saved and can be resumed, and `stopped` says so.

    Raises:
        ImpastoError: bad input, contradictory options, a run that cannot be resumed, or a loss that is not finite
            before anything was learned.
    """
    options = dict(locals())
    tell = note or (lambda _: None)
    check_number("checkpoint minutes", checkpoint_minutes, 0)
    keep_freed_memory()
    chosen = choose_device(local_device(device))
    with joined(chosen) as processes, _memory_errors():
        if resume is None:
            wanted = Wanted(
                painting=painting, content=content, output=output, preset=preset, minutes=minutes,
                overrides=Overrides(
                    network=network, iterations=iterations, batch_size=batch_size, learning_rate=learning_rate,
                    content_weight=content_weight, style_weight=style_weight, tv_weight=tv_weight,
                    stability_weight=stability_weight, style_loss=style_loss, loss_network=loss_network,
                ),
                style_scale=style_scale, start=start, run=run, name=name,
                about={"title": title, "artist": artist, "year": year, "source": source, "licence": licence},
                samples=samples, seed=seed, precision=precision, weights=weights,
            )  # fmt: skip
            folder, settings, photographs = begin(wanted, chosen, processes)
        else:
            _check_resumable(options)
            folder, settings, photographs = go_on(resume, painting, content)
        target = check_model_target(short(Path(settings.output)) if output is None else Path(output))
        recipe = settings.preset
        area = (recipe.painting_size * settings.style_scale) ** 2
        picture = images.load(settings.painting if painting is None else painting, "painting", images.for_area(area))
        compute = Compute(chosen, choose_precision(chosen, settings.precision))
        crops = Crops(photographs, settings.seed, recipe.zoom, HELD_OUT)
        vgg = LossNetwork(
            load_weights(recipe.loss_network, settings.weights if weights is None else weights, progress),
            recipe.pooling, recipe.padding, compute.device, compute.dtype,
        )  # fmt: skip
        loss = perceptual_loss(vgg, recipe, picture, settings.style_scale)
        transformation = _first_weights(settings, warm=resume is None)
        check_integer("crop", min(side for _, side in recipe.crops), transformation.smallest)
        trainer = Trainer(
            transformation, loss, crops, recipe, settings.minutes, folder, compute,
            _samples(settings, crops, None if resume is None else tell), processes, checkpoint_minutes,
            ResidentCrops(crops, chosen, available_memory(chosen) // 4) if chosen.type == "cuda" else None,
        )  # fmt: skip
        if resume is not None:
            trainer.restore(folder.load(folder.latest))
        if processes.first:
            if resume is None:
                folder.create(settings)
            folder.start_metrics(trainer.iteration)
            tell(_describe(settings, photographs, processes, folder))
        about = None
        with _signals(tell) as stop:
            stopped = trainer.run(callback if processes.first else None, warn or tell, stop)
            if processes.first:
                for line in _describe_skipped(photographs):
                    tell(line)
                if stopped != "interrupted":
                    about = _export(settings, trainer, target)
                try:
                    folder.finish(picture)
                except ImpastoError as error:  # the model is what counts
                    tell(str(error))
        return TrainingResult(
            None if about is None else target, about, folder.path, trainer.iteration, trainer.images_seen,
            trainer.seconds, trainer.validation, dict(photographs.skipped), stopped,
        )  # fmt: skip


def _check_resumable(options: dict[str, Any]) -> None:
    for name, parameter in inspect.signature(train).parameters.items():
        given = tuple(options[name]) if name == "samples" else options[name]
        if name not in RESUMABLE and given != parameter.default:
            raise ImpastoError(f"{name} contradicts resume: a resumed run goes on with its own settings")


# --- parts -------------------------------------------------------------------------------------------------


def _samples(settings: Settings, crops: Crops, tell: Callable[[str], object] | None) -> list[Picture]:
    """The photographs that are painted while training: those asked for, or some.

    tell: of a resumed run, which is told of those that are no longer there; for a new one they are an error.
    """
    if not settings.samples:
        return crops.samples(SAMPLES, SAMPLE_SIDE)
    found = []
    for sample in settings.samples:
        try:
            picture = images.load(sample, "sample photograph", images.for_long_side(SAMPLE_SIDE))
        except ImpastoError as error:
            if tell is None:
                raise
            tell(str(error))
        else:
            found.append(picture.resized(images.fit(picture.size, SAMPLE_SIDE)))
    return found


def _first_weights(settings: Settings, warm: bool) -> ImageTransformationNetwork:
    if settings.warm_start and warm:
        return load_network(settings.warm_start)[0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return create_network(settings.preset.network)


def _export(settings: Settings, trainer: Trainer, target: Path) -> About:
    try:
        return export(*_best(settings, trainer), target)
    except ImpastoError as error:
        again = f"impasto train --resume {trainer.folder.path} writes it again"
        raise ImpastoError(f"{error}; the training is saved: {again}") from None


def _best(settings: Settings, trainer: Trainer) -> tuple[ImageTransformationNetwork, About]:
    """The averaged weights that did best on the photographs held out, and what is to be said of them."""
    losses, iteration, network = trainer.validation, trainer.iteration, trainer.learner.average
    if trainer.best_state is not None:
        network.load_state_dict(trainer.best_state["average"])
        losses, iteration = Losses(**trainer.best_state["validation"]), trainer.best_state["iteration"]
    about = About(
        **settings.about,  # type: ignore[arg-type]  # all of them strings
        network=settings.preset.network, preset=settings.preset_name, warm_start=Path(settings.warm_start).stem,
        images_seen=iteration * settings.preset.batch_size, content_loss=losses.content if losses else None,
        style_loss=losses.style if losses else None, validation_loss=losses.total if losses else None,
    )  # fmt: skip
    return network, about


def _describe(settings: Settings, photographs: Photographs, processes: Processes, folder: RunFolder) -> str:
    start = f"from {Path(settings.warm_start).stem}" if settings.warm_start else "from scratch"
    beside = f", {processes.count} processes" if processes.count > 1 else ""
    network = f"network {settings.preset.network} {start}, {settings.precision}{beside}"
    return f"{len(photographs)} photographs; {network}; checkpoints and samples in {folder.path}"


def _describe_skipped(photographs: Photographs) -> Iterator[str]:
    skipped = list(photographs.skipped.items())
    if skipped:
        named = "; ".join(f"{name}: {reason}" for name, reason in skipped[:5])
        more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
        yield f"skipped {len(skipped)} of {photographs.considered} files that are no usable photographs ({named}{more})"


@contextlib.contextmanager
def _memory_errors() -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise ImpastoError("out of memory: choose a smaller --batch-size or --network") from error


@contextlib.contextmanager
def _signals(tell: Callable[[str], object]) -> Iterator[Callable[[], bool]]:
    """SIGINT and SIGTERM let the current batch end, so that what is saved is whole. The same once more interrupts."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def on_signal(number: int, _: object) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)
        tell("saving, then it ends (once more: at once, with what was saved last)")

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


