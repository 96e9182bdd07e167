"""Trains the styles that come with Impasto, one after the other, on one GPU (or, slower, on a CPU).

    pip install '.[train]'
    python benchmarks/bundle.py DATA BUNDLE
    python benchmarks/train_styles.py train BUNDLE [--minutes 9] [--only NAME …] [--from FOLDER] [--output runs/styles]
    python benchmarks/train_styles.py export runs/styles   # at home: a style model of each, which needs `onnx`

For film, to hold still what the styles that come with Impasto paint:

    python benchmarks/train_styles.py unpack runs/shipped  # at home: NAME.pt of each, which needs `onnx`
    python benchmarks/train_styles.py train BUNDLE --from runs/shipped --stability WEIGHT [--learning-rate 5e-4]

Losses, network, steps and learning rate are those of `impasto train` (the recipe `default`; content weights in
shipped.py). On a GPU steps are recorded, photographs lie in its memory, and results are looked at every ten seconds.
The styles share the minutes equally. The averaged weights at the end are the result: OUTPUT gets them every minute
(NAME.pt), with the losses on held-out photographs at the end. FOLDER holds NAME.pt to go on from. With `--stability`
the averaged network's stability loss on a few held-out photographs is printed, too, whatever moves them; the weight
rises during the first fifth of the time, as the strokes are there already.
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
from impasto.networks import ImageTransformationNetwork, create_network
from impasto.perception.compute import Compute, available_memory, choose_device, choose_precision
from impasto.perception.loss_network import LossNetwork
from impasto.perception.weights import load_weights
from impasto.training import TRAINING_PRESETS, TrainingPreset
from impasto.training.motion import random_motion
from impasto.training.perceptual import perceptual_loss
from impasto.training.photographs import Crops, Photographs
from impasto.training.resident import ResidentCrops
from impasto.training.schedule import learning_rate, stability_weight
from impasto.training.single_painting import SinglePainting
from impasto.training.step import Batch, Learner

RECIPE = replace(TRAINING_PRESETS["default"], batch_size=8)  # a GPU wants more pixels at once
SIDE = 336  # px of its crops
HELD_OUT, SEED = 16, 0
SAVE_SECONDS, LOOK_SECONDS = 60.0, 10.0
RAMP = (0.0, 0.2)  # of the stability's weight, for networks that paint already


class Training:
    """What the styles share: photographs, the loss network, the device."""

    def __init__(
        self, data: Path, device: str, output: Path, start: Path | None, recipe: TrainingPreset = RECIPE
    ) -> None:
        chosen = choose_device(device)
        self.compute = Compute(chosen, choose_precision(chosen))
        self.data, self.output, self.start, self.recipe = data, output, start, recipe
        self.crops = Crops(Photographs(data / "content"), SEED, recipe.zoom, HELD_OUT)
        self.resident = ResidentCrops(self.crops, chosen, min(8 * 10**9, available_memory(chosen) // 4))
        self.loss_network = LossNetwork(
            load_weights(recipe.loss_network), recipe.pooling, recipe.padding, chosen, self.compute.dtype
        )
        held_out: Tensor = torch.from_numpy(np.ascontiguousarray(self.crops.validation(256).transpose(0, 3, 1, 2)))
        self.held_out = held_out.to(chosen).float() / 255
        self.held_out_motion = random_motion(np.random.default_rng((SEED, 5)), len(held_out), 256, chosen)

    def train(self, name: str, style: Shipped, seconds: float, side: int = SIDE) -> dict[str, float]:
        """One style, for some seconds."""
        recipe = replace(self.recipe, content_weight=style.content_weight)
        loss = perceptual_loss(self.loss_network, recipe, style.picture(self.data))
        torch.manual_seed(SEED)
        start = {} if self.start is None or not (file := self.start / f"{name}.pt").exists() else _load(file)
        kind, seen_before = start.get("kind", recipe.network), int(start.get("found", {}).get("images_seen", 0))
        network = create_network(kind)
        if start:
            network.load_state_dict(start["network"])
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
            if weight := stability_weight(recipe, share):
                motion = random_motion(random, count, side + network.spare, self.compute.device)
                batch = replace(
                    batch, next_photos=motion.next_frame(batch.photos), flow=motion.flow,
                    stability=torch.tensor(weight),
                )  # fmt: skip
            averaging = min(recipe.averaging, (1 + iteration) / (10 + iteration))
            learned = learner.step(batch, learning_rate(recipe, share), averaging)
            iteration += 1
            if (now := time.perf_counter()) - said > LOOK_SECONDS or iteration == 1:
                said = now
                values = "  ".join(f"{key} {value.item():.4f}" for key, value in learned.losses._asdict().items())
                if recipe.stability_weight:
                    values += f"  unstable {self._unstable(objective, learner.average, 4):.4f}"
                finite = "" if learned.finite else "  gradients that are not finite"
                print(f"{name} {share:4.0%}  {iteration * count} photographs  {values}{finite}", flush=True)
            if now - saved > SAVE_SECONDS:
                saved = now
                _save(self.output, name, kind, learner.average)
        content, style_loss, _, total = self._losses(objective, learner.average)
        images_seen = seen_before + iteration * count
        found = {"images_seen": images_seen, "content_loss": content, "style_loss": style_loss, "total": total}
        _save(self.output, name, kind, learner.average, found)
        return found | {"unstable": self._unstable(objective, learner.average, HELD_OUT)}

    @torch.no_grad()
    def _losses(self, objective: SinglePainting, network: torch.nn.Module) -> list[float]:
        """content, style, tv and total on photographs that nothing is learned from."""
        found = []
        for photo in torch.split(self.held_out, 1):
            painted = objective.paint(network, photo, photo.new_ones(1))
            losses = objective.loss(painted, objective.loss.content_features(photo))
            found.append([value.item() for value in losses])
        return [float(value) for value in np.mean(found, 0)]

    @torch.no_grad()
    def _unstable(self, objective: SinglePainting, network: ImageTransformationNetwork, count: int) -> float:
        """The stability loss on the first of these photographs, which always move alike."""
        photos, motions = self.held_out[:count], self.held_out_motion
        found = [
            objective.unstable(network, photos[row : row + 1], motions.of(slice(row, row + 1))).item()
            for row in range(len(photos))
        ]
        return float(np.mean(found))


def _save(
    folder: Path, name: str, kind: str, network: torch.nn.Module, found: Mapping[str, float] | None = None
) -> None:
    """NAME.pt of a network of a kind in `networks.NETWORKS`. found: images seen and losses, if it is finished."""
    buffer = io.BytesIO()
    torch.save({"kind": kind, "network": network.state_dict(), "found": dict(found or {})}, buffer)
    write_atomically(folder / f"{name}.pt", buffer.getvalue())


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
        kind = saved.get("kind", RECIPE.network)
        network = create_network(kind)
        network.load_state_dict(saved["network"])
        about = About(
            file.stem, style.title, style.artist, style.year, style.source, "CC0-1.0", kind, "default",
            images_seen=int(found.get("images_seen", 0)), content_loss=found.get("content_loss"),
            style_loss=found.get("style_loss"), validation_loss=found.get("total"),
        )  # fmt: skip
        export(network, about, file.with_suffix(".onnx"))
        print(file.with_suffix(".onnx"))


def unpack_all(folder: Path) -> None:
    """NAME.pt of each style that comes with Impasto, to go on from."""
    from impasto.styles import find_style
    from impasto.styles.export import load_network

    folder.mkdir(parents=True, exist_ok=True)
    for name in SHIPPED:
        network, about = load_network(find_style(name))
        _save(folder, name, about.network, network, {"images_seen": about.images_seen})
        print(folder / f"{name}.pt", about.network)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    exporting = commands.add_parser("export")
    exporting.add_argument("folder", type=Path)
    unpacking = commands.add_parser("unpack")
    unpacking.add_argument("folder", type=Path)
    training = commands.add_parser("train")
    training.add_argument("data", type=Path)
    training.add_argument("--minutes", type=float, default=9.0)
    training.add_argument("--only", nargs="+", default=list(SHIPPED))
    training.add_argument("--side", type=int, default=SIDE, help="of the crops in px")
    training.add_argument("--batch-size", type=int, default=RECIPE.batch_size)
    training.add_argument("--learning-rate", type=float, default=RECIPE.learning_rate)
    training.add_argument("--stability", type=float, default=0.0, metavar="WEIGHT", help="of the stability loss")
    training.add_argument("--device", default="auto")
    training.add_argument("--from", dest="start", type=Path, help="folder of NAME.pt")
    training.add_argument("--output", type=Path, default=Path("runs/styles"))
    options = parser.parse_args()
    if options.command == "export":
        export_all(options.folder)
        return
    if options.command == "unpack":
        unpack_all(options.folder)
        return
    options.output.mkdir(parents=True, exist_ok=True)
    recipe = replace(
        RECIPE, batch_size=options.batch_size, learning_rate=options.learning_rate, stability_weight=options.stability,
        stability_ramp=RAMP,
    )  # fmt: skip
    shared = Training(options.data, options.device, options.output, options.start, recipe)
    for name in options.only:
        found = shared.train(name, SHIPPED[name], 60 * options.minutes / len(options.only), options.side)
        print(f"{name}: " + "  ".join(f"{key} {value:g}" for key, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
