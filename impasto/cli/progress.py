"""Showing how a run gets on: a live bar on a terminal, plain lines when piped. Always on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn

if TYPE_CHECKING:
    from ..optimizing.optimization import Step
    from ..training import TrainingStep
    from ..video.stylization import FilmStep

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


T = TypeVar("T", bound="_Progress")


class _Progress:
    """A bar on a terminal with the fields of a subclass, notes above it; plain lines every few seconds when piped."""

    columns: tuple[str | ProgressColumn, ...]
    fields: tuple[str, ...]

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._last_line = time.perf_counter()
        if not quiet and sys.stderr.isatty():
            self._bar = Progress(*self.columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("", total=None)
            self._bar.tasks[0].fields.update(dict.fromkeys(self.fields, ""))

    def __enter__(self: T) -> T:
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
        if not self._quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """The same, which is not kept quiet."""
        if self._bar:
            self._bar.console.print(text, highlight=False, markup=False)
        else:
            click.echo(text, err=True)

    def _show(self, completed: float, total: float, line: str, **values: str) -> None:
        if self._bar:
            self._bar.tasks[0].fields.update(values)
            self._bar.update(self._task, completed=completed, total=total)
        elif completed == total or time.perf_counter() - self._last_line >= LINE_EVERY:
            self._last_line = time.perf_counter()
            self.note(line)


class OptimizeProgress(_Progress):
    """A context that is told every `Step` of a run."""

    columns = (
        TextColumn("{task.fields[size]}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[left]} left"), TextColumn("{task.fields[losses]}"),
    )  # fmt: skip
    fields = ("size", "left", "losses")

    def update(self, step: Step) -> None:
        """Show one more step."""
        size, left, losses = f"{step.size[0]}×{step.size[1]}", clock(step.remaining), describe(step)
        line = f"{step.iteration}/{step.iterations}  {size}  {losses}  {left} left"
        self._show(step.iteration, step.iterations, line, size=size, left=left, losses=losses)


class TrainingProgress(_Progress):
    """A context that is told every `TrainingStep`."""

    columns = (
        TextColumn("{task.fields[crop]} px"), BarColumn(), TaskProgressColumn(),
        TextColumn("{task.fields[left]} left"), TextColumn("{task.fields[speed]}"), TextColumn("{task.fields[losses]}"),
    )  # fmt: skip
    fields = ("crop", "left", "speed", "losses")

    def update(self, step: TrainingStep) -> None:
        """Show one more step."""
        crop, left, speed = str(step.crop), clock(step.remaining), f"{step.images_per_second:.1f} images/s"
        validation = "" if step.validation is None else f"  validation {step.validation:.4g}"
        losses = f"content {step.losses.content:.3g}  style {step.losses.style:.3g}{validation}"
        line = f"{step.progress:.0%}  iteration {step.iteration}  {crop} px  {losses}  {speed}  {left} left"
        self._show(step.progress, 1.0, line, crop=crop, left=left, speed=speed, losses=losses)


class CountProgress(_Progress):
    """A context that is told how many of a number of things are done, of the next one maybe a part."""

    columns = (TextColumn("{task.fields[what]}"), BarColumn(), MofNCompleteColumn())
    fields = ("what",)

    def __init__(self, what: str, quiet: bool = False) -> None:
        super().__init__(quiet)
        self._what = what

    def update(self, done: float, total: int) -> None:
        """So many of so many."""
        self._show(done, total, f"{self._what} {done:.3g}/{total}", what=self._what)


class FilmProgress(_Progress):
    """A context that is told every `FilmStep` of a film."""

    columns = (
        TextColumn("{task.fields[what]}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[speed]}"),
        TextColumn("{task.fields[left]} left"),
    )  # fmt: skip
    fields = ("what", "speed", "left")

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(quiet)
        self.what = ""  # is painted

    def update(self, step: FilmStep) -> None:
        """Show one more frame."""
        speed, left = f"{step.rate:.2f} frames/s", clock(step.remaining)
        if not step.total:
            self._show(0, 1, f"{self.what}  {clock(step.done)}  {speed}", what=self.what, speed=speed, left="?")
            return
        line = f"{self.what}  {clock(step.done)}/{clock(step.total)}  {speed}  {left} left"
        self._show(step.done, step.total, line, what=self.what, speed=speed, left=left)
