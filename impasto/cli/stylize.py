"""`impasto stylize`: the fast method on the command line."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from .. import images
from ..batch import Done, Job, find_jobs, run_jobs
from ..errors import ImpastoError
from ..images import Picture
from ..stylization import Stylizer, check_options
from .options import option_of
from .progress import CountProgress

_option = option_of(Stylizer.picture)
_loading = option_of(Stylizer)
PIPE = "-"


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--style", required=True, metavar="NAME|FILE",
              help="A style that comes with Impasto (impasto styles lists them), or a style model's .onnx file.")
@click.option("-o", "--output", metavar="OUT", help="The picture to write, or the folder for several; NAME-STYLE or "
              "FOLDER-STYLE in the working folder by default. - is stdout.")
@_option("--strength", type=float, help="0 is the photograph, 1 the full style.")
@_option("--style-scale", type=float, help="Stroke size: 2 doubles it.")
@_option("--size", type=int, help="Long side of the result in px; the photograph's by default.")
@click.option("--preserve-color", flag_value="luminance", help="Keep the photo's colours: paint only its luminance.")
@click.option("--match-color", "preserve_color", flag_value="match", help="Move the painted colours to the photo's.")
@_option("--mask", metavar="FILE", help="White where the style goes; the photo stays elsewhere.")
@click.option("--quality", type=click.IntRange(1, 100), default=images.DEFAULT_QUALITY, show_default=True,
              help="Of JPEG, WebP, AVIF and HEIC.")
@_loading("--runtime", help="openvino, onnxruntime or auto.")
@_loading("--precision", help="auto (bfloat16 where the processor computes in it) or float32.")
@click.option("--overwrite", is_flag=True, help="Of several images: do those again whose result is there already.")
@click.option("--ray", "on_ray", is_flag=True, help="Have a Ray cluster stylize one folder or bucket (s3://…) into "
              "another, -o; it goes on where it was interrupted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a picture on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")
def command(
    inputs: tuple[str, ...],
    style: str,
    output: str | None,
    quality: int,
    runtime: str,
    precision: str,
    overwrite: bool,
    on_ray: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Paint photographs in a style, each in one pass of its network.

    INPUT is an image, a folder (searched recursively, its tree is kept), or - for stdin.

    \b
    impasto stylize photo.jpg --style great-wave
    impasto stylize photo.jpg --style great-wave --strength 0.6 --style-scale 1.5 -o out.png
    impasto stylize photos/ --style mine.onnx -o painted/
    cat photo.jpg | impasto stylize - --style great-wave > out.jpg
    """
    check_options(options["strength"], options["style_scale"], options["size"], options["preserve_color"])
    if on_ray:
        return _on_ray(inputs, output, style, as_json, quiet, quality=quality, overwrite=overwrite, runtime=runtime,
                       precision=precision, **options)  # fmt: skip
    if PIPE in inputs:
        if len(inputs) > 1:
            raise ImpastoError("- is stdin, one image: it cannot be one of several")
        return _pipe(style, output, quality, runtime, precision, as_json, quiet, options)
    if output == PIPE:
        raise ImpastoError("-o - writes to stdout what - reads from stdin; give a file")
    name = Path(style).stem
    jobs = find_jobs([Path(given) for given in inputs], None if output is None else Path(output), name)
    several = len(jobs) > 1 or Path(inputs[0]).is_dir()
    stylizer = Stylizer(style, runtime=runtime, precision=precision)
    with CountProgress("stylizing", quiet) as progress:
        finished: list[Done] = []

        def on_done(done: Done) -> None:
            finished.append(done)
            if several:
                progress.update(len(finished), len(jobs))
            if as_json:
                click.echo(_as_json(done, stylizer))
            if done.error and several:
                progress.note(f"impasto: {done.error}")

        run_jobs(
            jobs, stylizer, options, quality, overwrite or not several, on_done,
            lambda share: progress.update(len(finished) + share, len(jobs)) if share < 1 else None,
        )  # fmt: skip
    return _report(finished, several, stylizer, as_json, quiet)


def _report(finished: list[Done], several: bool, stylizer: Stylizer, as_json: bool, quiet: bool) -> int:
    failed = [done for done in finished if done.error]
    if not several:
        if failed:
            raise ImpastoError(str(failed[0].error))
        if not quiet and not as_json:
            click.echo(_line(finished[0], stylizer))
        return 0
    if not quiet and not as_json:
        made = [done for done in finished if done.size]
        there = sum(done.skipped for done in finished)
        skipped = f", {there} were there already (--overwrite does them again)" if there else ""
        seconds = sum(done.seconds for done in made)
        pictures = "picture" if len(made) == 1 else "pictures"
        click.echo(f"{len(made)} {pictures} in {seconds:.1f} s{skipped}{f', {len(failed)} failed' if failed else ''}")
    if failed:
        click.echo(f"impasto: {len(failed)} of {len(finished)} images failed", err=True)
    return 1 if failed else 0


def _line(done: Done, stylizer: Stylizer) -> str:
    width, height = done.size or (0, 0)
    return f"{done.job.target}  {width}×{height}  {stylizer.about.name}  {done.seconds:.2f} s  {stylizer.runtime}"


def _as_json(done: Done, stylizer: Stylizer) -> str:
    values: dict[str, Any] = {"input": str(done.job.source), "output": str(done.job.target)}
    if done.size:
        values |= {"size": list(done.size), "seconds": round(done.seconds, 4)}
    values |= {"style": stylizer.about.name, "runtime": stylizer.runtime}
    if done.error:
        values["error"] = done.error
    return json.dumps(values | ({"skipped": True} if done.skipped else {}), ensure_ascii=False)


def _on_ray(
    inputs: tuple[str, ...], output: str | None, style: str, as_json: bool, quiet: bool, **options: Any
) -> int:
    if len(inputs) != 1 or output is None:
        raise ImpastoError("--ray needs one folder or bucket, and another for the results: -o FOLDER")
    from ..ray_batch import stylize_with_ray

    result = stylize_with_ray(inputs[0], output, style, **options)
    if as_json:
        click.echo(json.dumps(asdict(result), ensure_ascii=False))
    elif not quiet:
        click.echo(f"{output}  {result.made} made, {result.skipped} there already, {len(result.failed)} failed")
    for name, why in result.failed.items():
        click.echo(f"impasto: {name}: {why}", err=True)
    return 1 if result.failed else 0


def _pipe(
    style: str,
    output: str | None,
    quality: int,
    runtime: str,
    precision: str,
    as_json: bool,
    quiet: bool,
    options: dict[str, Any],
) -> int:
    """From stdin to stdout or a file."""
    to_stdout = output in (None, PIPE)
    if to_stdout and as_json:
        raise ImpastoError("stdout takes the picture: --json needs a file, -o FILE")
    target = None if to_stdout else images.check_output(str(output))
    data = sys.stdin.buffer.read()
    if not data:
        raise ImpastoError("no image on stdin")
    stylizer = Stylizer(style, runtime=runtime, precision=precision)
    start = time.perf_counter()
    picture: Picture = stylizer.picture(data, **options)
    if target is None:
        sys.stdout.buffer.write(images.encode(picture, "JPEG" if data[:2] == b"\xff\xd8" else "PNG", quality))
        sys.stdout.buffer.flush()
        return 0
    images.save(picture, target, quality)
    done = Done(Job(Path(PIPE), target), picture.size, time.perf_counter() - start)
    if as_json:
        click.echo(_as_json(done, stylizer))
    elif not quiet:
        click.echo(_line(done, stylizer))
    return 0
