"""`impasto styles`: what comes with Impasto."""

from __future__ import annotations

from dataclasses import asdict

import click

from ..styles import list_styles
from .output import echo_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array on stdout.")
def command(as_json: bool) -> None:
    """List the styles that come with Impasto."""
    styles = list_styles()
    if as_json:
        echo_json([asdict(about) for about in styles])
        return
    width = max((len(about.name) for about in styles), default=0)
    for about in styles:
        painter = ", ".join(part for part in (about.artist, about.year) if part)
        click.echo(f"{about.name:<{width}}  {about.title}{f' ({painter})' if painter else ''}")
