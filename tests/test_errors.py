from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.errors import ImpastoError, check_number, unknown


def test_unknown_names_the_nearest() -> None:
    message = str(unknown("layer", "relu4_l", ["relu1_1", "relu4_1", "pool5", "conv4_1"]))
    assert message.startswith("unknown layer 'relu4_l': did you mean relu4_1")
    assert "pool5" not in message


def test_unknown_does_not_mind_capitals() -> None:
    assert str(unknown("style", "GREAT WAVE", ["great-wave", "udnie"])).endswith("did you mean great-wave?")


def test_unknown_names_at_most_three() -> None:
    message = str(unknown("layer", "relu1_9", [f"relu1_{i}" for i in range(1, 8)]))
    assert message.count("relu1_") == 1 + 3


def test_unknown_names_all_when_none_is_near() -> None:
    assert str(unknown("preset", "zzz", {"default": 1, "fast": 2})) == "unknown preset 'zzz': choose from default, fast"


def test_unknown_is_the_public_exception() -> None:
    assert isinstance(unknown("preset", "a", ["b"]), ImpastoError)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "1", None, True, 1j, [1]])
def test_check_number_refuses_what_is_no_finite_number(value: object) -> None:
    with pytest.raises(ImpastoError, match=r"^strength must be a number, not "):
        check_number("strength", value, 0, 1)


def test_check_number_names_its_bounds() -> None:
    with pytest.raises(ImpastoError, match=r"^strength must be between 0 and 1, not 1\.5$"):
        check_number("strength", 1.5, 0, 1)
    with pytest.raises(ImpastoError, match=r"^style weight must be at least 0, not -1$"):
        check_number("style weight", -1, 0)


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1e6, 1e6),
    st.one_of(st.floats(0, 1e6), st.just(math.inf)),
)
def test_check_number_accepts_exactly_the_interval(value: float, low: float, width: float) -> None:
    high = low + width
    if low <= value <= high:
        check_number("x", value, low, high)
    else:
        with pytest.raises(ImpastoError, match=r"^x must be "):
            check_number("x", value, low, high)
