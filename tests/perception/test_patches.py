"""Patches of a painting that are found again, against a computation of its own in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from impasto.perception import patches
from impasto.perception.loss_network import CAFFE, LossNetwork, Weights, conv_names
from impasto.perception.patches import patch_distance, unfound

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def expected(painting: Array, image: Array) -> float:
    def flat(features: Array) -> Array:
        windows = sliding_window_view(features, (3, 3), (1, 2))
        rows = windows.transpose(1, 2, 0, 3, 4).reshape(-1, 9 * len(features))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    return float(np.mean([1 - max(float(one @ other) for other in flat(image)) for one in flat(painting)]))


def features(seed: int, channels: int, height: int, width: int) -> Array:
    return np.random.default_rng(seed).normal(size=(channels, height, width))


@given(st.integers(0, 99), st.integers(1, 5), st.integers(3, 8), st.integers(3, 8))
def test_it_is_the_mean_distance_of_the_nearest(seed: int, channels: int, height: int, width: int) -> None:
    painting, image = features(seed, channels, height, width), features(seed + 1, channels, 6, 7)
    found = patch_distance(torch.from_numpy(painting)[None], torch.from_numpy(image)[None])
    assert found.item() == pytest.approx(expected(painting, image), abs=1e-5)


def test_what_holds_the_painting_is_at_no_distance_wherever_it_holds_it() -> None:
    painting = torch.from_numpy(features(0, 4, 8, 9))[None]
    image = torch.cat([torch.from_numpy(features(1, 4, 8, 5))[None], 3 * painting], 3)  # cosines know no contrast
    assert patch_distance(painting, image).item() == pytest.approx(0, abs=1e-5)
    assert patch_distance(image, painting) > 0.1  # the other way round it is another question


def test_of_many_patches_some_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    painting, image = (torch.from_numpy(features(seed, 3, 20, 20))[None] for seed in (0, 1))
    whole = patch_distance(painting, image)
    monkeypatch.setattr(patches, "MOST", 100)
    assert patch_distance(painting, image).item() == pytest.approx(whole.item(), rel=0.1)


def test_of_images() -> None:
    random, layers, before = torch.Generator().manual_seed(0), {}, 3
    for name in conv_names("vgg16"):
        layers[name] = (torch.randn(8, before, 3, 3, generator=random) / (3 * before**0.5), torch.zeros(8))
        before = 8
    network = LossNetwork(Weights("vgg16", layers, CAFFE, "random"))
    painting, other = (torch.rand(1, 3, 64, 64, generator=random) for _ in range(2))
    assert unfound(network, painting, painting) == pytest.approx(0, abs=1e-5)
    assert unfound(network, painting, other) > 0.01
