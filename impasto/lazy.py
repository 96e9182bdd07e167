"""Packages whose names are imported when they are used: importing the package takes neither torch nor time."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping


def attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """A package's `__getattr__` (PEP 562). homes: public name → the submodule that defines it."""

    def attribute(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(importlib.import_module(f".{homes[name]}", package), name)

    return attribute
