"""Trains all styles that come with Impasto at once, on one GPU.

    pip install '.[train]'
    python benchmarks/train_styles.py DATA [--minutes 9] [--processes 5] [--only NAME …] [--output runs/styles]

DATA holds `content/` (photographs) and `style/` (paintings). Losses, network and learning rate are those of `impasto
train` (the recipe `default`; content weights in shipped.py). What differs keeps a GPU busy: a process trains several
networks on the same photographs, which are read and seen by the loss network once for all, in larger batches and crops
(`RECIPE`), and looks at the losses only every ten seconds. The averaged weights at the end are the result, not the
best. OUTPUT gets a style model each, and each minute the weights so far.
"""

from __future__ import annotations

import argparse
import copy
import math
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from shipped import SHIPPED, Shipped
from torch import Tensor
from torch.multiprocessing.spawn import spawn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from impasto.networks import create_network
from impasto.perception.compute import choose_precision
from impasto.perception.loss_network import LossNetwork
from impasto.perception.weights import load_weights
from impasto.styles.export import export
from impasto.styles.model import About
from impasto.training import TRAINING_PRESETS
from impasto.training.perceptual import BatchLosses, perceptual_loss, weave
from impasto.training.photographs import Crops, Photographs
from impasto.training.schedule import crop_side, learning_rate

# A GPU wants more pixels at once than a CPU: larger crops sooner, and by their side, photographs in a batch.
RECIPE = replace(TRAINING_PRESETS["default"], crops=((0.1, 128), (0.5, 256), (0.4, 384)))
BATCH_SIZES = {128: 12, 256: 8, 384: 4}
HELD_OUT, SEED = 16, 0
SAVE_SECONDS = 60.0


class Batches(IterableDataset[NDArray[np.uint8]]):
    """Endless batches of crops, (B, 3, side, side), as large as `progress` asks for when they are begun.

    offset, step: every step-th batch of the sequence from `offset` on, for each process other ones.
    """

    def __init__(self, crops: Crops, progress: Any, spare: int, offset: int, step: int) -> None:
        self.crops, self.progress, self.spare, self.offset, self.step = crops, progress, spare, offset, step

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        worker = get_worker_info()
        index, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        largest = max(BATCH_SIZES.values())
        number = self.offset * workers + index
        while True:
            side = crop_side(RECIPE, self.progress.value)
            places = range(number * largest, number * largest + BATCH_SIZES[side])
            batch = [self.crops.at(place, side + self.spare) for place in places]
            yield np.ascontiguousarray(np.stack(batch).transpose(0, 3, 1, 2))
            number += self.step * workers


class Student:
    """A network that learns one style. `trainer.Trainer` has the same step, for one network."""

    def __init__(self, name: str, style: Shipped, data: Path, loss_network: LossNetwork, device: torch.device) -> None:
        self.name, self.style, self.recipe = name, style, style.recipe()
        self.loss = perceptual_loss(loss_network, self.recipe, style.picture(data))
        torch.manual_seed(SEED)
        self.network = create_network(RECIPE.network).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.train()
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), RECIPE.learning_rate, RECIPE.betas, fused=device.type == "cuda"
        )
        self.losses: BatchLosses | None = None
        self.broken = torch.zeros((), device=device)  # batches without finite gradients

    def paint(self, network: torch.nn.Module, photos: Tensor, strength: Tensor) -> Tensor:
        with torch.autocast(photos.device.type, self.loss.network.dtype, self.loss.network.dtype != torch.float32):
            painted: Tensor = network(photos, strength)
        return painted.float()

    def step(
        self, photos: Tensor, seen: Any, content: dict[str, Tensor], strength: Tensor, progress: float, iteration: int,
        random: np.random.Generator,
    ) -> None:  # fmt: skip
        """Learn from a batch, without waiting for its loss."""
        self.network.vary(random)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, progress)
        painted = self.paint(self.network, photos, strength)[seen]
        self.losses = self.loss(painted, content, strength**3)
        objective = self.losses.total + self.recipe.weave_weight * weave(painted, self.network.multiple)
        self.optimizer.zero_grad(set_to_none=True)
        objective.backward()  # type: ignore[no-untyped-call]
        # What is not finite would stay so. To look would be to wait: it is counted, and taken as zero.
        gradients = [parameter.grad for parameter in self.network.parameters() if parameter.grad is not None]
        self.broken += ~torch.isfinite(torch.nn.utils.get_total_norm(gradients))
        for gradient in gradients:
            gradient.nan_to_num_(0.0, 0.0, 0.0)
        self.optimizer.step()
        decay = min(self.recipe.averaging, (1 + iteration) / (10 + iteration))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - decay)

    @torch.no_grad()
    def validate(self, photos: Tensor, content: dict[str, Tensor]) -> BatchLosses:
        """Of the averaged weights."""
        return self.loss(self.paint(self.average, photos, photos.new_ones(photos.shape[0])), content)

    def about(self, images_seen: int, losses: BatchLosses) -> About:
        """What the style model says of itself."""
        return About(
            self.name, self.style.title, self.style.artist, self.style.year, self.style.source, "CC0-1.0",
            RECIPE.network, "default", images_seen=images_seen, content_loss=losses.content.item(),
            style_loss=losses.style.item(), validation_loss=losses.total.item(),
        )  # fmt: skip


def to_photos(batch: NDArray[np.uint8] | Tensor, device: torch.device) -> Tensor:
    """(B, 3, H, W) of uint8 → of floats in [0, 1], as convolutions like them."""
    return (torch.as_tensor(batch).to(device).float() / 255).contiguous(memory_format=torch.channels_last)


def work(rank: int, names: list[list[str]], deadline: float, options: argparse.Namespace) -> None:
    """One process: trains the networks of `names[rank]` until the deadline."""
    device, output = torch.device(options.device), options.output
    torch.set_num_threads(2)
    progress = multiprocessing.get_context("fork").Value("d", 0.0)
    crops = Crops(Photographs(options.data / "content"), SEED, RECIPE.zoom, HELD_OUT)
    spare = create_network(RECIPE.network).spare
    reader = DataLoader(
        Batches(crops, progress, spare, rank, len(names)), batch_size=None, num_workers=options.readers,
        prefetch_factor=4, multiprocessing_context="fork",
    )  # fmt: skip
    # Before this process has anything to do with the GPU, which a fork would not survive.
    batches: Iterator[Any] = iter(reader)
    loss_network = LossNetwork(
        load_weights(RECIPE.loss_network), RECIPE.pooling, RECIPE.padding, device, choose_precision(device)
    )
    students = [Student(name, SHIPPED[name], options.data, loss_network, device) for name in names[rank]]
    batches = chain([next(batches)], batches)  # the clock starts when there is something to learn from
    began = said = saved = time.time()
    iteration, seen_images = 0, 0
    while True:
        now = time.time()
        progress.value = share = min(1.0, (now - began) / max(1.0, deadline - began))
        if share >= 1:
            break
        photos = to_photos(next(batches), device)
        random = np.random.default_rng((SEED, rank, iteration))
        strength = np.where(random.random(len(photos)) < RECIPE.weakened, random.random(len(photos)), 1.0)
        strength_ = torch.from_numpy(strength.astype(np.float32)).to(device)
        seen = (..., *students[0].network.seen(random))
        content = students[0].loss.content_features(photos[seen])
        for student in students:
            student.step(photos, seen, content, strength_, share, iteration, random)
        iteration, seen_images = iteration + 1, seen_images + len(photos)
        if now - said > 10 or iteration == 1:
            said = now
            values = "  ".join(
                f"{student.name} {student.losses.content.item():.3f} {student.losses.style.item():.4f}"
                f"{f' ({student.broken.item():.0f} broken)' if student.broken.item() else ''}"
                for student in students if student.losses is not None
            )  # fmt: skip
            print(f"{share:4.0%}  iteration {iteration}, {seen_images} photographs of {photos.shape[-1]} px: {values}",
                  flush=True)  # fmt: skip
        if now - saved > SAVE_SECONDS:
            saved = now
            torch.save({student.name: student.average.state_dict() for student in students}, output / f"{rank}.pt")
    torch.save({student.name: student.average.state_dict() for student in students}, output / f"{rank}.pt")
    photos = to_photos(np.ascontiguousarray(crops.validation(256).transpose(0, 3, 1, 2)), device)
    content = students[0].loss.content_features(photos)
    for student in students:
        losses = student.validate(photos, content)
        if not math.isfinite(losses.total.item()):
            print(f"{student.name}: the loss is not finite", flush=True)
            continue
        about = export(student.average, student.about(seen_images, losses), output / f"{student.name}.onnx")
        print(f"{about.name}: {seen_images} photographs, {iteration} batches, content {about.content_loss:.3f}, "
              f"style {about.style_loss:.4f}, validation {about.validation_loss:.4f}", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--readers", type=int, default=2, help="processes that read photographs, for each")
    parser.add_argument("--only", nargs="+", default=list(SHIPPED))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--output", type=Path, default=Path("runs/styles"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    count = min(options.processes, len(options.only))
    names = [options.only[rank::count] for rank in range(count)]
    spawn(work, (names, time.time() + 60 * options.minutes, options), nprocs=count)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
