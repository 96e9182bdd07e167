"""Command line options that are a function's parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Any], Any]


def option_of(function: Callable[..., object]) -> Callable[..., Decorator]:
    """`click.option` for options that are named like a parameter of `function`: its default is theirs."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}

    def option(*flags: str, **settings: Any) -> Decorator:
        default = defaults[max(flags, key=len).removeprefix("--").replace("-", "_")]
        shown = default is not None and default != ""
        return click.option(*flags, default=default, show_default=shown, **settings)

    return option
