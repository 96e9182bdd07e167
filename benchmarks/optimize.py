"""Impasto's iterative method against pastiche (PyPI), the same photographs and paintings, in one go.

    python benchmarks/optimize.py DATA --weights DATA/vgg16-caffe.safetensors

DATA holds `large/` (photographs) and `style/` (paintings). The peer runs in an environment of its own, made on the
first call. Reported for each pair:

- seconds and peak memory of whole processes: the peer's 1,000 default steps, Impasto's `default` and `fast`;
- their ratio, as the median of paired rounds (peer, default, fast, peer, …): one round times the peer's step as the
  difference of two short runs, because a full run takes a quarter of an hour;
- content and style distance of the finished pictures under a neutral objective that none of them optimises:
  relative content loss on relu4_2 and relative Gram loss on relu1_1 … relu5_1 of VGG-16, the mean of max and average
  pooling. The picture of the peer's full run is kept in the output folder and used again.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import venv
from pathlib import Path
from statistics import mean, median

import torch
from process import Usage, run

from impasto import images
from impasto.images.tiling import windows
from impasto.optimizing.objective import Objective, StyleImage
from impasto.perception.loss_network import LossNetwork
from impasto.perception.terms import Terms
from impasto.perception.weights import load_weights

# None of these pairs was looked at while the presets were tuned.
PAIRS = (
    ("roman-colosseum", "vangogh-wheat-field-with-cypresses"),
    ("perched-osprey", "seurat-chahut"),
    ("the-spices-of-life", "picabia-udnie"),
)
PEER_STEPS = 1000
SHORT, LONG = 3, 13  # steps of the two short runs of the peer
TERMS = Terms({"relu4_2": 1.0}, {f"relu{b}_1": 0.2 for b in range(1, 6)}, "relative", "gram", 1.0, 1.0, 0.0)


def peer_environment(folder: Path) -> Path:
    """A virtual environment with pastiche and this environment's torch version."""
    program = folder / "bin" / "pastiche"
    if not program.exists():
        venv.create(folder, with_pip=True)
        version = torch.__version__.partition("+")[0]
        subprocess.run([folder / "bin" / "pip", "install", "-q", f"torch=={version}", "pastiche==1.6.0"], check=True)
    return program


def peer(program: Path, content: Path, style: Path, size: int, output: Path, steps: int) -> Usage:
    """A run of pastiche with its defaults, but for the size and the number of steps."""
    return run(
        [str(program), "--content", str(content), "--styles", str(style), "--size", str(size), "--seed", "0",
         "--num-steps", str(steps), "--no-verbose", "--output", str(output)]
    )  # fmt: skip


def impasto(content: Path, style: Path, size: int, output: Path, preset: str) -> Usage:
    """A run of Impasto's command line."""
    return run(
        [sys.executable, "-m", "impasto", "optimize", str(content), str(style), "-o", str(output),
         "--size", str(size), "--preset", preset, "--json", "--quiet"]
    )  # fmt: skip


def distances(weights: Path, content: Path, style: Path, result: Path) -> tuple[float, float]:
    """Content and style distance of a picture under the neutral objective."""
    picture = images.load(result)
    width, height = picture.size
    photo, painting = images.load(content).resized((width, height)), images.load(style)
    scale = math.sqrt(width * height / (painting.size[0] * painting.size[1]))
    painting = painting.resized((round(painting.size[0] * scale), round(painting.size[1] * scale)))
    found = []
    for pooling in ("max", "average"):
        network = LossNetwork(load_weights("vgg16", weights), pooling)
        objective = Objective(
            network, TERMS, images.to_tensor(photo.pixels), [StyleImage(images.to_tensor(painting.pixels))],
            windows(height, width, None, 0), [windows(painting.size[1], painting.size[0], None, 0)],
        )  # fmt: skip
        found.append(objective.losses(images.to_tensor(picture.pixels)))
    return mean(loss.content for loss in found), mean(loss.style for loss in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, required=True, help="VGG-16 of the neutral objective")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--presets", nargs="+", default=["default", "fast"])
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    program = peer_environment(arguments.output / "peer-environment")
    names = ["pastiche", *arguments.presets]
    ratio = f"pastiche / it, median of {arguments.rounds} (range)"
    print(f"| pair | method | seconds | peak GB | {ratio} | content | style |")
    print("|---|---|---|---|---|---|---|")
    for photo, painting in PAIRS:
        content, style = arguments.data / "large" / f"{photo}.jpg", arguments.data / "style" / f"{painting}.jpg"
        pictures = {name: arguments.output / f"{photo}--{painting}--{name}.png" for name in names}
        if not pictures["pastiche"].exists():
            peer(program, content, style, arguments.size, pictures["pastiche"], PEER_STEPS)
        wholes: list[Usage] = []
        usages: dict[str, list[Usage]] = {name: [] for name in arguments.presets}
        ratios: dict[str, list[float]] = {name: [] for name in arguments.presets}
        scratch = arguments.output / "scratch.png"
        for _ in range(arguments.rounds):
            short, long = (peer(program, content, style, arguments.size, scratch, n) for n in (SHORT, LONG))
            step = (long.seconds - short.seconds) / (LONG - SHORT)
            wholes.append(Usage(short.seconds + step * (PEER_STEPS - SHORT), long.peak_gb))
            for name in arguments.presets:
                usage = impasto(content, style, arguments.size, pictures[name], name)
                usages[name].append(usage)
                ratios[name].append(wholes[-1].seconds / usage.seconds)
        for name in names:
            far, off = distances(arguments.weights, content, style, pictures[name])
            runs, ratio = wholes, "1"
            if name in ratios:
                runs = usages[name]
                ratio = f"{median(ratios[name]):.0f} ({min(ratios[name]):.0f}-{max(ratios[name]):.0f})"
            seconds, peak = median(run.seconds for run in runs), max(run.peak_gb for run in runs)
            print(f"| {photo} × {painting} | {name} | {seconds:.1f} | {peak:.2f} | {ratio} | {far:.3f} | {off:.4f} |")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
