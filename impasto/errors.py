"""The one public exception."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable


class ImpastoError(Exception):
    """Something the user can mend: its message is one line that says what is wrong and how to mend it."""


def unknown(kind: str, name: str, known: Iterable[str]) -> ImpastoError:
    """The error for a name that is not in a table: it names the nearest right ones, or else all of them."""
    names = {one.casefold(): one for one in known}
    nearest = [names[one] for one in difflib.get_close_matches(str(name).casefold(), names, n=3, cutoff=0.5)]
    everything = ", ".join(names.values()) or "none at all"
    hint = f"did you mean {', '.join(nearest)}?" if nearest else f"choose from {everything}"
    return ImpastoError(f"unknown {kind} '{name}': {hint}")


def check_number(name: str, value: object, low: float, high: float = math.inf) -> None:
    """Raise `ImpastoError` unless `value` is a finite number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise ImpastoError(f"{name} must be a number, not {value!r}")
    if not low <= float(value) <= high:
        bounds = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
        raise ImpastoError(f"{name} must be {bounds}, not {float(value):g}")


def check_integer(name: str, value: object, low: int, high: float = math.inf) -> None:
    """Raise `ImpastoError` unless `value` is an integer in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ImpastoError(f"{name} must be a whole number, not {value!r}")
    check_number(name, value, low, high)


def one_line(text: object) -> str:
    """A message in one line, whatever names it holds."""
    return " ".join(str(text).split())


def reason(error: BaseException) -> str:
    """What another library's error says, in one line."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
