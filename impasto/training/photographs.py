"""Photographs for training: folders or tar shards, in an order and in crops that are pure functions of a seed.

So the photographs that a run has seen are known from how many it has seen: nothing else is needed to go on where an
interrupted run stopped, or to share a run between several processes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import images
from ..errors import ImpastoError, check_integer, one_line, reason
from ..files import missing, walk
from ..images import Picture

SMALLEST = 64  # px on the short side: what is smaller has nothing to teach
SHARD_SIDE, SHARD_QUALITY, SHARD_LENGTH = 512, 90, 1000  # 512: the largest crops, zoomed out a little


@dataclass(frozen=True)
class Entry:
    """Where one photograph lies: a whole file, or `length` bytes of a tar shard from `offset` on."""

    file: Path
    name: str
    offset: int = 0
    length: int | None = None

    def read(self) -> bytes:
        """Its bytes."""
        with self.file.open("rb") as file:
            file.seek(self.offset)
            return file.read() if self.length is None else file.read(self.length)


class Photographs:
    """The photographs below some folders or in some tar shards (the WebDataset convention), in sorted order.

    Files that turn out to be no usable photograph are skipped, and counted and named in `skipped`.

    Args:
        sources: folders (searched recursively, shards in them included), shards, or single photographs.

    Raises:
        ImpastoError: a source is missing, or there is no photograph.
    """

    def __init__(self, sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> None:
        given = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
        if not all(map(os.fspath, given)) or not given:
            raise ImpastoError("no content folder is given")
        self.sources = [Path(source) for source in given]
        self.skipped: dict[str, str] = {}
        self._unusable: set[int] = set()
        self._named: set[int] = set()  # in `skipped`
        self._lock = threading.Lock()
        self.entries = [entry for source in self.sources for entry in self._list(source)]
        if not self.entries:
            told = f": {_examples(self.skipped)}" if self.skipped else ""
            raise ImpastoError(f"no photographs in {', '.join(map(str, self.sources))}{told}")

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def fingerprint(self) -> str:
        """Changes when photographs are added, removed or replaced by ones of another size."""
        digest = hashlib.sha256()
        for entry in self.entries:
            length = _length(entry.file) if entry.length is None else entry.length
            digest.update(os.fsencode(f"{entry.name}\0{length}\n"))  # names need not be UTF-8
        return digest.hexdigest()

    def _list(self, source: Path) -> Iterator[Entry]:
        if os.path.isdir(source):
            found = self._files_below(source)
            # What earlier runs painted into this folder is nothing to learn from.
            runs = {path.parent for path in found if path.name == "run.json" and os.path.isdir(path.parent / "samples")}
            files = [path for path in found if runs.isdisjoint(path.parents)]
        elif (archive := images.packed(source)) and os.path.isfile(source):
            raise ImpastoError(f"content {source} is {archive}")
        elif os.path.isfile(source):
            files = [source]
        else:
            raise missing(source, "content folder")
        for file in files:
            name = file.relative_to(source).as_posix() if file != source else file.name
            if file.suffix.lower() == ".tar":
                yield from self._list_shard(file, name)
            elif self._is_photograph(file, name):
                yield Entry(file, name)

    def _is_photograph(self, file: Path, name: str) -> bool:
        """Whether what has that name may be one; what looks so and cannot be used, or is packed, is told in `skipped`.

        file: it, or the shard that it is in.
        """
        path = PurePosixPath(name)
        if kind := images.unusable(path) or images.packed(path):
            self._tell(file, name, str(kind))
        return images.is_readable(path)

    def _files_below(self, folder: Path) -> list[Path]:
        try:
            found = sorted(walk(folder))
        except OSError as error:
            raise ImpastoError(f"cannot read content folder {folder}: {reason(error)}") from None
        unreadable = {path for path in found if os.path.isdir(path)}
        self.skipped |= {
            path.relative_to(folder).as_posix(): "a folder that cannot be read" for path in found if path in unreadable
        }
        return [path for path in found if path not in unreadable]

    def _list_shard(self, file: Path, name: str) -> Iterator[Entry]:
        try:
            with tarfile.open(file, "r:") as shard:
                for member in shard:
                    if member.isfile() and self._is_photograph(file, f"{name}/{member.name}"):
                        yield Entry(file, f"{name}/{member.name}", member.offset_data, member.size)
                end = shard.offset
            with file.open("rb") as data:
                data.seek(end)
                if data.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
                    self._tell(file, name, f"shard {name} is damaged: what follows its byte {end} cannot be read")
        except (tarfile.TarError, OSError, EOFError) as error:
            archive = images.packed(file, _start(file))
            self._tell(file, name, str(archive) if archive else f"shard {name} is damaged: {error}")

    def state(self) -> dict[str, Any]:
        """What has been found unusable so far, for a run that goes on later."""
        with self._lock:
            return {"skipped": dict(self.skipped), "unusable": sorted(self._unusable), "named": sorted(self._named)}

    def restore(self, state: dict[str, Any]) -> None:
        """Skip what was found unusable before."""
        with self._lock:
            self.skipped |= state["skipped"]
            self._unusable |= set(state["unusable"])
            self._named |= set(state["named"])

    @property
    def usable(self) -> int:
        """How many have not been found unusable so far."""
        return len(self.entries) - len(self._unusable)

    @property
    def considered(self) -> int:
        """How many files there are, with those that are no photographs by their names."""
        return len(self.entries) + len(self.skipped) - len(self._named)

    def are_unusable(self, indices: Iterable[int]) -> bool:
        """Whether all of these have been found unusable for good."""
        return all(int(index) in self._unusable for index in indices)

    def load(self, index: int, short_side: int) -> Picture | None:
        """A photograph with at least `short_side` px, or None where there is no usable one (see `skipped`)."""
        entry = self.entries[index]
        if index in self._unusable:
            return None
        try:
            data = entry.read()
        except OSError as error:  # it may be there again the next time: a drive, a network
            self._skip(index, reason(error), for_good=entry.file.parent.is_dir() and not os.path.lexists(entry.file))
            return None
        try:
            picture = images.load(data, "photograph", lambda _: (max(short_side, SMALLEST),) * 2)
            if min(picture.size) >= SMALLEST and not picture.hidden:
                return picture
            self._skip(index, "wholly transparent" if picture.hidden else f"smaller than {SMALLEST} px")
        except ImpastoError as error:
            self._skip(index, str(error).removeprefix("the photograph is "))
        except MemoryError:
            raise
        except Exception as error:  # no damage that a decoder did not foresee may end a training
            self._skip(index, f"not an image that can be read ({type(error).__name__}: {one_line(error)})")
        return None

    def _skip(self, index: int, reason: str, for_good: bool = True) -> None:
        with self._lock:  # two threads may have come upon the same file
            if for_good:
                self._unusable.add(index)
            if index not in self._named:
                self._named.add(index)
                self._tell(self.entries[index].file, self.entries[index].name, reason)

    def _tell(self, file: Path, name: str, reason: str) -> None:
        self.skipped[name if name not in self.skipped else f"{file}: {name}"] = reason


class Crops:
    """Square crops of photographs: the crop at a position of the endless sequence depends on nothing but the seed.

    Args:
        photographs: where from.
        seed: of the order, the crops and the choice of what is held out.
        zoom: see `presets.TrainingPreset`.
        held_out: so many photographs (a fifth of all at most, one at least) are for validation only.

    Attributes:
        held_out: indices of those. pool: of the others.

    Raises:
        ImpastoError: there is no usable photograph.
    """

    def __init__(self, photographs: Photographs, seed: int, zoom: float, held_out: int) -> None:
        self.photographs, self.seed, self.zoom = photographs, seed, zoom
        shuffled = self._shuffle(0, len(photographs))
        held: list[int] = []
        for index in shuffled:
            if len(held) == max(1, min(held_out, len(photographs) // 5)):
                break
            if photographs.load(int(index), SMALLEST) is not None:
                held.append(int(index))
        if not held:
            raise ImpastoError(f"no usable photograph among {len(photographs)}: {_examples(photographs.skipped)}")
        self.held_out = held
        # A single photograph has to serve for both.
        self.pool = np.setdiff1d(np.arange(len(photographs)), held) if len(photographs) > 1 else np.array(held)
        self._order = lru_cache(maxsize=2)(lambda epoch: self.pool[self._shuffle(1 + epoch, len(self.pool))])

    def at(self, position: int, side: int) -> NDArray[np.uint8]:
        """(side, side, 3) uint8."""
        picture = self._usable(position, round(side * self.zoom))
        random = np.random.default_rng((self.seed, 2, position))
        zoom, left, top = random.uniform(1, self.zoom), random.random(), random.random()
        crop = _crop(picture, side, zoom, left, top)
        return crop[:, ::-1] if random.random() < 0.5 else crop

    def validation(self, side: int) -> NDArray[np.uint8]:
        """(N, side, side, 3): the middles of the photographs held out, one scale each."""
        pictures = [self.photographs.load(index, side) for index in self.held_out]
        return np.stack([_crop(picture, side, 1.0, 0.5, 0.5) for picture in pictures if picture is not None])

    def samples(self, count: int, long_side: int) -> list[Picture]:
        """Some of the photographs held out, whole."""
        pictures = [self.photographs.load(index, long_side) for index in self.held_out[:count]]
        return [picture.resized(images.fit(picture.size, long_side)) for picture in pictures if picture is not None]

    def _usable(self, position: int, short_side: int) -> Picture:
        """The photograph at a position of the shuffled epochs, or the next usable one."""
        for offset in range(len(self.pool)):  # a whole epoch, at most
            epoch, place = divmod(position + offset, len(self.pool))
            picture = self.photographs.load(int(self._order(epoch)[place]), short_side)
            if picture is not None:
                return picture
        if not self.photographs.are_unusable(self.pool):
            raise ImpastoError(f"the photographs cannot be read any more: {_examples(self.photographs.skipped)}")
        for index in self.held_out:  # the only usable photograph has to serve for both
            picture = self.photographs.load(index, short_side)
            if picture is not None:
                return picture
        raise ImpastoError("none of the photographs can be read any more")

    def _shuffle(self, epoch: int, count: int) -> NDArray[np.intp]:
        return np.random.default_rng((self.seed, 1, epoch)).permutation(count)


def _crop(picture: Picture, side: int, zoom: float, left: float, top: float) -> NDArray[np.uint8]:
    """The square of a photograph scaled so that its short side is `zoom` times `side`.

    left, top: in [0, 1], where. A photograph is enlarged no further than the crop needs.
    """
    image = picture.to_pil().convert("RGB")
    width, height = image.size
    window = min(width, height) / max(1.0, min(zoom, min(width, height) / side))
    x, y = left * (width - window), top * (height - window)
    box = (x, y, x + window, y + window)
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC, box, reducing_gap=2.0))


def _start(file: Path) -> bytes:
    """A file's first bytes, as far as it can be read."""
    try:
        with file.open("rb") as data:
            return data.read(64)
    except OSError:
        return b""


def _length(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # reading it will tell why
        return -1


def _examples(skipped: dict[str, str]) -> str:
    name, reason = next(iter(skipped.items()), ("", "none was found"))
    return f"{name} is {reason}" if name and name not in reason else reason


def pack(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    short_side: int = SHARD_SIDE,
    quality: int = SHARD_QUALITY,
    progress: Callable[[int, int], object] | None = None,
) -> Photographs:
    """Write photographs, scaled down once, into tar shards of a thousand (the WebDataset convention).

    Args:
        sources: as for `Photographs`.
        folder: is made; must be empty or missing.
        short_side: in px, of what is written. Smaller photographs keep their size, and JPEG files of them without
            EXIF or a colour profile are taken as they are.
        quality: of the JPEG files, 1 … 100.
        progress: called with the number of photographs done and of all.

    Returns:
        The photographs read; `skipped` names those that were left out.

    Raises:
        ImpastoError: no photographs, or the folder is not empty or cannot be written.
    """
    check_integer("size", short_side, SMALLEST, 10_000)
    check_integer("quality", quality, 1, 100)
    photographs = Photographs(sources)
    target = Path(folder)
    if os.path.lexists(target) and (not os.path.isdir(target) or any(target.iterdir())):
        raise ImpastoError(f"{target} is not an empty folder")
    shard: tarfile.TarFile | None = None
    written, whole = 0, False
    try:
        for index in range(len(photographs)):
            picture = photographs.load(index, short_side)
            if picture is not None:
                if shard is None or written % SHARD_LENGTH == 0:
                    _finish(shard)
                    target.mkdir(parents=True, exist_ok=True)
                    shard = tarfile.open(target / f"{written // SHARD_LENGTH:06}.tar.part", "w")  # noqa: SIM115
                member = tarfile.TarInfo(f"{written:08}.jpg")
                data = _small_jpeg(photographs.entries[index], picture, short_side, quality)
                member.size = len(data)
                shard.addfile(member, io.BytesIO(data))
                written += 1
            if progress is not None:
                progress(index + 1, len(photographs))
        _finish(shard)
        whole = True
    except OSError as error:
        raise ImpastoError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        if shard is not None and not whole:
            with contextlib.suppress(OSError):
                shard.fileobj.close()  # not the shard: that would write to a disk that may be full
            Path(str(shard.name)).unlink(missing_ok=True)
    if not written:
        raise ImpastoError(f"no usable photograph among {len(photographs)}: {_examples(photographs.skipped)}")
    return photographs


def _small_jpeg(entry: Entry, picture: Picture, short_side: int, quality: int) -> bytes:
    """A photograph as a shard holds it: in sRGB without a profile, whose conversion takes half of the reading time.

    entry: where it lies; its file is taken as it is where it is small, plain and without EXIF already.
    """
    with contextlib.suppress(OSError):  # it was read a moment ago
        data = entry.read()
        if min(picture.size) <= short_side and data.startswith(b"\xff\xd8\xff"):
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
                if image.mode == "RGB" and not {"icc_profile", "exif"} & set(image.info):
                    return data
    scale = min(1.0, short_side / min(picture.size))
    size = (round(picture.size[0] * scale), round(picture.size[1] * scale))
    buffer = io.BytesIO()
    picture.resized(size).to_pil().convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _finish(shard: tarfile.TarFile | None) -> None:
    """Close a shard and give it its name: an interrupted run leaves no shard that looks whole."""
    if shard is not None:
        shard.close()
        part = Path(str(shard.name))
        part.replace(part.with_suffix(""))
