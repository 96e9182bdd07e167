"""`impasto pack`: photographs into tar shards."""

from __future__ import annotations

import json

import click

from ..training.photographs import SHARD_QUALITY, SHARD_SIDE, pack
from .progress import CountProgress


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="FOLDER... SHARDS")
@click.option("--size", type=int, default=SHARD_SIDE, show_default=True, help="Short side of the photographs in px.")
@click.option("--quality", type=click.IntRange(1, 100), default=SHARD_QUALITY, show_default=True, help="Of JPEG.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")
def command(sources: tuple[str, ...], size: int, quality: int, as_json: bool, quiet: bool) -> None:
    """Scale the photographs in FOLDER down once and write them into tar shards in the folder SHARDS.

    Training reads shards faster than large photographs: nothing is left to scale down.

    \b
    impasto pack photos/ shards/
    impasto train painting.jpg --content shards/
    """
    *folders, target = sources
    if not folders:
        raise click.UsageError("give a folder of photographs and a folder for the shards")
    with CountProgress("packing", quiet) as progress:
        photographs = pack(folders, target, size, quality, progress.update)
    written = photographs.usable
    if not quiet:
        for name, reason in photographs.skipped.items():
            click.echo(f"skipped {name}: {reason}", err=True)
    if as_json:
        click.echo(json.dumps({"output": target, "photographs": written, "skipped": photographs.skipped}))
    elif not quiet:
        click.echo(f"{target}  {written} photographs, {len(photographs.skipped)} skipped")
