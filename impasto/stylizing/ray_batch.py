"""Stylizing a folder or a bucket on several machines, by Ray Data (extra `ray`). Torch-free."""

from __future__ import annotations

import logging
import os
import posixpath
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from .. import images
from ..errors import ImpastoError, one_line, reason
from ..files import PathLike, read_file, write_atomically
from ..styles import find_style
from .batch import is_image, look_alike, no_images, pictures_under, target_under
from .stylization import Stylizer, check_options

BATCH = 4  # images that a worker is given at a time


@dataclass(frozen=True)
class RayImage:
    """One image that was tried. input, output: addresses. size: width and height. error: why it failed, or ""."""

    input: str
    output: str
    size: tuple[int, int]
    seconds: float
    style: str
    runtime: str
    error: str

    def to_dict(self) -> dict[str, Any]:
        """As `impasto stylize --json` prints it."""
        left_out = ("size", "seconds") if self.error else ("error",)
        return {key: value for key, value in asdict(self).items() if key not in left_out}


@dataclass(frozen=True)
class RayResult:
    """images: those that were tried. skipped: how many were there already. passed_over: paths in the source of files
    that look like pictures and cannot be used."""

    images: list[RayImage]
    skipped: int
    passed_over: list[str]


def stylize_with_ray(
    source: str,
    target: str,
    style: PathLike,
    *,
    quality: int = images.DEFAULT_QUALITY,
    overwrite: bool = False,
    runtime: str = "auto",
    precision: str = "auto",
    keep_metadata: bool = False,
    progress: Callable[[int, int], object] | None = None,
    **options: Any,
) -> RayResult:
    """Stylize all images under `source` into the same tree under `target`, one worker on each machine.

    Ray's cluster is the one that this process is connected to or that RAY_ADDRESS names; without any, one is started on
    this machine. Only paths travel through it: workers read and write pictures themselves. What is in `target` already
    is skipped, so that a call after an interruption goes on.

    Args:
        source, target: folders that all machines see, or addresses such as s3://bucket/photos. A target within the
            source is left out of it.
        style: a name, or a style model's file, which only this machine needs.
        quality: of lossy formats. overwrite: do again what is there already.
        runtime, precision: see `Stylizer`. keep_metadata: see `images.kept_metadata`.
        options: keywords of `Stylizer.picture`.
        progress: told how many images have been tried, and of how many.

    Raises:
        ImpastoError: no images in `source`, a folder or bucket that cannot be read, one for both, two images that
            would go to one file, or a cluster that fails.
    """
    check_options(**options)
    roots = _root(source), _root(target)
    pending, skipped, unusable = _pending(*roots, overwrite)
    model = read_file(find_style(style), "style model")
    name = Stylizer(model, runtime=runtime, precision=precision).about.name  # a bad style is one error, not many
    if not pending:
        return RayResult([], skipped, unusable)
    rows = []
    for row in _on_cluster(pending, (*roots, model, runtime, precision, quality, keep_metadata, options)):
        rows.append(row)
        if progress:
            progress(len(rows), len(pending))
    return RayResult([
        RayImage(
            _join(source, row["source"]), _join(target, row["target"]), (int(row["width"]), int(row["height"])),
            round(float(row["seconds"]), 4), name, str(row["runtime"]), str(row["error"]),
        ) for row in sorted(rows, key=lambda row: str(row["source"]))
    ], skipped, unusable)  # fmt: skip


def _on_cluster(pending: list[tuple[str, str]], arguments: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    """What `_Worker`s with these arguments say of each (image, where its picture goes), as they come to an end."""
    import ray

    try:
        if not ray.is_initialized():
            ray.init(log_to_driver=False, logging_level=logging.ERROR)
        nodes = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        workers = [cpus for cpus in nodes if cpus >= 1]
        if not workers:
            raise ImpastoError("no machine of the Ray cluster has a processor to spare")
        dataset = ray.data.from_items([{"source": one, "target": other} for one, other in pending])
        logging.getLogger("ray.data").setLevel(logging.WARNING)  # only now: it sets its own when it is first used
        results = dataset.map_batches(
            _Worker,
            fn_constructor_args=arguments,
            batch_size=BATCH,
            num_cpus=max(1, int(min(workers)) - 1),  # the runtime takes all of a machine; one processor is left to Ray
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=len(workers)),
        )
        yield from results.iter_rows()
    except (ConnectionError, RuntimeError, ray.exceptions.RayError) as error:
        raise ImpastoError(f"the Ray cluster failed: {one_line(error)[:500]}") from None


@dataclass(frozen=True)
class _Root:
    """A folder here or in a bucket: its address, pyarrow's file system, and the path in it."""

    address: str
    files: Any
    path: str

    @property
    def local(self) -> bool:
        """Whether it is a folder here."""
        from pyarrow.fs import LocalFileSystem

        return isinstance(self.files, LocalFileSystem)

    def at(self, name: str) -> str:
        return posixpath.join(self.path, name)

    def real(self, name: str) -> str:
        """`at`, behind the links on the way: buckets have none."""
        return os.path.realpath(self.at(name)) if self.local else self.at(name)


def _root(address: str) -> _Root:
    from pyarrow.fs import FileSystem

    if not address:
        raise ImpastoError("the name of a folder is empty")  # a path would be the working folder
    try:
        files, path = FileSystem.from_uri(address if "://" in address else os.path.abspath(address))  # noqa: PTH100
    except (OSError, ValueError) as error:
        raise ImpastoError(f"cannot read {address}: {reason(error)}") from None
    root = _Root(address, files, path.rstrip("/") or "/")
    return replace(root, path=os.path.realpath(root.path)) if root.local else root


def _join(address: str, name: str) -> str:
    """The address of a file in a folder. A bucket's may end in options: s3://bucket/photos?endpoint_override=…"""
    folder, mark, options = address.partition("?") if "://" in address else (address, "", "")
    return f"{folder.rstrip('/')}/{name}{mark}{options}"


_COLUMNS = ("source", "target", "width", "height", "seconds", "runtime", "error")


class _Worker:
    """Loads the style once, then stylizes images by their paths in a folder."""

    def __init__(
        self, source: _Root, target: _Root, model: bytes, runtime: str, precision: str, quality: int,
        keep_metadata: bool, options: dict[str, Any],
    ) -> None:  # fmt: skip
        self._stylizer = Stylizer(model, runtime=runtime, precision=precision)
        self._source, self._target, self._quality, self._options = source, target, quality, options
        self._keep_metadata = keep_metadata

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        names = [(str(one), str(other)) for one, other in zip(batch["source"], batch["target"], strict=True)]
        rows = [self._stylize(*name) for name in names]
        return {key: [row[key] for row in rows] for key in _COLUMNS}

    def _stylize(self, source: str, target: str) -> dict[str, Any]:
        start, size, wrong = time.perf_counter(), (0, 0), ""
        try:
            with self._source.files.open_input_stream(self._source.at(source)) as stream:
                data = stream.read()
            kind = images.writable_format(Path(target))
            fits = partial(images.check_size, format=kind)
            picture = self._stylizer.picture(data, **self._options, on_size=fits)
            size, kept = picture.size, images.kept_metadata(data) if self._keep_metadata else None
            _write(self._target, target, images.encode(picture, kind, self._quality, kept))
        except MemoryError:
            wrong = "out of memory: choose a smaller --size"
        except ImpastoError as error:
            wrong = one_line(error)
        except Exception as error:  # whatever a decoder or a bucket may raise: one image does not stop the others
            wrong = one_line(reason(error))
        row = source, target, *size, time.perf_counter() - start, self._stylizer.runtime, wrong
        return dict(zip(_COLUMNS, row, strict=True))


def _write(root: _Root, name: str, data: bytes) -> None:
    """Whole or not at all: buckets show a file when it is closed, folders when it is renamed."""
    path = root.at(name)
    if root.local:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(Path(path), data)
    else:
        with root.files.open_output_stream(path) as stream:
            stream.write(data)


def _pending(source: _Root, target: _Root, overwrite: bool) -> tuple[list[tuple[str, str]], int, list[str]]:
    """(image, where its picture goes) of all that is to be done; how many are done already; what cannot be used."""
    same = source.files.equals(target.files)
    inside = same and not PurePosixPath(source.path).is_relative_to(target.path)

    def is_kept(name: str) -> bool:
        return not (inside and PurePosixPath(source.real(name)).is_relative_to(target.path))

    try:
        found, unusable = (list(filter(is_kept, names)) for names in _pictures_under(source))
        there = set() if overwrite else set(_pictures_under(target, missing=True)[0])
    except (OSError, ValueError) as error:
        raise ImpastoError(f"cannot read {source.address} or {target.address}: {reason(error)}") from None
    if not found:
        raise no_images(source.address, list(map(PurePosixPath, unusable)))
    named: dict[str, str] = {}
    for name in found:
        to = str(target_under(PurePosixPath(name)))
        other = named.setdefault(to, name)
        if other != name:
            raise ImpastoError(f"{other} and {name} would both be written to {to}")
    if same and {source.real(name) for name in found} & {target.real(to) for to in named}:
        raise ImpastoError(f"the pictures would overwrite the images in {source.address}: give another folder")
    pending = [(name, to) for to, name in named.items() if to not in there]
    return pending, len(found) - len(pending), unusable


def _pictures_under(root: _Root, missing: bool = False) -> tuple[list[str], list[str]]:
    """As `pictures_under`, paths relative to the folder. missing: a folder that is not there is empty."""
    from pyarrow.fs import FileSelector, FileType

    if root.local and os.path.isdir(root.path):  # pyarrow goes round in circles of links
        folder = Path(root.path)
        found, unusable = ([path.relative_to(folder).as_posix() for path in paths] for paths in pictures_under(folder))
        return found, unusable
    selected = root.files.get_file_info(FileSelector(root.path, allow_not_found=missing, recursive=True))
    names = sorted(posixpath.relpath(info.path, root.path) for info in selected if info.type == FileType.File)
    found, unusable = ([name for name in names if wanted(PurePosixPath(name))] for wanted in (is_image, look_alike))
    return found, unusable
