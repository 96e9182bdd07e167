"""How many threads torch computes with: as many as the machine has cores for.

torch's threads wait for each other after every operation, and they wait spinning. Where one of them has no core to run
on, the others burn theirs until it had its turn: four runs beside each other take many times as long as one after the
other. A single thread waits for nobody. So a run takes the cores that nothing else uses, and looks again as it goes;
those beside it do the same, and each has its share.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import torch

SECONDS = 0.25  # between two looks: systems count in hundredths
MISSING, SPARE = 0.45, 0.65  # of a core: with so much too little, a thread ends; with so much left over, one is added
LOOKS = 4, 32  # in a row that find a core to spare before a thread is added: at first, and at most
CHOSEN_BY = "OMP_NUM_THREADS", "MKL_NUM_THREADS"  # the user's own choice


@dataclass(frozen=True)
class Clocks:
    """Seconds on several clocks at one moment.

    wall: since some moment. thread, process: that the calling thread, and all of the process, ran. idle: that the cores
    that the process may use had nothing else to do, summed over them; counted: that the system accounted for, likewise.
    """

    wall: float
    thread: float
    process: float
    idle: float
    counted: float


def read_clocks() -> Clocks:
    """The clocks as they stand. Where the system does not tell, nothing is counted."""
    idle = counted = 0.0
    with contextlib.suppress(OSError, psutil.Error, NotImplementedError):
        process, cores = psutil.Process(), psutil.cpu_times(percpu=True)
        if hasattr(process, "cpu_affinity"):  # not on macOS
            cores = [cores[index] for index in process.cpu_affinity() if index < len(cores)]
        states = ["idle", "iowait"]
        if os.name == "posix" and process.nice() <= 0:
            states.append("nice")  # what runs at low priority gives way
        idle = sum(getattr(core, state, 0.0) for core in cores for state in states)
        counted = sum(map(sum, cores))
    return Clocks(time.perf_counter(), time.thread_time(), time.process_time(), idle, counted)


def cores_for(threads: int, before: Clocks, after: Clocks) -> float | None:
    """How many cores torch's threads had from one reading to another, or could have had; None if the system hides it.

    What they had is what the process ran, but no more than all of them together with the calling thread, which
    computes or spins whenever it has a core: the process may have threads that are not torch's.
    """
    wall = after.wall - before.wall
    if after.counted - before.counted < wall / 2:
        return None
    had = min(after.process - before.process, threads * (after.thread - before.thread))
    return (had + after.idle - before.idle) / wall


class Fit:
    """A number of threads that follows the number of cores, look after look.

    A thread ends at once where its core is missing. One is added where there has been a core for it for a while, which
    is longer each time that this turned out wrong: two runs may have seen the same core.

    Attributes:
        threads: 1 … most.
    """

    def __init__(self, most: int) -> None:
        self.most = self.threads = most
        self._spare: list[float] = []  # what the last looks found, where all of them found a core to spare
        self._patience, self._since_added = LOOKS[0], LOOKS[1]

    def look(self, cores: float) -> int:
        """The number of threads after a look that found so many cores."""
        self._since_added += 1
        if cores < self.threads - MISSING and self.threads > 1:
            wrong = self._since_added <= LOOKS[0]
            self._patience = min(2 * self._patience, LOOKS[1]) if wrong else LOOKS[0]
            self.threads, self._spare = max(1, min(self.threads - 1, round(cores))), []
        elif cores > self.threads + SPARE and self.threads < self.most:
            self._spare.append(cores)
            if len(self._spare) >= self._patience:
                self.threads = max(self.threads + 1, min(self.most, round(min(self._spare))))
                self._since_added, self._spare = 0, []
        else:
            self._spare = []
        return self.threads


class _Own(threading.local):
    """What the calling thread's run goes by: torch's number of threads is one for each thread that calls it."""

    fit: Fit | None = None
    clocks: Clocks


_own, _all = _Own(), list[Fit]()


@contextlib.contextmanager
def sharing_cores() -> Iterator[None]:
    """While it lasts, `fit_threads` fits torch's threads to the machine's load.

    The number of threads before, which is restored, is the most that are taken. A number that the user has chosen by an
    environment variable is kept.
    """
    if _own.fit is not None or any(name in os.environ for name in CHOSEN_BY):
        yield
        return
    # A thread that is new to torch begins with the number that another one's run has come to, not with the machine's.
    most = max([torch.get_num_threads(), *(fit.most for fit in _all)])
    torch.set_num_threads(most)
    _own.fit, _own.clocks = Fit(most), read_clocks()
    _all.append(_own.fit)
    try:
        yield
    finally:
        _all.remove(_own.fit)
        _own.fit = None
        torch.set_num_threads(most)


def fit_threads() -> None:
    """Called before a piece of work: have torch do it with as many threads as there are cores for, at the moment."""
    fit = _own.fit
    if fit is None or fit.most == 1 or time.perf_counter() - _own.clocks.wall < SECONDS:
        return
    before, _own.clocks, threads = _own.clocks, read_clocks(), fit.threads
    cores = cores_for(threads, before, _own.clocks)
    if cores is not None and fit.look(cores) != threads:
        torch.set_num_threads(fit.threads)
