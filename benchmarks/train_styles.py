"""Trains the styles that come with Impasto, one after the other, on one GPU (or, slower, on a CPU).

    pip install '.[train]'
    python benchmarks/bundle.py DATA BUNDLE
    python benchmarks/train_styles.py train BUNDLE [--minutes 9] [--only NAME …] [--from FOLDER] [--output runs/styles]
    python benchmarks/train_styles.py export runs/styles   # at home: a style model of each, which needs `onnx`

Losses, network, steps and learning rate are those of `impasto train` (the recipe `default`; content weights in
shipped.py). On a GPU steps are recorded, photographs lie in its memory, and results are looked at every ten seconds.
The styles share the minutes equally. The averaged weights at the end are the result: OUTPUT gets them every minute
(NAME.pt), with the losses on held-out photographs at the end. FOLDER holds NAME.pt to go on from.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from shipped import SHIPPED, Shipped
from torch import Tensor

from impasto.files import write_atomically
from impasto.networks import create_network
from impasto.perception.compute import Compute, available_memory, choose_device, choose_precision
from impasto.perception.loss_network import LossNetwork
from impasto.perception.weights import load_weights
from impasto.training import TRAINING_PRESETS
from impasto.training.perceptual import perceptual_loss
from impasto.training.photographs import Crops, Photographs
from impasto.training.resident import ResidentCrops
from impasto.training.schedule import learning_rate
from impasto.training.single_painting import SinglePainting
from impasto.training.step import Batch, Learner

RECIPE = replace(TRAINING_PRESETS["default"], batch_size=8)  # a GPU wants more pixels at once
SIDE = 336  # px of its crops
HELD_OUT, SEED = 16, 0
SAVE_SECONDS, LOOK_SECONDS = 60.0, 10.0


class Training:
    """What the styles share: photographs, the loss network, the device."""

    def __init__(self, data: Path, device: str, output: Path, start: Path | None) -> None:
        chosen = choose_device(device)
        self.compute = Compute(chosen, choose_precision(chosen))
        self.data, self.output, self.start = data, output, start
        self.crops = Crops(Photographs(data / "content"), SEED, RECIPE.zoom, HELD_OUT)
        self.resident = ResidentCrops(self.crops, chosen, min(8 * 10**9, available_memory(chosen) // 4))
        self.loss_network = LossNetwork(
            load_weights(RECIPE.loss_network), RECIPE.pooling, RECIPE.padding, chosen, self.compute.dtype
        )

    def train(self, name: str, style: Shipped, seconds: float, side: int = SIDE) -> dict[str, float]:
        """One style, for some seconds."""
        recipe = replace(RECIPE, content_weight=style.content_weight)
        loss = perceptual_loss(self.loss_network, recipe, style.picture(self.data))
        torch.manual_seed(SEED)
        network = create_network(recipe.network)
        if self.start is not None and (self.start / f"{name}.pt").exists():
            network.load_state_dict(_load(self.start / f"{name}.pt")["network"])
        network = network.to(self.compute.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        objective = SinglePainting(network, loss)
        learner = Learner(network, objective, recipe, self.compute)
        count, iteration = recipe.batch_size, 0
        began = said = saved = time.perf_counter()
        while (share := (time.perf_counter() - began) / seconds) < 1:
            random = np.random.default_rng((SEED, 4, iteration))
            network.vary(random)
            weak = random.random(count) < recipe.weakened
            batch = Batch(
                self.resident.batch(iteration * count, count, side + network.spare),
                torch.from_numpy(np.where(weak, random.random(count), 1.0).astype(np.float32)),
                torch.tensor(network.seen(random)),
            )
            averaging = min(recipe.averaging, (1 + iteration) / (10 + iteration))
            learned = learner.step(batch, learning_rate(recipe, share), averaging)
            iteration += 1
            if (now := time.perf_counter()) - said > LOOK_SECONDS or iteration == 1:
                said = now
                values = "  ".join(f"{key} {value.item():.4f}" for key, value in learned.losses._asdict().items())
                finite = "" if learned.finite else "  gradients that are not finite"
                print(f"{name} {share:4.0%}  {iteration * count} photographs  {values}{finite}", flush=True)
            if now - saved > SAVE_SECONDS:
                saved = now
                self._save(name, learner.average)
        content, style_loss, _, total = self._held_out(objective, learner.average)
        found = {"images_seen": iteration * count, "content_loss": content, "style_loss": style_loss, "total": total}
        self._save(name, learner.average, found)
        return found

    def _save(self, name: str, network: torch.nn.Module, found: Mapping[str, float] | None = None) -> None:
        buffer = io.BytesIO()
        torch.save({"network": network.state_dict(), "found": dict(found or {})}, buffer)
        write_atomically(self.output / f"{name}.pt", buffer.getvalue())

    @torch.no_grad()
    def _held_out(self, objective: SinglePainting, network: torch.nn.Module) -> list[float]:
        """content, style, tv and total on photographs that nothing is learned from."""
        photos: Tensor = torch.from_numpy(np.ascontiguousarray(self.crops.validation(256).transpose(0, 3, 1, 2)))
        found = []
        for photo in torch.split(photos.to(self.compute.device).float() / 255, 1):
            painted = objective.paint(network, photo, photo.new_ones(1))
            losses = objective.loss(painted, objective.loss.content_features(photo))
            found.append([value.item() for value in losses])
        return [float(value) for value in np.mean(found, 0)]


def _load(file: Path) -> dict[str, Any]:
    """What `Training` saved."""
    loaded: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return loaded


def export_all(folder: Path) -> None:
    """A style model of each NAME.pt in a folder."""
    from impasto.styles.export import export
    from impasto.styles.model import About

    for file in sorted(folder.glob("*.pt")):
        style, saved = SHIPPED[file.stem], _load(file)
        found = saved["found"]  # empty, if the training was interrupted
        network = create_network(RECIPE.network)
        network.load_state_dict(saved["network"])
        about = About(
            file.stem, style.title, style.artist, style.year, style.source, "CC0-1.0", RECIPE.network, "default",
            images_seen=int(found.get("images_seen", 0)), content_loss=found.get("content_loss"),
            style_loss=found.get("style_loss"), validation_loss=found.get("total"),
        )  # fmt: skip
        export(network, about, file.with_suffix(".onnx"))
        print(file.with_suffix(".onnx"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    exporting = commands.add_parser("export")
    exporting.add_argument("folder", type=Path)
    training = commands.add_parser("train")
    training.add_argument("data", type=Path)
    training.add_argument("--minutes", type=float, default=9.0)
    training.add_argument("--only", nargs="+", default=list(SHIPPED))
    training.add_argument("--side", type=int, default=SIDE, help="of the crops in px")
    training.add_argument("--device", default="auto")
    training.add_argument("--from", dest="start", type=Path, help="folder of NAME.pt")
    training.add_argument("--output", type=Path, default=Path("runs/styles"))
    options = parser.parse_args()
    if options.command == "export":
        export_all(options.folder)
        return
    options.output.mkdir(parents=True, exist_ok=True)
    shared = Training(options.data, options.device, options.output, options.start)
    for name in options.only:
        found = shared.train(name, SHIPPED[name], 60 * options.minutes / len(options.only), options.side)
        print(f"{name}: " + "  ".join(f"{key} {value:g}" for key, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
