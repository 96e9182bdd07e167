"""What commands print on stdout."""

from __future__ import annotations

import codecs
import json
import sys

import click


def echo_json(value: object) -> None:
    """Print one line of JSON; where stdout cannot hold every character, in ASCII."""
    name = getattr(sys.stdout, "encoding", None) or "ascii"
    click.echo(json.dumps(value, ensure_ascii=codecs.lookup(name).name != "utf-8"))
