"""Whole processes, measured from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Linux counts the peak of the process that starts another one as that one's, too: so a small one starts it.
_STARTER = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
code = subprocess.call(sys.argv[2:])
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
open(sys.argv[1], "w").write(json.dumps([code, seconds, peak]))
"""


@dataclass(frozen=True)
class Usage:
    """Of one whole process."""

    seconds: float
    peak_gb: float


def run(command: list[str], log: Path | None = None, watch: Callable[[], object] | None = None) -> Usage:
    """Run a process to its end; where it fails, the benchmark ends.

    log: takes what it prints. watch: called every second meanwhile.
    """
    with tempfile.TemporaryDirectory() as folder, (log or Path(os.devnull)).open("wb") as told:
        report = Path(folder, "report")
        process = subprocess.Popen([sys.executable, "-c", _STARTER, report, *command], stdout=told, stderr=told)
        while watch:
            try:
                process.wait(1)
                break
            except subprocess.TimeoutExpired:
                watch()
        process.wait()
        code, seconds, peak = json.loads(report.read_text())
    if code:
        sys.exit(f"{' '.join(command)} failed with {code}{f': see {log}' if log else ''}")
    return Usage(seconds, peak)
