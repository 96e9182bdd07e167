"""Films among what `impasto stylize` is given."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import images
from ..errors import ImpastoError, one_line
from ..files import walk
from ..stylizing.batch import Job
from .progress import FilmProgress

if TYPE_CHECKING:
    from ..video.stylization import FilmResult

MAY_MOVE = (".gif", ".apng", ".png", ".webp")
RENAMED = MAY_MOVE[:2]  # whose paintings are named otherwise when they move


class Time(click.ParamType[float]):
    """A time in a film, as seconds: 12.5, 1:30 or 1:02:03.5."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See `click.ParamType`."""
        if isinstance(value, float):
            return value
        if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d*)?", str(value)):
            self.fail(f"{value!r} is no time: write 12.5, 1:30 or 1:02:03.5", param, ctx)
        seconds = 0.0
        for part in str(value).split(":"):
            seconds = 60 * seconds + float(part)
        return seconds


def installed() -> bool:
    """Whether the extra `video` is."""
    return all(find_spec(name) is not None for name in ("av", "cv2"))


def namer(inputs: Sequence[str]) -> Callable[[Path], str | None]:
    """For `find_jobs`: what a film's painting is called. inputs: files named here are films with the extra or without,
    so that what is missing is told; those in folders are passed over without."""
    named = {Path(one) for one in inputs}

    def name(path: Path) -> str | None:
        from ..video.naming import painted_name

        there = installed()
        if images.is_film(path) and (there or path in named):
            return painted_name(path)
        if there and path.suffix.lower() in RENAMED and _is_animated(path):
            return path.name
        return None

    return name


def is_film(job: Job) -> bool:
    """Whether a job is a film's; a picture that moves is one where its target can move, too."""
    if is_video(job):
        return True
    if not _is_animated(job.source):
        return False
    from ..video import check_film_output

    try:
        check_film_output(job.target)
    except ImpastoError:
        return False
    return True


def is_named_so(name: str | os.PathLike[str]) -> bool:
    """Whether a name is a video file's, or numbered pictures'."""
    return images.is_film(Path(name)) or bool(patterns([os.fspath(name)]))


def is_video(job: Job) -> bool:
    """Whether a job's source is so named."""
    return is_named_so(job.source)


def lie_in(folder: str) -> bool:
    """Whether there are films in a folder here."""
    return Path(folder).is_dir() and any(images.is_film(path) for path in walk(Path(folder)))


def _is_animated(path: Path) -> bool:
    """Whether a picture moves; only what may is looked into, and only then what looks is imported."""
    if path.suffix.lower() not in MAY_MOVE:
        return False
    from ..video import is_animated

    return is_animated(path)


def is_done(job: Job) -> bool:
    """Whether a film is there, whole."""
    from ..video.parts import folder_of

    return job.target.exists() and not folder_of(job.target).exists()


def patterns(inputs: Sequence[str]) -> list[str]:
    """Inputs that are numbered pictures."""
    if not any("%" in one for one in inputs):  # a photograph does not wait for what films need
        return []
    from ..video.sequences import is_pattern

    return [one for one in inputs if is_pattern(one) and not Path(one).exists()]


@dataclass(frozen=True)
class FilmOptions:
    """Options of films only, by the names of `stylize_video`. frame_by_frame: nothing is held still."""

    start: float | None
    stop: float | None
    rate: float | None
    codec: str
    quality: int | None
    frame_by_frame: bool

    def given(self) -> list[str]:
        """Those that were given, as they are written."""
        flags = {"--from": self.start, "--to": self.stop, "--rate": self.rate, "--frame-by-frame": self.frame_by_frame}
        return [flag for flag, value in flags.items() if value] + ["--codec"] * (self.codec != "auto")

    def keywords(self) -> dict[str, Any]:
        """Of `stylize_video`."""
        from ..video.steadiness import Steadiness

        values: dict[str, Any] = {"start": self.start, "stop": self.stop, "rate": self.rate, "codec": self.codec}
        if self.quality is not None:
            values["quality"] = self.quality
        if self.frame_by_frame:
            values["steadiness"] = Steadiness(False, False, False, 0.0)
        return values


def paint_film(
    job: Job, style: str, options: dict[str, Any], progress: FilmProgress, several: bool
) -> FilmResult:
    """Paint one. options: keywords of `stylize_video`. several: whether folders are made for it.

    Raises:
        ImpastoError: what went wrong, in a line that names the film.
    """
    from ..video.stylization import stylize_video

    progress.what = job.source.name
    try:
        if several:
            job.target.parent.mkdir(parents=True, exist_ok=True)
        return stylize_video(job.source, style, job.target, **options, callback=progress.update)
    except MemoryError:
        raise ImpastoError(f"out of memory for {job.source}: choose a smaller --size") from None
    except (ImpastoError, OSError) as error:
        message = one_line(error)
        raise ImpastoError(message if str(job.source) in message else f"{job.source}: {message}") from None


def preview_of(
    job: Job, style: str, options: dict[str, Any], callback: Callable[[float, int], object]
) -> images.Picture:
    """A sheet of a few frames. options: keywords of `stylize_video`."""
    from ..video.preview import preview

    return preview(job.source, style, job.target, callback=callback, **options)


def line(result: FilmResult, style: str) -> str:
    """What was made, for people."""
    width, height = result.size
    reused = f" ({result.reused} were there)" if result.reused else ""
    rate = (result.frames - result.reused) / max(result.seconds, 1e-9)
    return (
        f"{result.output}  {width}×{height}  {style}  {result.frames} frames{reused}  {result.seconds:.1f} s  "
        f"{rate:.2f} frames/s"
    )


def remarks(result: FilmResult) -> list[str]:
    """What is not as in the source, for people."""
    damaged = f"{result.output}: {result.damaged} places of the film are damaged and left out" if result.damaged else ""
    return [*([damaged] if damaged else []), *(f"{result.output}: {note}" for note in result.notes)]


def as_json(result: FilmResult, source: Path, style: str) -> dict[str, Any]:
    """What was made, for programs."""
    return {
        "input": str(source), "output": str(result.output), "size": list(result.size), "frames": result.frames,
        "reused": result.reused, "seconds": round(result.seconds, 4), "style": style, "damaged": result.damaged,
        "notes": list(result.notes), "complete": result.complete,
    }  # fmt: skip
