"""One step of a training: what is learned from a batch. On a GPU it is recorded once and then replayed.

A step launches some two thousand small kernels, and a GPU is done with them before Python has asked for the next: a
CUDA graph asks for all of them at once. So nothing in a step waits for a result, and whatever changes from batch to
batch lies in tensors (`Batch`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from ..perception.compute import Compute
from .perceptual import BatchLosses
from .presets import TrainingPreset

WARM_UP = 3  # steps before one is recorded: libraries choose their kernels, and Adam makes its moments

Shapes = tuple[torch.Size | None, ...]


@dataclass
class Batch:
    """A step's inputs, on the device.

    photos: (B, 3, side, side) in [0, 1]. strength: (B,) float32. offset: (2,) rows and columns that the loss's view is
    moved by, see `ImageTransformationNetwork.seen`. Where each photograph has a painting of its own (`any_painting`):
    paintings: (N, 3, h, w) in [0, 1], new ones. places: (N,), where these are kept. chosen: (B,) places of those that
    the photographs are painted after. Where pictures are to hold still (`motion`): next_photos: (B, 3, side, side), the
    photographs moved and with noise. flow: (B, 2, side, side) px, how they moved. stability: (), this loss's weight.
    """

    photos: Tensor
    strength: Tensor
    offset: Tensor
    paintings: Tensor | None = None
    places: Tensor | None = None
    chosen: Tensor | None = None
    next_photos: Tensor | None = None
    flow: Tensor | None = None
    stability: Tensor | None = None

    @property
    def shapes(self) -> Shapes:
        """Of all its tensors: a step is recorded for each."""
        tensors = [getattr(self, field.name) for field in fields(self)]
        return tuple(None if tensor is None else tensor.shape for tensor in tensors)

    def to(self, device: torch.device) -> Batch:
        """On a device, in the layouts that convolutions like."""
        moved = {}
        for field in fields(self):
            if (tensor := getattr(self, field.name)) is not None:
                layout = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
                moved[field.name] = tensor.to(device, non_blocking=True).contiguous(memory_format=layout)
        return Batch(**moved)

    def take(self, other: Batch) -> None:
        """Copy another batch of these shapes to where this one lies."""
        for field in fields(self):
            ours, theirs = getattr(self, field.name), getattr(other, field.name)
            if ours is not None:
                ours.copy_(theirs, non_blocking=True)


class Learned(NamedTuple):
    """What came of a batch, on the device. finite: whether its gradients were."""

    losses: BatchLosses
    finite: Tensor


Learning = TypeVar("Learning", bound=nn.Module)
Objective = Callable[[Batch], tuple[Tensor, BatchLosses]]  # what is minimised, and its parts


class Learner(Generic[Learning]):
    """A module that learns by batches, with Adam and an average over its weights.

    Args:
        module: with its first weights, on the device; they change.
        objective: of a batch, by `module`.
        recipe: Adam's learning rate and betas.
        compute: where.
        record: whether steps may be recorded on a GPU. Not those of several processes.
    """

    def __init__(
        self, module: Learning, objective: Objective, recipe: TrainingPreset, compute: Compute, record: bool = True
    ) -> None:
        self.module, self.objective = module, objective
        self.average = copy.deepcopy(module).eval()
        module.train()
        on_gpu = compute.device.type == "cuda"
        self._device, self._record = compute.device, record and on_gpu
        rate: Any = torch.tensor(recipe.learning_rate, device=compute.device) if on_gpu else recipe.learning_rate
        self.trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(self.trained, rate, recipe.betas, fused=on_gpu, capturable=on_gpu)
        self._share = torch.zeros((), device=compute.device)  # of the latest weights in the average
        self._graphs: dict[Shapes, tuple[torch.cuda.CUDAGraph, Batch, Learned]] = {}
        self._steps: dict[Shapes, int] = {}

    def step(self, batch: Batch, learning_rate: float, averaging: float) -> Learned:
        """Learn from a batch. averaging: decay of the average. What it returns may change with the next step."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(learning_rate)
            else:
                group["lr"] = learning_rate
        self._share.fill_(1 - averaging)
        shapes = batch.shapes
        if shapes in self._graphs:
            graph, inputs, learned = self._graphs[shapes]
            inputs.take(batch)
            graph.replay()
            return learned
        inputs = batch.to(self._device)
        if not self._record:
            return self._learn(inputs)
        self._steps[shapes] = self._steps.get(shapes, 0) + 1
        if self._steps[shapes] <= WARM_UP:
            return self._learn_aside(inputs)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            learned = self._learn(inputs)
        self._graphs[shapes] = graph, inputs, learned
        graph.replay()
        return learned

    def _learn_aside(self, batch: Batch) -> Learned:
        """On another stream, as what is to be recorded wants it."""
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            learned = self._learn(batch)
        torch.cuda.current_stream().wait_stream(aside)
        return learned

    def _learn(self, batch: Batch) -> Learned:
        total, losses = self.objective(batch)
        losses = BatchLosses(*(value.detach() for value in losses))
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        gradients = [parameter.grad for parameter in self.trained if parameter.grad is not None]
        # Gradients are shared: what is not finite in one process is so in all, and they end together.
        finite = torch.isfinite(torch.nn.utils.get_total_norm(gradients))
        if self._record:  # to look would be to wait: what is not finite counts as nothing
            for gradient in gradients:
                gradient.copy_(torch.where(finite, gradient, torch.zeros_like(gradient)))
        elif not finite:
            return Learned(losses, finite)
        self.optimizer.step()
        self._update_average()
        return Learned(losses, finite)

    @torch.no_grad()
    def _update_average(self) -> None:
        """Exponential average over weights."""
        ours, theirs = [], []
        current = self.module.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                ours.append(value)
                theirs.append(current[name])
            else:
                value.copy_(current[name])
        change = torch._foreach_sub(theirs, ours)
        torch._foreach_mul_(change, self._share)
        torch._foreach_add_(ours, change)


def seen(images: Tensor, offset: Tensor, spare: int) -> Tensor:
    """What the loss sees of (B, C, H, W) images that are `spare` px larger, from `offset`'s row and column on."""
    if spare == 0:
        return images
    for axis, start in zip((2, 3), offset, strict=True):
        images = images.index_select(axis, torch.arange(images.shape[axis] - spare, device=images.device) + start)
    return images
