"""Image transformation networks compared: the same painting, the same training, then size, speed and pictures.

    pip install '.[train]' openvino
    python benchmarks/networks.py DATA [--iterations 600] [--only shuffle johnson2016 …]

DATA holds `content/` (photographs), `style/` and `large/`. Each network is trained from scratch on the same batches in
the same order by the `default` recipe. Reported:

- parameters, GMAC at 512 × 512 px, validation loss;
- milliseconds at 512 and 1024 px in ONNX Runtime (float32), OpenVINO in float32 and in bfloat16, as `impasto stylize`
  runs them: medians over rounds in which every network runs once in every runtime, so that a busy minute falls on all
  alike;
- OUTPUT/networks.png: the same photographs through all of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.utils.flop_counter import FlopCounterMode

from impasto import Stylizer, images, train
from impasto.networks import NETWORKS, ImageTransformationNetwork, create_network
from impasto.styles.model import INPUT, STRENGTH, read_about
from impasto.stylizing import runtimes

SIZES = (512, 1024)
PHOTOS = ("tea-gardens", "oakland-zoo-otters", "singaporean-cityscape", "perched-osprey")


def multiply_adds(network: ImageTransformationNetwork, side: int) -> float:
    """Of all convolutions, for a square image."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(1, 3, side, side))
    return counter.get_total_flops() / 2


def runners(file: Path, side: int) -> dict[str, Callable[[], Any]]:
    """What to time: runtime → a call that stylizes one image of side × side px."""
    feeds: dict[str, Any] = {INPUT: np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)}
    if read_about(file).adjustable:
        feeds[STRENGTH] = np.ones(1, np.float32)
    calls: dict[str, Callable[[], Any]] = {}
    for runtime, precision in (("onnxruntime", "auto"), ("openvino", "float32"), ("openvino", "auto")):
        model = runtimes.load(file.read_bytes(), file.name, runtime, precision)
        model.run(feeds)
        calls[model.name] = lambda model=model: model.run(feeds)  # type: ignore[misc]
    return calls


def paint(file: Path, photo: images.Picture) -> Image.Image:
    """A photograph through a style model."""
    return Stylizer(file, precision="float32")(photo)


def sheet(files: dict[str, Path], photos: list[images.Picture], output: Path) -> None:
    """One row a photograph, one column a network."""
    columns = {"photograph": [photo.to_pil() for photo in photos]}
    columns |= {name: [paint(file, photo) for photo in photos] for name, file in files.items()}
    width, heights = max(p.size[0] for p in photos), [p.size[1] for p in photos]
    picture = Image.new("RGB", (width * len(columns), sum(heights) + 16), "white")
    draw = ImageDraw.Draw(picture)
    for column, (name, painted) in enumerate(columns.items()):
        draw.text((column * width + 4, 2), name, fill="black")
        for row, one in enumerate(painted):
            picture.paste(one, (column * width, 16 + sum(heights[:row])))
    picture.save(output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--painting", default="hokusai-great-wave")
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", default=list(NETWORKS))
    parser.add_argument("--output", type=Path, default=Path("runs/networks"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    files = {name: arguments.output / f"{name}.onnx" for name in arguments.only}
    for name, file in files.items():
        if not file.exists():
            run = arguments.output / name
            if (run / "latest.pt").exists():
                train(resume=run)
            else:
                painting = arguments.data / "style" / f"{arguments.painting}.jpg"
                train(painting, arguments.data / "content", file, network=name, iterations=arguments.iterations,
                      start="scratch", run=run)  # fmt: skip
            print(f"{name}: validation loss {read_about(file).validation_loss:.4f}", flush=True)
    photos = [images.load(arguments.data / "large" / f"{name}.jpg") for name in PHOTOS]
    sheet(files, [p.resized(images.fit(p.size, 512)) for p in photos], arguments.output / "networks.png")
    seconds: dict[tuple[str, int, str], list[float]] = {}
    for side in SIZES:
        calls = {name: runners(file, side) for name, file in files.items()}
        for round_ in range(arguments.rounds + 1):  # the first warms up
            for name, several in calls.items():
                for runtime, call in several.items():
                    start = time.perf_counter()
                    call()
                    if round_:
                        seconds.setdefault((name, side, runtime), []).append(time.perf_counter() - start)
    names = list(dict.fromkeys(runtime for _, _, runtime in seconds))
    heads = [f"{runtime} {side}² ms" for runtime in names for side in SIZES]
    print(f"| network | parameters | GMAC 512² | {' | '.join(heads)} | validation loss |")
    print("|---" * (len(heads) + 4) + "|")
    for name, file in files.items():
        network = create_network(name)
        size = sum(parameter.numel() for parameter in network.parameters())
        times = [f"{median(seconds[name, side, runtime]) * 1e3:.0f}" for runtime in names for side in SIZES]
        print(
            f"| {name} | {size / 1e3:.0f}k | {multiply_adds(network, 512) / 1e9:.1f} | {' | '.join(times)} "
            f"| {read_about(file).validation_loss:.4f} |"
        )


if __name__ == "__main__":
    main()
