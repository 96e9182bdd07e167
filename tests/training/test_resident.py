"""Crops that are cut on a device, against the pictures that they are of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tiny import save_photos

from impasto.images import Picture
from impasto.training.photographs import Crops, Photographs
from impasto.training.resident import LONG, Resident, ResidentCrops, Window

CPU = torch.device("cpu")


def slopes(width: int, height: int) -> Picture:
    """Red rises to the right from 0 to 1, green downward; blue is the picture's own shape."""
    pixels = np.empty((height, width, 3), np.float32)
    pixels[..., 0] = (np.arange(width) + 0.5) / width
    pixels[..., 1] = ((np.arange(height) + 0.5) / height)[:, None]
    pixels[..., 2] = width / (width + height)
    return Picture(pixels)


def test_a_window_is_cut_where_it_lies() -> None:
    resident = Resident(lambda _: slopes(60, 40), 1, 80, 160, CPU)
    assert resident.sizes.tolist() == [[120, 80]]
    crop, mirrored = resident.cut([0, 0], [Window(30, 20, 40, False), Window(30, 20, 40, True)], 20)
    assert crop.shape == (3, 20, 20)
    places = (np.arange(20) + 0.5) * 2
    np.testing.assert_allclose(crop[0].mean(0), (30 + places) / 120, atol=0.01)
    np.testing.assert_allclose(crop[1].mean(1), (20 + places) / 80, atol=0.01)
    torch.testing.assert_close(mirrored.flip(2), crop, rtol=0, atol=0.01)


def test_long_pictures_lose_their_ends_and_missing_ones_are_left_out() -> None:
    pictures = [slopes(300, 40), None, slopes(40, 300)]
    resident = Resident(lambda index: pictures[index], 3, 80, 160, CPU)
    assert resident.sizes.tolist() == [[160, 80], [80, 160]]
    (crop,) = resident.cut([0], [Window(0, 0, 80, False)], 40)
    middle = (300 - 160 / 2) / 2 / 300  # where the part begins
    assert abs(float(crop[0, :, 0].mean()) - middle) < 0.01


def test_windows_lie_within_their_picture() -> None:
    resident, random = Resident(lambda _: slopes(60, 40), 1, 80, 160, CPU), np.random.default_rng(0)
    found = [resident.window(0, 2.0, random) for _ in range(200)]
    assert all(40 <= w.side <= 80 and 0 <= w.left <= 120 - w.side and 0 <= w.top <= 80 - w.side for w in found)
    assert {w.mirrored for w in found} == {True, False}


def test_crops_are_a_function_of_seed_and_position(tmp_path: Path) -> None:
    save_photos(tmp_path)
    crops = Crops(Photographs(tmp_path), 3, 1.5, 1)
    one, two = (ResidentCrops(crops, CPU, 10**9) for _ in range(2))
    assert torch.equal(one.batch(4, 3, 48)[1], two.batch(5, 1, 48)[0])
    assert not torch.equal(one.batch(0, 1, 48), one.batch(1, 1, 48))
    few = ResidentCrops(crops, CPU, 3 * LONG * LONG)  # room for one
    assert few.batch(0, 4, 32).shape == (4, 3, 32, 32)
