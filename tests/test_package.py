from __future__ import annotations

import importlib
import importlib.metadata
import importlib.resources
import subprocess
import sys

import pytest

import impasto


def _imported(statements: str, names: str) -> str:
    """Which of some modules a fresh interpreter has imported after some statements."""
    code = f"import sys\n{statements}\nprint(*sorted(set({names!r}.split()) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.mark.parametrize("module", ["impasto", "impasto.cli", "impasto.errors", "impasto.optimizing.presets"])
def test_importing_is_light(module: str) -> None:
    assert _imported(f"import {module}", "torch numpy PIL rich imagecodecs") == ""


@pytest.mark.parametrize("module", ["impasto.images", "impasto.images.color", "impasto.optimizing.inputs"])
def test_pictures_need_no_torch(module: str) -> None:
    assert _imported(f"import {module}", "torch imagecodecs tifffile") == ""


def test_loading_and_saving_need_no_torch() -> None:
    statements = (
        "import numpy as np, os, tempfile; from impasto import images\n"
        "picture = images.load(np.zeros((20, 30, 3), np.uint16))\n"
        "path = os.path.join(tempfile.mkdtemp(), 'x.png')\n"
        "images.save(picture.resized((15, 10)), path)\n"
        "assert images.load(path).size == (15, 10)"
    )
    assert _imported(statements, "torch numpy") == "numpy"


def test_public_names_resolve() -> None:
    for name in impasto.__all__:
        assert getattr(impasto, name).__doc__ or name == "PRESETS"
    assert "default" in impasto.PRESETS
    assert issubclass(impasto.ImpastoError, Exception)


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'optimise'"):
        impasto.optimise  # noqa: B018


@pytest.mark.parametrize("module", ["impasto.optimizing.optimization", "impasto.cli.optimize", "impasto.cli"])
def test_optimize_is_a_function_whatever_is_imported_first(module: str) -> None:
    importlib.import_module(module)
    from impasto import optimize

    assert callable(optimize)
    assert optimize is impasto.optimize
    assert optimize.__name__ == "optimize"


def test_is_typed() -> None:
    assert importlib.resources.files("impasto").joinpath("py.typed").is_file()


def test_version_is_the_installed_one() -> None:
    assert importlib.metadata.version("impasto") == impasto.__version__


def test_without_torch_the_command_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None; from impasto.cli import main; main(['optimize', '--help'])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == "impasto: this command needs torch: pip install 'impasto[torch]'\n"
