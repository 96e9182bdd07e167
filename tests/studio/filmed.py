"""A film for the tests, made with PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

SIZE, RATE = (64, 48), 12


def film(
    path: Path, frames: int = 12, size: tuple[int, int] = SIZE, codec: str = "libx264", sound: str = "aac"
) -> Path:
    """A bright square moves over a gradient, at 12 frames a second; a tone sounds as long."""
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream(codec, RATE, width=size[0], height=size[1], pix_fmt="yuv420p")
        tone: Any = container.add_stream(sound, 48_000, layout="mono")
        for index in range(frames):
            picture = np.zeros((size[1], size[0], 3), np.uint8)
            picture[..., 0], picture[..., 2] = np.linspace(40, 160, size[0]), 90
            picture[8:20, index % 40 : index % 40 + 12] = 235
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts = index
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        for start in range(0, 48_000 * frames // RATE, 960):
            wave = np.sin(np.arange(start, start + 960) / 17).astype(np.float32)[None]
            samples = av.AudioFrame.from_ndarray(wave, "flt", "mono")
            samples.sample_rate, samples.pts, samples.time_base = 48_000, start, Fraction(1, 48_000)
            container.mux(tone.encode(samples))
        container.mux(tone.encode(None))
    return path
