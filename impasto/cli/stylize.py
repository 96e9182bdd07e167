"""`impasto stylize`: the fast method on the command line."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import click

from .. import images
from ..errors import ImpastoError
from ..files import read_file, same_file
from ..images.masks import load_mask
from ..stylizing.batch import Done, Job, find_jobs, run_jobs
from ..stylizing.stylization import Stylizer, check_options
from .options import option_of
from .output import echo_json
from .progress import CountProgress

_option = option_of(Stylizer.picture)
_loading = option_of(Stylizer)
PIPE = "-"


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--style", required=True, metavar="NAME|FILE",
              help="A style that comes with Impasto (impasto styles lists them), or a style model's .onnx file.")
@click.option("-o", "--output", metavar="OUT", help="The picture to write, or the folder for several; NAME-STYLE or "
              "FOLDER-STYLE in the working folder by default. - is stdout, where stdin goes by default.")
@_option("--strength", type=float, help="0 is the photograph, 1 the full style.")
@_option("--style-scale", type=float, help="Stroke size: 2 doubles it.")
@_option("--size", type=int, help="Long side of the result in px; the photograph's by default.")
@click.option("--preserve-color", flag_value="luminance", help="Keep the photo's colours: paint only its luminance.")
@click.option("--match-color", "preserve_color", flag_value="match", help="Move the painted colours to the photo's.")
@_option("--mask", metavar="FILE", help="White where the style goes; the photo stays elsewhere.")
@click.option("--quality", type=click.IntRange(1, 100), default=images.DEFAULT_QUALITY, show_default=True,
              help="Of JPEG, WebP, AVIF and HEIC.")
@click.option("--keep-metadata", is_flag=True, help="Keep the photo's date, author, copyright and camera (EXIF).")
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
    keep_metadata: bool,
    runtime: str,
    precision: str,
    overwrite: bool,
    on_ray: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Paint photographs in a style.

    INPUT is an image, a folder (searched recursively, its tree is kept; what is there already stays, however it was
    painted), or - for stdin. -o - writes to stdout, JPEG for a JPEG image, else PNG.

    \b
    impasto stylize photo.jpg --style great-wave
    impasto stylize photo.jpg --style great-wave --strength 0.6 --style-scale 1.5 -o out.png
    impasto stylize photos/ --style mine.onnx -o painted/
    cat photo.jpg | impasto stylize - --style great-wave > out.jpg
    """
    check_options(options["strength"], options["style_scale"], options["size"], options["preserve_color"])
    mask = options["mask"]
    if mask is not None:  # what is wrong with it is told before any work
        options["mask"] = read_file(mask, "mask")
        load_mask(mask, "mask")
    loading = {"runtime": runtime, "precision": precision}
    asked = _Asked(inputs, output, style, mask, quality, keep_metadata, overwrite, as_json, quiet, loading, options)
    if on_ray:
        return _on_ray(asked)
    return _pipe(asked) if PIPE in inputs or output == PIPE else _files(asked)


@dataclass(frozen=True)
class _Asked:
    """What the command line asks for. loading: keywords of `Stylizer`. options: of `Stylizer.picture`."""

    inputs: tuple[str, ...]
    output: str | None
    style: str
    mask: str | None
    quality: int
    keep_metadata: bool
    overwrite: bool
    as_json: bool
    quiet: bool
    loading: dict[str, str]
    options: dict[str, Any]

    def stylizer(self) -> Stylizer:
        return Stylizer(self.style, **self.loading)

    def spare_mask(self, targets: Iterable[Path]) -> None:
        """Refuse to write over it."""
        if self.mask is not None and any(same_file(target, Path(self.mask)) for target in targets):
            raise ImpastoError(f"output {self.mask} would overwrite the mask")

    def say(self, line: str) -> None:
        """For people, if any are to read it."""
        if not self.quiet and not self.as_json:
            click.echo(line)

    def sum_up(self, line: str, failures: Sequence[str], tried: int) -> int:
        """Of several pictures: what was made in a line, then what failed. Returns the exit code."""
        self.say(line)
        for failure in failures:
            click.echo(f"impasto: {failure}", err=True)
        if failures:
            click.echo(f"impasto: {len(failures)} of {tried} images failed", err=True)
        return 1 if failures else 0

    def report_passed_over(self, files: Sequence[PurePath]) -> None:
        """Of what lies in a folder: what looks like a picture and cannot be used."""
        if files and not self.quiet:
            click.echo(f"impasto: passed over {images.summary(files)}", err=True)


# --- three ways to a picture -------------------------------------------------------------------------------


def _files(asked: _Asked) -> int:
    """From files and folders to files."""
    passed_over: list[Path] = []
    jobs = find_jobs(asked.inputs, asked.output, Path(asked.style).stem, passed_over.append)
    asked.spare_mask(job.target for job in jobs)
    several = len(jobs) > 1 or Path(asked.inputs[0]).is_dir()
    stylizer = asked.stylizer()
    finished: list[Done] = []
    interrupted = False
    with CountProgress("stylizing", asked.quiet) as progress:

        def on_done(done: Done) -> None:
            finished.append(done)
            if several:
                progress.update(len(finished), len(jobs))
            if asked.as_json:
                echo_json(_as_json(done, stylizer))

        try:
            run_jobs(
                jobs, stylizer, asked.options, asked.quality, asked.overwrite or not several, on_done,
                lambda share: progress.update(len(finished) + share, len(jobs)) if share < 1 else None,
                asked.keep_metadata,
            )  # fmt: skip
        except KeyboardInterrupt:
            if not finished:
                raise
            interrupted = True
    failures = [done.error for done in finished if done.error]
    if several:
        code = asked.sum_up(_summary(finished), failures, len(finished))
    elif failures:
        raise ImpastoError(failures[0])
    else:
        code = 0
        asked.say(_line(finished[0], stylizer))
    asked.report_passed_over(passed_over)
    if interrupted:
        left = len(jobs) - len(finished)
        again = "" if asked.overwrite else ": the same command goes on"
        click.echo(f"impasto: interrupted with {left} to do{again}", err=True)
    return 130 if interrupted else code


def _on_ray(asked: _Asked) -> int:
    """From a folder or bucket to another."""
    if len(asked.inputs) != 1 or asked.output is None:
        raise ImpastoError("--ray needs one folder or bucket, and another for the results: -o FOLDER")
    from ..stylizing.ray_batch import stylize_with_ray

    with CountProgress("stylizing", asked.quiet) as progress:
        result = stylize_with_ray(
            asked.inputs[0], asked.output, asked.style, quality=asked.quality, keep_metadata=asked.keep_metadata,
            overwrite=asked.overwrite, progress=progress.update, **asked.loading, **asked.options,
        )  # fmt: skip
    if asked.as_json:
        for one in result.images:
            echo_json(one.to_dict())
    failures = [f"{one.input}: {one.error}" for one in result.images if one.error]
    made = len(result.images) - len(failures)
    line = f"{asked.output}  {made} made, {result.skipped} there already, {len(failures)} failed"
    code = asked.sum_up(line, failures, len(result.images))
    asked.report_passed_over([PurePosixPath(name) for name in result.passed_over])
    return code


def _pipe(asked: _Asked) -> int:
    """From stdin or a file to stdout or a file."""
    if len(asked.inputs) > 1:
        raise ImpastoError("- is stdin or stdout, one image: it cannot be one of several")
    asked.spare_mask([Path(asked.output or PIPE)])
    (source,), to_stdout = asked.inputs, asked.output in (None, PIPE)
    if to_stdout and asked.as_json:
        raise ImpastoError("stdout takes the picture: --json needs a file, -o FILE")
    if to_stdout and not sys.stdout:
        raise ImpastoError("stdout is closed: give -o FILE")
    if to_stdout and sys.stdout.isatty():
        raise ImpastoError("stdout is a terminal: send it to a file (> FILE), or give -o FILE")
    target = None if to_stdout else images.check_output(str(asked.output))
    if source != PIPE:
        data = read_file(source, "image")
    elif not (data := sys.stdin.buffer.read() if sys.stdin else b""):
        raise ImpastoError("no image on stdin")
    stylizer = asked.stylizer()
    start = time.perf_counter()
    kind = images.writable_format(target) if target else "JPEG" if data[:2] == b"\xff\xd8" else "PNG"
    fits = partial(images.check_size, format=kind)
    picture = stylizer.picture(data if source == PIPE else source, **asked.options, on_size=fits)
    kept = images.kept_metadata(data) if asked.keep_metadata else None
    if target is None:
        sys.stdout.buffer.write(images.encode(picture, kind, asked.quality, kept))
        sys.stdout.buffer.flush()
        return 0
    images.save(picture, target, asked.quality, kept)
    done = Done(Job(Path(PIPE), target), picture.size, time.perf_counter() - start)
    if asked.as_json:
        echo_json(_as_json(done, stylizer))
    asked.say(_line(done, stylizer))
    return 0


# --- what is told ------------------------------------------------------------------------------------------


def _summary(finished: Sequence[Done]) -> str:
    made = [done for done in finished if done.size]
    there, failed = sum(done.skipped for done in finished), sum(bool(done.error) for done in finished)
    skipped = f", {there} were there already (--overwrite does them again)" if there else ""
    pictures = "picture" if len(made) == 1 else "pictures"
    seconds = sum(done.seconds for done in made)
    return f"{len(made)} {pictures} in {seconds:.1f} s{skipped}{f', {failed} failed' if failed else ''}"


def _line(done: Done, stylizer: Stylizer) -> str:
    width, height = done.size or (0, 0)
    return f"{done.job.target}  {width}×{height}  {stylizer.about.name}  {done.seconds:.2f} s  {stylizer.runtime}"


def _as_json(done: Done, stylizer: Stylizer) -> dict[str, Any]:
    values: dict[str, Any] = {"input": str(done.job.source), "output": str(done.job.target)}
    if done.size:
        values |= {"size": list(done.size), "seconds": round(done.seconds, 4)}
    values |= {"style": stylizer.about.name, "runtime": stylizer.runtime}
    if done.error:
        values["error"] = done.error
    return values | ({"skipped": True} if done.skipped else {})
