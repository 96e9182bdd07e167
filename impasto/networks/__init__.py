"""Image transformation networks by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..errors import unknown
from .base import ImageTransformationNetwork
from .hourglass import HourglassNetwork
from .johnson2016 import Johnson2016
from .shuffle import ShuffleNetwork

__all__ = ["DEFAULT_NETWORK", "NETWORKS", "ImageTransformationNetwork", "create_network"]

NETWORKS: dict[str, Callable[[], ImageTransformationNetwork]] = {
    "johnson2016": Johnson2016,
    "johnson2016-instance": partial(Johnson2016, normalization="instance"),
    "johnson-half": partial(Johnson2016, width=16, normalization="instance"),
    "shuffle": ShuffleNetwork,
    "hourglass": HourglassNetwork,
}
DEFAULT_NETWORK = "hourglass"


def create_network(name: str) -> ImageTransformationNetwork:
    """A new network with random weights (torch's generator)."""
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    return NETWORKS[name]()
