"""A machine with more to do than cores: what several runs beside each other take, against one alone.

    pip install '.[train]'
    python benchmarks/busy.py [--works optimize train stylize web] [--at-once 4] [--rounds 5] [--unshared]

Whole processes, on the examples. In each round one runs alone, then several run at once; where torch computes, one runs
alone before them with torch's own number of threads set by OMP_NUM_THREADS, which Impasto keeps: that is what sharing
the cores costs who has them all. `--unshared` has several run at once like that, too (once, for it takes long). `web`
is ONNX Runtime Web in Node.js, with as many threads as in a browser (needs `npm --prefix web ci`). Reported are medians
of seconds, and the medians of the ratios within a round with their range. The aims: at most 4.6 for four at once, and
at most 1.03 for one alone. Nothing else may run meanwhile.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch
from PIL import Image

from impasto.styles import style_files

ROOT = Path(__file__).parents[1]
PHOTO, PAINTING = ROOT / "examples" / "astronaut.jpg", ROOT / "examples" / "after-van-gogh.jpg"
STYLE = "great-wave"
WORKS = ("optimize", "train", "stylize", "web")
WITH_TORCH = ("optimize", "train")
ITERATIONS, CROPS, CROP = 8, 10, 256  # of the training: few, since it paints the photographs held out as often
LARGE = 3000  # px: the long side of what is stylized
WEB = f"""
import {{ readFileSync }} from "node:fs";
import * as ort from "{ROOT.as_posix()}/web/node_modules/onnxruntime-web/dist/ort.node.min.mjs";
ort.env.wasm.numThreads = {min(8, os.cpu_count() or 1)};
const model = readFileSync("{style_files()[STYLE].as_posix()}");
const session = await ort.InferenceSession.create(model, {{ executionProviders: ["wasm"] }});
const image = new ort.Tensor("float32", new Float32Array(3 * 512 * 512).fill(0.5), [1, 3, 512, 512]);
const strength = new ort.Tensor("float32", [1], [1]);
for (let index = 0; index < 8; index++) await session.run({{ image, strength }});
process.exit(0);
"""


def command(work: str, given: Path, folder: Path, size: int, preset: str) -> list[str | Path]:
    """One run. given: the folder of what it reads; folder: an empty one for what it writes."""
    impasto: list[str | Path] = [sys.executable, "-m", "impasto", work]
    if work == "optimize":
        return [*impasto, PHOTO, PAINTING, "-q", "--size", str(size), "--preset", preset, "-o", folder / "out.jpg"]
    if work == "stylize":
        return [*impasto, given / "large.jpg", "-q", "--style", STYLE, "-o", folder / "out.jpg"]
    if work == "train":
        return [*impasto, PAINTING, "-q", "--content", given / "content", "--iterations", str(ITERATIONS),
                "--run-folder", folder / "run", "-o", folder / "out.onnx"]  # fmt: skip
    return ["node", given / "web.mjs"]


def seconds(works: Sequence[list[str | Path]], threads: int | None = None) -> float:
    """From the start of all to the end of the last one. threads: as OMP_NUM_THREADS sets them."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    start = time.perf_counter()
    processes = [subprocess.Popen(work, env=environment, stdout=subprocess.DEVNULL) for work in works]
    codes = [process.wait() for process in processes]
    if any(codes):
        sys.exit(f"{' '.join(map(str, works[0]))} ended with {codes}")
    return time.perf_counter() - start


def measure(work: str, arguments: argparse.Namespace, folder: Path) -> str:
    """A row of the table."""

    def run(count: int, threads: int | None = None) -> float:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            places = [Path(name, str(index)) for index in range(count)]
            for place in places:
                place.mkdir()
            works = [command(work, folder, place, arguments.size, arguments.preset) for place in places]
            return seconds(works, threads)

    own = torch.get_num_threads()
    run(1)  # files are in memory from here on
    unshared, alone, several = list[float](), list[float](), list[float]()
    for _ in range(arguments.rounds):
        if work in WITH_TORCH:
            unshared.append(run(1, own))
        alone.append(run(1))
        several.append(run(arguments.at_once))
    cells = [work, f"{median(alone):.1f}", f"{median(several):.1f}", spread(several, alone), "", ""]
    if work in WITH_TORCH:
        cells[4] = spread(alone, unshared)
        cells[5] = f"{run(arguments.at_once, own) / median(unshared):.1f}" if arguments.unshared else ""
    return f"| {' | '.join(cells)} |"


def spread(these: Sequence[float], those: Sequence[float]) -> str:
    """Of the ratios round by round, the median (least to greatest)."""
    ratios = [this / that for this, that in zip(these, those, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", nargs="+", choices=WORKS, default=WORKS)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=384, help="of `impasto optimize`")
    parser.add_argument("--preset", default="fast", help="of `impasto optimize`")
    parser.add_argument("--unshared", action="store_true")
    arguments = parser.parse_args()
    many = f"{arguments.at_once} at once"
    print(f"{os.cpu_count()} cores, torch's own number of threads: {torch.get_num_threads()}")
    print(f"| | alone, s | {many}, s | {many} / alone | alone / unshared | unshared, {many} / alone |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "web.mjs").write_text(WEB)
        photo = Image.open(PHOTO)
        photo.resize((LARGE, LARGE * photo.height // photo.width)).save(folder / "large.jpg", quality=90)
        (folder / "content").mkdir()
        for index in range(CROPS):
            left, top = 8 * index, 8 * (CROPS - index)
            photo.crop((left, top, left + CROP, top + CROP)).save(folder / "content" / f"{index}.jpg", quality=95)
        for work in arguments.works:
            print(measure(work, arguments, folder), flush=True)


if __name__ == "__main__":
    main()
