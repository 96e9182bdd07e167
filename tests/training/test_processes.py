"""Two processes train as one does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tiny import RECIPE, free_port, registered, save_photos, start

from impasto.errors import ImpastoError
from impasto.training import train
from impasto.training.distributed import Processes, local_device
from impasto.training.run import RunFolder


@pytest.fixture(autouse=True)
def quick() -> Iterator[pytest.MonkeyPatch]:
    with registered() as patch:
        yield patch


def test_two_processes_have_the_gradients_of_one(files: Path, tmp_path: Path) -> None:
    """The same photographs, the same strengths, and one of the two writes files and talks."""
    save_photos(tmp_path / "photos")
    (tmp_path / "work").mkdir()
    network = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    processes = [
        start(
            "train", files / "painting.jpg", "--content", tmp_path / "photos", "-o", "out.onnx", "--run-folder", "run",
            "--preset", "tiny", "--iterations", 5, "--batch-size", 4, "--precision", "float32", "--json",
            cwd=tmp_path / "work", environment={**network, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]  # fmt: skip
    told = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert json.loads(told[0][0])["images_seen"] == 20
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["out.onnx", "run"]
    train(
        files / "painting.jpg", tmp_path / "photos", tmp_path / "one.onnx", run=tmp_path / "one", preset="tiny",
        iterations=5, batch_size=4, precision="float32",
    )  # fmt: skip
    one, two = (RunFolder(path) for path in (tmp_path / "one", tmp_path / "work" / "run"))
    first, second = one.load(one.latest), two.load(two.latest)
    # Adam divides by the gradient's size: where that is near rounding errors, so is what it makes of them. 0.2 % of the
    # way that five batches can move a weight.
    near = 0.002 * 5 * RECIPE.learning_rate
    for part in ("network", "average"):
        for name, value in first[part].items():
            assert torch.allclose(second[part][name], value, rtol=0, atol=near), (part, name)
    assert second["validation"] == pytest.approx(first["validation"], rel=1e-4)
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
