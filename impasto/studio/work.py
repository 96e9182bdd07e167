"""What jobs do: paint by the iterative method, train a style, paint a film. They run in a worker's thread."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import images
from ..errors import ImpastoError, reason
from ..images import Picture
from ..styles import style_files
from .jobs import CancelledError, ClosedError, Job, Point

PREVIEW_SECONDS, PREVIEW_SIDE, PREVIEW_QUALITY = 1.0, 768, 85


def paint(
    photo: Path, paintings: Sequence[Path], device: str, options: Mapping[str, Any], keep_metadata: bool = False
) -> Callable[[Job], Path]:
    """A job that paints a photograph in the style of paintings.

    options: keywords of `optimize`. keep_metadata: see `images.kept_metadata`.
    """

    def work(job: Job) -> Path:
        from ..optimizing.optimization import Step, optimize

        began, shown = time.monotonic(), 0.0

        def callback(step: Step) -> bool:
            nonlocal shown
            now = time.monotonic()
            if now - shown >= PREVIEW_SECONDS:
                shown = now
                job.show(_small(step.preview()))
            job.seconds = now - began
            losses = step.losses
            point = Point(step.iteration, losses.content, losses.style, losses.total)
            return job.report(step.iteration / step.iterations, step.iteration, step.iterations, step.remaining, point)

        result = optimize(photo, list(paintings), device=device, callback=callback, **options)
        job.stopped = result.stopped
        job.show(_small(result.picture))
        path = job.folder / "result.png"
        images.save(result.picture, path, kept=images.kept_metadata(photo) if keep_metadata else None)
        return path

    return work


def train(
    painting: Path, content: Path, runs: Path, styles: Path, device: str, options: Mapping[str, Any]
) -> Callable[[Job], Path]:
    """A job that trains a style model; it appears in the folder `styles` when it is done.

    content: a folder of photographs. runs: where run folders are made. options: keywords of `training.train`.
    """

    def work(job: Job) -> Path:
        from ..training import TrainingStep
        from ..training import train as train_style

        try:
            styles.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImpastoError(f"cannot make {styles}: {reason(error)}") from None
        run = _unused(runs / slug(job.title))
        target = _unused(styles / f"{slug(job.title)}.onnx", style_files())  # whose names are theirs
        shown = 0

        def callback(step: TrainingStep) -> bool:
            nonlocal shown
            strips = sorted((run / "samples").glob("*"))
            if len(strips) > shown:
                shown = len(strips)
                job.show(_small(images.load(strips[-1])))
            losses = step.losses
            point = Point(step.iteration, losses.content, losses.style, losses.total, step.validation)
            job.seconds = step.seconds
            return job.report(step.progress, step.iteration, step.iterations, step.remaining, point)

        try:
            result = train_style(
                painting, content, target, run=run, name=target.stem, title=job.title, device=device,
                callback=callback, **options,
            )  # fmt: skip
        except ClosedError:  # `impasto train --resume` can go on with it
            raise
        except CancelledError:
            shutil.rmtree(run, ignore_errors=True)
            raise
        job.stopped = result.stopped
        return target

    return work


def film(source: Path, style: Path, target: Path, rate: float, options: Mapping[str, Any]) -> Callable[[Job], Path]:
    """A job that paints a film; the source goes when it is done.

    rate: of the source, in frames a second. options: keywords of `stylize_video`.
    """

    def work(job: Job) -> Path:
        from ..video.stylization import FilmStep, stylize_video

        shown = 0.0

        def callback(step: FilmStep) -> None:
            nonlocal shown
            now = time.monotonic()
            if step.picture is not None and now - shown >= PREVIEW_SECONDS:
                shown = now
                job.show(_small(step.picture))
            job.seconds, job.rate = step.seconds, step.rate
            frames = max(step.frames, round(step.total * rate))
            if not job.report(step.done / max(step.total, 1e-9), step.frames, frames, step.remaining):
                raise KeyboardInterrupt  # what is painted by now becomes a film

        try:
            with film_told(source, job.title):
                result = stylize_video(source, style, target, callback=callback, **options)
        except KeyboardInterrupt:  # there was nothing yet
            raise CancelledError from None
        job.check()
        if not result.complete:
            job.stopped = "stopped"
        job.notes = list(result.notes)
        if result.damaged:
            job.notes.append(f"places of the source that are damaged, and were passed over: {result.damaged}")
        source.unlink(missing_ok=True)
        return target

    return work


@contextlib.contextmanager
def film_told(source: Path, name: str) -> Iterator[None]:
    """Errors about a film by the name that people know it by, without where its files lie here."""
    try:
        yield
    except ImpastoError as error:
        raise ImpastoError(str(error).replace(str(source), name).replace(f"{source.parent}{os.sep}", "")) from None


def slug(title: str) -> str:
    """A title as part of a file's name: Café Terrace → cafe-terrace."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-") or "style"


def _unused(path: Path, taken: Collection[str] = ()) -> Path:
    """The path, or with a number if there is something already. taken: stems that it may not have either."""
    number, free = 1, path
    while free.exists() or free.stem in taken:
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def _small(picture: Picture) -> bytes:
    if max(picture.size) > PREVIEW_SIDE:
        picture = picture.resized(images.fit(picture.size, PREVIEW_SIDE))
    return images.encode(picture, "JPEG", PREVIEW_QUALITY)
