"""`impasto export`: a style model in the format of an app."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from ..styles.conversion import FORMATS, convert
from .options import option_of

option = option_of(convert)


class Size(click.ParamType[tuple[int, int]]):
    """WIDTHxHEIGHT, or one number for a square."""

    name = "px"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """See click."""
        if isinstance(value, tuple):
            return value
        width, _, height = str(value).lower().replace("×", "x").partition("x")
        try:
            return int(width), int(height or width)
        except ValueError:
            self.fail(f"{value} is no size: WIDTHxHEIGHT, such as 640x480", param, ctx)


@click.command()
@click.argument("style")
@click.option("--format", required=True, type=click.Choice(list(FORMATS)), help="What to write.")
@click.option("-o", "--output", help="By default STYLE and the format's suffix, in this folder.")
@option("--size", type=Size(), metavar="WIDTHxHEIGHT", help="What it will paint, where the format wants to know.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def command(style: str, format: str, output: str | None, size: tuple[int, int], as_json: bool) -> None:
    """Write STYLE, a name or a style model's file, in the format of an app, and compare it with torch.

    \b
    impasto export great-wave --format openvino                # .xml and .bin; any size
    impasto export great-wave --format coreml --size 640x480   # .mlpackage, iOS 16 and macOS 13 on
    impasto export great-wave --format litert                  # .tflite
    impasto export great-wave --format executorch              # .pte
    """
    done = convert(style, format, output, size)
    if as_json:
        click.echo(json.dumps(asdict(done) | {"output": str(done.output)}))
        return
    painted = f"{done.size[0]}×{done.size[1]} px" if done.size else "any size"
    if done.difference is None:
        compared = "not compared: it does not run on this machine"
    else:
        compared = f"{done.difference[0]:.2f} of 255 from torch at most, {done.difference[1]:.3f} on average"
    click.echo(f"{done.output}  {painted}  {done.bytes / 1e6:.1f} MB  {compared}")
