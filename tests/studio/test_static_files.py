"""The front end of the package: its largest files lie compressed in the wheel, and every client gets what it takes."""

from __future__ import annotations

import gzip
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from impasto.studio.app import create_app
from impasto.studio.settings import StudioSettings
from impasto.studio.static_files import accepts_gzip

ROOT = Path(__file__).parents[2]
BASE = "http://127.0.0.1:8642"
ADDRESS = "/assets/runtime.wasm"
WASM = b"\0asm\1\0\0\0" + 100_000 * b"many similar instructions "
# As npm is called by the hook: `ci` does nothing, `run build -- --outDir FOLDER` writes an app.
NPM = f"""#!{sys.executable}
import sys
from pathlib import Path
if "build" in sys.argv:
    folder = Path(sys.argv[sys.argv.index("--outDir") + 1], "assets")
    folder.mkdir(parents=True)
    (folder.parent / "index.html").write_text("<p>the app")
    (folder / "app.js").write_text("the code")
    (folder / "runtime.wasm").write_bytes({WASM[:8]!r} + 100_000 * {WASM[8:34]!r})
"""


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The front end as the hook puts it into the wheel."""
    pytest.importorskip("hatchling", reason="hatchling, which builds the wheel, is not installed")
    if os.name != "posix":
        pytest.skip("the npm of this test is a script")
    project, npm = tmp_path / "project", tmp_path / "bin" / "npm"
    for folder in (project / "web", project / "examples", npm.parent):
        folder.mkdir(parents=True)
    (project / "web" / "package.json").write_text("{}")
    npm.write_text(NPM)
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent), prepend=os.pathsep)
    spec = importlib.util.spec_from_file_location("build_hook", ROOT / "web" / "build_hook.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    data: dict[str, Any] = {"force_include": {}}
    arguments: Any = str(project), {}, None, None, str(project / "dist"), "wheel"
    hook.FrontEndHook(*arguments).initialize("standard", data)
    ((folder, target),) = data["force_include"].items()
    assert target == "impasto/studio/web"
    return Path(folder)


@pytest.fixture
def client(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The studio of an installed wheel."""
    monkeypatch.setattr("impasto.studio.app.PACKAGED", packed)
    with TestClient(create_app(StudioSettings(folder=tmp_path / "kept")), BASE) as client:
        yield client


def raw(client: TestClient, accepted: str, method: str = "GET", **headers: str) -> tuple[Any, bytes]:
    """The answer, and its body as it was sent."""
    with client.stream(method, ADDRESS, headers={"Accept-Encoding": accepted, **headers}) as answer:
        return answer, b"".join(answer.iter_raw())


def test_the_wheel_holds_only_the_compressed_runtime(packed: Path) -> None:
    files = {file.relative_to(packed).as_posix(): file.read_bytes() for file in packed.rglob("*") if file.is_file()}
    assert set(files) == {"index.html", "assets/app.js", "assets/runtime.wasm.gz"}
    assert gzip.decompress(files["assets/runtime.wasm.gz"]) == WASM
    assert len(files["assets/runtime.wasm.gz"]) < len(WASM) / 10


def test_a_browser_gets_it_as_it_lies_there(client: TestClient, packed: Path) -> None:
    answer, body = raw(client, "gzip, deflate, br, zstd")
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "application/wasm"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-length"] == str(len(body))
    assert body == (packed / "assets" / "runtime.wasm.gz").read_bytes()


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip;q=0", "", "br, *;q=0"])
def test_who_takes_no_gzip_gets_it_unpacked(accepted: str, client: TestClient) -> None:
    answer, body = raw(client, accepted)
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-type"] == "application/wasm"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert body == WASM


def test_what_a_browser_has_already_is_not_sent_again(client: TestClient) -> None:
    tag = raw(client, "gzip")[0].headers["etag"]
    answer, body = raw(client, "gzip", **{"If-None-Match": tag})
    assert (answer.status_code, body) == (304, b"")
    assert answer.headers["vary"] == "Accept-Encoding"
    answer, body = raw(client, "identity", **{"If-None-Match": tag})  # it has another representation
    assert (answer.status_code, body) == (200, WASM)


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_its_headers_can_be_asked_for(accepted: str, client: TestClient) -> None:
    answer, body = raw(client, accepted, "HEAD")
    assert (answer.status_code, body) == (200, b"")
    assert answer.headers["content-type"] == "application/wasm"
    assert answer.headers.get("content-encoding") == ("gzip" if accepted == "gzip" else None)


def test_other_files_are_served_as_they_are(client: TestClient) -> None:
    answer = client.get("/assets/app.js")
    assert answer.text == "the code"
    assert "content-encoding" not in answer.headers
    assert client.get("/").text == "<p>the app"
    assert client.get("/assets/none.wasm").status_code == 404
    assert client.post(ADDRESS).status_code == 405


def test_in_a_checkout_nothing_is_compressed(client: TestClient, packed: Path) -> None:
    (packed / "assets" / "runtime.wasm.gz").unlink()
    (packed / "assets" / "runtime.wasm").write_bytes(WASM)
    answer, body = raw(client, "gzip")
    assert "content-encoding" not in answer.headers
    assert body == WASM


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=0.5, *;q=0", True),
        ("*", True),
        ("br;q=1, gzip ; q=0.001", True),
        ("gzip;q=0", False),
        ("*, gzip;q=0", False),
        ("gzip;q=many", False),
        ("gzipped", False),
        ("br", False),
        ("*;q=0", False),
        ("", False),
    ],
)
def test_which_clients_take_gzip(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
