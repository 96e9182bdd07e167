"""Interrupted trainings go on as if nothing had happened, and refuse to go on as something else."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tiny import noise, registered, save_photos, start

import impasto.training.api
from impasto.errors import ImpastoError
from impasto.perception.loss_network import Weights
from impasto.perception.weights import load_weights
from impasto.training import train
from impasto.training.run import FORMAT, RunFolder

pytestmark = pytest.mark.xdist_group("resume")

ITERATIONS = 12


@pytest.fixture(autouse=True)
def quick() -> Iterator[pytest.MonkeyPatch]:
    with registered() as patch:
        yield patch


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Path:
    """A folder with photographs, a painting, and `run`: a training that nothing interrupted."""
    folder = tmp_path_factory.mktemp("resume")
    save_photos(folder / "photos")
    shutil.copy(files / "painting.jpg", folder)
    with registered():
        train_in(folder, iterations=ITERATIONS)
    return folder


def train_in(folder: Path, run: Path | None = None, **options: Any) -> None:
    settings = {"preset": "tiny", "precision": "float32", "run": run or folder / "run"} | options
    train(folder / "painting.jpg", folder / "photos", folder / "out.onnx", **settings)  # type: ignore[arg-type]


def interrupted(place: Path, run: Path, iterations: int = ITERATIONS, at: int = 5) -> None:
    """A run that ended early, with a checkpoint."""
    train_in(place, run, iterations=iterations, callback=lambda step: step.iteration < at)


def state(run: Path) -> dict[str, Any]:
    folder = RunFolder(run)
    return folder.load(folder.latest)


def assert_same(run: Path, other: Path) -> None:
    """All weights, the optimizer's moments, the last losses: bit for bit."""
    one, two = state(run), state(other)
    for part in ("network", "average"):
        assert one[part].keys() == two[part].keys()
        for name, value in one[part].items():
            assert torch.equal(value, two[part][name]), (part, name)
    for moments, others in zip(one["optimizer"]["state"].values(), two["optimizer"]["state"].values(), strict=True):
        assert all(torch.equal(moments[name], others[name]) for name in moments)
    assert [one[name] for name in ("iteration", "checked", "validation")] == [
        two[name] for name in ("iteration", "checked", "validation")
    ]
    assert [one["best_state"][name] for name in ("iteration", "validation")] == [
        two["best_state"][name] for name in ("iteration", "validation")
    ]


def started(place: Path, cwd: Path, *options: object) -> subprocess.Popen[str]:
    """The same training as a process, in an empty folder."""
    return start(
        "train", place / "painting.jpg", "--content", place / "photos", "-o", cwd / "out.onnx", "--preset", "tiny",
        "--iterations", ITERATIONS, "--precision", "float32", "--run-folder", cwd / "run", *options, cwd=cwd,
    )  # fmt: skip


def wait_for_rows(process: subprocess.Popen[str], run: Path, count: int) -> None:
    """Until so many rows of metrics are there."""
    patience = time.monotonic() + 90
    while time.monotonic() < patience and process.poll() is None:
        if len(RunFolder(run).rows()) >= count:
            return
        time.sleep(0.005)
    process.kill()
    raise AssertionError(process.communicate())


def wait_for_checkpoint(process: subprocess.Popen[str], run: Path, iteration: int = 0) -> None:
    patience = time.monotonic() + 90
    while time.monotonic() < patience and process.poll() is None:
        if (run / "latest.pt").exists() and state(run)["iteration"] >= iteration:
            return
        time.sleep(0.005)
    process.kill()
    raise AssertionError(process.communicate())


# --- going on ----------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_weights(place: Path, tmp_path: Path) -> None:
    train_in(place, tmp_path / "run", iterations=ITERATIONS)
    assert_same(tmp_path / "run", place / "run")
    train_in(place, tmp_path / "other", iterations=1, seed=1)
    assert not torch.equal(*(state(tmp_path / run)["network"]["tail.weight"] for run in ("run", "other")))


def test_a_killed_run_is_resumed_bit_for_bit(place: Path, tmp_path: Path) -> None:
    process = started(place, tmp_path, "--checkpoint-minutes", 0, "-q")
    wait_for_checkpoint(process, tmp_path / "run", iteration=1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 1 <= state(tmp_path / "run")["iteration"] < ITERATIONS
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    result = train(resume=tmp_path / "run")
    assert (result.iterations, result.stopped, result.output) == (ITERATIONS, None, tmp_path / "out.onnx")
    assert_same(tmp_path / "run", place / "run")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_run(place: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = started(place, tmp_path)
    wait_for_rows(process, tmp_path / "run", 1)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("impasto: interrupted after ")
    assert last.endswith(f"; go on with: impasto train --resume {tmp_path / 'run'}")
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert 1 <= state(tmp_path / "run")["iteration"] < ITERATIONS
    with Image.open(tmp_path / "run" / "contact-sheet.jpg") as sheet:
        sheet.load()
    train(place / "painting.jpg", place / "photos", tmp_path / "out.onnx", resume=tmp_path / "run")
    assert_same(tmp_path / "run", place / "run")


def test_a_run_may_be_resumed_again_and_again(place: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    interrupted(place, run, at=3)
    before = state(run)["seconds"]
    assert before > 0
    for at in (7, 8):
        train(resume=run, callback=lambda step, at=at: step.iteration < at)  # type: ignore[misc]
    assert train(resume=run).seconds > before
    assert_same(run, place / "run")
    rows = [int(row["iteration"]) for row in RunFolder(run).rows()]
    assert rows == sorted(set(rows))
    assert [row["images"] for row in RunFolder(run).rows()][-1] == "24"


def test_a_finished_run_is_resumed_by_writing_the_model_again(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "run", tmp_path / "run")
    (place / "out.onnx").unlink(missing_ok=True)
    result = train(resume=tmp_path / "run")
    assert (result.iterations, result.images_seen) == (ITERATIONS, 24)
    about = json.loads((place / "out.onnx").read_text())
    assert (about["name"], about["images_seen"]) == ("out", 24)
    assert about["validation_loss"] == pytest.approx(state(place / "run")["best_state"]["validation"]["total"])
    assert_same(tmp_path / "run", place / "run")


def test_what_was_skipped_is_remembered_and_what_was_half_written_is_gone(place: Path, tmp_path: Path) -> None:
    photos, run = Path(shutil.copytree(place / "photos", tmp_path / "photos")), tmp_path / "run"
    (photos / "broken.jpg").write_bytes(b"no photograph")
    options: dict[str, Any] = {"preset": "tiny", "iterations": ITERATIONS, "run": run}
    train(place / "painting.jpg", photos, tmp_path / "out.onnx", **options, callback=lambda step: step.iteration < 11)
    for folder in (run, run / "samples"):
        (folder / ".impasto-1-1.part").write_bytes(b"half")
    result = train(resume=run)  # its last batch alone might not come upon the file again
    assert list(result.skipped) == ["broken.jpg"]
    assert not list(run.rglob("*.part"))


def test_metrics_after_the_checkpoint_are_written_anew(place: Path, tmp_path: Path) -> None:
    """A crash between a checkpoint and the next leaves rows that the resumed run will write again, and half of one."""
    run = tmp_path / "run"
    interrupted(place, run, at=5)
    with (run / "metrics.csv").open("a") as file:
        file.write("6,12,1.0,64,0.001,1,1,1,1,\n7,14,1.1,64,0.001,1,1,1,1,0.5\n8,16,1.2,6")
    train(resume=run)
    rows = RunFolder(run).rows()
    assert [row["iteration"] for row in rows].count("6") <= 1
    assert "7" not in [row["iteration"] for row in rows]
    assert int(rows[-1]["iteration"]) == ITERATIONS


def test_minutes_are_shared_by_the_parts_of_a_run(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = itertools.count()  # at a clock that goes on by as much each time, however busy the machine is
    monkeypatch.setattr(time, "perf_counter", lambda: next(looks) / 50)
    train_in(place, tmp_path / "run", minutes=0.04, callback=lambda step: step.seconds < 1.4)
    assert 1.4 <= state(tmp_path / "run")["seconds"] < 2
    result = train(resume=tmp_path / "run")
    assert 2.4 <= result.seconds < 3


def test_another_precision_is_not_taken_up(place: Path, tmp_path: Path) -> None:
    """A resumed run computes as it began."""
    interrupted(place, tmp_path / "run", at=2)
    assert RunFolder(tmp_path / "run").settings().precision == "float32"
    for options in ({"precision": "bfloat16"}, {"seed": 9}, {"batch_size": 1}):
        with pytest.raises(ImpastoError, match="contradicts resume: a resumed run goes on with its own settings"):
            train(resume=tmp_path / "run", **options)
    train(resume=tmp_path / "run")
    assert_same(tmp_path / "run", place / "run")


# --- refusals ----------------------------------------------------------------------------------------------


@pytest.fixture
def run(place: Path, tmp_path: Path) -> Path:
    """A copy of the run, and what it was trained on."""
    shutil.copytree(place / "run", tmp_path / "run")
    return tmp_path / "run"


def refused(run: Path, message: str, **options: Any) -> None:
    before = {path: path.read_bytes() for path in run.parent.rglob("*") if path.is_file()}
    with pytest.raises(ImpastoError, match=message) as error:
        train(resume=run, **options)
    assert "\n" not in str(error.value)
    assert {path: path.read_bytes() for path in run.parent.rglob("*") if path.is_file()} == before


def test_another_painting_is_refused(run: Path, files: Path) -> None:
    refused(run, "is the run of another painting", painting=files / "other.png")
    refused(run, "no such painting", painting=files / "none.png")


def test_other_photographs_are_refused(run: Path, files: Path) -> None:
    refused(run, "is a run with other photographs", content=files)
    refused(run, "no such content folder", content=files / "none")


def test_the_output_may_go_elsewhere(run: Path) -> None:
    result = train(resume=run, output=run.parent / "other.onnx")
    assert result.output == run.parent / "other.onnx"
    assert result.output.exists()


def test_the_same_again_is_accepted(run: Path, place: Path) -> None:
    train(place / "painting.jpg", [place / "photos"], place / "out.onnx", resume=run)


def test_changed_photographs_are_refused(place: Path, tmp_path: Path) -> None:
    for index in range(3):
        (tmp_path / "photos").mkdir(exist_ok=True)
        noise(index).save(tmp_path / "photos" / f"{index}.jpg")
    shutil.copy(place / "painting.jpg", tmp_path)
    train_in(tmp_path, iterations=2, callback=lambda _: False)
    noise(4).save(tmp_path / "photos" / "4.jpg")
    refused(tmp_path / "run", "with other photographs: some were added, removed or changed")
    (tmp_path / "photos" / "4.jpg").unlink()
    noise(5).save(tmp_path / "painting.jpg")
    refused(tmp_path / "run", "is the run of another painting")


def test_no_run_there(tmp_path: Path) -> None:
    (tmp_path / "void").mkdir()
    for name in ("void", "nowhere"):
        refused(tmp_path / name, "holds no training run")


def test_no_checkpoint_yet(run: Path) -> None:
    (run / "latest.pt").unlink()
    refused(run, "has no checkpoint yet")


@pytest.mark.parametrize("version", [FORMAT - 1, FORMAT + 1, "x"])
def test_another_format_is_refused(run: Path, version: object) -> None:
    values = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(values | {"format": version}))
    refused(run, "was written by another version of Impasto")


def test_a_checkpoint_of_another_network_is_refused(run: Path) -> None:
    values = json.loads((run / "run.json").read_text())
    values["preset"]["network"] = "tiny-2"
    (run / "run.json").write_text(json.dumps(values))
    refused(run, "the checkpoint does not fit this run")


@pytest.mark.parametrize(
    "content", [{"network": {}}, {}, [1, 2], torch.zeros(3)], ids=["part", "none", "list", "tensor"]
)
def test_a_foreign_checkpoint_is_refused(run: Path, content: object) -> None:
    torch.save(content, run / "latest.pt")
    refused(run, "checkpoint")


def test_weights_that_have_moved_can_be_given_again(place: Path, tmp_path: Path, quick: pytest.MonkeyPatch) -> None:
    interrupted(place, tmp_path / "run")
    asked: list[str | None] = []

    def spy(network: str, file: str | None, progress: bool) -> Weights:
        asked.append(file)
        return load_weights(network, None, progress)

    quick.setattr(impasto.training.api, "load_weights", spy)
    train(resume=tmp_path / "run", weights="elsewhere.safetensors")
    assert asked == ["elsewhere.safetensors"]
    assert_same(tmp_path / "run", place / "run")


def test_samples_may_be_gone(place: Path, tmp_path: Path) -> None:
    noise(3).save(tmp_path / "sample.png")
    train_in(place, tmp_path / "run", iterations=ITERATIONS, samples=[tmp_path / "sample.png"],
             callback=lambda step: step.iteration < 3)  # fmt: skip
    (tmp_path / "sample.png").unlink()
    told: list[str] = []
    result = train(resume=tmp_path / "run", note=told.append)
    assert result.iterations == ITERATIONS
    assert any("no such sample photograph" in line for line in told)
    assert_same(tmp_path / "run", place / "run")


def test_a_run_that_saved_nothing_can_be_begun_again(place: Path, tmp_path: Path) -> None:
    interrupted(place, tmp_path / "run", at=2)
    (tmp_path / "run" / "latest.pt").unlink()
    (tmp_path / "run" / "best.pt").unlink()
    for other in ("losses.png", "contact-sheet.jpg"):
        (tmp_path / "run" / other).unlink()
    with pytest.raises(ImpastoError, match="has no checkpoint yet: start the training anew"):
        train(resume=tmp_path / "run")
    train_in(place, tmp_path / "run", iterations=ITERATIONS)
    assert_same(tmp_path / "run", place / "run")
