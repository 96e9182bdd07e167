"""`impasto info`: what a style model says of itself."""

from __future__ import annotations

from dataclasses import asdict

import click

from ..styles import find_style
from ..styles.model import read_about
from .output import echo_json


@click.command()
@click.argument("style")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def command(style: str, as_json: bool) -> None:
    """Print what STYLE, a name or a style model's file, says of itself: painting, network, training, losses."""
    about = asdict(read_about(find_style(style)))
    if as_json:
        echo_json(about)
        return
    for name, value in about.items():
        if value not in ("", None):
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            click.echo(f"{name.replace('_', ' '):<16}{' '.join(shown.split())}")
