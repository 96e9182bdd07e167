"""`impasto styles`: what it lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ran import Ran, Run, assert_refused

from impasto import styles


@pytest.fixture
def shipped(style_model: Path, fading_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the package's, with two styles."""
    for model in (style_model, fading_model):
        (tmp_path / model.name).write_bytes(model.read_bytes())
    monkeypatch.setattr(styles, "_FOLDER", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("shipped")
def test_a_line_for_each(run: Run) -> None:
    ran = run("styles")
    assert (ran.code, ran.err) == (0, "")
    assert [line.rstrip() for line in ran.out.splitlines()] == [
        "fading", "great-wave  The Great Wave (葛飾北斎, c. 1831)",
    ]  # fmt: skip


@pytest.mark.usefixtures("shipped")
def test_json_is_one_array(run: Run) -> None:
    ran = run("styles", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.out.splitlines()) == 1
    fading, wave = json.loads(ran.out)
    assert (fading["name"], fading["adjustable"]) == ("fading", False)
    assert (wave["name"], wave["title"], wave["artist"], wave["year"]) == (
        "great-wave", "The Great Wave", "葛飾北斎", "c. 1831",
    )  # fmt: skip
    assert wave["adjustable"] is True
    assert "葛飾北斎" in ran.out


def test_none(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(styles, "_FOLDER", tmp_path)
    assert run("styles") == Ran(0, "", "")
    assert run("styles", "--json") == Ran(0, "[]\n", "")


def test_a_damaged_one_is_one_line(run: Run, shipped: Path) -> None:
    (shipped / "broken.onnx").write_text("this is a text\n")
    ran = run("styles")
    assert ran == Ran(2, "", f"impasto: {shipped / 'broken.onnx'} is no style model: not an ONNX file, or damaged\n")


def test_wrong_arguments(run: Run) -> None:
    for arguments in (["great-wave"], ["--yaml"]):
        assert_refused(run("styles", *arguments), "unexpected extra argument|No such option")
