"""The studio's server: what it answers, whom it answers, and how much of it."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from tiny import RECIPE, registered, save_photos

import impasto
from impasto import images
from impasto.images import decoding, kinds
from impasto.images.heif import register_heif
from impasto.studio.app import create_app
from impasto.studio.guard import COOKIE, Guard
from impasto.studio.settings import Limits, StudioSettings, is_loopback
from impasto.studio.work import _unused

BASE = "http://127.0.0.1:8642"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> StudioSettings:
    folder = tmp_path_factory.mktemp("studio")
    save_photos(folder / "photos")
    return StudioSettings(folder=folder / "kept", content={"holidays": folder / "photos"}, device="cpu")


@pytest.fixture(scope="module")
def client(settings: StudioSettings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), BASE) as client:
        yield client


def png(size: tuple[int, int] = (64, 48), color: str = "teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


ARTIST = 0x013B


def jpeg_of(picture: Image.Image, artist: str = "") -> bytes:
    buffer, exif = io.BytesIO(), Image.Exif()
    if artist:
        exif[ARTIST] = artist
    picture.save(buffer, "JPEG", quality=95, exif=exif)
    return buffer.getvalue()


def post(client: TestClient, data: bytes, **fields: Any) -> Any:
    return client.post("/api/stylize", files={"image": ("photo.jpg", data)}, data={"style": "great-wave"} | fields)


def wait(client: TestClient, job: str, *states: str) -> dict[str, Any]:
    patience = time.monotonic() + 120
    while True:
        status: dict[str, Any] = client.get(f"/api/jobs/{job}").json()
        if status["state"] in states:
            return status
        assert time.monotonic() < patience, status
        assert status["state"] != "failed", status
        time.sleep(0.05)


# --- what it answers ---------------------------------------------------------------------------------------


def test_it_is_healthy(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "version": impasto.__version__}


def test_it_says_what_it_can(client: TestClient) -> None:
    told = client.get("/api/capabilities").json()
    assert told["paint"] is told["train"] is True
    assert told["content"] == ["holidays"]
    assert "default" in told["presets"]


def test_it_lists_the_styles(client: TestClient) -> None:
    listed = client.get("/api/styles").json()
    assert [style["name"] for style in listed] == [about.name for about in impasto.list_styles()]
    assert {"title", "artist", "year", "licence", "adjustable"} < set(listed[0])


def test_a_style_model_can_be_had(client: TestClient) -> None:
    answer = client.get("/api/styles/great-wave/model")
    assert answer.content == impasto.styles.style_files()["great-wave"].read_bytes()
    assert client.get("/api/styles/great-wav/model").status_code == 404


@pytest.mark.parametrize(("format", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_it_stylizes(client: TestClient, photo: Image.Image, format: str, kind: str) -> None:
    answer = post(client, jpeg_of(photo), format=format, strength=0.7)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"image/{format}"
    painted = Image.open(io.BytesIO(answer.content))
    assert (painted.format, painted.size) == (kind, photo.size)
    expected = impasto.stylize(jpeg_of(photo), "great-wave", strength=0.7)
    apart = np.abs(np.asarray(painted.convert("RGB"), float) - np.asarray(expected, float)).mean()
    assert apart < (0.5 if kind == "PNG" else 12)


def test_options_arrive(client: TestClient, photo: Image.Image) -> None:
    data = jpeg_of(photo)
    plain = post(client, data, format="png").content
    small = Image.open(io.BytesIO(post(client, data, format="png", size=64).content))
    assert max(small.size) == 64
    for option in ({"strength": 0.2}, {"style_scale": 2}, {"preserve_color": "luminance"}):
        assert post(client, data, format="png", **option).content != plain


def test_metadata_is_kept_where_that_is_asked_for(client: TestClient, photo: Image.Image) -> None:
    for kept, artist in (("false", None), ("true", "N. N.")):
        answer = post(client, jpeg_of(photo, "N. N."), keep_metadata=kept)
        assert Image.open(io.BytesIO(answer.content)).getexif().get(ARTIST) == artist


@pytest.mark.parametrize(("format", "kind"), [("HEIF", "JPEG"), ("TIFF", "JPEG")])
def test_it_reads_what_browsers_cannot(client: TestClient, photo: Image.Image, format: str, kind: str) -> None:
    """Upright and in sRGB; with alpha as PNG."""
    register_heif()
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    photo.save(buffer, format, exif=exif)
    answer = client.post("/api/decode", files={"image": ("a", buffer.getvalue())})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    read = Image.open(io.BytesIO(answer.content))
    expected = images.load(buffer.getvalue())
    assert (read.format, read.size) == (kind, expected.size)
    assert np.abs(np.asarray(read) / 255 - expected.pixels).mean() < 0.01
    assert not read.getexif()

    clear = np.zeros((20, 30, 4), np.uint8)
    clear[:10] = 255
    buffer = io.BytesIO()
    Image.fromarray(clear).save(buffer, format, quality=100)
    answer = client.post("/api/decode", files={"image": ("a", buffer.getvalue())})
    assert answer.headers["content-type"] == "image/png"
    assert np.asarray(Image.open(io.BytesIO(answer.content)))[..., 3].std() > 100


def test_what_it_cannot_read_for_a_browser(
    client: TestClient, settings: StudioSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(data: bytes) -> str:
        answer = client.post("/api/decode", files={"image": ("a", data)})
        assert answer.status_code == 400
        return str(answer.json()["detail"])

    assert told(b"no picture") == "the image is not an image that can be read"
    monkeypatch.setattr(kinds, "register_heif", lambda: False)
    monkeypatch.setattr(decoding, "READABLE", ("JPEG", "PNG"))
    heic = b"\0\0\0\x18ftypheic" + bytes(100)
    assert "HEIC photograph: HEIC needs: pip install 'impasto[formats]'" in told(heic)
    small = replace(settings, limits=Limits(pixels=100))
    with TestClient(create_app(small), BASE) as other:
        assert other.post("/api/decode", files={"image": ("a", png())}).status_code == 413


# --- what it refuses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"style": "great-wav"}, 404, "unknown style 'great-wav': did you mean great-wave?"),
        ({"style": "../great-wave"}, 404, "unknown style"),
        ({"style": "/etc/passwd"}, 404, "unknown style"),
        ({"strength": "2"}, 422, "strength"),
        ({"strength": "nan"}, 422, "strength"),
        ({"size": "0"}, 422, "size"),
        ({"size": "60000"}, 413, "the result would have more than 60 megapixels"),
        ({"preserve_color": "no"}, 422, "preserve_color"),
        ({"format": "gif"}, 422, "format"),
        ({"quality": "0"}, 422, "quality"),
    ],
)
def test_bad_options(client: TestClient, fields: dict[str, str], status: int, told: str) -> None:
    answer = post(client, png(), **fields)
    assert answer.status_code == status
    assert told in json.dumps(answer.json(), ensure_ascii=False)


@pytest.mark.parametrize("data", [b"", b"no image", png()[:60], b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_what_is_no_image(client: TestClient, data: bytes) -> None:
    answer = post(client, data)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("the image is ")


def test_too_many_pixels(settings: StudioSettings) -> None:
    small = replace(settings, limits=Limits(pixels=1000))
    with TestClient(create_app(small), BASE) as client:
        answer = post(client, png((64, 48)))
        assert answer.status_code == 413
        assert "megapixels" in answer.json()["detail"]
        assert post(client, png((20, 20))).status_code in (200, 400)


def test_of_a_large_jpeg_only_what_is_needed_counts(settings: StudioSettings, photo: Image.Image) -> None:
    small = replace(settings, limits=Limits(pixels=100_000))
    data = jpeg_of(photo.resize((960, 640)))
    with TestClient(create_app(small), BASE) as client:
        assert post(client, data).status_code == 413
        answer = post(client, data, size="64")
        assert answer.status_code == 200
        assert max(Image.open(io.BytesIO(answer.content)).size) == 64
        assert post(client, data, size="500").status_code == 413
        files = [("photo", ("a.jpg", data)), ("paintings", ("b.jpg", data))]
        for size, status in (("64", 202), ("300", 413)):
            assert client.post("/api/jobs/paint", files=files, data={"size": size}).status_code == status


def test_what_the_format_cannot_hold_is_refused(client: TestClient) -> None:
    answer = post(client, png((2000, 20)), size="16400", format="webp")
    assert answer.status_code == 400
    told = "cannot encode 16400×164 px as WEBP, which holds 16383 px a side: choose a smaller size, or PNG"
    assert answer.json()["detail"] == told


def test_too_many_bytes_told_or_not(settings: StudioSettings) -> None:
    small = replace(settings, limits=Limits(upload=5000))
    with TestClient(create_app(small), BASE) as client:
        assert client.get("/healthz").status_code == 200
        answer = post(client, bytes(6000))
        assert answer.status_code == 413
        assert answer.json()["detail"] == "the request is too large: 0 MB at most"
        boundary = "multipart/form-data; boundary=x"
        streamed = client.post(
            "/api/stylize", content=(b"y" * 1000 for _ in range(9)), headers={"content-type": boundary}
        )
        assert streamed.status_code == 413


def test_too_slow(settings: StudioSettings) -> None:
    quick = replace(settings, limits=Limits(seconds=0.2))
    sent: list[dict[str, Any]] = []

    async def call() -> None:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(30)
            return {}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=x")]
        scope = {
            "type": "http", "method": "POST", "path": "/api/stylize", "raw_path": b"/api/stylize", "query_string": b"",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("localhost", 80), "scheme": "http",
            "http_version": "1.1", "asgi": {"version": "3.0"}, "root_path": "",
        }  # fmt: skip
        app: Guard = create_app(quick)
        await asyncio.wait_for(app(scope, receive, send), 10)

    asyncio.run(call())
    assert sent[0]["status"] == 408


def test_more_pictures_than_it_takes(settings: StudioSettings) -> None:
    busy = replace(settings, limits=Limits(stylizing=0))
    with TestClient(create_app(busy), BASE) as client:
        answer = post(client, png())
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"


# --- whom it answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "10.0.0.1", "[::2]"])
def test_other_names_are_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/styles", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8642", "127.0.0.1", "[::1]:99", "LOCALHOST"])
def test_its_own_names(client: TestClient, host: str) -> None:
    assert client.get("/api/styles", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"origin": BASE}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-origin", "origin": BASE}, True),
    ],
)
def test_other_sites_requests_are_refused(client: TestClient, headers: dict[str, str], allowed: bool) -> None:
    answer = client.post("/api/stylize", headers=headers)
    assert answer.status_code == (422 if allowed else 403)


def test_security_headers_are_everywhere(client: TestClient) -> None:
    for answer in (
        client.get("/"),
        client.get("/api/styles"),
        client.get("/nowhere"),
        client.get("/x", headers={"host": "e"}),
    ):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    assert client.get("/api/styles").headers["cache-control"] == "no-store"


def test_a_token(settings: StudioSettings) -> None:
    with TestClient(create_app(replace(settings, token="secret", host="0.0.0.0")), BASE) as client:
        assert client.get("/healthz").status_code == 200
        for headers in ({}, {"authorization": "Bearer wrong"}, {"cookie": f"{COOKIE}=wrong"}, {"cookie": "=;=;"}):
            assert client.get("/api/styles", headers=headers).status_code == 401
        assert client.get("/api/styles", headers={"authorization": "Bearer secret"}).status_code == 200
        assert client.get("/?token=wrong").status_code == 401
        answer = client.get("/?token=secret", follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/"
        assert "httponly" in answer.headers["set-cookie"].lower()
        assert "samesite=strict" in answer.headers["set-cookie"].lower()
        assert client.get("/api/styles").status_code == 200  # by the cookie
        assert client.get("/api/styles", headers={"host": "studio.example"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.9.9.9", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.4", False), ("studio.example", False)],
)  # fmt: skip
def test_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local


# --- jobs --------------------------------------------------------------------------------------------------


def test_a_picture_is_painted(client: TestClient, photo: Image.Image, painting: Image.Image) -> None:
    files = [("photo", ("My cat.jpg", jpeg_of(photo, "N. N."))), ("paintings", ("../../a.png", jpeg_of(painting)))]
    options = {"preset": "fast", "size": "64", "keep_metadata": "true"}
    answer = client.post("/api/jobs/paint", files=files, data=options)
    assert answer.status_code == 202
    job = answer.json()
    assert job["title"] == "My cat"
    with client.stream("GET", f"/api/jobs/{job['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        told = [json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line.startswith("data: ")]
    assert told[-1]["state"] == "done"
    assert [one["progress"] for one in told] == sorted(one["progress"] for one in told)
    status = client.get(f"/api/jobs/{job['id']}").json()
    assert status["result"] == "my-cat.png"
    assert status["history"][-1]["total"] < status["history"][0]["total"]
    picture = Image.open(io.BytesIO(client.get(f"/api/jobs/{job['id']}/result").content))
    assert (picture.format, max(picture.size), picture.getexif()[ARTIST]) == ("PNG", 64, "N. N.")
    assert Image.open(io.BytesIO(client.get(f"/api/jobs/{job['id']}/preview").content)).format == "JPEG"
    listed = {one["id"]: one for one in client.get("/api/jobs").json()}
    assert listed[job["id"]] == status | {"history": []}
    assert client.delete(f"/api/jobs/{job['id']}").status_code == 204
    assert client.get(f"/api/jobs/{job['id']}").status_code == 404


def test_a_style_is_trained_and_appears(settings: StudioSettings, photo: Image.Image, painting: Image.Image) -> None:
    with registered(exports=True) as patch:
        patch.setitem(impasto.TRAINING_PRESETS, "default", RECIPE)
        with TestClient(create_app(settings), BASE) as client:
            answer = client.post(
                "/api/jobs/train", files={"painting": ("p.jpg", jpeg_of(painting))},
                data={"content": "holidays", "title": "Café Terrace", "minutes": "0.1", "artist": "N. N."},
            )  # fmt: skip
            assert answer.status_code == 202, answer.json()
            status = wait(client, answer.json()["id"], "done")
            assert status["previews"] > 0
            assert status["result"] == "cafe-terrace.onnx"
            trained = client.get("/api/styles").json()[-1]
            assert (trained["name"], trained["title"], trained["artist"]) == ("cafe-terrace", "Café Terrace", "N. N.")
            assert post(client, jpeg_of(photo), style="cafe-terrace").status_code == 200
            assert client.get("/api/styles/cafe-terrace/model").content[:2] == b"\x08\x0a"


def test_only_allowed_folders_are_trained_on(client: TestClient) -> None:
    for content in ("/etc", "..", "holidays/..", ""):
        answer = client.post(
            "/api/jobs/train", files={"painting": ("p.png", png())}, data={"content": content, "title": "t"}
        )
        assert answer.status_code in (404, 422)


def test_bad_jobs_leave_nothing(client: TestClient, settings: StudioSettings) -> None:
    answer = client.post("/api/jobs/paint", files=[("photo", ("a", png())), ("paintings", ("b", b"no image"))])
    assert answer.status_code == 400
    assert answer.json()["detail"] == "the painting is not an image that can be read"
    answer = client.post(
        "/api/jobs/paint", files=[("photo", ("a", png())), ("paintings", ("b", png()))], data={"preset": "bst"}
    )
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("unknown preset 'bst'")
    assert client.get("/api/jobs/nowhere").status_code == 404
    assert client.get("/api/jobs/nowhere/events").status_code == 404
    assert not (settings.folder / "nowhere").exists()


def test_a_waiting_job_can_be_cancelled(client: TestClient, photo: Image.Image, painting: Image.Image) -> None:
    files = [("photo", ("a.jpg", jpeg_of(photo))), ("paintings", ("b.jpg", jpeg_of(painting)))]
    first, second = (client.post("/api/jobs/paint", files=files, data={"size": "256"}).json()["id"] for _ in range(2))
    assert client.get(f"/api/jobs/{second}/result").status_code == 404
    assert client.delete(f"/api/jobs/{second}").status_code == 409
    assert client.post(f"/api/jobs/{second}/cancel").json()["state"] == "cancelled"
    assert wait(client, second, "cancelled")["result"] is None
    wait(client, first, "running", "done")
    client.post(f"/api/jobs/{first}/stop")
    stopped = wait(client, first, "done")
    assert stopped["result"] == "a.png"
    assert client.post(f"/api/jobs/{first}/cancel").json()["state"] == "done"  # it stays as it is


def test_more_files_than_it_takes(client: TestClient) -> None:
    files = [("photo", ("a.png", png())), *[("paintings", ("b.png", png()))] * 8]
    answer = client.post("/api/jobs/paint", files=files)
    assert answer.status_code == 413
    assert answer.json()["detail"] == "too many files: 8 at most"


def test_a_trained_style_takes_no_shipped_one_s_name(tmp_path: Path) -> None:
    assert _unused(tmp_path / "scream.onnx", impasto.styles.style_files()).name == "scream-2.onnx"
    (tmp_path / "scream-2.onnx").touch()
    assert _unused(tmp_path / "scream.onnx", impasto.styles.style_files()).name == "scream-3.onnx"


# --- the front end -----------------------------------------------------------------------------------------


def test_there_is_a_page_even_where_it_is_not_built(settings: StudioSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.studio.app.front_end", lambda: None)
    with TestClient(create_app(settings), BASE) as client:
        assert "npm --prefix web ci" in client.get("/").text


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A front end."""
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "index.html").write_text("<p>the front end")
    (folder / "docs.html").write_text("<p>the documentation")
    monkeypatch.setattr("impasto.studio.app.front_end", lambda: folder)
    return folder


def test_the_front_end_is_served_with_the_styles_that_there_are(
    built: Path, settings: StudioSettings, style_model: Path, tmp_path: Path
) -> None:
    assert built.exists()
    kept = replace(settings, folder=tmp_path / "kept")
    with TestClient(create_app(kept), BASE) as client:
        assert client.get("/").text == "<p>the front end"
        assert client.get("/docs").text == "<p>the documentation"
        names = [about.name for about in impasto.list_styles()]
        assert [entry["name"] for entry in client.get("/styles/styles.json").json()] == names
        (tmp_path / "kept" / "styles").mkdir(parents=True)
        shutil.copy(style_model, tmp_path / "kept" / "styles" / "mine.onnx")  # as a training writes it
        listed = client.get("/styles/styles.json").json()
        assert [entry["name"] for entry in listed] == [*names, "mine"]
        for file in listed[-1]["files"].values():
            assert len(client.get(f"/styles/{file['file']}").content) == file["bytes"]
        (tmp_path / "kept" / "styles" / "damaged.onnx").write_bytes(b"no model")
        assert client.get("/styles/styles.json").json() == listed
        assert client.get("/styles/other.onnx").status_code == 404
        assert client.get("/styles/..%2f..%2fmine.onnx").status_code == 404


def test_openapi_names_every_address(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/healthz", "/api/styles", "/api/stylize", "/api/jobs/paint", "/api/jobs/{id}/events"} < set(paths)


def test_paths_lead_nowhere_else(client: TestClient) -> None:
    for path in ("/styles/../../pyproject.toml", "/..%2fpyproject.toml", "/styles/%2e%2e%2fmain.js", "/%00"):
        assert client.get(path).status_code in (404, 405, 400)


def test_the_folder_is_not_made_before_it_is_needed(tmp_path: Path) -> None:
    with TestClient(create_app(StudioSettings(folder=tmp_path / "kept")), BASE) as client:
        assert post(client, png()).status_code == 200
    assert not (tmp_path / "kept").exists()
