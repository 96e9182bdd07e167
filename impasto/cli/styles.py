"""`impasto styles`: what comes with Impasto."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from ..styles import list_styles


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array on stdout.")
def command(as_json: bool) -> None:
    """List the styles that come with Impasto."""
    styles = list_styles()
    if as_json:
        click.echo(json.dumps([asdict(about) for about in styles], ensure_ascii=False))
        return
    width = max((len(about.name) for about in styles), default=0)
    for about in styles:
        painter = ", ".join(part for part in (about.artist, about.year) if part)
        click.echo(f"{about.name:<{width}}  {about.title}{f' ({painter})' if painter else ''}")
