"""`impasto optimize`: the iterative method."""

from __future__ import annotations

import json
from itertools import repeat
from pathlib import Path
from typing import Any

import click

from .. import images
from ..errors import ImpastoError
from ..files import same_file
from ..optimizing.inputs import Style
from ..optimizing.optimization import Result, Step, optimize
from ..optimizing.plan import Plan
from ..optimizing.presets import PRESETS, get_preset
from .options import option_of
from .progress import OptimizeProgress, describe

_option = option_of(optimize)


def _layers(context: click.Context, parameter: click.Parameter, value: str | None) -> dict[str, float] | None:
    """relu1_1,relu2_1=0.5 → layer → weight; n layers without weights get 1/n each."""
    if value is None:
        return None
    parts = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    if not parts:
        raise click.BadParameter("name at least one layer, such as relu4_2")
    return {name: _number(weight) if sign else 1 / len(parts) for name, sign, weight in parts}


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> list[float] | None:
    return None if value is None else [_number(part) for part in value.split(",")]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"'{text}' is not a number") from None


_PRESET_HELP = "The recipe: " + "; ".join(f"{name} ({preset.source})" for name, preset in PRESETS.items()) + "."


@click.command(epilog="Options without a default take the preset's value.")
@click.argument("content", metavar="CONTENT")
@click.argument("styles", metavar="STYLE...", nargs=-1, required=True)
@click.option("-o", "--output", required=True, help="The picture to write: .jpg, .png, .webp, .tif, .avif or .heic.")
@_option("--size", type=int, help="Long side of the result in px.")
@_option("--preset", help=_PRESET_HELP)
@_option("--iterations", type=int, help="Iterations, over all scales together.")
@_option("--strength", type=float, help="0 is the photograph, 1 the full style.")
@_option("--style-scale", type=float, help="Stroke size: 2 doubles it.")
@_option("--content-weight", type=float)
@_option("--style-weight", type=float)
@_option("--tv-weight", type=float, help="Total variation: smoothness.")
@_option("--content-layers", callback=_layers, metavar="LAYER[=W],…", help="Such as relu4_2.")
@_option("--style-layers", callback=_layers, metavar="LAYER[=W],…", help="Such as relu1_1=0.5,relu2_1=0.5.")
@_option("--style-loss", help="gram, mean-std, mean-covariance, wasserstein, or a paper's own form (gram-gatys …).")
@_option("--init", metavar="NAME|FILE", help="Begin from content, noise, blend (of the two), style, or a picture's "
         "file, which is gone on with at the last stage's size.")
@_option("--optimizer", help="adam or lbfgs.")
@click.option("--preserve-color", flag_value="luminance", help="Keep the photo's colours: paint only its luminance.")
@click.option("--match-color", "preserve_color", flag_value="match", help="Recolour the painting to the photo first.")
@click.option("--mask", "masks", multiple=True, metavar="FILE",
              help="White where the style goes; the photo stays elsewhere. Once for all styles, or once a style.")
@click.option("--style-mask", "regions", multiple=True, metavar="FILE",
              help="White where the painting gives its style. Once for all styles, or once a style.")
@click.option("--blend", callback=_numbers, metavar="W,W,…", help="Shares of several styles; equal by default.")
@_option("--seed", type=int)
@click.option("--save-every", type=click.IntRange(min=0), metavar="N", help="Also save the picture every N iterations.")
@click.option("--quality", type=click.IntRange(1, 100), default=images.DEFAULT_QUALITY, show_default=True,
              help="Of JPEG, WebP, AVIF and HEIC.")
@click.option("--keep-metadata", is_flag=True, help="Keep the photo's date, author, copyright and camera (EXIF).")
@_option("--device", help="auto, cpu, cuda, cuda:1 … or mps.")
@_option("--precision", help="Of the loss network: auto, float32 or bfloat16.")
@_option("--loss-network", help="vgg19, vgg16 or vgg19-torchvision.")
@_option("--weights", metavar="FILE", help="The loss network's weights from a file.")
@_option("--memory", type=float, metavar="GB", help="Memory limit; by default what is free. Beyond it, tiles are used.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")
def command(
    content: str,
    styles: tuple[str, ...],
    output: str,
    masks: tuple[str, ...],
    regions: tuple[str, ...],
    blend: list[float] | None,
    save_every: int | None,
    quality: int,
    keep_metadata: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Paint the photo CONTENT in the style of one or several paintings STYLE by optimising its pixels.

    \b
    impasto optimize photo.jpg painting.jpg -o out.jpg
    impasto optimize photo.jpg a.jpg b.jpg --blend 2,1 --preserve-color -o out.png
    impasto optimize photo.jpg sky.jpg land.jpg --mask sky.png --mask land.png -o out.jpg
    """
    path = images.check_output(output)
    for given in (content, *styles, *masks, *regions, options["init"] or content):
        if same_file(path, Path(given)):
            raise ImpastoError(f"output {path} would overwrite an input")
    kept = images.kept_metadata(content) if keep_metadata else None
    interval = get_preset(options["preset"]).save_every if save_every is None else save_every
    shares = blend or [1.0] * len(styles)
    if len(shares) != len(styles):
        raise ImpastoError(f"--blend has {len(shares)} numbers for {len(styles)} styles")
    where, what = _each("--mask", masks, len(styles)), _each("--style-mask", regions, len(styles))
    placed = [Style(*parts) for parts in zip(styles, shares, where, what, strict=False)]
    with OptimizeProgress(quiet) as progress:

        def on_plan(plan: Plan) -> None:
            progress.note(plan.describe())

        def on_step(step: Step) -> None:
            progress.update(step)
            if interval and step.iteration % interval == 0 and step.iteration < step.iterations:
                snapshot = path.with_stem(f"{path.stem}-{step.iteration:04}")
                try:
                    images.save(step.preview(), snapshot, quality, kept)
                except ImpastoError as error:  # a full disk must not cost the run
                    progress.note(str(error))
                else:
                    progress.note(f"iteration {step.iteration}: {describe(step)} → {snapshot}")

        result = optimize(content, placed, **options, progress=not quiet, callback=on_step, on_plan=on_plan)
    try:
        images.save(result.picture, path, quality, kept)
    except KeyboardInterrupt:  # pressed once too often: the picture is worth the second it takes
        images.save(result.picture, path, quality, kept)
    _report(result, path, options["preset"], as_json, quiet)
    return _exit_code(result)


def _each(flag: str, files: tuple[str, ...], count: int) -> Any:
    """One file a style: given so, or the same for all, or none."""
    if len(files) <= 1:
        return repeat(files[0] if files else None)
    if len(files) != count:
        raise ImpastoError(f"{flag} is given {len(files)} times for {count} styles: once for all, or once a style")
    return files


def _report(result: Result, path: Path, preset: str, as_json: bool, quiet: bool) -> None:
    if result.stopped:
        click.echo(f"impasto: {result.stopped}; the picture so far is in {path}", err=True)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "output": str(path),
                    "size": list(result.picture.size),
                    "seconds": round(result.seconds, 3),
                    "iterations": result.iterations,
                    "content_loss": result.losses.content,
                    "style_loss": result.losses.style,
                    "tv_loss": result.losses.tv,
                    "total_loss": result.losses.total,
                    "preset": preset,
                    "seed": result.seed,
                    "device": result.plan.device,
                    "precision": result.plan.precision,
                    "tile": result.plan.tile,
                    "stopped": result.stopped,
                }
            )
        )
    elif not quiet:
        width, height = result.picture.size
        click.echo(f"{path}  {width}×{height}  {result.iterations} iterations in {result.seconds:.1f} s")


def _exit_code(result: Result) -> int:
    if result.stopped is None:
        return 0
    return 130 if result.stopped == "interrupted" else 1
