"""`impasto sheet`: one photograph in every style."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from .. import images
from ..errors import ImpastoError
from ..files import same_file
from ..stylizing.contact_sheet import sheet
from .options import option_of
from .progress import CountProgress

_option = option_of(sheet)


@click.command()
@click.argument("photo")
@click.option("--style", "styles", multiple=True, metavar="NAME|FILE",
              help="A style or a style model's file; may be repeated. All that come with Impasto by default.")
@click.option("-o", "--output", metavar="OUT", help="The picture to write; PHOTO-styles.jpg by default.")
@_option("--size", type=int, help="Long side of each picture in px.")
@_option("--columns", type=int, help="Pictures in a row; by default so that the sheet is about square.")
@_option("--runtime", help="openvino, onnxruntime or auto.")
@click.option("--quality", type=click.IntRange(1, 100), default=images.DEFAULT_QUALITY, show_default=True,
              help="Of JPEG, WebP, AVIF and HEIC.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")
def command(
    photo: str,
    styles: tuple[str, ...],
    output: str | None,
    size: int,
    columns: int | None,
    runtime: str,
    quality: int,
    quiet: bool,
) -> None:
    """Paint PHOTO in every style that comes with Impasto, on one contact sheet."""
    path = images.check_output(output or f"{Path(photo).stem}-styles.jpg")
    if same_file(path, Path(photo)):
        raise ImpastoError(f"output {path} would overwrite the input")
    fits = partial(images.check_size, format=images.writable_format(path))
    with CountProgress("stylizing", quiet) as progress:
        picture = sheet(
            photo, styles or None, size=size, columns=columns, runtime=runtime, callback=progress.update, on_size=fits
        )
    images.save(picture, path, quality)
    if not quiet:
        click.echo(f"{path}  {picture.size[0]}×{picture.size[1]}")
