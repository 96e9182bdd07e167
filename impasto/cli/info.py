"""`impasto info`: what a style model says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from ..style_model import read_about


@click.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def command(file: str, as_json: bool) -> None:
    """Print what the style model FILE says of itself: painting, network, training, losses."""
    about = asdict(read_about(file))
    if as_json:
        click.echo(json.dumps(about, ensure_ascii=False))
        return
    for name, value in about.items():
        if value not in ("", None):
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            click.echo(f"{name.replace('_', ' '):<16}{' '.join(shown.split())}")
