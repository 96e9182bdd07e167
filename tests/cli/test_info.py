"""`impasto info`: what it prints of a style model, and how it refuses what is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from graphs import identity
from ran import Run, assert_refused

from impasto.styles.model import FORMAT, About, set_metadata

WAVE = About(
    "great-wave", title="Under the Wave [off Kanagawa]", artist="葛飾北斎", year="c. 1831", network="shuffle",
    preset="fast", images_seen=80_000, content_loss=0.25, style_loss=0.0123456, adjustable=True, smallest=20,
    weights="float16", date="2026-01-02T03:04:05+00:00", version="1.2",
)  # fmt: skip


@pytest.fixture
def info(run: Run) -> Run:
    """`impasto info …` in this process."""
    return lambda *arguments: run("info", *arguments)


def write(path: Path, about: About | None) -> Path:
    """A graph that gives its image back, with or without a style model's metadata."""
    model = identity()
    if about is not None:
        set_metadata(model, about, {}, set())
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def wave(tmp_path: Path) -> Path:
    return write(tmp_path / "wave.onnx", WAVE)


def test_the_table(info: Run, wave: Path) -> None:
    ran = info(wave)
    assert (ran.code, ran.err) == (0, "")
    told = [" ".join(line.split()) for line in ran.out.splitlines()]
    for name, value in (
        ("name", "great-wave"), ("title", WAVE.title), ("artist", "葛飾北斎"), ("images seen", "80000"),
        ("content loss", "0.25"), ("style loss", "0.01235"), ("adjustable", "True"), ("network", "shuffle"),
        ("weights", "float16"),
    ):  # fmt: skip
        assert f"{name} {value}" in told
    assert len(told) == len([value for value in asdict(WAVE).values() if value not in ("", None)])  # no empty ones
    assert "\x1b" not in ran.out


def test_a_long_value_stays_on_one_line(info: Run, tmp_path: Path) -> None:
    """An address that is broken up cannot be followed."""
    address = "https://example.org/" + "long/" * 30
    ran = info(write(tmp_path / "a.onnx", replace(WAVE, source=address)))
    assert address in ran.out


def test_json_is_one_object_and_nothing_else(info: Run, wave: Path) -> None:
    ran = info(wave, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.out.splitlines()) == 1
    assert json.loads(ran.out) == asdict(WAVE)
    assert "葛飾北斎" in ran.out
    assert info("--json", wave) == ran


def test_as_a_process(wave: Path) -> None:
    """Where stdout is no terminal and knows no Unicode by itself, and without torch."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    code = "import sys; sys.modules['torch'] = None; from impasto.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", code, "info", str(wave)], capture_output=True, text=True, check=False, env=environment,
        encoding="utf-8",
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "葛飾北斎" in ran.stdout


def test_help(info: Run) -> None:
    ran = info("--help")
    assert (ran.code, ran.err) == (0, "")
    assert "--json" in ran.out


# --- wrong inputs: one line, exit code 2 ---


@pytest.mark.parametrize("flags", [[], ["--json"]])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.onnx", r"no such style model: .*missing\.onnx$"),
        ("", "style model .* is a directory$"),
        ("text.onnx", r"text\.onnx is no style model: not an ONNX file, or damaged$"),
        ("empty.onnx", r"empty\.onnx is no style model"),
        ("truncated.onnx", r"truncated\.onnx is no style model: not an ONNX file, or damaged$"),
        ("foreign.onnx", r"foreign\.onnx is no style model of Impasto"),
        ("later.onnx", r"later\.onnx was written by a later version of Impasto \(9\.0\): upgrade$"),
    ],
)
def test_wrong_files(name: str, message: str, flags: list[str], info: Run, wave: Path, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("this is a text\n")
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "truncated.onnx").write_bytes(wave.read_bytes()[:-20])
    write(tmp_path / "foreign.onnx", None)
    write(tmp_path / "later.onnx", About("a", version="9.0", format=FORMAT + 1))
    assert_refused(info(tmp_path / name, *flags), message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "Missing argument"), (["a.onnx", "b.onnx"], "unexpected extra argument"), (["--yaml"], "No such option")],
)
def test_wrong_arguments(arguments: list[str], message: str, info: Run) -> None:
    assert_refused(info(*arguments), message)
