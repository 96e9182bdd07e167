"""`impasto studio`: the local web app."""

from __future__ import annotations

import contextlib
import secrets
import socket
import webbrowser
from pathlib import Path

import click

from ..errors import ImpastoError, reason
from ..files import missing
from ..images import packed
from ..studio.settings import StudioSettings, is_loopback

DEFAULTS = StudioSettings()


@click.command()
@click.option("--host", default=DEFAULTS.host, show_default=True,
              help="Where to listen. Beyond this machine, a token is needed.")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULTS.port, show_default=True)
@click.option("--token", help="What requests must show; by default a random one where other machines reach the server.")
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="Another name that the server is called by.")
@click.option("--content", multiple=True, metavar="[NAME=]FOLDER",
              help="Photographs that styles may be trained on. May be repeated; no other folder is ever read.")
@click.option("--folder", default=str(DEFAULTS.folder), show_default=True,
              help="Where trained styles and their runs are kept.")
@click.option("--device", default=DEFAULTS.device, show_default=True, help="auto, cpu, cuda, cuda:1 … or mps.")
@click.option("--open/--no-open", "open_browser", default=True, help="Open it in the browser.")
def command(
    host: str, port: int, token: str | None, hosts: tuple[str, ...], content: tuple[str, ...], folder: str, device: str,
    open_browser: bool,
) -> None:  # fmt: skip
    """Open Impasto in the browser: stylize photos and video live, paint, and train styles.

    \b
    impasto studio
    impasto studio --content holidays=photos/ --content coco/
    impasto studio --host 0.0.0.0
    """
    import uvicorn

    from ..studio.app import HOW_TO_BUILD, create_app, front_end
    from ..studio.context import torch_device

    if token is not None and not token.strip():
        raise ImpastoError("the token is empty: leave --token out for a random one")
    torch_device(device)  # a wrong one is told before anything listens
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(16)
    settings = StudioSettings(host, port, token, _folders(content), Path(folder), device, hosts, prepare=True)
    config = uvicorn.Config(
        create_app(settings), log_level="warning", timeout_keep_alive=20, limit_concurrency=512, server_header=False,
        timeout_graceful_shutdown=3,
    )  # fmt: skip
    with _listening(host, port) as listener:
        address = _address(host, listener.getsockname()[1], token)
        click.echo(f"Impasto Studio: {address}  (Ctrl-C ends it)")
        if front_end() is None:
            click.echo(f"the front end is missing: install Node.js, then in the source code: {HOW_TO_BUILD}", err=True)
        if open_browser and is_loopback(host):
            webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):  # raised again once the server has ended in order
            uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ImpastoError(f"cannot listen on {host}, port {port}: {reason(error)}") from None


def _address(host: str, port: int, token: str | None) -> str:
    """What to open; where the server listens everywhere, this machine's name."""
    name = socket.gethostname() if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def _folders(given: tuple[str, ...]) -> dict[str, Path]:
    """NAME=FOLDER or FOLDER, which is called by its last part."""
    folders: dict[str, Path] = {}
    for one in given:
        name, _, path = one.rpartition("=")
        folder = Path(path)
        if not folder.is_dir():
            archive = packed(folder)
            raise ImpastoError(f"{path} is {archive}") if archive else missing(path, "folder of photographs")
        name = name or folder.resolve().name or "photos"
        if name in folders:
            raise ImpastoError(f"two folders of photographs are called {name}: give one another name, NAME=FOLDER")
        folders[name] = folder.resolve()
    return folders
