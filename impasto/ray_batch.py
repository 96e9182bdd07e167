"""Stylizing a folder or a bucket on several machines, by Ray Data (extra `ray`). Torch-free."""

from __future__ import annotations

import logging
import os
import posixpath
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from . import images
from .batch import is_image, target_name
from .errors import ImpastoError, one_line, reason
from .files import PathLike, read_file
from .styles import find_style
from .stylization import Stylizer

BATCH = 4  # images that a worker is given at a time


@dataclass(frozen=True)
class RayResult:
    """made: pictures written. skipped: there already. failed: image → why."""

    made: int
    skipped: int
    failed: dict[str, str]


def stylize_with_ray(
    source: str,
    target: str,
    style: PathLike,
    *,
    quality: int = images.DEFAULT_QUALITY,
    overwrite: bool = False,
    runtime: str = "auto",
    precision: str = "auto",
    **options: Any,
) -> RayResult:
    """Stylize all images under `source` into the same tree under `target`, one worker on each machine.

    Ray's cluster is the one that this process is connected to or that RAY_ADDRESS names; without any, one is started on
    this machine. Only paths travel through it: workers read and write pictures themselves. What is in `target` already
    is skipped, so that a call after an interruption goes on.

    Args:
        source, target: folders that all machines see, or addresses such as s3://bucket/photos.
        style: a name, or a style model's file, which only this machine needs.
        quality: of lossy formats. overwrite: do again what is there already.
        runtime, precision: see `Stylizer`. options: keywords of `Stylizer.picture`.

    Raises:
        ImpastoError: no images in `source`, or a folder or bucket that cannot be read.
    """
    import ray

    pending, skipped = _pending(source, target, overwrite)
    model = read_file(find_style(style), "style model")
    Stylizer(model, runtime=runtime, precision=precision)  # a bad style is one error, not one for each machine
    if not pending:
        return RayResult(0, skipped, {})
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
        fn_constructor_args=(model, runtime, precision, quality, options),
        batch_size=BATCH,
        num_cpus=max(1, int(min(workers)) - 1),  # the runtime takes all of a machine; one processor is left to Ray
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=len(workers)),
    ).take_all()
    failed = {row["source"]: row["error"] for row in results if row["error"]}
    return RayResult(len(results) - len(failed), skipped, failed)


class _Worker:
    """Loads the style once, then stylizes images by their addresses."""

    def __init__(self, model: bytes, runtime: str, precision: str, quality: int, options: dict[str, Any]) -> None:
        self._stylizer = Stylizer(model, runtime=runtime, precision=precision)
        self._quality, self._options = quality, options

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        sources, targets = ([str(one) for one in batch[key]] for key in ("source", "target"))
        return {"source": sources, "error": list(map(self._stylize, sources, targets))}

    def _stylize(self, source: str, target: str) -> str:
        """Returns what went wrong, or an empty text."""
        try:
            files, path = _filesystem(source)
            with files.open_input_stream(path) as stream:
                data = stream.read()
            picture = self._stylizer.picture(data, **self._options)
            kind = images.WRITABLE[posixpath.splitext(target)[1].lower()]
            _write(target, images.encode(picture, kind, self._quality))
        except (ImpastoError, OSError, MemoryError) as error:
            return one_line(error) or type(error).__name__
        return ""


def _write(target: str, data: bytes) -> None:
    """Whole or not at all: buckets show a file when it is closed, folders when it is renamed."""
    from pyarrow.fs import LocalFileSystem

    files, path = _filesystem(target)
    files.create_dir(posixpath.dirname(path), recursive=True)
    part = f"{path}.{uuid.uuid4().hex}.part" if isinstance(files, LocalFileSystem) else path
    with files.open_output_stream(part) as stream:
        stream.write(data)
    if part != path:
        os.replace(part, path)


def _pending(source: str, target: str, overwrite: bool) -> tuple[list[tuple[str, str]], int]:
    """(image, where its picture goes) of all that is to be done, and how many are done already."""
    try:
        found = list(_images_under(source))
        there = set() if overwrite else set(_images_under(target, missing=True))
    except (OSError, ValueError) as error:
        raise ImpastoError(f"cannot read {source} or {target}: {reason(error)}") from None
    if not found:
        raise ImpastoError(f"no images in {source}")
    named = {name: str(target_name(PurePosixPath(name))) for name in found}
    pending = [
        (f"{source.rstrip('/')}/{name}", f"{target.rstrip('/')}/{to}") for name, to in named.items() if to not in there
    ]
    return pending, len(found) - len(pending)


def _images_under(folder: str, missing: bool = False) -> Iterator[str]:
    """Paths of images, relative to the folder, but for hidden ones. missing: a folder that is not there is empty."""
    from pyarrow.fs import FileSelector, FileType

    files, root = _filesystem(folder)
    for info in sorted(files.get_file_info(FileSelector(root, allow_not_found=missing, recursive=True)), key=_path):
        name = posixpath.relpath(info.path, root)
        if info.type == FileType.File and is_image(PurePosixPath(name)):
            yield name


def _path(info: Any) -> str:
    return str(info.path)


def _filesystem(address: str) -> tuple[Any, str]:
    """Where an address leads: a folder here, or a bucket."""
    from pyarrow.fs import FileSystem

    return FileSystem.from_uri(address if "://" in address else os.path.abspath(address))  # noqa: PTH100
