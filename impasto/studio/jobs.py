"""Jobs that take minutes, one after the other on each device; what became of them is there for whoever asks.

A job is a function that runs in the worker thread of its device and reports through the `Job` it is given. Nothing here
knows what it does, or of HTTP.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ImpastoError, one_line

LOG = logging.getLogger(__name__)
HISTORY = 120  # points of a loss curve that are kept: every second one is dropped where there are more
FINISHED = "done", "failed", "cancelled"


class CancelledError(Exception):
    """Raised in a job that nobody wants any more."""


class ClosedError(CancelledError):
    """Raised in a job that runs while the server ends: what can be gone on with later may stay."""


class QueueFullError(ImpastoError):
    """So many jobs wait already that another is refused."""


@dataclass(frozen=True)
class Point:
    """Of a loss curve. validation: where it was measured."""

    iteration: int
    content: float
    style: float
    total: float
    validation: float | None = None


@dataclass
class Job:
    """Something that takes minutes.

    Attributes:
        id: random: who knows it may see the job. kind: "paint", "train" or "film". title: for people.
        folder: the job's own, for its input and output; removed with it.
        state: "queued", "running", "done", "failed" or "cancelled". error: of a job that failed, one line.
        progress: in [0, 1]. iteration, iterations; seconds since it began, and estimated to go.
        history: the loss curve. rate: frames a second, of a film. preview: bytes of a JPEG file. version: raised with
        every change. result: the file that came of it. name: what that is called, if not after the title. stopped: why
        it ended early with a result. notes: what is not as one would expect of the result, a line each.
    """

    kind: str
    title: str
    folder: Path
    work: Callable[[Job], Path]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: str = "queued"
    error: str | None = None
    progress: float = 0.0
    iteration: int = 0
    iterations: int = 0
    seconds: float = 0.0
    remaining: float | None = None
    history: list[Point] = field(default_factory=list)
    rate: float | None = None
    preview: bytes | None = None
    previews: int = 0
    version: int = 0
    result: Path | None = None
    name: str | None = None
    stopped: str | None = None
    notes: list[str] = field(default_factory=list)
    created: float = field(default_factory=time.time)
    _stop: threading.Event = field(default_factory=threading.Event)
    _cancel: threading.Event = field(default_factory=threading.Event)
    _closed: threading.Event = field(default_factory=threading.Event)

    @property
    def cancelling(self) -> bool:
        """Whether it will end without a result as soon as it can."""
        return self._cancel.is_set() and not self.finished

    @property
    def finished(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.state in FINISHED

    def report(
        self, progress: float, iteration: int, iterations: int, remaining: float, point: Point | None = None
    ) -> bool:
        """Called by the work after each step.

        Returns:
            False when it is to stop and keep what there is.

        Raises:
            CancelledError: it is to end, and nothing is kept.
        """
        self.check()
        self.progress, self.iteration, self.iterations, self.remaining = progress, iteration, iterations, remaining
        if point is not None:
            self.history.append(point)
        if len(self.history) > HISTORY:
            del self.history[1:-1:2]
        self.version += 1
        return not self._stop.is_set()

    def check(self) -> None:
        """Raise `CancelledError` if it is to end."""
        if self._closed.is_set():
            raise ClosedError
        if self._cancel.is_set():
            raise CancelledError

    def show(self, preview: bytes) -> None:
        """A JPEG file of how it looks now."""
        self.preview = preview
        self.previews += 1
        self.version += 1

    def stop(self) -> None:
        """End it early and keep the result."""
        self._stop.set()

    def cancel(self) -> None:
        """End it without a result."""
        self._cancel.set()
        self.version += 1

    def close(self) -> None:
        """End it because the server ends."""
        self._closed.set()


class Jobs:
    """All jobs, and a worker thread for each device.

    Args:
        devices: names, such as "cpu" and "cuda:0"; each works on one job at a time.
        waiting: jobs in line before another is refused. kept: finished jobs before the oldest is forgotten.
    """

    def __init__(self, devices: Sequence[str], waiting: int = 8, kept: int = 24) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="impasto-studio-"))  # readable by this user alone
        self._waiting, self._kept = waiting, kept
        self._jobs: dict[str, Job] = {}
        self._lines: dict[str, deque[Job]] = {device: deque() for device in devices}
        self._lock = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, args=(device,), name=f"jobs-{device}", daemon=True) for device in devices
        ]
        for thread in self._threads:
            thread.start()

    @property
    def devices(self) -> list[str]:
        """Their names."""
        return list(self._lines)

    def new_folder(self) -> Path:
        """An empty folder for one job's files."""
        return Path(tempfile.mkdtemp(dir=self.root))

    def check_room(self, device: str) -> None:
        """Raise `QueueFullError` if the line is too long for another job."""
        line = self._lines[device]
        if len(line) >= self._waiting:
            raise QueueFullError(f"{len(line)} jobs are waiting already: try again later")

    def submit(self, job: Job, device: str) -> Job:
        """Put a job in line.

        Raises:
            QueueFullError: the line is too long.
        """
        with self._lock:
            self.check_room(device)
            line = self._lines[device]
            self._jobs[job.id] = job
            line.append(job)
            self._forget()
            self._lock.notify_all()
        return job

    def get(self, id: str) -> Job | None:
        """A job, if there is one of that id."""
        return self._jobs.get(id)

    def all(self) -> list[Job]:
        """The newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: job.created, reverse=True)

    def position(self, job: Job) -> int:
        """How many are before it in line; 0 for one that is not waiting."""
        with self._lock:
            return next((list(line).index(job) for line in self._lines.values() if job in line), 0)

    def cancel(self, job: Job) -> None:
        """End a job that waits or runs, without a result."""
        if job.finished:
            return
        job.cancel()
        with self._lock:
            for line in self._lines.values():
                if job in line:
                    line.remove(job)
                    self._end(job, "cancelled")

    def remove(self, job: Job) -> None:
        """Forget a finished job and its files."""
        with self._lock:
            if job.finished:
                self._drop(job)

    def close(self) -> None:
        """End everything and remove all files."""
        with self._lock:
            self._closed = True
            for job in self._jobs.values():
                job.close()
            self._lock.notify_all()
        for thread in self._threads:
            thread.join(timeout=10)
        shutil.rmtree(self.root, ignore_errors=True)

    def _run(self, device: str) -> None:
        line = self._lines[device]
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._closed or line)
                if self._closed:
                    return
                job = line.popleft()
                job.state = "running"
                job.version += 1
            self._work(job)

    def _work(self, job: Job) -> None:
        began = time.monotonic()
        try:
            job.result = job.work(job)
            state = "done"
        except CancelledError:
            state = "cancelled"
        except ImpastoError as error:
            job.error, state = one_line(error), "failed"
        except MemoryError:
            job.error, state = "out of memory: choose a smaller size", "failed"
        except Exception as error:  # the thread must live on for the jobs that wait
            LOG.exception("job %s failed", job.id)
            job.error, state = f"something went wrong ({type(error).__name__}); the server's log says more", "failed"
        with self._lock:
            job.seconds = time.monotonic() - began
            self._end(job, state)

    def _end(self, job: Job, state: str) -> None:
        if state != "done":
            shutil.rmtree(job.folder, ignore_errors=True)
        job.state, job.remaining, job.progress = state, None, 1.0 if state == "done" else job.progress
        job.version += 1

    def _forget(self) -> None:
        finished = sorted((job for job in self._jobs.values() if job.finished), key=lambda job: job.created)
        for job in finished[: max(0, len(finished) - self._kept)]:
            self._drop(job)

    def _drop(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)


