"""`impasto studio` itself, for tests in a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def studio(folder: Path, *arguments: str) -> Iterator[str]:
    """The address of `impasto studio`, run in a folder."""
    command = [sys.executable, "-m", "impasto", "studio", "--no-open", "--port", "0", "--device", "cpu", *arguments]
    # As in the tests themselves: several processes with as many threads as cores would wait for each other.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().removeprefix("Impasto Studio: ").partition(" ")[0]
        finally:
            server.terminate()
