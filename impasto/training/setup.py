"""From what a caller asks of a training to the settings of a run: checked, resolved, and nothing written yet."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import torch

from ..errors import ImpastoError, check_integer, check_number, unknown
from ..files import PathLike, check_target, read_file
from ..networks import DEFAULT_NETWORK, NETWORKS
from ..perception.compute import choose_precision
from ..perception.losses import content_form, style_form
from ..styles import find_style, style_files
from ..styles.model import read_about
from .distributed import Processes
from .photographs import Photographs
from .presets import SCHEDULES, TrainingPreset, get_training_preset
from .run import RunFolder, Settings


class Overrides(TypedDict):
    """What takes the place of a preset's own values; None leaves them."""

    network: str | None
    iterations: int | None
    batch_size: int | None
    learning_rate: float | None
    content_weight: float | None
    style_weight: float | None
    tv_weight: float | None
    stability_weight: float | None
    style_loss: str | None
    loss_network: str | None


@dataclass(frozen=True)
class Wanted:
    """What a new run is to be: the arguments of `train`, which says what they mean. about: title, artist …"""

    painting: PathLike | None
    content: PathLike | Sequence[PathLike] | None
    output: PathLike | None
    preset: str | TrainingPreset
    overrides: Overrides
    minutes: float | None
    style_scale: float
    start: str
    run: PathLike | None
    name: str | None
    about: Mapping[str, str]
    samples: Sequence[PathLike]
    seed: int
    precision: str
    weights: PathLike | None


def begin(wanted: Wanted, device: torch.device, processes: Processes) -> tuple[RunFolder, Settings, Photographs]:
    """A new run's folder, its settings checked and resolved, and its photographs. Nothing is written yet."""
    if wanted.painting is None:
        raise ImpastoError("a painting is needed (or a run to resume)")
    if wanted.content is None:
        raise ImpastoError("a content folder is needed: photographs to learn from, such as --content photos/")
    if wanted.overrides["iterations"] is not None and wanted.minutes is not None:
        raise ImpastoError("iterations and minutes contradict each other: give one of them")
    if wanted.minutes is not None:
        check_number("minutes", wanted.minutes, 0.01, 1e6)
    check_number("style scale", wanted.style_scale, 0.1, 10)
    check_integer("seed", wanted.seed, 0, 2**63 - 1)
    preset = get_training_preset(wanted.preset) if isinstance(wanted.preset, str) else wanted.preset
    recipe = _resolve(preset, wanted.overrides)
    painting = Path(wanted.painting)
    painting_hash = _hash(painting)
    target = check_model_target(Path(painting.with_suffix(".onnx").name if wanted.output is None else wanted.output))
    # `default` takes a model's network; a preset that was chosen for its own does not.
    chosen = isinstance(wanted.preset, str) and recipe.network != DEFAULT_NETWORK
    network = recipe.network if chosen else wanted.overrides["network"]
    recipe, warm_start = _choose_start(wanted.start, recipe, network)
    name = wanted.name or target.stem
    folder = RunFolder(wanted.run if wanted.run is not None else Path("runs") / name)
    folder.check_free()
    photographs = Photographs(wanted.content)
    # What "auto" comes to is fixed for the whole run and all its processes, so that they compute the same.
    precision = wanted.precision if wanted.precision != "auto" else recipe.precision
    (dtype,) = processes.agree(str(choose_precision(device, precision)))
    settings = Settings(
        painting=_absolute(painting),
        painting_hash=painting_hash,
        content=[_absolute(source) for source in photographs.sources],
        photographs=photographs.fingerprint,
        output=_absolute(target),
        preset_name=wanted.preset if isinstance(wanted.preset, str) else "custom",
        preset=recipe,
        minutes=wanted.minutes,
        style_scale=wanted.style_scale,
        warm_start=warm_start,
        seed=wanted.seed,
        weights=None if wanted.weights is None else _absolute(wanted.weights),
        precision=dtype.removeprefix("torch."),
        samples=[_absolute(sample) for sample in wanted.samples],
        about={"name": name, **wanted.about, "title": wanted.about["title"] or name},
    )
    return folder, settings, photographs


def go_on(
    run: PathLike, painting: PathLike | None, content: PathLike | Sequence[PathLike] | None
) -> tuple[RunFolder, Settings, Photographs]:
    """An interrupted run's folder, settings and photographs; refuses what would make it another run."""
    folder = RunFolder(run)
    settings = folder.settings()
    photographs = Photographs(settings.content if content is None else content)
    if _hash(Path(painting or settings.painting)) != settings.painting_hash:
        raise ImpastoError(f"{folder.path} is the run of another painting ({settings.painting})")
    if photographs.fingerprint != settings.photographs:
        raise ImpastoError(
            f"{folder.path} is a run with other photographs: some were added, removed or changed since; "
            "put them back or start anew"
        )
    return folder, settings, photographs


def short(path: Path) -> Path:
    """A path as people would write it: relative below the working folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _absolute(path: PathLike) -> str:
    return os.path.abspath(path)  # noqa: PTH100  # links stay as they are


def _resolve(preset: TrainingPreset, overrides: Overrides) -> TrainingPreset:
    """The preset with what the caller gave in place of its own values, checked."""
    if not isinstance(preset, TrainingPreset):
        raise ImpastoError(f"a preset is a name or a TrainingPreset, not {type(preset).__name__}")
    recipe = replace(preset, **{k: v for k, v in overrides.items() if v is not None})  # type: ignore[arg-type]
    for number in ("content_weight", "style_weight", "tv_weight", "weave_weight", "stability_weight"):
        check_number(number.replace("_", " "), getattr(recipe, number), 0)
    for bound in recipe.stability_ramp:
        check_number("stability ramp", bound, 0, 1)
    if recipe.stability_ramp[0] > recipe.stability_ramp[1]:
        raise ImpastoError("the preset's stability ramp ends before it begins")
    check_number("learning rate", recipe.learning_rate, 1e-8, 1)
    check_integer("iterations", recipe.iterations, 1)
    if recipe.schedule not in SCHEDULES:
        raise unknown("schedule", recipe.schedule, SCHEDULES)
    if not recipe.crops:
        raise ImpastoError("the preset has no crops")
    if min(share for share, _ in recipe.crops) <= 0 or not math.isclose(sum(share for share, _ in recipe.crops), 1):
        raise ImpastoError("the shares of the preset's crops must be positive and sum to 1")
    check_integer("batch size", recipe.batch_size, 1, 4096)
    check_integer("painting size", recipe.painting_size, 32, 16_384)
    check_number("zoom", recipe.zoom, 1, 16)
    for number in ("averaging", "weakened"):
        check_number(number, getattr(recipe, number), 0, 1)
    for beta in recipe.betas:
        check_number("beta", beta, 0, 1 - 1e-9)
    content_form(recipe.content_loss)
    style_form(recipe.style_loss)
    if recipe.network not in NETWORKS:
        raise unknown("network", recipe.network, NETWORKS)
    return recipe


def check_model_target(path: Path) -> Path:
    """Refuse, before any work is done, a path that no style model could be written to."""
    if path.suffix != ".onnx":
        raise ImpastoError(f"output {path} must end in .onnx")
    return check_target(path)


def _choose_start(start: str, recipe: TrainingPreset, network: str | None) -> tuple[TrainingPreset, str]:
    """Where the first weights come from: a style model's file, or "" for random ones."""
    if start == "scratch":
        return recipe, ""
    if start == "auto":
        for file in style_files().values():
            if read_about(file).network == recipe.network:
                return recipe, str(file)
        return recipe, ""
    file = find_style(start)
    about = read_about(file)
    if network is not None and about.network != network:
        raise ImpastoError(f"style model {start} has the network '{about.network}', not '{network}'")
    return replace(recipe, network=about.network), _absolute(file)


def _hash(painting: Path) -> str:
    return hashlib.sha256(read_file(painting, "painting")).hexdigest()
