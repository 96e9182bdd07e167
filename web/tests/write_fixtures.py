"""Numbers that the Python code computes, for the browser's to be compared with: tests/fixtures.json.

    python web/tests/write_fixtures.py
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from impasto import images
from impasto.images import color
from impasto.images.strength import unpainted_share
from impasto.images.tiling import equal_spans
from impasto.stylizing.painting import Enlarged, _spread, plan_sizes


def picture(width: int, height: int, seed: int) -> Any:
    """(height, width, 3) of whole 255ths, which both sides read alike."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.float32) / 255


def flat(array: Any) -> list[float]:
    return [round(float(value), 7) for value in np.ravel(array)]


def bytes_of(array: Any) -> list[int]:
    return [int(value) for value in np.rint(array * 255).ravel()]


def planes(array: Any) -> list[float]:
    return flat(array.transpose(2, 0, 1))


SIZES = [(512, 512), (1536, 1024), (1537, 1024), (4000, 3000), (6001, 4001), (9000, 300), (333, 77), (5, 7), (40, 900)]
SCALES = [0.5, 0.75, 1.0, 1.5, 2.0, 3.0]

small, other, photo = picture(13, 9, 0), picture(13, 9, 1), picture(31, 22, 2)
before = picture(13, 9, 3)
boxes = [(0, 0, 31, 22), (3, 5, 20, 22), (16, 0, 31, 9)]
fixtures = {
    "plans": [
        {"size": size, "scale": scale, "smallest": 36, "sizes": plan_sizes(size, scale, 36)}
        for size in SIZES for scale in SCALES
    ],
    "spans": [
        {"length": length, "tile": tile, "spans": [asdict(span) for span in equal_spans(length, tile, 64, 16)]}
        for length in (128, 1152, 1168, 1600, 2608, 4000, 6016) for tile in (256, 1024)
    ],
    "spreads": [
        {"length": length, "window": window, "count": count, "starts": _spread(length, window, count)}
        for length, window, count in ((200, 200, 1), (1700, 256, 7), (2600, 256, 9), (4001, 256, 8))
    ],
    "unpainted": [{"strength": s / 10, "share": unpainted_share(s / 10)} for s in range(11)],
    "resized": [
        {"bytes": bytes_of(photo), "size": [31, 22], "wanted": size, "planes": planes(images.resize(photo, size))}
        for size in ((12, 8), (31, 9), (10, 22), (47, 60))
    ],
    "enlarged": [
        {"small": planes(small), "before": planes(before), "photo": bytes_of(photo), "share": share, "box": box,
         "planes": planes(Enlarged(small, (31, 22), photo, before, share).window(*box))}
        for share in (0.0, 0.3) for box in boxes
    ],
    "luminance": {"photo": planes(small), "painted": planes(other),
                  "planes": planes(color.with_luminance_of(small, other))},
    "match": {"photo": bytes_of(small * 0.4 + 0.3), "painted": bytes_of(other),
              "bytes": bytes_of(color.match_color(np.rint(other * 255).astype(np.float32) / 255,
                                                  np.rint((small * 0.4 + 0.3) * 255).astype(np.float32) / 255))},
    "rolled": np.roll(np.arange(36).reshape(6, 6), (-4, -9), (0, 1)).ravel().tolist(),
    "reflected": planes(np.pad(small, ((0, 4), (0, 5), (0, 0)), mode="reflect")),
    "surrounded": planes(np.pad(small, ((12, 11), (2, 3), (0, 0)), mode="symmetric")),
}  # fmt: skip

Path(__file__).with_name("fixtures.json").write_text(json.dumps(fixtures, separators=(",", ":")) + "\n")
