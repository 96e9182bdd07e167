"""Files: read whole or not, written whole or not at all; what goes wrong is one line."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from .errors import ImpastoError, reason

PathLike = str | os.PathLike[str]
PARTS = ".impasto-*.part"  # files that `part_of` has not finished
_counter = itertools.count()  # a thread may write several at once


def read_file(path: str | os.PathLike[str], what: str) -> bytes:
    """All bytes of a file.

    what: what error messages call it ("content image").

    Raises:
        ImpastoError: there is none, or it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise missing(path, what) from None
    except IsADirectoryError:
        raise ImpastoError(f"{what} {path} is a directory") from None
    except (OSError, ValueError) as error:
        raise ImpastoError(f"cannot read {what} {path}: {reason(error)}") from None


def missing(path: str | os.PathLike[str], what: str) -> ImpastoError:
    """The error for a file or folder that is not there; a web address never is."""
    name = os.fspath(path)
    if re.match(r"(https?|ftp):/", name, re.IGNORECASE):
        address = re.sub(r":/+", "://", name, count=1)  # a Path has one slash where the address has two
        return ImpastoError(f"{what} {address} is a web address: download it, and give what was downloaded")
    return ImpastoError(f"no such {what}: {name}")


def check_target(path: str | os.PathLike[str]) -> Path:
    """Refuse, before any work is done, a path that `write_atomically` could not write."""
    path = Path(path)
    folder = path.parent
    try:
        path.lstat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # a name that is too long, a folder that may not be entered
        raise ImpastoError(f"cannot write {path}: {reason(error)}") from None
    if path.is_dir():
        raise ImpastoError(f"output {path} is a directory")
    if not folder.is_dir():
        raise ImpastoError(f"the folder of the output does not exist: {folder}")
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise ImpastoError(f"output {path} is not writable")
    return path


@contextlib.contextmanager
def part_of(path: Path) -> Iterator[Path]:
    """A file beside `path` (or beside what it links to) to write to; at the block's end it takes its name.

    After a crash the old file or the new one is there, never half of one. Where the block fails, nothing is left of it.
    """
    target = Path(os.path.realpath(path))
    part = target.with_name(f".impasto-{os.getpid()}-{threading.get_ident()}-{next(_counter)}.part")
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        if target.exists():
            part.chmod(target.stat().st_mode & 0o777)
        os.replace(part, target)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def write_atomically(path: Path, data: bytes) -> None:
    """Write bytes to a file, whole or not at all: see `part_of`."""
    try:
        with part_of(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise ImpastoError(f"cannot write {path}: {reason(error)}") from None


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder but for hidden ones; links to folders are followed, but not in a circle.

    Folders that cannot be read are among them, so that whoever reads what is found meets the reason; pipes and devices
    are not, which would keep them waiting.

    Raises:
        OSError: `folder` itself cannot be read.
    """
    unreadable: list[Path] = []

    def on_error(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise error
        unreadable.append(Path(error.filename))

    top = Path(os.path.realpath(folder))
    for place, folders, files in os.walk(folder, onerror=on_error, followlinks=True):
        here = Path(place)
        way = (step for step in (here, *here.parents) if step.is_relative_to(folder))  # links on it are no parents
        above = {top, *top.parents, *(Path(os.path.realpath(step)) for step in way)}
        folders[:] = [
            name for name in folders if not name.startswith(".") and Path(os.path.realpath(here / name)) not in above
        ]
        yield from (here / name for name in files if not name.startswith(".") and _may_be_a_file(here / name))
    yield from unreadable


def _may_be_a_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:  # a link to nothing
        return False
    except OSError:
        return True


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one of them does not exist
        return False
