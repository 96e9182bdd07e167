"""How torch's threads follow the machine's load: on machines that the tests make up, and on this one."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiny import registered, save_photos

from impasto.optimizing import optimization
from impasto.optimizing.presets import PRESETS
from impasto.perception import threads
from impasto.perception.threads import CHOSEN_BY, LOOKS, Clocks, Fit, cores_for, fit_threads, read_clocks, sharing_cores
from impasto.training import train

START = Clocks(wall=-1e6, thread=0.0, process=0.0, idle=0.0, counted=0.0)


class Machine:
    """Of so many cores, with so many threads of others that want one each. A second passes whenever one looks at it."""

    def __init__(self, cores: int) -> None:
        self.cores, self.others, self.clocks, self.tells = cores, 0, START, True

    def read(self) -> Clocks:
        """Every thread that wants to run gets the same share of the cores."""
        own, c = torch.get_num_threads(), self.clocks
        share = min(1.0, self.cores / (own + self.others))
        idle = max(0, self.cores - own - self.others)
        counted = self.cores if self.tells else 0
        self.clocks = Clocks(c.wall + 1, c.thread + share, c.process + own * share, c.idle + idle, c.counted + counted)
        return self.clocks


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """One of three cores, on which torch computes with three threads and the user has chosen nothing."""
    for name in CHOSEN_BY:
        monkeypatch.delenv(name, raising=False)
    machine, before = Machine(3), torch.get_num_threads()
    monkeypatch.setattr(threads, "read_clocks", machine.read)
    torch.set_num_threads(machine.cores)
    yield machine
    torch.set_num_threads(before)


def work(machine: Machine, others: int, looks: int = LOOKS[0]) -> int:
    """Torch's threads after some work beside so many threads of others."""
    machine.others = others
    for _ in range(looks):
        fit_threads()
    return torch.get_num_threads()


# --- a run ---


def test_a_run_gives_way_at_once_takes_back_what_is_free_and_leaves_no_trace(machine: Machine) -> None:
    with sharing_cores():
        assert work(machine, others=0) == 3
        assert work(machine, others=1, looks=1) == 2
        assert work(machine, others=9, looks=1) == 1
        assert work(machine, others=9) == 1
        assert work(machine, others=0, looks=LOOKS[0] - 1) == 1  # it may be a pause
        assert work(machine, others=0, looks=1) == 3
        assert work(machine, others=9) == 1
    assert torch.get_num_threads() == 3
    assert work(machine, others=9) == 3  # outside, nothing is fitted


def test_a_run_that_fails_leaves_no_trace(machine: Machine) -> None:
    @sharing_cores()
    def fail() -> None:
        assert work(machine, others=9) == 1
        raise RuntimeError("failed")

    with pytest.raises(RuntimeError, match="failed"):
        fail()
    assert torch.get_num_threads() == 3


def test_no_more_threads_are_taken_than_there_were(machine: Machine) -> None:
    torch.set_num_threads(2)
    with sharing_cores():
        assert work(machine, others=0, looks=20) == 2
        assert work(machine, others=9) == 1
        assert work(machine, others=0, looks=20) == 2
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("name", CHOSEN_BY)
def test_what_the_user_has_chosen_is_kept(name: str, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "3")
    with sharing_cores():
        assert work(machine, others=9) == 3


def test_a_run_within_a_run_is_part_of_it(machine: Machine) -> None:
    with sharing_cores():
        assert work(machine, others=9) == 1
        with sharing_cores():
            assert work(machine, others=9) == 1
        assert torch.get_num_threads() == 1
        assert work(machine, others=0) == 3


def test_a_system_that_does_not_tell_leaves_things_as_they_are(machine: Machine) -> None:
    machine.tells = False
    with sharing_cores():
        assert work(machine, others=9) == 3


def test_runs_in_several_threads_each_know_how_many_there_are(machine: Machine) -> None:
    def in_thread(call: Callable[[], int]) -> int:
        found = list[int]()
        thread = threading.Thread(target=lambda: found.append(call()))
        thread.start()
        thread.join()
        return found[0]

    def second_run() -> int:
        with sharing_cores():
            return work(machine, others=0)

    with sharing_cores():
        assert work(machine, others=9) == 1
        assert in_thread(torch.get_num_threads) == 1  # what the second run begins with
        assert in_thread(second_run) == 3
    assert in_thread(torch.get_num_threads) == 3


def test_optimize_shares(machine: Machine, photo: Image.Image, painting: Image.Image) -> None:
    seen = list[int]()

    def callback(step: optimization.Step) -> None:
        seen.append(torch.get_num_threads())
        machine.others = 9 if 4 <= step.iteration < 8 else 0

    layers = {"relu1_1": 1.0}
    preset = replace(PRESETS["fast"], iterations=16, scales=(), style_layers=layers, content_layers=layers)
    optimization.optimize(photo, painting, size=48, preset=preset, precision="float32", callback=callback)
    assert seen[:4] == [3] * 4
    assert seen[4:8] == [1] * 4
    assert seen[-1] == 3
    assert torch.get_num_threads() == 3


def test_train_shares(machine: Machine, files: Path, tmp_path: Path) -> None:
    seen = list[int]()
    machine.others, photos = 9, save_photos(tmp_path / "photos", ("chelsea", "coffee", "rocket"))
    with registered():
        train(
            files / "painting.jpg", photos, tmp_path / "out.onnx", preset="tiny", iterations=2, run=tmp_path / "run",
            precision="float32", start="scratch",
            callback=lambda _: seen.append(torch.get_num_threads()),
        )  # fmt: skip
    assert seen == [1, 1]
    assert torch.get_num_threads() == 3


# --- from clocks to cores ---


def after(seconds: float, **clocks: float) -> Clocks:
    """A reading so much later on a machine of two cores."""
    return replace(START, wall=START.wall + seconds, counted=2 * seconds, **clocks)


@pytest.mark.parametrize(
    ("threads", "clocks", "cores"),
    [
        (2, after(10, thread=10, process=20), 2.0),  # alone
        (2, after(10, thread=10, process=14, idle=6), 2.0),  # … and for a while only one thread had something to do
        (2, after(10, thread=5, process=10), 1.0),  # beside another one of its kind
        (2, after(10, thread=5, process=20), 1.0),  # … in the same process
        (1, after(10, thread=10, process=10, idle=10), 2.0),
        (1, after(10, thread=10, process=10), 1.0),
        (1, after(10, thread=5, process=5), 0.5),
        (2, after(10, idle=20), 2.0),  # it waits for something else
    ],
)
def test_cores_are_those_had_and_those_idle(threads: int, clocks: Clocks, cores: float) -> None:
    assert cores_for(threads, START, clocks) == pytest.approx(cores)


def test_a_system_without_counters_tells_nothing() -> None:
    assert cores_for(2, START, replace(after(10, thread=10, process=20), counted=0.0)) is None


# --- from cores to threads ---


def live(fits: list[Fit], cores: int, looks: int, others: int = 0) -> list[list[int]]:
    """The threads of several runs, look after look, on one machine."""
    seen = []
    for _ in range(looks):
        wanted = sum(fit.threads for fit in fits) + others
        found = [min(1.0, cores / wanted) * fit.threads + max(0, cores - wanted) for fit in fits]
        seen.append([fit.look(had) for fit, had in zip(fits, found, strict=True)])
    return seen


@given(st.integers(1, 64), st.integers(1, 6))
def test_runs_beside_each_other_have_equal_shares(cores: int, runs: int) -> None:
    fits = [Fit(cores) for _ in range(runs)]
    share = max(1, round(cores / runs))
    assert live(fits, cores, 1) == [[share] * runs]
    later = live(fits, cores, 10 * LOOKS[1])
    busy = [look for look in later if sum(look) > max(cores + runs / 2, runs)]
    assert len(busy) <= len(later) / 20  # they try for a core now and then, ever more seldom
    live(fits[:1], cores, 2 * LOOKS[1])
    assert fits[0].threads == cores  # what the others had is free in the end


def test_a_thread_whose_core_is_used_a_little_stays() -> None:
    fit = Fit(2)
    assert [fit.look(1.7) for _ in range(20)] == [2] * 20
    assert fit.look(1.4) == 1
    assert [fit.look(1.6) for _ in range(20)] == [1] * 20
    assert [fit.look(1.7) for _ in range(20)][-1] == 2


@given(st.lists(st.floats(0, 100), max_size=60), st.integers(1, 16))
def test_there_are_always_some_threads_and_never_too_many(found: list[float], most: int) -> None:
    fit = Fit(most)
    assert all(1 <= fit.look(cores) <= most for cores in found)


# --- this machine ---


def test_the_clocks_of_this_machine_agree() -> None:
    before = read_clocks()
    while (seconds := time.perf_counter() - before.wall) < 0.3:
        sum(range(1000))
    after = read_clocks()
    kept = psutil.Process().cpu_affinity() if hasattr(psutil.Process, "cpu_affinity") else None
    cores = len(kept) if kept else psutil.cpu_count() or 1
    assert after.counted - before.counted == pytest.approx(cores * seconds, rel=0.3)
    assert 0 <= after.idle - before.idle <= 1.3 * cores * seconds
    assert 0 < after.thread - before.thread <= 1.1 * (after.wall - before.wall)
    assert after.process - before.process >= 0.99 * (after.thread - before.thread)


BESIDE_OTHERS = """
import multiprocessing, psutil, time

def spin():
    while True:
        pass

if __name__ == "__main__":
    psutil.Process().cpu_affinity(psutil.Process().cpu_affinity()[:1])
    from impasto.perception.threads import cores_for, read_clocks
    others = [multiprocessing.get_context("spawn").Process(target=spin, daemon=True) for _ in range(2)]
    for other in others:
        other.start()
    while any(sum(psutil.Process(other.pid).cpu_times()[:2]) < 0.3 for other in others):
        time.sleep(0.05)
    before = read_clocks()
    while time.perf_counter() - before.wall < 1:
        pass
    print(cores_for(2, before, read_clocks()))
"""


@pytest.mark.skipif(not hasattr(psutil.Process, "cpu_affinity"), reason="this system keeps no process to a core")
def test_others_are_seen_on_this_machine(tmp_path: Path) -> None:
    script = tmp_path / "beside.py"
    script.write_text(BESIDE_OTHERS)
    told = subprocess.run([sys.executable, script], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert float(told) < 0.7  # of the one core that all three have: a third of it
