"""Sizes of the crops compared: the same few minutes of a warm start, with other shares of small and large crops.

    pip install '.[train]'
    python benchmarks/crops.py DATA --from MODEL [--painting picabia-udnie] [--minutes 4]

DATA holds `content/`, `large/` (photographs) and `style/` (paintings). Reported: photographs seen, the validation loss
(at 256 px), and the mean loss of the photographs in `large/` at 640 px, which none of the crops is as large as.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from impasto import images, train
from impasto.perception.compute import choose_precision
from impasto.perception.loss_network import LossNetwork
from impasto.perception.weights import load_weights
from impasto.styles.export import load_network
from impasto.training import TRAINING_PRESETS
from impasto.training.perceptual import PerceptualLoss, perceptual_loss

LARGE = 640  # px of the long side
CROPS = (
    ((0.5, 128), (0.3, 192), (0.2, 256)),
    ((1.0, 192),),
    ((0.35, 128), (0.65, 256)),
    ((1.0, 256),),
    ((0.3, 128), (0.3, 256), (0.4, 384)),
    TRAINING_PRESETS["default"].crops,
)


@torch.no_grad()
def loss_at_large(model: Path, loss: PerceptualLoss, folder: Path) -> float:
    network = load_network(model)[0].eval()
    found = []
    for file in sorted(folder.glob("*.jpg")):
        photo = images.load(file)
        tensor = images.to_tensor(photo.resized(images.fit(photo.size, LARGE)).pixels)
        found.append(loss(network(tensor), loss.content_features(tensor)).total.item())
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--from", dest="start", required=True, help="style model of another painting")
    parser.add_argument("--painting", default="picabia-udnie")
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--output", type=Path, default=Path("runs/crops"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    painting, recipe, cpu = arguments.data / "style" / f"{arguments.painting}.jpg", TRAINING_PRESETS["default"], "cpu"
    weights, precision = load_weights(recipe.loss_network), choose_precision(torch.device(cpu))
    network = LossNetwork(weights, recipe.pooling, recipe.padding, cpu, precision)
    loss = perceptual_loss(network, recipe, images.load(painting))
    print("| shares of the time and px | photographs | loss at 256 px | at 640 px |")
    print("|---|---|---|---|")
    for number, crops in enumerate(CROPS):
        model = arguments.output / f"{number}.onnx"
        result = train(
            painting, arguments.data / "content", model, preset=replace(recipe, crops=crops), start=arguments.start,
            minutes=arguments.minutes, run=arguments.output / str(number),
        )  # fmt: skip
        assert result.about is not None
        named = ", ".join(f"{share:.0%} {side}" for share, side in crops)
        large = loss_at_large(model, loss, arguments.data / "large")
        print(f"| {named} | {result.images_seen} | {result.about.validation_loss:.4f} | {large:.4f} |", flush=True)


if __name__ == "__main__":
    main()
