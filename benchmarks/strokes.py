"""How much of the painting is in a style's pictures: strokes, forms, and sheets to look at.

    pip install '.[train]'
    python benchmarks/strokes.py DATA --weights DATA/vgg16-caffe.safetensors [--style NAME …] [--before FOLDER]
        [--size 712] [--output runs/strokes]

DATA holds `large/` (photographs) and `style/` (paintings). Each photograph is painted by the style that comes with
Impasto, by `impasto optimize` after the same painting (kept in OUTPUT), and by FOLDER/NAME.onnx, an earlier style
model, if there is one. Strokes and forms are `perception.patches.unfound` at 512 and 256 px, by a network that none of
them was painted with (VGG-16 with max pooling); smaller is better. `content` is the relative distance of relu4_2 there.
OUTPUT gets NAME-SIZE.jpg: a row a photograph, the ways side by side.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from statistics import mean

import torch
from fidelity import side_by_side
from shipped import SHIPPED
from torch import Tensor

from impasto import Stylizer, images, optimize
from impasto.images import Picture
from impasto.perception.loss_network import LossNetwork
from impasto.perception.losses import content_loss
from impasto.perception.patches import FORMS, STROKES, unfound
from impasto.perception.weights import load_weights

CONTENT = "relu4_2"
NEW = ("great-wave", "udnie", "starry-night", "scream")


def at(picture: Picture, side: int) -> Tensor:
    """(1, 3, H, W), of so many px in the mean of its sides."""
    width, height = picture.size
    scale = side / math.sqrt(width * height)
    return images.to_tensor(picture.resized((round(width * scale), round(height * scale))).pixels)


@torch.no_grad()
def measured(network: LossNetwork, painting: Picture, photo: Picture, painted: Picture) -> tuple[float, float, float]:
    """Strokes, forms, content."""
    strokes, forms = (unfound(network, at(painting, side), at(painted, side)) for side in (STROKES, FORMS))
    ours, theirs = (network(at(one, STROKES), [CONTENT])[CONTENT] for one in (painted, photo))
    return strokes, forms, content_loss(ours, theirs, "relative").item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, required=True, help="of VGG-16")
    parser.add_argument("--style", dest="styles", nargs="+", default=NEW)
    parser.add_argument("--before", type=Path, help="folder of earlier style models")
    parser.add_argument("--size", type=int, default=712)
    parser.add_argument("--photographs", type=int, default=6)
    parser.add_argument("--output", type=Path, default=Path("runs/strokes"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    network = LossNetwork(load_weights("vgg16", options.weights), "max", "zeros")
    files = sorted((options.data / "large").iterdir())[: options.photographs]
    needed = images.for_long_side(options.size)
    print("| style | way | strokes | forms | content |\n|---|---|---|---|---|")
    for name in options.styles:
        painting = SHIPPED[name].picture(options.data)
        found = dict[str, list[tuple[float, float, float]]]()
        rows = []
        for file in files:
            photo = images.load(file, needed=needed)
            photo = photo.resized(images.fit(photo.size, options.size))
            ways = dict[str, Picture]()
            if options.before is not None:
                ways["before"] = Stylizer(options.before / f"{name}.onnx").picture(photo)
            ways["stylize"] = Stylizer(name).picture(photo)
            kept = options.output / f"{name}-{file.stem}-{options.size}.png"
            if not kept.exists():
                images.save(optimize(photo.to_pil(), painting.to_pil(), size=options.size).picture, kept)
            ways["optimize"] = images.load(kept)
            for way, painted in ways.items():
                found.setdefault(way, []).append(measured(network, painting, photo, painted))
            rows.append(list(ways.values()))
        for way, values in found.items():
            cells = [f"{mean(column):.3f}" for column in zip(*values, strict=True)]
            print(f"| {' | '.join([name, way, *cells])} |", flush=True)
        sheet = side_by_side(rows, tuple(found), options.size)
        sheet.save(options.output / f"{name}-{options.size}.jpg", quality=88)


if __name__ == "__main__":
    main()
