"""Two processes train as one does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tiny import free_port, registered, save_photos, start

from impasto.errors import ImpastoError
from impasto.networks import create_network
from impasto.training import train
from impasto.training.distributed import Processes, local_device
from impasto.training.run import RunFolder


@pytest.fixture(autouse=True)
def quick() -> Iterator[pytest.MonkeyPatch]:
    with registered() as patch:
        yield patch


def train_both(files: Path, folder: Path, iterations: int, stability: float = 0.0) -> tuple[RunFolder, RunFolder]:
    """The same training in one process, and in two that torchrun starts."""
    save_photos(folder / "photos")
    (folder / "work").mkdir()
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", 2, "--master-port", free_port())
    process = start(
        "train", files / "painting.jpg", "--content", folder / "photos", "-o", "out.onnx", "--run-folder", "run",
        "--preset", "tiny", "--iterations", iterations, "--batch-size", 4, "--precision", "float32", "--json",
        "--stability-weight", stability, cwd=folder / "work", launcher=launcher,
    )  # fmt: skip
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert json.loads(out)["images_seen"] == 4 * iterations  # one of the two talks
    assert sorted(path.name for path in (folder / "work").iterdir()) == ["out.onnx", "run"]
    train(
        files / "painting.jpg", folder / "photos", folder / "one.onnx", run=folder / "one", preset="tiny",
        iterations=iterations, batch_size=4, precision="float32", stability_weight=stability,
    )  # fmt: skip
    return RunFolder(folder / "one"), RunFolder(folder / "work" / "run")


def test_two_processes_have_the_gradients_of_one(files: Path, tmp_path: Path) -> None:
    """The same photographs, the same strengths."""
    one, two = train_both(files, tmp_path, 1)
    first, second = (run.load(run.latest)["optimizer"]["state"] for run in (one, two))
    assert first.keys() == second.keys()
    for key, moments in first.items():
        gradient, other = moments["exp_avg"], second[key]["exp_avg"]  # after one step, a tenth of it
        assert torch.allclose(other, gradient, rtol=0, atol=1e-4 * float(gradient.abs().max())), key


def test_two_processes_stay_together(files: Path, tmp_path: Path) -> None:
    """Batch after batch, with motion from the third on; and one of the two writes files and talks."""
    one, two = train_both(files, tmp_path, 5, stability=2.0)
    first, second = one.load(one.latest), two.load(two.latest)
    # Of a gradient that is nothing but a rounding error, Adam makes a step as long as any other, so that single weights
    # differ: all of them together are apart by a fiftieth of the way that they have gone, at most.
    torch.manual_seed(0)
    network = create_network("tiny")
    beginning, names = network.state_dict(), [name for name, _ in network.named_parameters()]
    for part in ("network", "average"):
        begun, one_there, two_there = (
            torch.cat([state[name].flatten() for name in names]) for state in (beginning, first[part], second[part])
        )
        assert (two_there - one_there).norm() < 0.02 * (one_there - begun).norm(), part
    assert second["validation"] == pytest.approx(first["validation"], rel=1e-2)  # as near as the weights
    assert [path.name for path in sorted((two.path / "samples").iterdir())] == [
        path.name for path in sorted((one.path / "samples").iterdir())
    ]


def test_a_batch_is_shared_equally_or_not_at_all() -> None:
    assert [Processes(0, count).share(12) for count in (1, 2, 3, 4, 6, 12)] == [12, 6, 4, 3, 2, 1]
    for count in (5, 7, 24):
        with pytest.raises(ImpastoError, match=f"a batch of 12 cannot be shared equally by {count} processes"):
            Processes(0, count).share(12)


def test_alone() -> None:
    alone, network = Processes(), torch.nn.Linear(1, 1)
    assert alone.first
    assert alone.wrap(network) is network
    assert alone.agree(3.5, 2.0) == (3.5, 2.0)


def test_each_process_has_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert [local_device(name) for name in ("auto", "cuda", "cpu", "cuda:2")] == ["auto", "cuda", "cpu", "cuda:2"]
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert [local_device(name) for name in ("auto", "cuda", "cpu", "cuda:2")] == ["cuda:1", "cuda:1", "cpu", "cuda:2"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert local_device("auto") == "auto"
