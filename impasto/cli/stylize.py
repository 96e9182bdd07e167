"""`impasto stylize`: the fast method on the command line."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import click

from .. import images
from ..errors import ImpastoError
from ..files import read_file
from ..images.masks import load_mask
from ..stylizing.batch import Done, Job, pictures_under
from ..stylizing.stylization import Stylizer, check_options
from . import films
from .films import FilmOptions
from .options import option_of
from .output import echo_json
from .progress import CountProgress
from .stylize_files import Asked, done_as_json, films_on_ray, line_of, stylize_files, write_preview

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
@click.option("--quality", type=click.IntRange(1, 100), help="Of JPEG, WebP, AVIF, HEIC (92 by default) and of video "
              "(90), at which no loss is seen.")
@click.option("--keep-metadata", is_flag=True, help="Keep the photo's date, author, copyright and camera (EXIF).")
@_loading("--runtime", help="openvino, onnxruntime or auto.")
@_loading("--precision", help="auto (bfloat16 where the processor computes in it) or float32.")
@click.option("--from", "start", type=films.Time(), help="Of a film: where to begin, as 12.5, 1:30 or 1:02:03.")
@click.option("--to", "stop", type=films.Time(), help="Of a film: where to end.")
@click.option("--codec", default="auto", show_default=True, help="Of a film: h264, h265, av1, vp9, prores or ffv1.")
@click.option("--rate", type=click.FloatRange(0, 1000, min_open=True), help="Of numbered pictures as a film: how many "
              "a second; 24 by default.")
@click.option("--frame-by-frame", is_flag=True, help="Of a film: do not hold it still.")
@click.option("--preview", is_flag=True, help="Of a film: only write a sheet of a few frames, before and after, and "
              "how much they flicker.")
@click.option("--overwrite", is_flag=True, help="Of several images: do those again whose result is there already.")
@click.option("--ray", "on_ray", is_flag=True, help="Have a Ray cluster stylize one film, shot by shot, or one folder "
              "or bucket (s3://…) into another, -o; it goes on where it was interrupted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a picture on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")
def command(
    inputs: tuple[str, ...],
    style: str,
    output: str | None,
    quality: int | None,
    keep_metadata: bool,
    runtime: str,
    precision: str,
    start: float | None,
    stop: float | None,
    codec: str,
    rate: float | None,
    frame_by_frame: bool,
    preview: bool,
    overwrite: bool,
    on_ray: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Paint photographs and films in a style.

    INPUT is an image, a film (video, an animated GIF, WebP or PNG, or numbered pictures as in frames/%05d.png), a
    folder (searched recursively, its tree is kept; what is there already stays, however it was painted), or - for
    stdin. -o - writes to stdout, JPEG for a JPEG image, else PNG. A film that was interrupted goes on with the same
    command.

    \b
    impasto stylize photo.jpg --style great-wave
    impasto stylize photo.jpg --style great-wave --strength 0.6 --style-scale 1.5 -o out.png
    impasto stylize photos/ --style mine.onnx -o painted/
    impasto stylize film.mp4 --style great-wave --from 0:10 --to 0:25
    cat photo.jpg | impasto stylize - --style great-wave > out.jpg
    """
    check_options(options["strength"], options["style_scale"], options["size"], options["preserve_color"])
    mask = options["mask"]
    if mask is not None:  # what is wrong with it is told before any work
        options["mask"] = read_file(mask, "mask")
        load_mask(mask, "mask")
    loading = {"runtime": runtime, "precision": precision}
    film = FilmOptions(start, stop, rate, codec, quality, frame_by_frame)
    chosen = images.DEFAULT_QUALITY if quality is None else quality
    asked = Asked(
        inputs, output, style, mask, chosen, keep_metadata, overwrite, as_json, quiet, loading, options, film
    )
    if preview:
        return write_preview(asked)
    if on_ray:
        return _on_ray(asked)
    return _pipe(asked) if PIPE in inputs or output == PIPE else stylize_files(asked)


# --- three ways to a picture -------------------------------------------------------------------------------


def _on_ray(asked: Asked) -> int:
    """From a folder or bucket to another, or from a film to another."""
    if len(asked.inputs) == 1 and films.is_named_so(asked.inputs[0]) and not Path(asked.inputs[0]).is_dir():
        return films_on_ray(asked)
    if len(asked.inputs) != 1 or asked.output is None:
        raise ImpastoError("--ray needs one film, or one folder or bucket, and another for the results: -o FOLDER")
    moving = films.installed() and films.lie_in(asked.inputs[0])
    if asked.film.given() and not moving:
        raise ImpastoError(f"{', '.join(asked.film.given())} is for films, of which there is none")
    if not moving:
        return _pictures_on_ray(asked)
    codes = [films_on_ray(asked)]
    if pictures_under(Path(asked.inputs[0]))[0]:
        codes.append(_pictures_on_ray(asked))
    return max(codes)


def _pictures_on_ray(asked: Asked) -> int:
    from ..stylizing.ray_batch import stylize_with_ray

    assert asked.output is not None
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


def _pipe(asked: Asked) -> int:
    """From stdin or a file to stdout or a file."""
    if len(asked.inputs) > 1:
        raise ImpastoError("- is stdin or stdout, one image: it cannot be one of several")
    if films.is_named_so(asked.inputs[0]):
        raise ImpastoError("a film is written to a file, not to stdout: -o FILE")
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
        echo_json(done_as_json(done, stylizer))
    asked.say(line_of(done, stylizer))
    return 0
