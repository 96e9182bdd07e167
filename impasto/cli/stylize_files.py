"""From files and folders to files, for `impasto stylize`: pictures and films."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import click

from .. import images
from ..errors import ImpastoError
from ..files import same_file
from ..styles import find_style
from ..styles.model import read_about
from ..stylizing.batch import Done, Job, find_jobs, run_jobs
from ..stylizing.stylization import Stylizer
from . import films
from .films import FilmOptions
from .output import echo_json
from .progress import CountProgress, FilmProgress

if TYPE_CHECKING:
    from ..video.stylization import FilmResult


@dataclass(frozen=True)
class Asked:
    """What the command line asks for.

    loading: keywords of `Stylizer`. options: of `Stylizer.picture`. film: what is for films only.
    """

    inputs: tuple[str, ...]
    output: str | None
    style: str
    mask: str | None
    quality: int
    keep_metadata: bool
    overwrite: bool
    as_json: bool
    quiet: bool
    loading: dict[str, str]
    options: dict[str, Any]
    film: FilmOptions

    def stylizer(self) -> Stylizer:
        return Stylizer(self.style, **self.loading)

    def spare_mask(self, targets: Iterable[Path]) -> None:
        """Refuse to write over it."""
        if self.mask is not None and any(same_file(target, Path(self.mask)) for target in targets):
            raise ImpastoError(f"output {self.mask} would overwrite the mask")

    def say(self, line: str) -> None:
        """For people, if any are to read it."""
        if not self.quiet and not self.as_json:
            click.echo(line)

    def sum_up(self, line: str | None, failures: Sequence[str], tried: int, what: str = "images") -> int:
        """Of several files: what was made, if it is still to be told, then what failed. Returns the exit code."""
        if line is not None:
            self.say(line)
        for failure in failures:
            click.echo(f"impasto: {failure}", err=True)
        if failures:
            click.echo(f"impasto: {len(failures)} of {tried} {what} failed", err=True)
        return 1 if failures else 0

    def report_passed_over(self, files: Sequence[PurePath]) -> None:
        """Of what lies in a folder: what looks like a picture and cannot be used."""
        if files and not self.quiet:
            click.echo(f"impasto: passed over {images.summary(files)}", err=True)


def stylize_files(asked: Asked) -> int:
    """From files and folders to files."""
    passed_over: list[Path] = []
    jobs = _jobs(asked, passed_over)
    asked.spare_mask(job.target for job in jobs)
    several = len(jobs) > 1 or Path(asked.inputs[0]).is_dir()
    moves = films.is_film if films.installed() else films.is_video
    moving = list(filter(moves, jobs))
    apart = set(moving)
    if asked.film.given() and not moving:
        raise ImpastoError(f"{', '.join(asked.film.given())} is for films, of which there is none")
    still = [job for job in jobs if job not in apart]
    painted = _Painted(asked, several)
    try:
        if still:
            painted.pictures(still)
        if moving:
            painted.films(moving)
    except KeyboardInterrupt:
        if not painted.count:
            raise
        painted.interrupted = True
    code = painted.report()
    asked.report_passed_over(passed_over)
    if not films.installed():
        for job in filter(films.is_film, still):
            asked.say(f"{job.source} moves, and only its first frame is painted: for all, pip install 'impasto[video]'")
    if painted.interrupted:
        left = len(jobs) - painted.count
        again = "" if asked.overwrite else ": the same command goes on"
        click.echo(f"impasto: interrupted with {left} to do{again}", err=True)
    return 130 if painted.interrupted else code


def _jobs(asked: Asked, passed_over: list[Path]) -> list[Job]:
    """What there is to do."""
    if not (numbered := films.patterns(asked.inputs)):
        name = Path(asked.style).stem
        return find_jobs(asked.inputs, asked.output, name, passed_over.append, films.namer(asked.inputs))
    if len(asked.inputs) > 1:
        raise ImpastoError(f"numbered pictures are one film: give {numbered[0]} alone")
    from ..video.naming import default_target

    source = Path(numbered[0])
    return [Job(source, Path(asked.output) if asked.output else default_target(source, Path(asked.style).stem))]


class _Painted:
    """What has been painted of several files, or of one. count: how many of them were tried."""

    def __init__(self, asked: Asked, several: bool) -> None:
        self._asked, self._several = asked, several
        self._finished: list[Done] = []
        self._films = False
        self._failures: list[str] = []
        self._skipped = 0
        self._stylizer: Stylizer | None = None
        self.count, self.interrupted = 0, False

    def pictures(self, jobs: Sequence[Job]) -> None:
        """Paint what does not move."""
        asked, self._stylizer = self._asked, self._asked.stylizer()
        stylizer = self._stylizer
        with CountProgress("stylizing", asked.quiet) as progress:

            def on_done(done: Done) -> None:
                self._finished.append(done)
                self.count += 1
                if self._several:
                    progress.update(len(self._finished), len(jobs))
                if asked.as_json:
                    echo_json(done_as_json(done, stylizer))

            run_jobs(
                jobs, stylizer, asked.options, asked.quality, asked.overwrite or not self._several, on_done,
                lambda share: progress.update(len(self._finished) + share, len(jobs)) if share < 1 else None,
                asked.keep_metadata,
            )  # fmt: skip

    def films(self, jobs: Sequence[Job]) -> None:
        """Paint what moves."""
        asked, self._films = self._asked, True
        name = read_about(find_style(asked.style)).name
        options = asked.options | asked.loading | asked.film.keywords()
        for job in jobs:
            if self._several and not asked.overwrite and films.is_done(job):
                self._skipped += 1
                self.count += 1
                continue
            try:
                with FilmProgress(asked.quiet) as progress:
                    result = films.paint_film(job, asked.style, options, progress, self._several)
            except ImpastoError as error:
                self.count += 1
                self._failures.append(str(error))
                if asked.as_json:
                    echo_json({"input": str(job.source), "output": str(job.target), "error": str(error)})
                continue
            if asked.as_json:
                echo_json(films.as_json(result, job.source, name))
            asked.say(films.line(result, name))
            if not asked.quiet:
                for remark in films.remarks(result):
                    click.echo(f"impasto: {remark}", err=True)
            if not result.complete:
                self.interrupted = True
                return
            self.count += 1

    def report(self) -> int:
        """What was made and what failed. Returns the exit code.

        Raises:
            ImpastoError: what failed, of a single file.
        """
        failures = [done.error for done in self._finished if done.error] + self._failures
        if not self._several:
            if failures:
                raise ImpastoError(failures[0])
            if self._finished and self._stylizer:
                self._asked.say(line_of(self._finished[0], self._stylizer))
            return 0
        finished = [*self._finished, *(Done(Job(Path(), Path()), skipped=True) for _ in range(self._skipped))]
        if finished or not self._films:
            self._asked.say(summary_of(finished))
        return self._asked.sum_up(None, failures, self.count, "files" if self._films else "images")


def write_preview(asked: Asked) -> int:
    """A sheet of a film instead of the film."""
    jobs = [job for job in _jobs(replace(asked, output=None), []) if films.is_film(job)]
    if len(jobs) != 1:
        raise ImpastoError("--preview is of one film")
    (job,) = jobs
    name = job.target.parent.name if films.patterns(asked.inputs) else job.target.stem
    target = images.check_output(asked.output or f"{name}-preview.png")
    asked.spare_mask([target])
    with CountProgress("previewing", asked.quiet) as progress:
        options = asked.options | asked.loading | asked.film.keywords()
        sheet = films.preview_of(job, asked.style, options, progress.update)
    images.save(sheet, target, asked.quality)
    width, height = sheet.size
    if asked.as_json:
        echo_json({"input": str(job.source), "output": str(target), "size": [width, height]})
    asked.say(f"{target}  {width}×{height}")
    return 0


def films_on_ray(asked: Asked) -> int:
    """One film, or those in a folder, on a Ray cluster."""
    from ..video.ray_film import stylize_video_with_ray, stylize_videos_with_ray

    asked.spare_mask([Path(asked.output)] if asked.output else [])
    source, name = asked.inputs[0], read_about(find_style(asked.style)).name
    options = asked.options | asked.loading | asked.film.keywords()
    with FilmProgress(asked.quiet) as progress:
        progress.what = Path(source).name
        if not Path(source).is_dir():
            result = stylize_video_with_ray(source, asked.style, asked.output, callback=progress.update, **options)
            tried: list[tuple[Path, FilmResult | None, str]] = [(Path(source), result, "")]
        else:
            assert asked.output is not None
            several = stylize_videos_with_ray(
                source, asked.style, asked.output, overwrite=asked.overwrite, callback=progress.update, **options
            )
            tried = [(one.source, one.result, one.error) for one in several.films]
            if several.skipped:
                asked.say(f"{several.skipped} films were there already (--overwrite does them again)")
    for path, made, error in tried:
        if made is not None:
            asked.say(films.line(made, name))
            for remark in films.remarks(made) if not asked.quiet else ():
                click.echo(f"impasto: {remark}", err=True)
        if asked.as_json:
            echo_json(films.as_json(made, path, name) if made is not None else {"input": str(path), "error": error})
    return asked.sum_up(None, [f"{path}: {error}" for path, _, error in tried if error], len(tried), "films")


# --- what is told ------------------------------------------------------------------------------------------


def summary_of(finished: Sequence[Done]) -> str:
    made = [done for done in finished if done.size]
    there, failed = sum(done.skipped for done in finished), sum(bool(done.error) for done in finished)
    skipped = f", {there} were there already (--overwrite does them again)" if there else ""
    pictures = "picture" if len(made) == 1 else "pictures"
    seconds = sum(done.seconds for done in made)
    return f"{len(made)} {pictures} in {seconds:.1f} s{skipped}{f', {failed} failed' if failed else ''}"


def line_of(done: Done, stylizer: Stylizer) -> str:
    width, height = done.size or (0, 0)
    return f"{done.job.target}  {width}×{height}  {stylizer.about.name}  {done.seconds:.2f} s  {stylizer.runtime}"


def done_as_json(done: Done, stylizer: Stylizer) -> dict[str, Any]:
    values: dict[str, Any] = {"input": str(done.job.source), "output": str(done.job.target)}
    if done.size:
        values |= {"size": list(done.size), "seconds": round(done.seconds, 4)}
    values |= {"style": stylizer.about.name, "runtime": stylizer.runtime}
    if done.error:
        values["error"] = done.error
    return values | ({"skipped": True} if done.skipped else {})
