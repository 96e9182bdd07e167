"""Clips whose motion is known, and clips of films, for video.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from impasto import images
from impasto.images import Picture
from impasto.video import About, Frame, open_film, open_writer
from impasto.video.flow import Motion, motion, view

Pixels = NDArray[np.uint8]  # (H, W, 3)
RATE = 24
NOISE = 2.0  # of 255: deviation of a camera's noise in daylight
SIZE = (384, 288)  # px of what is cut out of scikit-image's photographs, which are 512 and 400 px high


@dataclass(frozen=True)
class Clip:
    """frames: (H, W, 3) uint8. back: motion from a frame, by its index, to one before it."""

    name: str
    frames: list[Pixels]
    back: Callable[[int, int], Motion]


def of_film(path: Path, count: int, side: int, start: float = 0.0) -> Clip:
    """Frames of a film from a second on, their long side at most so many px. The motion is found in them."""
    frames = []
    with open_film(path) as film:
        for frame in islice(film.frames(Fraction(start).limit_denominator(1000)), count):
            picture = frame.picture
            size = images.fit(picture.size, min(side, max(picture.size)))
            frames.append(picture.resized(size).quantized(8)[..., :3].copy())
    return Clip(path.stem, frames, lambda now, before: motion(view(frames[before]), view(frames[now])))


def synthetic(count: int, noise: float = NOISE) -> list[Clip]:
    """A pan and a zoom over each of two photographs. noise: see `NOISE`."""
    clips = []
    for name in ("astronaut", "coffee"):
        photo = getattr(skimage.data, name)()
        ways = {"pan": [pan(step) for step in range(count)], "zoom": [zoom(step) for step in range(count)]}
        clips += [over_photo(f"{name}, {way}", photo, places, SIZE, noise) for way, places in ways.items()]
    return clips


def pan(step: int) -> tuple[float, float, float]:
    """Left, top (of the photo's px) and scale; there and back before the photograph ends."""
    return 60 + 56 * math.sin(0.041 * step), 50 + 40 * math.sin(0.029 * step), 1.0


def zoom(step: int) -> tuple[float, float, float]:
    return 64.0, 56.0, 1 + 0.35 * math.sin(0.02 * step) ** 2


def over_photo(
    name: str, photo: Pixels, places: list[tuple[float, float, float]], size: tuple[int, int], noise: float
) -> Clip:
    """What a camera sees above a photograph.

    places: of each frame: left and top px of the photograph at scale 1, and the scale, about the frame's middle.
    """
    random = np.random.default_rng(0)
    matrices = [_to_photo(place, size) for place in places]
    frames = []
    for matrix in matrices:
        shown = cv2.warpAffine(
            photo, matrix[:2], size, flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
        )
        noisy = shown + random.normal(0, noise, shown.shape) if noise else shown
        frames.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))

    def back(now: int, before: int) -> Motion:
        return _affine_motion(np.linalg.inv(matrices[before]) @ matrices[now], size)

    return Clip(name, frames, back)


def _to_photo(place: tuple[float, float, float], size: tuple[int, int]) -> NDArray[np.float64]:
    """(3, 3), from a frame's px to the photograph's."""
    left, top, scale = place
    across, down = (side / 2 * (1 - 1 / scale) for side in size)
    return np.array([[1 / scale, 0, left + across], [0, 1 / scale, top + down], [0, 0, 1]])


def _affine_motion(matrix: NDArray[np.float64], size: tuple[int, int]) -> Motion:
    width, height = size
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    here = np.stack([columns, rows, np.ones_like(rows)], axis=2)
    there = (here @ matrix.T)[..., :2]
    inside = (there >= 0) & (there <= np.array([width - 1, height - 1]))
    return Motion(np.asarray(there - here[..., :2], np.float32), np.asarray(inside.all(2), np.float32))


def endless(size: tuple[int, int], shot: int = 240) -> Iterator[Pixels]:
    """A pan over one photograph after the other: cut after so many frames."""
    names = ("astronaut", "coffee", "chelsea", "rocket")
    number = 0
    while True:
        photo = getattr(skimage.data, names[number % len(names)])()
        scale = 1.4 * max(size[0] / photo.shape[1], size[1] / photo.shape[0])
        large = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        free = [large.shape[1] - size[0], large.shape[0] - size[1]]
        for step in range(shot):
            across, down = free[0] * _swing(0.02 * step), free[1] * _swing(0.013 * step)
            matrix = np.array([[1, 0, across], [0, 1, down]])
            yield cv2.warpAffine(large, matrix, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP).astype(np.uint8)
        number += 1


def _swing(phase: float) -> float:
    return 0.5 + 0.45 * math.sin(phase)


def write(path: Path, frames: Iterable[Any], size: tuple[int, int], rate: int = RATE, codec: str = "auto") -> Path:
    """Write a film of arrays."""
    tick = Fraction(1, rate)
    with open_writer(path, About(size, Fraction(rate), 0, Fraction(0), tick), codec=codec) as writer:
        for index, frame in enumerate(frames):
            writer.write(Frame(Picture(frame), index * tick, tick))
    return path
