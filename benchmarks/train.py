"""Training measured: reading photographs, and the loss against time of `default`, `johnson2016` and warm starts.

    pip install '.[train]'
    python benchmarks/train.py DATA --weights DATA/vgg16-caffe.safetensors --from MODEL

DATA holds `content/`, `large/` (photographs) and `style/` (paintings). Each training is a process of its own on the
same painting; whenever it writes a checkpoint, its averaged weights are kept, and afterwards all are judged by one
validation loss: the `default` preset's, on the photographs that all of them hold out. Reported: images per second from
folders and from shards; of each training, photographs seen, images per second, peak memory, last loss; and
OUTPUT/train.png, loss against time. Trainings that OUTPUT holds are not repeated: run it again to go on.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import process
import torch
from matplotlib.figure import Figure

from impasto import images, pack
from impasto.networks import create_network
from impasto.perception.loss_network import LossNetwork
from impasto.perception.weights import load_weights
from impasto.styles.model import read_about
from impasto.training import TRAINING_PRESETS
from impasto.training.perceptual import PerceptualLoss, perceptual_loss
from impasto.training.photographs import Crops, Photographs

HELD_OUT, SIDE, SEED = 16, 256, 0


@dataclass(frozen=True)
class Training:
    """One curve of the plot."""

    label: str
    minutes: float
    options: list[str]


def reading(folder: Path, shards: Path, side: int, count: int) -> tuple[float, float]:
    """Crops a second from a folder and from shards made of it."""
    if not shards.exists():
        part = shards.with_name(shards.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        pack(folder, part)
        part.rename(shards)
    found = []
    for source in (folder, shards):
        crops = Crops(Photographs(source), SEED, 2.0, 1)
        start = time.perf_counter()
        for position in range(count):
            crops.at(position, side)
        found.append(count / (time.perf_counter() - start))
    return found[0], found[1]


def train(command: list[str], folder: Path, kept: Path) -> None:
    """Train in a process of its own, keeping a copy of each checkpoint, and its peak memory in GB.

    One that was interrupted is begun anew: what is measured is one undisturbed piece.
    """
    for old in (folder, kept):
        shutil.rmtree(old, ignore_errors=True)
    kept.mkdir(parents=True)
    latest, seen = folder / "latest.pt", {0.0}

    def keep() -> None:
        if latest.exists() and latest.stat().st_mtime not in seen:
            seen.add(latest.stat().st_mtime)
            shutil.copy(latest, kept / f"{time.time():.0f}.pt")

    peak = process.run(command, kept / "log.txt", keep).peak_gb
    keep()
    (kept / "peak").write_text(f"{peak:.2f}")


def judge(data: Path, painting: Path) -> tuple[PerceptualLoss, torch.Tensor]:
    """The loss that all trainings are judged by, and its photographs."""
    recipe = TRAINING_PRESETS["default"]
    network = LossNetwork(load_weights(recipe.loss_network), recipe.pooling, recipe.padding)
    crops = Crops(Photographs(data / "content"), SEED, recipe.zoom, HELD_OUT).validation(SIDE)
    photos = torch.from_numpy(np.ascontiguousarray(crops.transpose(0, 3, 1, 2))).float() / 255
    return perceptual_loss(network, recipe, images.load(painting)), photos


@torch.no_grad()
def curve(kept: Path, network: str, loss: PerceptualLoss, photos: torch.Tensor) -> list[tuple[float, float]]:
    """(minutes, loss) of each checkpoint."""
    points = []
    for file in sorted(kept.glob("*.pt")):
        state = torch.load(file, weights_only=True)
        painter = create_network(network).eval()
        painter.load_state_dict(state["average"])
        totals = [loss(painter(photo), loss.content_features(photo)).total.item() for photo in torch.split(photos, 1)]
        points.append((state["seconds"] / 60, float(np.mean(totals))))
    return points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", required=True, help="VGG-16 of the preset johnson2016")
    parser.add_argument("--painting", default="munch-scream")
    parser.add_argument("--minutes", type=float, default=20, help="of the warm start and of johnson2016")
    parser.add_argument("--short-minutes", type=float, default=5, help="of a second, shorter warm start")
    parser.add_argument("--full-minutes", type=float, default=60, help="of default, from scratch")
    parser.add_argument("--from", dest="start", type=Path, required=True, help="style model of another painting")
    parser.add_argument("--output", type=Path, default=Path("runs/train"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, count in (("content", 400), ("large", 24)):
        folder, shards = reading(arguments.data / name, arguments.output / f"shards-{name}", 128, count)
        print(f"reading {name}/: {folder:.0f} crops/s from the folder, {shards:.0f} from shards", flush=True)
    trainings = [
        *(
            Training(f"default, {minutes:g} min from {arguments.start.stem}", minutes, ["--from", str(arguments.start)])
            for minutes in (arguments.minutes, arguments.short_minutes)
        ),
        Training("default", arguments.full_minutes, ["--from", "scratch"]),
        Training("johnson2016", arguments.minutes,
                 ["--from", "scratch", "--preset", "johnson2016", "--weights", arguments.weights]),
    ]  # fmt: skip
    painting = arguments.data / "style" / f"{arguments.painting}.jpg"
    loss, photos = judge(arguments.data, painting)
    axes = (figure := Figure(figsize=(8, 4.5), dpi=110, layout="constrained")).subplots()
    print("| training | minutes | photographs | images/s | peak GB | validation loss |")
    print("|---|---|---|---|---|---|")
    for training in trainings:
        stem = training.label.replace(",", "").replace(" ", "-")
        model, folder, kept = (arguments.output / f"{stem}{end}" for end in (".onnx", "", "-kept"))
        if not model.exists():
            train(
                [sys.executable, "-m", "impasto", "train", str(painting), "--content", str(arguments.data / "content"),
                 "-o", str(model), "--run-folder", str(folder), "--minutes", str(training.minutes), "--seed", str(SEED),
                 "--checkpoint-minutes", str(training.minutes / 20), "--quiet", *training.options],
                folder, kept,
            )  # fmt: skip
        about = read_about(model)
        points = curve(kept, about.network, loss, photos)
        with (folder / "metrics.csv").open(newline="") as file:
            last = list(csv.DictReader(file))[-1]
        rate = float(last["images"]) / float(last["seconds"])
        cells = (
            training.label, f"{training.minutes:g}", last["images"], f"{rate:.1f}", (kept / "peak").read_text(),
            f"{points[-1][1]:.4f}",
        )  # fmt: skip
        print(f"| {' | '.join(cells)} |", flush=True)
        axes.plot(*zip(*points, strict=True), "o-", ms=3, label=training.label)
    axes.set(xlabel="minutes", ylabel="validation loss of the default preset", yscale="log")
    axes.legend()
    figure.savefig(arguments.output / "train.png")


if __name__ == "__main__":
    main()
