"""`impasto studio`: a server that says where it is, ends in order, and refuses in a line."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from ran import Run, assert_refused


def test_it_serves_and_ends_in_order(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "impasto", "studio", "--no-open", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as server:
        assert server.stdout is not None
        told = server.stdout.readline()
        address = told.removeprefix("Impasto Studio: ").partition(" ")[0]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{address}healthz", timeout=60) as answer:
            assert answer.status == 200
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=60)
        assert "Traceback" not in errors
        assert "interrupted" not in errors
        assert server.returncode == 0
    assert not list(tmp_path.iterdir())


def test_a_port_in_use(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert_refused(run("studio", "--no-open", "--port", port), f"cannot listen on 127.0.0.1, port {port}: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--content", "nowhere"], "no such folder of photographs: nowhere$"),
        (["--content", "photos.zip"], "photos.zip is an archive: unpack it, and give the folder$"),
        (["--content", "https://example.com/a"], "https://example.com/a is a web address: download it"),
        (["--content", "a=.", "--content", "a=/"], "two folders of photographs are called a: give one another name"),
        (["--port", "99999"], "--port"),
        (["--token", ""], "the token is empty"),
        (["--device", "cudda"], "unknown device 'cudda'"),
        (["--host", "no such host"], "cannot listen on no such host, port 8642: "),
    ],
)
def test_wrong_arguments(run: Run, arguments: list[str], message: str) -> None:
    assert_refused(run("studio", "--no-open", *arguments), message)
