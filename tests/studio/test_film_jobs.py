"""Films that the studio's server paints: what comes of them, what it refuses, and what it leaves behind: nothing."""

from __future__ import annotations

import errno
import io
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fastapi.testclient import TestClient
from filmed import RATE, SIZE, film
from numpy.typing import NDArray
from PIL import Image

from impasto.studio import films
from impasto.studio.app import create_app
from impasto.studio.settings import Limits, StudioSettings

BASE = "http://127.0.0.1:8642"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> StudioSettings:
    return StudioSettings(folder=tmp_path_factory.mktemp("studio") / "kept", device="cpu")


@pytest.fixture(scope="module")
def client(settings: StudioSettings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), BASE) as client:
        yield client


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One second."""
    return film(tmp_path_factory.mktemp("film") / "clip.mp4").read_bytes()


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """More than is painted before somebody stops it."""
    return film(tmp_path_factory.mktemp("film") / "clip.mkv", 1200).read_bytes()


def send(client: TestClient, data: bytes, name: str = "A day.mp4", **options: Any) -> Any:
    return client.post("/api/jobs/film", content=data, params={"style": "great-wave", "name": name} | options)


def begin(client: TestClient, data: bytes, name: str = "A day.mp4", **options: Any) -> str:
    answer = send(client, data, name, **options)
    assert answer.status_code == 202, answer.json()
    return str(answer.json()["id"])


def wait(client: TestClient, job: str, *states: str) -> dict[str, Any]:
    patience = time.monotonic() + 120
    while True:
        status: dict[str, Any] = client.get(f"/api/jobs/{job}").json()
        if status["state"] in states:
            return status
        assert status["state"] not in ("failed", "done", "cancelled"), status
        assert time.monotonic() < patience, status
        time.sleep(0.05)


def wait_for_frames(client: TestClient, job: str) -> None:
    patience = time.monotonic() + 120
    while client.get(f"/api/jobs/{job}").json()["iteration"] == 0:
        assert time.monotonic() < patience
        time.sleep(0.05)


def pictures_of(film: bytes) -> list[NDArray[Any]]:
    with av.open(io.BytesIO(film), "r") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def sound_of(film: bytes) -> list[bytes]:
    """As it is encoded."""
    with av.open(io.BytesIO(film), "r") as container:
        return [bytes(packet) for packet in container.demux(audio=0)]


def folder_of(client: TestClient, job: str) -> Path:
    return Path(client.app._app.state.context.jobs.get(job).folder)  # type: ignore[attr-defined]


def folders(client: TestClient) -> set[Path]:
    return set(client.app._app.state.context.jobs.root.iterdir())  # type: ignore[attr-defined]


# --- what comes of a film ----------------------------------------------------------------------------------


def test_it_says_whether_it_paints_films(client: TestClient) -> None:
    told = client.get("/api/capabilities").json()
    assert told["film"] is True
    assert told["film_bytes"] == Limits().film == 4_000_000_000


def test_a_film_is_painted_with_its_sound(client: TestClient, clip: bytes) -> None:
    job = begin(client, clip, "C:\\films\\A day.mp4", strength=0.9, size=48)
    status = wait(client, job, "done")
    assert (status["kind"], status["title"], status["result"]) == ("film", "A day", "A day-great-wave.mp4")
    assert (status["iteration"], status["iterations"], status["progress"]) == (RATE, RATE, 1)
    assert status["rate"] > 0
    assert status["history"] == status["notes"] == []
    assert status["stopped"] is None
    preview = Image.open(io.BytesIO(client.get(f"/api/jobs/{job}/preview").content))
    assert (preview.format, preview.size) == ("JPEG", (48, 36))
    answer = client.get(f"/api/jobs/{job}/result")
    assert answer.headers["content-type"] == "video/mp4"
    assert "A%20day-great-wave.mp4" in answer.headers["content-disposition"]
    assert sound_of(answer.content) == sound_of(clip)
    pictures = pictures_of(answer.content)
    assert len(pictures) == RATE
    assert pictures[0].shape == (36, 48, 3)
    assert np.std(pictures[0]) > 10
    assert [file.name for file in folder_of(client, job).iterdir()] == ["painted.mp4"]  # what was sent is gone


def test_it_can_be_played_from_anywhere(client: TestClient, clip: bytes) -> None:
    """As a video element asks for it."""
    job = begin(client, clip)
    wait(client, job, "done")
    whole = client.get(f"/api/jobs/{job}/result")
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get(f"/api/jobs/{job}/result", headers={"range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == whole.content[100:200]


def test_a_part_of_a_film(client: TestClient, clip: bytes) -> None:
    job = begin(client, clip, start=0.25, stop=0.75, preserve_color="luminance", codec="h265")
    assert wait(client, job, "done")["iterations"] == RATE // 2
    with av.open(io.BytesIO(client.get(f"/api/jobs/{job}/result").content)) as painted:
        assert painted.streams.video[0].codec_context.name == "hevc"
    assert len(pictures_of(client.get(f"/api/jobs/{job}/result").content)) == RATE // 2


@pytest.mark.parametrize(
    ("name", "codec", "sound", "media_type"),
    [
        ("a.mov", "libx264", "aac", "video/quicktime"),
        ("a.mkv", "libx264", "aac", "video/x-matroska"),
        ("a.webm", "libvpx-vp9", "libopus", "video/webm"),
        ("a.avi", "mpeg4", "mp3", "video/mp4"),
    ],
)
def test_every_kind_of_film(
    client: TestClient, tmp_path: Path, name: str, codec: str, sound: str, media_type: str
) -> None:
    data = film(tmp_path / name, 4, codec=codec, sound=sound).read_bytes()
    job = begin(client, data, name)
    ending = ".mp4" if name.endswith(".avi") else Path(name).suffix
    assert wait(client, job, "done")["result"] == f"a-great-wave{ending}"
    answer = client.get(f"/api/jobs/{job}/result")
    assert answer.headers["content-type"] == media_type
    with av.open(io.BytesIO(answer.content)) as painted:
        assert {stream.type for stream in painted.streams} == {"video", "audio"}


def test_an_animation(client: TestClient, photo: Image.Image) -> None:
    buffer = io.BytesIO()
    photo.save(buffer, "GIF", save_all=True, append_images=[photo.rotate(9), photo.rotate(18)], duration=100)
    job = begin(client, buffer.getvalue(), "cat.gif", size=48)
    assert wait(client, job, "done")["result"] == "cat-great-wave.gif"
    painted = Image.open(io.BytesIO(client.get(f"/api/jobs/{job}/result").content))
    assert (painted.format, painted.n_frames, painted.size) == ("GIF", 3, (48, 32))  # type: ignore[attr-defined]


def test_what_is_damaged_is_told(client: TestClient, clip: bytes) -> None:
    damaged = bytearray(clip)
    at = clip.index(b"mdat") + len(clip) // 3
    damaged[at : at + 300] = bytes(300)
    status = wait(client, begin(client, bytes(damaged)), "done")
    assert any("passed over" in note for note in status["notes"]), status["notes"]


# --- ended early -------------------------------------------------------------------------------------------


def test_a_film_can_be_cancelled(client: TestClient, long_clip: bytes) -> None:
    job = begin(client, long_clip, "long.mkv")
    wait_for_frames(client, job)
    folder = folder_of(client, job)
    assert client.post(f"/api/jobs/{job}/cancel").json()["cancelling"] is True
    assert wait(client, job, "cancelled")["result"] is None
    assert not folder.exists()


def test_a_film_that_is_stopped_keeps_what_is_painted(client: TestClient, long_clip: bytes) -> None:
    job = begin(client, long_clip, "long.mkv")
    wait_for_frames(client, job)
    client.post(f"/api/jobs/{job}/stop")
    status = wait(client, job, "done")
    assert status["stopped"] == "stopped"
    assert 0 < len(pictures_of(client.get(f"/api/jobs/{job}/result").content)) < 1200
    folder = folder_of(client, job)
    assert client.delete(f"/api/jobs/{job}").status_code == 204
    assert not folder.exists()


def test_files_go_when_the_server_ends(settings: StudioSettings, long_clip: bytes) -> None:
    with TestClient(create_app(settings), BASE) as client:
        job = begin(client, long_clip, "long.mkv")
        wait_for_frames(client, job)
        folder = folder_of(client, job)
    assert not folder.exists()
    assert not folder.parent.exists()


# --- what it refuses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "name", "told"),
    [
        (b"", "a.mp4", "a is not a film that can be read: it is damaged, or of another kind"),
        (b"no film", "a.mp4", "a is not a film that can be read: it is damaged, or of another kind"),
        (b"#EXTM3U\n/etc/passwd\n", "a.m3u8", "a is not a film that can be read"),
        (b"", "%05d.png", "not a film"),
        (b"", "a.m4v\0", "is not a film"),
    ],
)
def test_what_is_no_film(client: TestClient, data: bytes, name: str, told: str) -> None:
    before = folders(client)
    answer = send(client, data, name)
    assert answer.status_code == 400
    assert told in answer.json()["detail"]
    assert "impasto-studio" not in answer.json()["detail"]
    assert folders(client) == before


def test_a_picture_is_no_film(client: TestClient, photo: Image.Image) -> None:
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    answer = send(client, buffer.getvalue(), "cat.png")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "cat is a picture that does not move, not a film"


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        ({"style": "great-wav"}, 404, "unknown style 'great-wav': did you mean great-wave?"),
        ({"style": "../great-wave"}, 404, "unknown style"),
        ({"strength": "2"}, 422, "strength"),
        ({"size": "1"}, 422, "size"),
        ({"start": "nan"}, 422, "start"),
        ({"start": "inf"}, 400, "start must be a number"),
        ({"start": "0.5", "stop": "0.25"}, 400, "the film would end before it starts: from 0.5 to 0.25 s"),
        ({"codec": "h266"}, 400, "unknown codec 'h266'"),
        ({"codec": "vp9", "name": "a.mov"}, 400, ".mov does not hold vp9"),
        ({"size": "60000"}, 413, "the film has more than 60 megapixels"),
    ],
)
def test_bad_options(client: TestClient, clip: bytes, options: dict[str, Any], status: int, told: str) -> None:
    before = folders(client)
    answer = send(client, clip, **options)
    assert answer.status_code == status
    assert told in str(answer.json()["detail"])
    assert folders(client) == before


def test_a_part_that_there_is_not(client: TestClient, clip: bytes) -> None:
    status = wait(client, begin(client, clip, start=100), "failed")
    assert status["error"] == "film A day has no frames in that range"


def test_too_large(settings: StudioSettings, clip: bytes) -> None:
    small = replace(settings, limits=Limits(upload=100, film=1000))
    with TestClient(create_app(small), BASE) as client:
        before = folders(client)
        answer = send(client, clip)
        assert (answer.status_code, answer.json()["detail"]) == (413, "the request is too large: 0 MB at most")
        streamed = client.post(
            "/api/jobs/film", params={"style": "great-wave"}, content=(b"y" * 900 for _ in range(3))
        )  # of which nobody said how large it would be
        assert (streamed.status_code, streamed.json()) == (413, answer.json())
        assert folders(client) == before
    with TestClient(create_app(settings), BASE) as client:
        answer = client.post("/api/jobs/film", content=b"", headers={"content-length": "5000000000"})
        assert answer.json()["detail"] == "the request is too large: 4 GB at most"


def test_larger_than_a_picture_may_be(settings: StudioSettings, clip: bytes) -> None:
    small = replace(settings, limits=Limits(upload=100))
    with TestClient(create_app(small), BASE) as client:
        wait(client, begin(client, clip), "done")


def test_too_many_pixels(settings: StudioSettings, clip: bytes) -> None:
    small = replace(settings, limits=Limits(pixels=SIZE[0] * SIZE[1] - 1))
    with TestClient(create_app(small), BASE) as client:
        assert send(client, clip).status_code == 413


def test_a_full_disk(client: TestClient, clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    before = folders(client)

    async def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(films, "_write", full)
    answer = send(client, clip)
    assert answer.status_code == 507
    assert answer.json()["detail"].startswith("there is no space for the film on the server's disk: make room where")
    assert "\n" not in answer.json()["detail"]
    assert folders(client) == before


def test_without_the_extra(settings: StudioSettings, clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with TestClient(create_app(settings), BASE) as client:
        assert client.get("/api/capabilities").json()["film"] is False
        answer = send(client, clip)
        assert answer.status_code == 503
        assert answer.json()["detail"] == "this server cannot paint films: pip install 'impasto[studio,video]'"


def test_without_torch_films_are_painted_all_the_same(
    settings: StudioSettings, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.studio.context.torch_device", lambda _: (None, False))
    with TestClient(create_app(settings), BASE) as client:
        told = client.get("/api/capabilities").json()
        assert (told["paint"], told["film"], told["devices"]) == (False, True, ["cpu"])
        wait(client, begin(client, clip), "done")
