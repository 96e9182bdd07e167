"""The folder of a run: settings, checkpoints and metrics, whole or damaged."""

from __future__ import annotations

import errno
import json
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tiny import RECIPE, noise

from impasto import images
from impasto.errors import ImpastoError
from impasto.training.presets import TRAINING_PRESETS
from impasto.training.run import COLUMNS, FORMAT, RunFolder, Settings, side_by_side

SETTINGS = Settings(
    painting="/some/painting.jpg", painting_hash="ab", content=["/some/photos", "/more"], photographs="cd",
    output="/some/out.onnx", preset_name="tiny", preset=RECIPE, minutes=1.5, style_scale=2.0, warm_start="", seed=3,
    weights=None, precision="float32", samples=["/a.jpg"], about={"name": "out", "title": "Große Welle 大浪"},
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "deep" / "run")
    run.create(SETTINGS)
    return run


def row(iteration: int, **values: object) -> dict[str, object]:
    return {**dict.fromkeys(COLUMNS, 1.0), "iteration": iteration, "validation": ""} | values


# --- settings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [RECIPE, *TRAINING_PRESETS.values()], ids=lambda preset: preset.source[:9])
@pytest.mark.parametrize("minutes", [None, 1.5])
def test_settings_come_back_as_they_went(tmp_path: Path, preset: Any, minutes: float | None) -> None:
    settings = replace(SETTINGS, preset=preset, minutes=minutes)
    RunFolder(tmp_path / "run").create(settings)
    found = RunFolder(str(tmp_path / "run")).settings()
    assert found == settings
    assert [list(level.style_layers) for level in found.preset.levels] == [
        list(level.style_layers) for level in preset.levels
    ]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, folder: RunFolder) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(ImpastoError, match="is there already: --run-folder names another folder"):
            RunFolder(tmp_path / name).check_free()
    folder.latest.write_bytes(b"a checkpoint")
    with pytest.raises(ImpastoError, match=r"--resume \S+run goes on with it"):
        folder.check_free()
    assert folder.settings().seed == 3


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    RunFolder(tmp_path).create(SETTINGS)
    assert RunFolder(tmp_path).settings() == SETTINGS


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ImpastoError, match="cannot make") as error:
        RunFolder(tmp_path / "file" / "run").create(SETTINGS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "3", '"format"', "{}", '{"format": FORMAT}',
             '{"format": FORMAT, "preset": {"crops": 3}}', '{"format": FORMAT, "preset": []}',
             '{"format": FORMAT, "preset": {"crops": [], "betas": [], "none": 1}}'],
)  # fmt: skip
def test_damaged_settings(folder: RunFolder, text: str) -> None:
    (folder.path / "run.json").write_text(text.replace("FORMAT", str(FORMAT)))
    with pytest.raises(ImpastoError, match=r"run\.json is damaged") as error:
        folder.settings()
    assert "\n" not in str(error.value)


def test_settings_that_are_no_text(folder: RunFolder) -> None:
    (folder.path / "run.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ImpastoError, match="is damaged"):
        folder.settings()


def test_settings_with_more_or_less_than_there_should_be(folder: RunFolder) -> None:
    values = json.loads((folder.path / "run.json").read_text("utf-8"))
    less = {key: value for key, value in values.items() if key != "seed"}
    for changed in (values | {"more": 1}, less):
        (folder.path / "run.json").write_text(json.dumps(changed))
        with pytest.raises(ImpastoError, match="is damaged"):
            folder.settings()


# --- checkpoints -------------------------------------------------------------------------------------------


def test_a_checkpoint_comes_back(folder: RunFolder) -> None:
    folder.save(folder.latest, {"weights": torch.arange(3.0), "iteration": 7, "best": float("inf"), "none": None})
    state = folder.load(folder.latest)
    assert torch.equal(state.pop("weights"), torch.arange(3.0))
    assert state == {"iteration": 7, "best": float("inf"), "none": None}


def test_no_checkpoint(folder: RunFolder) -> None:
    with pytest.raises(ImpastoError, match="has no checkpoint yet"):
        folder.load(folder.latest)


@pytest.mark.parametrize("size", [0, 1, 10, 500, -1, -100])
def test_a_damaged_checkpoint(folder: RunFolder, size: int) -> None:
    folder.save(folder.latest, {"weights": torch.zeros(300)})
    folder.latest.write_bytes(folder.latest.read_bytes()[:size])
    with pytest.raises(ImpastoError, match=r"checkpoint \S+latest\.pt is damaged: \S") as error:
        folder.load(folder.latest)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("data", [b"\n", b"no checkpoint", bytes(1000), b"PK\x03\x04" + bytes(100)])
def test_what_is_no_checkpoint(folder: RunFolder, data: bytes) -> None:
    folder.latest.write_bytes(data)
    with pytest.raises(ImpastoError, match="is damaged") as error:
        folder.load(folder.latest)
    assert "\n" not in str(error.value)


class Payload:
    """What a hostile checkpoint holds: unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("plain", [False, True])
def test_code_in_a_checkpoint_is_not_run(folder: RunFolder, tmp_path: Path, plain: bool) -> None:
    payload = {"network": Payload(tmp_path / "run-by-payload")}
    if plain:
        folder.latest.write_bytes(pickle.dumps(payload))
    else:
        torch.save(payload, folder.latest)
    with pytest.raises(ImpastoError, match="is damaged") as error:
        folder.load(folder.latest)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run-by-payload").exists()


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_full_disk_leaves_the_old_checkpoint(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    folder.save(folder.latest, {"iteration": 1})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(ImpastoError, match=r"cannot write \S+latest\.pt: No space left on device"):
        folder.save(folder.latest, {"iteration": 2})
    monkeypatch.undo()
    assert folder.load(folder.latest) == {"iteration": 1}
    assert {path.name for path in folder.path.iterdir()} == {"run.json", "samples", "latest.pt"}


# --- metrics -----------------------------------------------------------------------------------------------


def test_rows_are_cut_back_to_the_checkpoint(folder: RunFolder) -> None:
    folder.start_metrics(0)
    assert folder.rows() == []
    for iteration in range(1, 8):
        folder.report(row(iteration, validation=0.5 if iteration == 4 else ""))
    folder.start_metrics(4)
    assert [found["iteration"] for found in folder.rows()] == ["1", "2", "3", "4"]
    assert [found["validation"] for found in folder.rows()] == ["", "", "", "0.5"]
    folder.report(row(5))
    assert folder.metrics.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert len(folder.metrics.read_text().splitlines()) == 6


@pytest.mark.parametrize("kept", range(1, 24))
def test_a_row_cut_short_is_left_out(folder: RunFolder, kept: int) -> None:
    folder.start_metrics(0)
    folder.report(row(1))
    whole = folder.metrics.read_text()
    folder.report(row(2))
    added = folder.metrics.read_text()[len(whole) :]
    folder.metrics.write_text(whole + added[:kept])
    folder.start_metrics(5)
    assert [found["iteration"] for found in folder.rows()] == ["1"]


# --- pictures ----------------------------------------------------------------------------------------------


def test_strips_and_contact_sheet(folder: RunFolder) -> None:
    pictures = [images.load(noise(index, 90 + 30 * index, 80)) for index in range(3)]
    strip = side_by_side(pictures, 40)
    assert strip.size == (45 + 60 + 75, 40)
    for iteration in range(0, 100, 10):
        folder.save_strip(iteration, pictures)
    folder.start_metrics(0)
    folder.report(row(1, validation=0.5))
    folder.finish(pictures[0])
    assert len(list((folder.path / "samples").iterdir())) == 10
    with Image.open(folder.path / "contact-sheet.jpg") as sheet, Image.open(folder.path / "losses.png") as plot:
        assert sheet.height == 228 + 6 * 256 + 7 * 8
        plot.load()


def test_a_run_without_samples_or_rows_is_finished_too(folder: RunFolder) -> None:
    folder.finish(images.load(noise(0)))
    assert (folder.path / "losses.png").exists()
    assert not (folder.path / "contact-sheet.jpg").exists()
