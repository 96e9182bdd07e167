"""`impasto train`: teach a network a painting."""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict
from typing import Any

import click

from ..errors import ImpastoError
from ..networks import NETWORKS
from ..training import TRAINING_PRESETS, TrainingResult, train
from ..training.api import RESUMABLE
from ..training.torchrun import is_first
from .options import option_of
from .progress import TrainingProgress

_option = option_of(train)
_NOT_WITH_RESUME = set(inspect.signature(train).parameters) - set(RESUMABLE)
_PRESETS = "; ".join(f"{name} ({preset.source})" for name, preset in TRAINING_PRESETS.items())


@click.command(epilog="Options without a default take the preset's value.")
@click.argument("painting", required=False)
@click.option("--content", multiple=True, metavar="FOLDER",
              help="Photographs to learn from: a folder, or tar shards. May be repeated.")
@_option("-o", "--output", metavar="FILE", help="The style model to write; PAINTING's name with .onnx by default.")
@_option("--preset", help=f"The recipe: {_PRESETS}.")
@_option("--network", help=f"One of {', '.join(NETWORKS)}.")
@_option("--iterations", type=int, help="Batches to train on.")
@_option("--minutes", type=float, help="Train so long, instead of by iterations.")
@click.option("--from", "start", default=inspect.signature(train).parameters["start"].default, show_default=True,
              metavar="MODEL", help="First weights: a style model's file, scratch, or auto (a style that comes with "
              "Impasto, where one has this network).")
@_option("--resume", metavar="RUN", help="Go on with the interrupted run in this folder.")
@click.option("--run-folder", "run", metavar="FOLDER",  # torchrun would take --run for an abbreviation of its own
              help="For checkpoints, metrics and samples; runs/NAME by default.")
@_option("--content-weight", type=float)
@_option("--style-weight", type=float)
@_option("--tv-weight", type=float, help="Total variation: smoothness.")
@_option("--stability-weight", type=float, help="For film: strokes that hold still; 0 is without.")
@_option("--style-loss", help="See `impasto optimize --help`.")
@_option("--style-scale", type=float, help="Stroke size: 2 doubles it.")
@_option("--batch-size", type=int, help="Photographs in a batch.")
@_option("--learning-rate", type=float)
@_option("--name", help="Of the style; the output's by default.")
@_option("--title", help="Of the painting.")
@_option("--artist")
@_option("--year")
@_option("--source", help="Where the picture of the painting comes from.")
@_option("--licence", help="Of the style model.")
@click.option("--sample", "samples", multiple=True, metavar="PHOTO",
              help="Paint this photograph while training, into the run's folder. May be repeated.")
@_option("--seed", type=int)
@_option("--device", help="auto, cpu, cuda, cuda:1 … or mps.")
@_option("--precision", help="auto, float32 or bfloat16.")
@_option("--loss-network", help="vgg19, vgg16 or vgg19-torchvision.")
@_option("--weights", metavar="FILE", help="The loss network's weights from a file.")
@_option("--checkpoint-minutes", type=float, help="Between checkpoints.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")
@click.pass_context
def command(
    context: click.Context, /, content: tuple[str, ...], as_json: bool, quiet: bool, **options: Any
) -> int:
    """Train a network that paints any photograph in the style of PAINTING, and write it as one file.

    \b
    impasto train painting.jpg --content photos/
    impasto train painting.jpg --content photos/ --minutes 20 -o painting.onnx --title "…" --artist "…"
    impasto train --resume runs/painting
    torchrun --nproc-per-node 4 -m impasto train painting.jpg --content photos/
    """
    if options["resume"]:
        for parameter in context.command.params:
            if parameter.name in _NOT_WITH_RESUME and _was_given(context, parameter.name):
                flag = max(parameter.opts, key=len)
                raise ImpastoError(f"{flag} contradicts --resume: a resumed run goes on with its own settings")
    as_json, quiet = as_json and is_first(), quiet or not is_first()
    with TrainingProgress(quiet) as progress:
        result = train(
            content=list(content) or None, callback=progress.update, note=progress.note, warn=progress.warn,
            progress=not quiet, **options,
        )
    return _report(result, as_json, quiet)


def _was_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _report(result: TrainingResult, as_json: bool, quiet: bool) -> int:
    if as_json:
        click.echo(
            json.dumps(
                {
                    "output": None if result.output is None else str(result.output),
                    "run": str(result.run),
                    "iterations": result.iterations,
                    "images_seen": result.images_seen,
                    "seconds": round(result.seconds, 3),
                    "content_loss": result.validation and result.validation.content,
                    "style_loss": result.validation and result.validation.style,
                    "validation_loss": result.validation and result.validation.total,
                    "skipped": result.skipped,
                    "stopped": result.stopped,
                    "about": None if result.about is None else asdict(result.about),
                }
            )
        )
    elif result.output is not None and not quiet:
        loss = f"  validation loss {result.about.validation_loss:.4g}" if result.about else ""
        click.echo(f"{result.output}  {result.images_seen} photographs in {result.seconds / 60:.1f} min{loss}")
        click.echo(f"{result.run / 'contact-sheet.jpg'} shows how it came about")
    if result.stopped == "interrupted":
        go_on = f"go on with: impasto train --resume {result.run}"
        if is_first():
            click.echo(f"impasto: interrupted after {result.images_seen} photographs; {go_on}", err=True)
        return 130
    if result.stopped is not None:
        if is_first():
            click.echo(f"impasto: {result.stopped}; {result.output} holds the best weights before", err=True)
        return 1
    return 0
