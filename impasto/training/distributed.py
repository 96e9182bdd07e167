"""Several processes train one network: torch's own DistributedDataParallel, as `torchrun` starts it.

A process finds its place in the environment that torchrun sets. Each takes its part of every batch, and the gradients
are averaged, so that a run is the same in one process or many; but for batch normalization, which sees one part.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

from ..errors import ImpastoError
from .torchrun import was_started_by_torchrun

T = TypeVar("T")


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

    def agree(self, *values: T) -> tuple[T, ...]:
        """The first process's values, in all of them: clocks and measurements differ."""
        if self.count == 1:
            return values
        holder = [values]
        dist.broadcast_object_list(holder)
        return holder[0]

    def share(self, batch_size: int) -> int:
        """This process's part of a batch."""
        if batch_size % self.count:
            raise ImpastoError(f"a batch of {batch_size} cannot be shared equally by {self.count} processes")
        return batch_size // self.count


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Among the processes that torchrun started, or alone. Parts from them at the end, unless the caller had joined.

    All wait for the first one, which writes files last: if another ended badly before, torchrun would end it, too.
    """
    before = dist.is_initialized()
    try:
        processes = _join(device)
        yield processes
        if processes.count > 1:
            dist.barrier()
    finally:
        if dist.is_initialized() and not before:
            dist.destroy_process_group()


def _join(device: torch.device) -> Processes:
    if not was_started_by_torchrun():
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
