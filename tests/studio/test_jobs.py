"""Jobs: one after the other, watched, stopped, cancelled, forgotten; their files with them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from impasto.errors import ImpastoError
from impasto.studio.jobs import HISTORY, CancelledError, Job, Jobs, Point, QueueFullError

Work = Callable[[Job], Path]


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    jobs = Jobs(["one"], waiting=3, kept=2)
    yield jobs
    jobs.close()


def new(jobs: Jobs, work: Work, title: str = "a job") -> Job:
    return Job("paint", title, jobs.new_folder(), work)


def write(job: Job) -> Path:
    path = job.folder / "result.txt"
    path.write_text(job.title)
    return path


def wait(job: Job, *states: str) -> None:
    patience = time.monotonic() + 20
    while job.state not in states:
        assert time.monotonic() < patience, job
        time.sleep(0.005)


def point(iteration: int) -> Point:
    return Point(iteration, 1.0, 1.0, 2.0)


def steps(job: Job) -> Path:
    """Works until it is told to stop."""
    iteration = 0
    while job.report(0.5, iteration, 1000, 1.0, point(iteration)):
        iteration += 1
        time.sleep(0.002)
    return write(job)


def test_a_job_is_done_and_its_result_is_there(jobs: Jobs) -> None:
    job = jobs.submit(new(jobs, write), "one")
    wait(job, "done")
    assert job.result is not None
    assert job.result.read_text() == "a job"
    assert job.progress == 1
    assert jobs.get(job.id) is job
    assert jobs.get("another") is None


def test_jobs_take_turns(jobs: Jobs) -> None:
    going, order = threading.Event(), []

    def first(job: Job) -> Path:
        going.wait(20)
        order.append(job.title)
        return write(job)

    started = [jobs.submit(new(jobs, first, title), "one") for title in "abc"]
    wait(started[0], "running")
    assert [job.state for job in started] == ["running", "queued", "queued"]
    assert [jobs.position(job) for job in started] == [0, 0, 1]
    going.set()
    for job in started:
        wait(job, "done")
    assert order == ["a", "b", "c"]


def test_devices_work_side_by_side() -> None:
    jobs, both = Jobs(["one", "two"]), threading.Barrier(2, timeout=20)

    def meet(job: Job) -> Path:
        both.wait()
        return write(job)

    try:
        met = [jobs.submit(new(jobs, meet), device) for device in jobs.devices]
        for job in met:
            wait(job, "done")
    finally:
        jobs.close()


def test_a_full_line_refuses_another(jobs: Jobs) -> None:
    running = jobs.submit(new(jobs, steps), "one")
    wait(running, "running")
    for _ in range(3):
        jobs.submit(new(jobs, write), "one")
    with pytest.raises(QueueFullError, match=r"^3 jobs are waiting already: try again later$"):
        jobs.submit(new(jobs, write), "one")


def test_a_job_that_is_stopped_keeps_its_result(jobs: Jobs) -> None:
    job = jobs.submit(new(jobs, steps), "one")
    wait(job, "running")
    job.stop()
    wait(job, "done")
    assert job.result is not None
    assert job.result.exists()


def test_a_cancelled_job_leaves_nothing(jobs: Jobs) -> None:
    running, waiting = (jobs.submit(new(jobs, steps), "one") for _ in range(2))
    wait(running, "running")
    jobs.cancel(waiting)
    assert waiting.state == "cancelled"
    assert not waiting.folder.exists()
    jobs.cancel(running)
    wait(running, "cancelled")
    assert running.result is None
    assert not running.folder.exists()
    after = jobs.submit(new(jobs, write), "one")
    wait(after, "done")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ImpastoError("no such\nthing"), "no such thing"),
        (MemoryError(), "out of memory: choose a smaller size"),
        (ZeroDivisionError("secret"), "something went wrong (ZeroDivisionError); the server's log says more"),
    ],
)
def test_a_failed_job_says_why_in_a_line_and_the_next_goes_on(jobs: Jobs, error: Exception, told: str) -> None:
    def fail(_: Job) -> Path:
        raise error

    job, after = (jobs.submit(new(jobs, work), "one") for work in (fail, write))
    wait(job, "failed")
    assert job.error == told
    assert not job.folder.exists()
    wait(after, "done")


def test_every_change_raises_the_version(jobs: Jobs) -> None:
    job = new(jobs, write)
    versions = [job.version]
    job.report(0.1, 1, 10, 5.0, point(1))
    versions.append(job.version)
    job.show(b"jpeg")
    versions.append(job.version)
    jobs.submit(job, "one")
    wait(job, "done")
    versions.append(job.version)
    assert versions == sorted(set(versions))
    assert (job.preview, job.previews) == (b"jpeg", 1)


def test_a_long_loss_curve_is_thinned(jobs: Jobs) -> None:
    job = new(jobs, write)
    for iteration in range(5 * HISTORY):
        job.report(0, iteration, 1, 1, point(iteration))
    iterations = [one.iteration for one in job.history]
    assert len(iterations) <= HISTORY
    assert iterations[0] == 0
    assert iterations[-1] == 5 * HISTORY - 1
    assert iterations == sorted(iterations)


def test_old_jobs_are_forgotten_with_their_files(jobs: Jobs) -> None:
    done = []
    for index in range(4):
        done.append(jobs.submit(new(jobs, write, str(index)), "one"))
        wait(done[-1], "done")
    last = jobs.submit(new(jobs, write), "one")
    assert [job.id for job in jobs.all()] == [last.id, done[3].id, done[2].id]
    assert [job.folder.exists() for job in done] == [False, False, True, True]
    wait(last, "done")
    jobs.remove(last)
    assert jobs.get(last.id) is None
    assert not last.folder.exists()


def test_files_are_private_and_go_when_it_closes() -> None:
    jobs = Jobs(["one"])
    job = jobs.submit(new(jobs, steps), "one")
    wait(job, "running")
    assert jobs.root.stat().st_mode & 0o077 == 0
    jobs.close()
    assert not jobs.root.exists()
    assert job.state == "cancelled"
    with pytest.raises(CancelledError):
        job.report(0, 0, 1, 1, point(0))
