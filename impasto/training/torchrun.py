"""This process's place among those that torchrun started. Torch-free."""

from __future__ import annotations

import os

PLACE = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # what torchrun sets


def was_started_by_torchrun() -> bool:
    """Whether this process is one of several."""
    return all(name in os.environ for name in PLACE) and int(os.environ["WORLD_SIZE"]) > 1


def is_first() -> bool:
    """Whether this process writes and talks; the others are silent."""
    return not was_started_by_torchrun() or os.environ["RANK"] == "0"
