"""Several processes train one network: torch's own DistributedDataParallel, as `torchrun` starts it.

A process finds its place in the environment that torchrun sets. Each takes its part of every batch, and the gradients
are averaged, so that a run is the same in one process or many.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import cast

import torch
import torch.distributed as dist
from torch import nn

from ..errors import ImpastoError


@dataclass(frozen=True)
class Processes:
    """This process's place among those of a run."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network whose gradients are averaged over all processes."""
        return nn.parallel.DistributedDataParallel(network) if self.count > 1 else network

    def agree(self, value: float) -> float:
        """The first process's value, in all of them: clocks differ."""
        if self.count == 1:
            return value
        holder: list[object] = [value]
        dist.broadcast_object_list(holder)
        return cast(float, holder[0])

    def share(self, batch_size: int) -> int:
        """This process's part of a batch."""
        if batch_size % self.count:
            raise ImpastoError(f"a batch of {batch_size} cannot be shared equally by {self.count} processes")
        return batch_size // self.count


def join(device: torch.device) -> Processes:
    """Join the processes that torchrun started, or be alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes()
    if not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)  # what NCCL's broadcasts use
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Processes(dist.get_rank(), dist.get_world_size())


def local_device(name: str) -> str:
    """With torchrun, "auto" and "cuda" mean this process's own GPU."""
    rank = os.environ.get("LOCAL_RANK")
    if rank is not None and name in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{rank}"
    return name


def leave() -> None:
    """Part from the others."""
    if dist.is_initialized():
        dist.destroy_process_group()
