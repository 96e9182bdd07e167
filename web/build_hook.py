"""Puts the built front end into the wheel, where Node.js is present.

Without it, or without npm's registry, the wheel is built all the same: `impasto studio` then says what is missing, and
everything else works.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SECONDS = 600  # for each of the two steps


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
            for arguments in (["ci"], ["run", "build", "--", "--outDir", str(built), "--emptyOutDir"]):
                subprocess.run([npm, *arguments], cwd=web, check=True, capture_output=True, text=True, timeout=SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            told = str(getattr(error, "stderr", "") or error).strip().splitlines()
            self.app.display_warning(f"the wheel gets no front end for `impasto studio`: {told[-1] if told else error}")
            return
        shutil.rmtree(built / "styles", ignore_errors=True)  # the server makes them of those it has
        build_data["force_include"][str(built)] = "impasto/studio/web"
