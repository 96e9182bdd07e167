"""`impasto export`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ran import Run, assert_refused


def test_it_says_what_it_wrote(run: Run, style_model: Path, work: Path) -> None:
    told = run("export", style_model, "--format", "openvino", "-o", work / "wave.xml")
    assert told.code == 0
    assert told.out.startswith(f"{work / 'wave.xml'}  any size  ")
    assert "of 255 from torch at most" in told.out


def test_json(run: Run, style_model: Path, work: Path) -> None:
    done = json.loads(run("export", style_model, "--format", "openvino", "--json").out)
    assert (done["output"], done["format"], done["size"]) == ("great-wave.xml", "openvino", None)
    assert done["bytes"] == sum(file.stat().st_size for file in work.iterdir())
    assert done["difference"][0] < 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "onnx"], "'onnx' is not one of"),
        ([], "Missing option '--format'"),
        (["--format", "litert", "--size", "640by480"], "640by480 is no size: WIDTHxHEIGHT"),
        (["--format", "litert", "--size", "9x480"], "size must be between"),
    ],
)
def test_wrong_arguments(run: Run, work: Path, arguments: list[str], message: str) -> None:
    assert_refused(run("export", "great-wave", *arguments), message)
    assert not list(work.iterdir())


@pytest.mark.parametrize(
    ("module", "format", "extra"),
    [("coremltools", "coreml", "coreml"), ("executorch", "executorch", "executorch"), ("torch", "openvino", "train")],
)
def test_a_converter_that_is_missing_is_named(work: Path, module: str, format: str, extra: str) -> None:
    code = f"import sys; sys.modules['{module}'] = None; from impasto.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "export", "great-wave", "--format", format]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr.startswith(f"impasto: this command needs {module}")
    assert run.stderr.endswith(f"pip install 'impasto[{extra}]'\n")
    assert not list(work.iterdir())
