"""The shipped styles as files for the browser app."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image
from ran import assert_raises_line

from impasto.studio.assets import THUMBNAIL, write_assets
from impasto.styles import list_styles, style_files
from impasto.styles.model import GRAIN
from impasto.stylizing.shared_statistics import STATISTICS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assets") / "a" / "styles"
    write_assets(folder)
    return folder


@pytest.fixture(scope="module")
def index(folder: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((folder / "styles.json").read_text("utf-8"))
    return entries


def run(path: Path, **feeds: Any) -> list[Any]:
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    wanted = {value.name for value in session.get_inputs()}
    assert wanted == set(feeds)
    return list(session.run(None, feeds))


def test_the_index_names_every_style_and_its_files(folder: Path, index: list[dict[str, Any]]) -> None:
    assert [entry["name"] for entry in index] == list(style_files())
    assert [entry["artist"] for entry in index] == [about.artist for about in list_styles()]
    for entry in index:
        for file in entry["files"].values():
            content = (folder / file["file"]).read_bytes()
            assert len(content) == file["bytes"]
            assert hashlib.sha256(content).hexdigest() == file["sha256"]


def test_models_for_tiles_paint_what_the_style_paints(folder: Path, index: list[dict[str, Any]]) -> None:
    image = np.random.default_rng(0).random((1, 3, 64, 80), dtype=np.float32)
    for entry in index:
        feeds = {"image": image} | ({"strength": np.array([0.7], np.float32)} if entry["adjustable"] else {})
        (wanted,) = run(folder / entry["files"]["whole"]["file"], **feeds)
        painted, statistics, *grain = run(folder / entry["files"]["measure"]["file"], **feeds)
        np.testing.assert_allclose(painted, wanted, atol=1e-4)
        given = {STATISTICS: statistics} | ({GRAIN: grain[0]} if grain else {})
        assert bool(grain) == (entry["grain_cell"] > 0)
        assert not grain or grain[0].shape == (1, 1, entry["grain_side"], entry["grain_side"])
        (applied,) = run(folder / entry["files"]["apply"]["file"], **feeds, **given)
        np.testing.assert_allclose(applied, wanted, atol=1e-4)


def test_the_index_says_how_far_tiles_overlap(index: list[dict[str, Any]]) -> None:
    for entry, about in zip(index, list_styles(), strict=True):
        assert entry["overlap"] % 16 == 0
        assert about.reach <= entry["overlap"] < about.reach + 16


def test_thumbnails_are_small_pictures(folder: Path, index: list[dict[str, Any]]) -> None:
    for entry in index:
        with Image.open(folder / entry["files"]["thumbnail"]["file"]) as thumbnail:
            assert max(thumbnail.size) == THUMBNAIL


def test_a_photograph_that_is_missing_is_named(tmp_path: Path) -> None:
    assert_raises_line(lambda: write_assets(tmp_path, tmp_path / "none.jpg"), r"no such photograph: .*none\.jpg")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_raises_line(lambda: write_assets(tmp_path / "file" / "styles"), "cannot write .*styles")
