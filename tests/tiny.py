"""A training that takes a second: a tiny network, small crops, the first layers of the loss network.

Started as a program, it is `impasto` with all this registered, for tests that interrupt a process or need several.
"""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from torch import nn

import impasto.training.api
import impasto.training.trainer
from impasto.cli import main
from impasto.networks import NETWORKS
from impasto.networks.shuffle import ShuffleNetwork
from impasto.perception.weights import load_weights
from impasto.styles.model import About
from impasto.training import TRAINING_PRESETS, TrainingPreset
from impasto.training.presets import Level

# Everything is said here, so that no assertion hangs on the values that `default` is tuned to.
RECIPE = TrainingPreset(
    source="tests",
    network="tiny",
    loss_network="vgg19",
    pooling="average",
    padding="replicate",
    levels=(Level(1, {"relu1_1": 0.4, "relu2_1": 0.3, "relu3_1": 0.3}, {"relu3_1": 1.0}),),
    content_loss="relative",
    style_loss="wasserstein-principal",
    content_weight=0.2,
    style_weight=1.0,
    tv_weight=0.5,
    weave_weight=30.0,
    iterations=150,
    batch_size=2,
    crops=((1.0, 64),),
    zoom=1.5,
    painting_size=96,
    learning_rate=5e-3,
    betas=(0.9, 0.99),
    schedule="cosine",
    averaging=0.95,
    weakened=0.25,
)
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "immunohistochemistry")

_cached_weights = functools.cache(load_weights)


@contextmanager
def registered(exports: bool = False, validation_side: int = 64, checks: int = 3) -> Iterator[pytest.MonkeyPatch]:
    """The networks `tiny` and `tiny-2`, the preset `tiny`; weights of the loss network that are read once.

    exports: whether style models are really written, which takes most of a small training's time.
    validation_side, checks: less than usual, for the same reason.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "tiny", functools.partial(ShuffleNetwork, 8, 8, 1, 1, 8))
        patch.setitem(NETWORKS, "tiny-2", functools.partial(ShuffleNetwork, 8, 8, 2, 1, 8))
        patch.setitem(TRAINING_PRESETS, "tiny", RECIPE)
        patch.setattr(impasto.training.trainer, "VALIDATION_SIDE", validation_side)
        patch.setattr(impasto.training.trainer, "CHECKS", checks)
        patch.setattr(impasto.training.api, "load_weights", _cached_weights)
        if not exports:
            patch.setattr(impasto.training.api, "export", _write_name)
        yield patch


def _write_name(_: nn.Module, about: About, path: Path) -> About:
    path.write_text(about.to_json())
    return about


def save_photos(folder: Path, names: tuple[str, ...] = PHOTOS, long_side: int = 240) -> Path:
    """Photographs of scikit-image as JPEG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        image = Image.fromarray(getattr(skimage.data, name)())
        image.thumbnail((long_side, long_side), Image.Resampling.LANCZOS)
        image.save(folder / f"{name}.jpg", quality=92)
    return folder


def noise(seed: int, width: int = 100, height: int = 80) -> Image.Image:
    """A picture that no other seed has."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def start(*arguments: object, cwd: Path, launcher: Sequence[object] = ()) -> subprocess.Popen[str]:
    """`impasto …` as a process of its own, on one thread. launcher: what Python is given to start it with."""
    command = [sys.executable, *map(str, launcher), str(Path(__file__).resolve()), *map(str, arguments)]
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=variables, stdout=pipe, stderr=pipe, text=True, encoding="utf-8")


def free_port() -> int:
    """A TCP port that nothing listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    with registered():
        main(sys.argv[1:])
