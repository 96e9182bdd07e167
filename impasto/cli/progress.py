"""Showing how a run gets on: a live bar on a terminal, plain lines when piped. Always on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

if TYPE_CHECKING:
    from ..optimization import Step

LINE_EVERY = 5.0  # seconds between plain lines


def describe(step: Step) -> str:
    """The losses of a step, for people."""
    losses = step.losses
    return f"content {losses.content:.4g}  style {losses.style:.4g}  total {losses.total:.4g}"


def clock(seconds: float) -> str:
    """Seconds as 0:07, 12:34 or 1:23:45."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class OptimizeProgress:
    """A context that is told every `Step` of a run."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._last_line = time.perf_counter()
        if not quiet and sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.fields[size]}"), BarColumn(), MofNCompleteColumn(),
                TextColumn("{task.fields[left]} left"), TextColumn("{task.fields[losses]}"),
                console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._task = self._bar.add_task("", total=None, size="", left="?", losses="")

    def __enter__(self) -> OptimizeProgress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def note(self, text: str) -> None:
        """A line above the bar."""
        if self._quiet:
            return
        if self._bar:
            self._bar.console.print(text, highlight=False, markup=False)
        else:
            click.echo(text, err=True)

    def update(self, step: Step) -> None:
        """Show one more step."""
        size = f"{step.size[0]}×{step.size[1]}"
        if self._bar:
            self._bar.update(
                self._task, completed=step.iteration, total=step.iterations, size=size,
                left=clock(step.remaining), losses=describe(step),
            )  # fmt: skip
        elif step.iteration == step.iterations or time.perf_counter() - self._last_line >= LINE_EVERY:
            self._last_line = time.perf_counter()
            self.note(f"{step.iteration}/{step.iterations}  {size}  {describe(step)}  {clock(step.remaining)} left")
