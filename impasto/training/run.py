"""The folder of a training run: settings, checkpoints, metrics, samples. All that is needed to go on with it."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from .. import images
from ..errors import ImpastoError, reason
from ..files import PARTS, write_atomically
from ..images import Picture
from .presets import Level, TrainingPreset

FORMAT = 6  # raised when a run of an older version can no longer be resumed
COLUMNS = ("iteration", "images", "seconds", "crop", "learning_rate", "content", "style", "tv", "total", "validation")


@dataclass(frozen=True)
class Settings:
    """What makes a run what it is: resumed, it goes on with these.

    painting, content, weights: paths; painting_hash and photographs: fingerprints of what was there. preset: with all
    overrides applied, and `preset_name` the one they were applied to. minutes: the length of the run, where it is not
    given by the preset's iterations. warm_start: a style model's file, or "". about: title, artist … of the painting.
    """

    painting: str
    painting_hash: str
    content: Sequence[str]
    photographs: str
    output: str
    preset_name: str
    preset: TrainingPreset
    minutes: float | None
    style_scale: float
    warm_start: str
    seed: int
    weights: str | None
    precision: str
    samples: Sequence[str]
    about: Mapping[str, str]
    format: int = FORMAT


class RunFolder:
    """A run's folder. All files are written atomically.

    run.json: settings; latest.pt, best.pt: checkpoints; metrics.csv; samples/; losses.png; contact-sheet.jpg
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @property
    def latest(self) -> Path:
        """The checkpoint to go on from."""
        return self.path / "latest.pt"

    @property
    def best(self) -> Path:
        """The averaged weights with the least validation loss, weave and instability together."""
        return self.path / "best.pt"

    @property
    def metrics(self) -> Path:
        """One row a report."""
        return self.path / "metrics.csv"

    def check_free(self) -> None:
        """Raise `ImpastoError` if the folder holds something, other than what a run left that saved no checkpoint."""
        left = {"run.json", "samples", "metrics.csv"}
        if os.path.isdir(self.path) and {file.name for file in self.path.iterdir()} <= left:
            return
        if os.path.exists(self.path):
            raise ImpastoError(f"{self.path} is there already: {self._hint()}--run-folder names another folder")

    def _hint(self) -> str:
        return f"--resume {self.path} goes on with it, " if self.latest.exists() else ""

    def create(self, settings: Settings) -> None:
        """Make the folder."""
        try:
            (self.path / "samples").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImpastoError(f"cannot make {self.path}: {error.strerror or error}") from None
        text = json.dumps(asdict(settings), indent=1, ensure_ascii=False)
        try:
            write_atomically(self.path / "run.json", os.fsencode(text))  # paths need not be UTF-8
        except ImpastoError:
            for folder in (self.path / "samples", self.path):
                with contextlib.suppress(OSError):  # something else is in it
                    folder.rmdir()
            raise

    def settings(self) -> Settings:
        """The settings of the run in this folder."""
        try:
            values: dict[str, Any] = json.loads(os.fsdecode((self.path / "run.json").read_bytes()))
            found = values["format"]
            if found == FORMAT:
                preset = dict(values.pop("preset"))
                preset["crops"] = tuple((share, side) for share, side in preset["crops"])
                preset["betas"] = tuple(preset["betas"])
                if "stability_ramp" in preset:  # not in runs of before
                    preset["stability_ramp"] = tuple(preset["stability_ramp"])
                preset["levels"] = tuple(Level(**level) for level in preset["levels"])
                return Settings(preset=TrainingPreset(**preset), **values)
        except OSError:
            raise ImpastoError(f"{self.path} holds no training run: there is no run.json to read") from None
        except (ValueError, TypeError, KeyError) as error:
            raise ImpastoError(f"{self.path / 'run.json'} is damaged: {error}") from None
        raise ImpastoError(f"{self.path} was written by another version of Impasto: its run cannot be resumed")

    def save(self, path: Path, state: Mapping[str, Any]) -> None:
        """Write a checkpoint: `latest` or `best`."""
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        write_atomically(path, buffer.getvalue())

    def load(self, path: Path) -> dict[str, Any]:
        """Read a checkpoint, as data: no code in it is run."""
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            raise ImpastoError(f"{self.path} has no checkpoint yet: start the training anew") from None
        except Exception as error:  # torch raises half a dozen kinds for damaged files
            raise ImpastoError(f"checkpoint {path} is damaged: {reason(error)}") from None
        if not isinstance(state, dict):
            raise ImpastoError(f"checkpoint {path} is damaged: it holds no state")
        return state

    def start_metrics(self, until: int) -> None:
        """Begin the table, or drop the rows after the iteration that a resumed run goes on from.

        What a process that was killed had not written to the end goes, too.
        """
        for part in (*self.path.glob(PARTS), *self.path.glob(f"samples/{PARTS}")):
            part.unlink(missing_ok=True)
        rows = [row for row in self.rows() if float(row["iteration"]) <= until]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.metrics, text.getvalue().encode())

    def rows(self) -> list[dict[str, str]]:
        """The table of metrics so far; rows that a crash or a full disk cut short are left out."""
        if not self.metrics.exists():
            return []
        with self.metrics.open(newline="", errors="replace") as file:
            return [row for row in csv.DictReader(file) if _whole(row)]

    def report(self, values: Mapping[str, object]) -> None:
        """Append a row."""
        try:
            with self.metrics.open("a", newline="") as file:
                csv.DictWriter(file, COLUMNS).writerow(values)
        except OSError as error:
            raise ImpastoError(f"cannot write {self.metrics}: {error.strerror or error}") from None

    def save_strip(self, iteration: int, pictures: Sequence[Picture]) -> None:
        """Sample photographs side by side, as they are painted after an iteration (0: as they are). None: nothing."""
        if not pictures:
            return
        images.save(side_by_side(pictures), self.path / "samples" / f"{iteration:07}.jpg")

    def finish(self, painting: Picture) -> None:
        """Draw the loss plot and the contact sheet."""
        write_atomically(self.path / "losses.png", _plot(self.rows()))
        strips = [images.load(path) for path in sorted((self.path / "samples").glob("*.jpg"))]
        if not strips:
            return
        chosen = sorted({round(i * (len(strips) - 1) / 5) for i in range(6)})
        shown = [painting.resized(images.fit(painting.size, 256)), *(strips[i] for i in chosen)]
        width, height = max(p.size[0] for p in shown), sum(p.size[1] + 8 for p in shown)
        sheet = np.ones((height, width, 3), np.float32)
        top = 0
        for picture in shown:
            sheet[top : top + picture.size[1], : picture.size[0]] = picture.pixels
            top += picture.size[1] + 8
        images.save(Picture(sheet), self.path / "contact-sheet.jpg")


def _whole(row: Mapping[str | None, Any]) -> bool:
    """Whether a row has all columns, and numbers in them."""
    try:
        if set(row) != set(COLUMNS) or None in row.values():
            return False
        return all(math.isfinite(float(value or 0)) for value in row.values())
    except (ValueError, TypeError):
        return False


def side_by_side(pictures: Sequence[Picture], height: int = 256) -> Picture:
    """Pictures of one height in a row."""
    scaled = [p.resized((max(1, round(p.size[0] * height / p.size[1])), height)) for p in pictures]
    return Picture(np.concatenate([picture.pixels for picture in scaled], axis=1))


def _plot(rows: Sequence[Mapping[str, str]]) -> bytes:
    figure = Figure(figsize=(8, 4.5), dpi=110, layout="constrained")
    axes = figure.subplots()
    minutes = [float(row["seconds"]) / 60 for row in rows]
    axes.plot(minutes, [float(row["total"]) for row in rows], color="0.75", lw=1, label="training")
    checks = [(m, float(row["validation"])) for m, row in zip(minutes, rows, strict=True) if row["validation"]]
    axes.plot([m for m, _ in checks], [v for _, v in checks], "o-", ms=3, color="tab:red", label="validation")
    if rows:
        axes.set_yscale("log")
    axes.set(xlabel="minutes", ylabel="perceptual loss")
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


