"""Puts the built front end into the wheel, where Node.js is present.

Without it, or without npm's registry, the wheel is built all the same: `impasto studio` then says what is missing, and
everything else works.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SECONDS = 300  # for each of the two steps
PATIENCE = ["--fetch-retries=1", "--fetch-timeout=20000"]  # without a network it is soon given up


class FrontEndHook(BuildHookInterface):  # type: ignore[type-arg]
    """See hatchling's custom build hooks."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it, unless the package is installed in place: then the checkout's own build is served."""
        web, built = Path(self.root) / "web", Path(self.root) / "build" / "web"
        npm = shutil.which("npm")
        if version == "editable" or not (web / "package.json").exists():
            return
        if npm is None:
            self.app.display_warning("Node.js is not installed: the wheel gets no front end for `impasto studio`")
            return
        try:
            with tempfile.TemporaryDirectory() as folder:  # what a developer has in web/ stays as it is
                copy = Path(folder) / "web"
                # No styles: the server makes their files of those that it has.
                shutil.copytree(web, copy, ignore=shutil.ignore_patterns("node_modules", "dist", "styles"))
                shutil.copytree(web.parent / "examples", copy.parent / "examples")
                _run([npm, "ci", *PATIENCE], copy)
                _run([npm, "run", "build", "--", "--outDir", str(built), "--emptyOutDir"], copy)
                _pack(built)
        except (OSError, RuntimeError) as error:
            self.app.display_warning(f"the wheel gets no front end for `impasto studio`: {error}")
            return
        build_data["force_include"][str(built)] = "impasto/studio/web"


def _pack(built: Path) -> None:
    """Compress what is large, 41 MB of WebAssembly to 10; the server sends it so (`studio/static_files.py`)."""
    for file in list(built.rglob("*.wasm")):
        packed = gzip.compress(file.read_bytes(), mtime=0)  # the same bytes whenever it is built
        file.with_name(f"{file.name}.gz").write_bytes(packed)
        file.unlink()


def _run(command: list[str], folder: Path) -> None:
    """Run npm; it and what it started end together."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=folder, stdout=pipe, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
        start_new_session=os.name == "posix",
    ) as process:  # fmt: skip
        try:
            told, _ = process.communicate(timeout=SECONDS)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                if os.name == "posix":
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                raise RuntimeError(f"npm took more than {SECONDS} seconds") from None
            raise
    if process.returncode:
        lines = [line for line in told.splitlines() if line.strip() and "complete log of this run" not in line]
        raise RuntimeError(" ".join(lines[-3:]) or f"npm ended with {process.returncode}")
