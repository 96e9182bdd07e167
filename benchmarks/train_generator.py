"""Trains the style generator, on one GPU or, slower, on a CPU.

    pip install '.[train]'
    python benchmarks/bundle.py DATA BUNDLE
    python benchmarks/train_generator.py BUNDLE [--minutes 9] [--from FILE] [--output runs/generator]

One painting in twenty, by a hash of its name, is held out: nothing is learned from it. The template begins as a shipped
style's network, unless `--from` gives a generator.pt to go on from. OUTPUT gets the averaged weights every two minutes
(generator.pt); at the end losses on held-out paintings are printed, and sheet.jpg shows them.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from impasto import images
from impasto.errors import ImpastoError
from impasto.files import write_atomically
from impasto.images import Picture
from impasto.networks.generator import PAINTING_SIDE, StyleGenerator
from impasto.perception.compute import Compute, available_memory, choose_device, choose_precision
from impasto.perception.loss_network import LossNetwork
from impasto.perception.threads import fit_threads, sharing_cores
from impasto.perception.weights import load_weights
from impasto.training import TRAINING_PRESETS
from impasto.training.any_painting import AnyPainting, recolored
from impasto.training.photographs import Crops, Photographs
from impasto.training.resident import Resident, ResidentCrops
from impasto.training.schedule import learning_rate
from impasto.training.step import Batch, Learner

RECIPE = replace(TRAINING_PRESETS["default"], content_weight=0.18, learning_rate=1e-3, averaging=0.999)
# (until which share of the time, px of the crops), photographs in a batch, new paintings in each, paintings kept,
# paintings that principal directions are found from
SETTINGS = {
    "cuda": (((1.0, 272),), 12, 4, 96, 300),
    "cpu": (((0.5, 176), (1.0, 240)), 4, 1, 48, 96),
}
ZOOM = 1.35
HELD_OUT, SEED = 16, 0
SAVE_SECONDS, LOOK_SECONDS = 120.0, 10.0


def held_out(name: str) -> bool:
    """Whether nothing is learned from a painting: one in twenty, by a hash of its file's name without suffix."""
    return hashlib.sha256(name.encode()).digest()[0] < 13


def painting_files(data: Path) -> list[Path]:
    """All of a bundle's, in an order that is always the same."""
    return sorted((data / "paintings").iterdir())


def _paintings(files: list[Path], device: torch.device) -> Resident:
    def load(index: int) -> Picture | None:
        try:
            return images.load(files[index], "painting")
        except ImpastoError as error:
            print(error, flush=True)
            return None

    return Resident(load, len(files), PAINTING_SIDE, PAINTING_SIDE * 3 // 2, device)


class Training:
    """The generator, what it learns from, and where."""

    def __init__(self, data: Path, device: str, start: Path | None) -> None:
        chosen = choose_device(device)
        self.device, self.compute = chosen, Compute(chosen, choose_precision(chosen))
        self.sides, self.count, self.new, self.kept, based_on = SETTINGS["cuda" if chosen.type == "cuda" else "cpu"]
        self.crops = Crops(Photographs(data / "content"), SEED, RECIPE.zoom, HELD_OUT)
        self.photographs = ResidentCrops(self.crops, chosen, min(8 * 10**9, available_memory(chosen) // 4))
        files = painting_files(data)
        self.paintings = _paintings([file for file in files if not held_out(file.stem)], chosen)
        self.held_out = _paintings([file for file in files if held_out(file.stem)], chosen)
        print(f"{len(self.paintings)} paintings, {len(self.held_out)} held out", flush=True)
        torch.manual_seed(SEED)
        generator = StyleGenerator()
        saved = torch.load(start or data / "template.pt", map_location="cpu", weights_only=True)
        self.seen = saved.pop("seen", 0)  # photographs, by this training and those before it
        _, foreign = generator.load_state_dict(saved, strict=False)  # a template alone lacks the rest
        if foreign:
            raise SystemExit(f"{start} is no generator")
        print(f"begins after {self.seen} photographs", flush=True)
        generator = generator.to(chosen).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        network = LossNetwork(
            load_weights(RECIPE.loss_network), RECIPE.pooling, RECIPE.padding, chosen, self.compute.dtype
        )
        order = np.random.default_rng(SEED).permutation(len(self.paintings))[:based_on]
        sample = [self._painting(self.paintings, int(index))[0] for index in order]
        self.objective = AnyPainting(generator, network, RECIPE, sample, self.kept)
        self.learner = Learner(generator, self.objective, RECIPE, self.compute)

    def _painting(self, paintings: Resident, index: int) -> Tensor:
        """(1, 3, s, s): the middle of one, as it is."""
        return paintings.cut([index], [paintings.window(index, 1.0, np.random.default_rng(index))], PAINTING_SIDE)

    def batch(self, iteration: int, side: int) -> Batch:
        """What the generator learns from in one step."""
        random = np.random.default_rng((SEED, 4, self.seen))
        template = self.objective.generator.template
        template.vary(random)
        fresh = random.integers(len(self.paintings), size=self.new).tolist()
        windows = [self.paintings.window(index, ZOOM, random) for index in fresh]
        weak = random.random(self.count) < RECIPE.weakened
        return Batch(
            self.photographs.batch(self.seen, self.count, side + template.spare),
            torch.from_numpy(np.where(weak, random.random(self.count), 1.0).astype(np.float32)),
            torch.tensor(template.seen(random)),
            recolored(self.paintings.cut(fresh, windows, PAINTING_SIDE), random),
            torch.arange(self.new) + iteration * self.new % self.kept,
            torch.from_numpy(random.permutation(self.kept)[: self.count]),
        )

    def run(self, seconds: float, output: Path) -> None:
        """Learn for some seconds."""
        began = said = saved = time.perf_counter()
        iteration = 0
        recent = list[tuple[Tensor, ...]]()
        while (share := (time.perf_counter() - began) / seconds) < 1:
            fit_threads()
            side = next(side for until, side in self.sides if share < until)
            averaging = min(RECIPE.averaging, (1 + iteration) / (10 + iteration))
            learned = self.learner.step(self.batch(iteration, side), learning_rate(RECIPE, share), averaging)
            iteration += 1
            self.seen += self.count
            recent.append(tuple(value.clone() for value in learned.losses))
            if (now := time.perf_counter()) - said > LOOK_SECONDS or iteration == 1:
                said = now
                means = torch.tensor([[value.item() for value in one] for one in recent]).mean(0).tolist()
                parts = zip(learned.losses._fields, means, strict=True)
                values = "  ".join(f"{key} {value:.4f}" for key, value in parts)
                finite = "" if learned.finite else "  gradients that are not finite"
                print(f"{now - began:6.0f} s  {iteration} batches  {side} px  {values}{finite}", flush=True)
                recent.clear()
            if now - saved > SAVE_SECONDS:
                saved = now
                self.save(output)
        self.save(output)

    def save(self, output: Path) -> None:
        """The averaged weights."""
        buffer = io.BytesIO()
        torch.save(self.learner.average.state_dict() | {"seen": self.seen}, buffer)
        write_atomically(output / "generator.pt", buffer.getvalue())

    @torch.no_grad()
    def judge(self, output: Path, side: int = 384, shown: int = 16) -> None:
        """Losses on held-out paintings, one held-out photograph each, and pictures of some."""
        photos = torch.from_numpy(np.ascontiguousarray(self.crops.validation(side).transpose(0, 3, 1, 2)))
        photos = photos.to(self.device).float() / 255
        generator, found, rows = self.learner.average.eval(), [], []
        for index in range(len(self.held_out)):
            painting = self._painting(self.held_out, index)
            known = self.objective.know(painting)
            photo = photos[index % len(photos)][None]
            painted = self.objective.paint(generator, photo, photo.new_ones(1), known.observed)
            losses = self.objective.losses(painted, photo, known.targets)
            found.append([value.item() for value in losses])
            if index % max(1, len(self.held_out) // shown) == 0:
                more = [self.objective.paint(generator, photos[k][None], photo.new_ones(1), known.observed)
                        for k in range(3)]  # fmt: skip
                rows.append([torch.nn.functional.interpolate(painting, size=(side, side)), *more])
        content, style, tv, total = np.mean(found, 0)
        print(f"held out: content {content:.4f}  style {style:.4f} (median {np.median(found, 0)[1]:.4f})  "
              f"tv {tv:.4f}  total {total:.4f}", flush=True)  # fmt: skip
        sheet = torch.cat([torch.cat(row, 3) for row in rows], 2)[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy()
        Image.fromarray((255 * sheet + 0.5).astype(np.uint8)).save(output / "sheet.jpg", quality=88)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--from", dest="start", type=Path, help="generator.pt")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path, default=Path("runs/generator"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    with sharing_cores():
        training = Training(options.data, options.device, options.start)
        training.run(60 * options.minutes, options.output)
        training.judge(options.output)


if __name__ == "__main__":
    main()
