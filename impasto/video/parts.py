"""Parts of a film that is being painted, in a folder beside its target: what an interruption leaves.

Each part holds up to a number of frames of one shot: NUT beside a few lines of JSON, which are written last. Of the
latest part of a shot there is what the next one begins from, too.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..errors import ImpastoError, reason
from ..files import missing, write_atomically

_KEY, _LOCK = "of.json", "lock"


@dataclass(frozen=True)
class Part:
    """A part that is done.

    shot, number: its place. frames: in it. last: seconds of the film, its last frame's time; end: when that is over.
    ends: whether its shot does. damaged: places of the source that could not be decoded in it.
    """

    shot: int
    number: int
    frames: int
    last: Fraction
    end: Fraction
    ends: bool
    damaged: int = 0

    @property
    def following(self) -> tuple[int, int]:
        """Shot and number of the next part."""
        return (self.shot + 1, 0) if self.ends else (self.shot, self.number + 1)


class Parts:
    """The parts of a film, for one run at a time.

    Args:
        target: the film. key: what they are made of and how: parts of anything else are thrown away. Without one the
            folder is there already: another machine has made it.

    Raises:
        ImpastoError: the folder cannot be made or read, or is not there; or another run is at work in it.
    """

    def __init__(self, target: Path, key: Mapping[str, Any] | None = None) -> None:
        self.folder = folder_of(target)
        self.release: Callable[[], object] = _nothing  # lets another run have them
        if key is None:
            if not os.path.isfile(self.folder / _KEY):
                raise missing(self.folder, "folder of parts")
            return
        wanted = json.dumps(key, sort_keys=True, default=str).encode()
        try:
            self.folder.mkdir(exist_ok=True)
            lock = _locked(self.folder / _LOCK)
            if lock is None:
                raise ImpastoError(f"another run is painting {target}: wait for it, or name another output")
            self.release = weakref.finalize(self, os.close, lock)
            known = self.folder / _KEY
            if not known.is_file() or known.read_bytes() != wanted:
                for path in self.folder.iterdir():
                    if path.name != _LOCK:
                        path.unlink()
                write_atomically(known, wanted)
        except OSError as error:
            raise ImpastoError(f"cannot write {self.folder}: {reason(error)}") from None

    def video(self, shot: int, number: int) -> Path:
        """Where a part's pictures lie."""
        return self.folder / f"{shot:06}-{number:04}.nut"

    def finish(self, part: Part, state: Mapping[str, NDArray[Any]]) -> None:
        """A part's pictures are there. state: what the next part of its shot begins from."""
        if not part.ends:
            buffer = io.BytesIO()
            np.savez(buffer, **state)  # type: ignore[arg-type]
            write_atomically(self._state(part.shot, part.number), buffer.getvalue())
        write_atomically(self._about(part.shot, part.number), json.dumps(asdict(part), default=str).encode())
        with contextlib.suppress(OSError):
            self._state(part.shot, part.number - 1).unlink(missing_ok=True)

    def done(self, shot: int = 0, number: int = 0) -> Iterator[Part]:
        """Parts that are done without a gap, from one on."""
        while (part := self._read(shot, number)) is not None:
            yield part
            shot, number = part.following

    def left(self, shot: int | None = None) -> tuple[list[Part], dict[str, NDArray[Any]] | None]:
        """What painting goes on after: the parts that are done without a gap, and what the next one begins from.

        That is None where it begins a shot. shot: of one shot alone; of all by default.
        """
        done = list(takewhile(lambda part: shot in (None, part.shot), self.done(shot or 0)))
        if not done or done[-1].ends:
            return done, None
        state = self.state(done[-1])
        if state is None:  # lost: its shot is painted again
            done = [part for part in done if part.shot < done[-1].shot]
        return done, state

    def state(self, part: Part) -> dict[str, NDArray[Any]] | None:
        """What the part after this one begins from; None if it is lost."""
        try:
            data = self._state(part.shot, part.number).read_bytes()
            with np.load(io.BytesIO(data), allow_pickle=False) as values:
                return dict(values)
        except (OSError, ValueError, EOFError, BadZipFile):
            return None

    def remove(self) -> None:
        """All of them."""
        self.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _state(self, shot: int, number: int) -> Path:
        return self.folder / f"{shot:06}-{number:04}.npz"

    def _about(self, shot: int, number: int) -> Path:
        return self.folder / f"{shot:06}-{number:04}.json"

    def _read(self, shot: int, number: int) -> Part | None:
        try:
            values = json.loads(self._about(shot, number).read_bytes())
            part = Part(**values | {name: Fraction(values[name]) for name in ("last", "end")})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return part if self.video(shot, number).is_file() else None


def _nothing() -> None:
    """For those that hold no lock."""


def folder_of(target: Path) -> Path:
    """Where the parts of a film lie until it is done."""
    return target.with_name(f".{target.name}.impasto")


def _locked(path: Path) -> int | None:
    """Descriptor of a file that is this run's until it is closed, also by a kill; None if it is another's."""
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        os.close(file)
        return None
    except OSError:
        return file  # a file system that knows no locks
    return file
