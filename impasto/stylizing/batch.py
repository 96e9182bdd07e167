"""Stylizing many files: which ones, where to, and going on after an interruption. Torch-free."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from .. import images
from ..errors import ImpastoError, one_line, reason
from ..files import PathLike, missing, walk
from .stylization import Stylizer

FilmName = Callable[[Path], str | None]


@dataclass(frozen=True)
class Job:
    """One image, and the file that its stylized image goes to."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Done:
    """What became of a job: size (width, height) and seconds, or error; or skipped, for its target was there before."""

    job: Job
    size: tuple[int, int] | None = None
    seconds: float = 0.0
    error: str | None = None
    skipped: bool = False


def find_jobs(
    sources: Sequence[PathLike], output: PathLike | None, style: str, pass_over: Callable[[Path], object] | None = None,
    film_name: FilmName | None = None,
) -> list[Job]:  # fmt: skip
    """The images among files and folders, and where they go; films, too, if they are wanted.

    Folders are searched recursively and their tree is kept. One file goes to `output` or, by default, to NAME-STYLE in
    the working folder; several go into the folder `output`, by default under such names into the working folder; a
    folder goes into the folder `output`, by default FOLDER-STYLE. Hidden files and what lies in `output` are left out.

    Args:
        sources: files and folders.
        output: a file for a single file, else a folder, which may not exist yet. Ending in a slash, it is a folder
            for a single file, too.
        style: the style's name.
        pass_over: told of each file in a folder that looks like a picture and cannot be used.
        film_name: what the painting of a file is called if it is a film; None for all others. By default none is one.

    Raises:
        ImpastoError: an empty name, a source that does not exist, a folder without images, an output of the wrong
            kind, two images that would go to one file, or one that would go to where an image came from.
    """
    if not all(map(os.fspath, sources)) or (output is not None and not os.fspath(output)):
        raise ImpastoError("the name of an image or of the output is empty")  # a Path would be the working folder
    folder = output is not None and os.fspath(output).endswith(("/", os.sep))
    try:
        target = None if output is None else Path(output)
        paths = [Path(source) for source in sources]
        jobs = _find_jobs(paths, target, folder, style, pass_over or _nothing, film_name or _nothing)
        inputs = {job.source.resolve() for job in jobs}
        for job in jobs:
            if job.target.resolve() in inputs:
                raise ImpastoError(f"output {job.target} would overwrite the input")
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise ImpastoError(f"cannot use {error.filename}: {reason(error)}") from None
    return jobs


def _find_jobs(
    sources: Sequence[Path], output: Path | None, folder: bool, style: str, pass_over: Callable[[Path], object],
    film_name: FilmName,
) -> list[Job]:  # fmt: skip
    """folder: whether `output` is one, even if it does not exist."""
    for source in sources:
        if not source.exists():
            raise missing(source, "image")
    folder = folder or (output is not None and output.is_dir())
    if len(sources) == 1 and not sources[0].is_dir() and not folder:
        film = film_name(sources[0])
        suffix = Path(film).suffix if film else _suffix(sources[0])
        target = output or Path(f"{sources[0].stem}-{style}{suffix}")
        return [Job(sources[0], target if film else images.check_output(target))]
    suffixes = (*images.SUFFIXES, *images.FILM_SUFFIXES)
    named_like_a_file = output is not None and output.suffix.lower() in suffixes and not folder
    if output is not None and not output.is_dir() and (output.exists() or named_like_a_file):
        raise ImpastoError(f"output {output} is {'a' if output.exists() else 'named like a'} file: give a folder")
    found: list[Job] = []
    for source in sources:
        if source.is_dir():
            root = output or Path(f"{source.resolve().name}-{style}")
            inside, unusable = _pictures_in(source, root)
            inside = sorted([*inside, *filter(film_name, unusable)])
            unusable = [file for file in unusable if not film_name(file)]
            if not inside:
                raise no_images(str(source), unusable)
            for file in inside:
                name, film = file.relative_to(source), film_name(file)
                found.append(Job(file, root / (name.with_name(film) if film else target_under(name))))
            for file in unusable:
                pass_over(file)
        else:
            film = film_name(source)
            suffix = Path(film).suffix if film else _suffix(source)
            called = film or target_name(Path(source.name))
            found.append(Job(source, output / called if output else Path(f"{source.stem}-{style}{suffix}")))
    targets: dict[Path, Path] = {}
    for job in found:
        other = targets.setdefault(job.target, job.source)
        if other is not job.source:
            raise ImpastoError(f"{other} and {job.source} would both be written to {job.target}")
    return found


def run_jobs(
    jobs: Sequence[Job],
    stylizer: Stylizer,
    options: dict[str, Any],
    quality: int,
    overwrite: bool,
    callback: Callable[[Done], object] | None = None,
    progress: Callable[[float], object] | None = None,
    keep_metadata: bool = False,
) -> list[Done]:
    """Stylize all; an image that cannot be read or written does not stop the others.

    options: keywords of `Stylizer.picture`. overwrite: do again what is there already. callback: told of each.
    progress: told the share of an image that is done. keep_metadata: see `images.kept_metadata`.
    """
    results = []
    for job in jobs:
        start = time.perf_counter()
        try:
            if not overwrite and job.target.exists():
                done = Done(job, skipped=True)
            else:
                fits = partial(images.check_size, format=images.writable_format(job.target))
                kept = images.kept_metadata(job.source) if keep_metadata else None
                picture = stylizer.picture(job.source, **options, progress=progress, on_size=fits)
                job.target.parent.mkdir(parents=True, exist_ok=True)
                images.save(picture, job.target, quality, kept)
                done = Done(job, picture.size, time.perf_counter() - start)
        except MemoryError:
            done = Done(job, error=f"out of memory for {job.source}: choose a smaller --size")
        except (ImpastoError, OSError) as error:
            done = Done(job, error=_naming(job.source, one_line(error)))
        except ImportError:
            raise
        except Exception as error:  # whatever a decoder may raise: one image does not stop the others
            done = Done(job, error=one_line(f"cannot stylize {job.source}: {reason(error)}"))
        results.append(done)
        if callback:
            callback(done)
    return results


def _nothing(_: Path) -> None:
    """For whoever has nothing to say of a file."""


def is_image(name: PurePath) -> bool:
    """Whether a file is an image that can be read, by its name relative to the folder that is searched; not hidden."""
    return images.is_readable(name) and not is_hidden(name)


def is_hidden(name: PurePath) -> bool:
    """Whether a file is hidden, by its name relative to the folder that is searched."""
    return any(part.startswith(".") for part in name.parts)


def look_alike(name: PurePath) -> bool:
    """Whether a file looks like a picture and cannot be used, by its name relative to the folder that is searched."""
    return images.unusable(name) is not None and not is_hidden(name)


def pictures_under(folder: Path) -> tuple[list[Path], list[Path]]:
    """Images, and files that look like some and cannot be used; in alphabetical order.

    Folders below that cannot be read are among the images: see `walk`.
    """
    files = [(path, path.relative_to(folder)) for path in sorted(walk(folder))]
    found = [path for path, name in files if is_image(name) or os.path.isdir(path)]
    return found, [path for path, name in files if look_alike(name)]


def no_images(place: str, unusable: Sequence[PurePath]) -> ImpastoError:
    """The error for a folder without images that can be used. unusable: files in it that look like some."""
    told = images.summary(unusable)
    return ImpastoError(f"no images in {place}{f' that can be used, but {told}' if told else ''}")


def target_under(name: PurePath) -> PurePath:
    """Where what `pictures_under` found goes, below another folder; of an unreadable folder, where nothing is."""
    return target_name(name) if is_image(name) else name / name.name


def target_name(name: PurePath) -> PurePath:
    """Formats that are read but not written become PNG: scan.bmp goes to scan.bmp.png."""
    return name if name.suffix.lower() in images.WRITABLE else name.with_name(name.name + ".png")


def _pictures_in(folder: Path, output: Path) -> tuple[list[Path], list[Path]]:
    """`pictures_under` a folder but for what lies in `output`, unless the folder itself does."""
    left_out = output.resolve()
    around = folder.resolve().is_relative_to(left_out)

    def is_kept(path: Path) -> bool:
        return around or not path.resolve().is_relative_to(left_out)

    found, unusable = pictures_under(folder)
    return list(filter(is_kept, found)), list(filter(is_kept, unusable))


def _naming(source: Path, message: str) -> str:
    """A message that names the file it is about."""
    return message if str(source) in message else f"{source}: {message}"


def _suffix(source: Path) -> str:
    return source.suffix if source.suffix.lower() in images.WRITABLE else ".png"
