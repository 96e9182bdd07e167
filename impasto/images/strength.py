"""How much of the photograph shows through."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T", float, "Tensor")


def unpainted_share(strength: T) -> T:
    """The photograph's share of a stylized image at a strength in [0, 1], which the graph mixes itself.

    It falls quickly, so that what differs between strengths above a half is how it is painted, not how much of the
    photograph shows through.
    """
    return (1 - strength) ** 4
