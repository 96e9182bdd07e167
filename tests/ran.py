"""What a call in a test came to, of the command line or of Python, and how a refused one ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest

from impasto.errors import ImpastoError


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


# pytest explains no assertions of modules that are no tests, so that these say themselves what they have compared.


def assert_refused(ran: Ran, message: str) -> None:
    """The command line ended with code 2 and one line on stderr, in which `message`, a pattern, is found."""
    assert ran.code == 2, ran
    assert ran.out == "", ran
    assert re.fullmatch(r"impasto: [^\n]+\n", ran.err), ran
    assert re.search(message, ran.err), (message, ran)


def assert_raises_line(call: Callable[[], object], message: str) -> None:
    """The call raises an ImpastoError of one line, in which `message`, a pattern, is found."""
    with pytest.raises(ImpastoError) as caught:
        call()
    told = str(caught.value)
    assert re.search(message, told), (message, told)
    assert len(told.splitlines()) == 1, told
