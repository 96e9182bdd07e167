"""Films painted on several machines, by Ray (extra `ray`): one shot here, one there.

Where a film is cut, nothing is remembered of what came before (`steadiness`), so shots are painted apart and what comes
of it is what one machine alone would have made; machines whose processors compute otherwise (bfloat16 on some) differ
by what nobody sees.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import ImpastoError, one_line, reason
from ..files import PathLike, read_file, walk
from ..images.kinds import is_film
from ..styles import find_style
from ..stylizing.stylization import Stylizer
from ..version import __version__
from .codecs import CONTAINERS
from .film import About
from .painting import FilmPainter
from .parts import Part, Parts, folder_of
from .shots import Shot, find_shots
from .stylization import FilmResult, FilmStep, FilmTask, assemble, begun, film_task, paint_parts

_LATE = 60  # s after which a file is there that another machine has written: so long network file systems remember

Told = Callable[[FilmStep], object]


@dataclass(frozen=True)
class RayFilm:
    """One film of several. result: None where it failed, and error says why, in one line."""

    source: Path
    target: Path
    result: FilmResult | None
    error: str = ""


@dataclass(frozen=True)
class RayFilms:
    """films: those that were tried. skipped: how many were there already."""

    films: list[RayFilm]
    skipped: int


def stylize_video_with_ray(
    source: PathLike,
    style: PathLike | bytes,
    target: PathLike | None = None,
    *,
    callback: Told | None = None,
    **options: Any,
) -> FilmResult:
    """`stylize_video` on a Ray cluster: each of the film's shots on one machine, as soon as it has been found.

    The cluster is the one that this process is connected to or that RAY_ADDRESS names; without any, one is started on
    this machine. Source and target must lie where all machines see them; nothing but the style travels through Ray.

    An interruption (`KeyboardInterrupt`, which is raised on) leaves the parts: the same call goes on with them, and so
    does `stylize_video`, with those that have no gap before them.

    Args:
        source, style, target: see `stylize_video`; only this machine needs the style.
        callback: told of each part that is painted, of 96 frames or up to its shot's end; parts come in any order.
        options: other keywords of `stylize_video`.

    Raises:
        ImpastoError: what `stylize_video` raises; a machine does not see source or target; or the cluster fails.
    """
    film = _Film(film_task(source, style, target, **options))
    if film.error:
        raise ImpastoError(film.error)
    for _ in _on_cluster([film], callback):
        pass
    if film.result is None:
        raise ImpastoError(film.error)
    return film.result


def stylize_videos_with_ray(
    source: PathLike,
    style: PathLike | bytes,
    target: PathLike,
    *,
    overwrite: bool = False,
    callback: Told | None = None,
    **options: Any,
) -> RayFilms:
    """`stylize_video_with_ray` of all films under a folder into the same tree under another; one that fails stops none.

    Video files are found by their names; hidden files and what lies in `target` are left out. Films of kinds that are
    not written become NAME.mp4. What is in `target` already is skipped, so that a call after an interruption goes on.

    Args:
        source, target: folders that all machines see. overwrite: do again what is there already.
        callback: told of each part; its seconds are those of all films together.

    Raises:
        ImpastoError: no films in `source`, a folder that cannot be read or made, two films that would go to one file,
            an option out of its range, or a cluster that fails.
    """
    model = style if isinstance(style, bytes) else read_file(find_style(style), "style model")
    of_runtime = {name: value for name, value in options.items() if name in ("runtime", "precision")}
    Stylizer(model, **of_runtime)  # a bad style is one error, not many
    named = _targets(Path(source), Path(target))
    wanted = [(one, to) for one, to in named if overwrite or not to.exists() or folder_of(to).exists()]
    films = []
    for one, to in wanted:
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImpastoError(f"cannot make the folder {to.parent}: {reason(error)}") from None
        films.append(_Film(film_task(one, model, to, **options)))
    for _ in _on_cluster([film for film in films if not film.error], callback):
        pass
    tried = [
        RayFilm(one, to, film.result, film.error) for (one, to), film in zip(wanted, films, strict=True)
    ]
    return RayFilms(tried, len(named) - len(wanted))


def _targets(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Each film under a folder, and where it goes."""
    inside = Path(os.path.realpath(target))
    try:
        found = sorted(
            path for path in walk(source)
            if is_film(path) and not Path(os.path.realpath(path)).is_relative_to(inside)
        )  # fmt: skip
    except OSError as error:
        raise ImpastoError(f"cannot read the folder {source}: {reason(error)}") from None
    if not found:
        raise ImpastoError(f"no films in {source}")
    named: dict[Path, Path] = {}
    for path in found:
        name = path.relative_to(source)
        to = target / (name if name.suffix.lower() in CONTAINERS else Path(f"{name}.mp4"))
        other = named.setdefault(to, path)
        if other != path:
            raise ImpastoError(f"{other} and {path} would both be written to {to}")
    return [(path, to) for to, path in named.items()]


# --- here ----------------------------------------------------------------------------------------------------


class _Film:
    """A film on its way. error: why it failed, or "". result: once it is joined."""

    def __init__(self, task: FilmTask) -> None:
        self._given = task.target
        # Elsewhere another folder is the working one.
        self.task = replace(task, source=task.source.absolute(), target=task.target.absolute())
        self.error = ""
        self.result: FilmResult | None = None
        self.seconds, self.total = Fraction(0), Fraction(0)  # of the film that are painted, and of all
        self._began, self._all_found, self._under_way, self._reused = time.perf_counter(), False, 0, 0
        self._painted: dict[int, list[Part]] = {}
        try:
            self._film = self.task.open()
            duration, start = self._film.about.duration, task.start or Fraction(0)
            stop = duration if task.stop is None else min(task.stop, duration or task.stop)
            self.total = max(Fraction(0), stop - start)
        except ImpastoError as error:
            self.error = str(error)

    def shots(self) -> Iterator[Shot]:
        """Those that are not painted yet, as they are found."""
        try:
            self.about, _, self._parts = begun(self.task, self._film)
            for shot in find_shots(self._film.frames(self.task.start, self.task.stop), self.about.size):
                done, _ = self._parts.left(shot.number)
                self._reused += sum(part.frames for part in done)
                if done and done[-1].ends:
                    self._painted[shot.number] = done
                    self.seconds += done[-1].end - shot.start
                    continue
                if self.error:
                    return
                self._under_way += 1
                yield shot if shot.stop is not None else replace(shot, stop=self.task.stop)
            if not self._painted and not self._under_way:
                self._parts.remove()
                raise ImpastoError(f"film {self.task.source} has no frames in that range")
        except ImpastoError as error:
            self.fail(error)
        finally:
            self._all_found = True
            self._film.close()

    def reused(self, shot: Shot) -> int:
        """How many of a shot's parts are painted already."""
        return len(self._parts.left(shot.number)[0])

    def fail(self, error: object) -> None:
        """What went wrong first counts."""
        self.error = self.error or one_line(error)[:500]

    def came(self, shot: Shot, parts: Sequence[Part]) -> None:
        """A shot's task has come to its end."""
        self._under_way -= 1
        self._painted[shot.number] = list(parts)
        if not self.error and not (parts and parts[-1].ends):
            self.fail(f"shot {shot.number + 1} of {self.task.source} could not be painted: run the command again")

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is under way any more."""
        return (self._all_found or bool(self.error)) and not self._under_way

    def finish(self) -> None:
        """Join what has been painted."""
        if self.error:
            return
        parts = [part for number in sorted(self._painted) for part in self._painted[number]]
        segments = [self._parts.video(part.shot, part.number) for part in parts]
        try:
            _wait_for(segments)
            notes = assemble(self.task, self.about, segments, parts[-1].end)
        except ImpastoError as error:
            self.fail(error)
            return
        self._parts.remove()
        self.result = FilmResult(
            self._given, self.about.size, sum(part.frames for part in parts), self._reused,
            time.perf_counter() - self._began, sum(part.damaged for part in parts), tuple(notes), True,
        )  # fmt: skip


def _wait_for(files: Sequence[Path]) -> None:
    limit = time.monotonic() + _LATE
    for file in files:
        while not file.is_file():
            if time.monotonic() > limit:
                raise ImpastoError(f"{file} was painted elsewhere and is not seen here: {_SHARED}")
            time.sleep(0.5)


class _Progress:
    """What is told of films while they are painted."""

    def __init__(self, films: Sequence[_Film], callback: Told | None) -> None:
        self._films, self._callback, self._began = films, callback, time.perf_counter()
        self._frames, self._new = 0, Fraction(0)

    def add(self, film: _Film, part: Part, seconds: Fraction, reused: bool) -> None:
        """seconds: of the film, that a part covers."""
        film.seconds += seconds
        if reused:
            return
        self._frames += part.frames
        self._new += seconds
        if self._callback is None:
            return
        done = sum((one.seconds for one in self._films), Fraction(0))
        total = max(done, sum((one.total for one in self._films), Fraction(0)))
        taken = time.perf_counter() - self._began
        left = taken / max(float(self._new), 1e-9) * float(total - done)
        self._callback(FilmStep(float(done), float(total), self._frames, taken, left))


class _Shot:
    """A shot that is being painted: by which node, and what has come of it."""

    def __init__(self, film: _Film, shot: Shot, node: str) -> None:
        self.film, self.shot, self.node = film, shot, node
        self.parts: list[Part] = []
        self.reused, self._since = film.reused(shot), shot.start

    def add(self, part: Part, progress: _Progress) -> None:
        self.parts.append(part)
        progress.add(self.film, part, part.end - self._since, len(self.parts) <= self.reused)
        self._since = part.end


def _on_cluster(films: Sequence[_Film], callback: Told | None) -> Iterator[_Film]:
    """Paint films; each is given when it is joined or has failed."""
    if not films:
        return
    import ray

    try:
        if not ray.is_initialized():
            ray.init(log_to_driver=False, logging_level=logging.ERROR)
        yield from _scheduled(films, _Progress(films, callback))
    except (ConnectionError, RuntimeError, ray.exceptions.RayError) as error:
        raise ImpastoError(f"the Ray cluster failed: {one_line(error)[:500]}") from None


def _scheduled(films: Sequence[_Film], progress: _Progress) -> Iterator[_Film]:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    paint: Any = ray.remote(num_returns="streaming")(_paint_shot)
    tasks: dict[int, Any] = {}  # of the film painted last: the style is sent once
    work = ((film, shot) for film in films for shot in film.shots())
    running: dict[Any, _Shot] = {}
    waiting = list(films)
    try:
        while waiting:
            nodes = _nodes()
            # A runtime takes all of a machine: one shot on each at a time, and one processor is left to Ray. Where
            # that machine is gone, another one that is large enough takes the shot.
            cpus = max(1, int(min(nodes.values())) - 1)
            for node in set(nodes) - {shot.node for shot in running.values()}:
                film, shot = next(work, (None, None))
                if film is None or shot is None:
                    break
                if id(film) not in tasks:
                    tasks = {id(film): ray.put(film.task)}
                there = NodeAffinitySchedulingStrategy(node, soft=True)
                placed = paint.options(num_cpus=cpus, scheduling_strategy=there)
                running[placed.remote(tasks[id(film)], film.about, shot, __version__)] = _Shot(film, shot, node)
            for film in [film for film in waiting if film.is_over]:
                waiting.remove(film)
                film.finish()
                yield film
            if running:
                ready, _ = ray.wait(list(running), num_returns=1)
                for stream in ready:
                    _take(stream, running, progress)
    finally:
        for stream in running:
            ray.cancel(stream)


def _nodes() -> dict[str, float]:
    """How many processors each machine of the cluster has that has any."""
    import ray

    found = {
        node["NodeID"]: node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]  # type: ignore[no-untyped-call]
    }
    nodes = {name: cpus for name, cpus in found.items() if cpus >= 1}
    if not nodes:
        raise ImpastoError("no machine of the Ray cluster has a processor to spare")
    return nodes


def _take(stream: Any, running: dict[Any, _Shot], progress: _Progress) -> None:
    """The next thing that a task says, or its end."""
    import ray

    shot = running[stream]
    try:
        said = ray.get(next(stream))
        if isinstance(said, Part):
            shot.add(said, progress)
            return
        shot.film.fail(said)
    except StopIteration:
        pass
    except ray.exceptions.RayError as error:
        if not isinstance(error, ray.exceptions.TaskCancelledError):
            said = [line for line in str(error).splitlines() if line.strip()]  # the error itself ends a traceback
            why = said[-1] if isinstance(error, ray.exceptions.RayTaskError) and said else reason(error)
            shot.film.fail(f"shot {shot.shot.number + 1} of {shot.film.task.source} failed: {why}")
    del running[stream]
    shot.film.came(shot.shot, shot.parts)
    if shot.film.error:
        for other in [one for one, its in running.items() if its.film is shot.film]:
            ray.cancel(other)


# --- there ---------------------------------------------------------------------------------------------------

_SHARED = "source and target must lie on a file system that all machines of the cluster see"


def _paint_shot(task: FilmTask, about: About, shot: Shot, version: str) -> Iterator[Part | str]:
    """Paint a shot; gives its parts, also those that were there already, or else why it cannot be painted.

    about: of what is painted, as the machine sees it that has found the shots.
    """
    try:
        yield from _parts_of(task, about, shot, version)
    except ImpastoError as error:
        yield f"{error} (on {socket.gethostname()})"
    except MemoryError:
        yield f"out of memory on {socket.gethostname()}: choose a smaller size"


def _parts_of(task: FilmTask, about: About, shot: Shot, version: str) -> Iterator[Part]:
    if version != __version__:
        raise ImpastoError(f"here is Impasto {__version__}, there {version}: install the same one on all machines")
    if not task.source.parent.is_dir() or not task.target.parent.is_dir():
        gone = next(path.parent for path in (task.source, task.target) if not path.parent.is_dir())
        raise ImpastoError(f"no such folder: {gone}: {_SHARED}")
    try:
        film, parts = task.open(), Parts(task.target)
    except ImpastoError as error:
        raise ImpastoError(f"{error}: {_SHARED}") from None
    with film:
        if task.about(film.about) != about:
            raise ImpastoError(f"{task.source} is another film: {_SHARED}")
        done, state = parts.left(shot.number)
        yield from done
        if done and done[-1].ends:
            return
        painter = _painter(task, film.about).anew()
        if state is not None:
            painter.state = state
        start = done[-1].last + film.about.time_base if done else shot.start
        place = done[-1].following if done else (shot.number, 0)
        frames = film.frames(start, shot.stop)
        encoding = task.encoding(about)
        yield from paint_parts(painter, frames, parts, about, encoding, place, film, lambda _: None)


@lru_cache(maxsize=1)
def _painter(task: FilmTask, about: About) -> FilmPainter:
    """Loaded once for all shots of a film that this process paints."""
    return task.painter(about)
