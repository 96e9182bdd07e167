"""What is read, and what is refused, is so by every command and by the studio alike."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from fastapi.testclient import TestClient
from made import chunk, dng, page, png, tiff, with_segments
from PIL import Image
from ran import Run, assert_refused

from impasto import images
from impasto.studio.app import create_app
from impasto.studio.settings import StudioSettings
from impasto.training.photographs import Photographs

CHELSEA: Any = getattr(skimage.data, "chelsea")()  # noqa: B009 (untyped)
SCENE = np.asarray(Image.fromarray(CHELSEA).resize((96, 72), Image.Resampling.LANCZOS)).astype(np.int64)
QUICK = ("--size", "48", "--iterations", "1", "--precision", "float32", "-q")


def _jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(SCENE.astype(np.uint8)).save(buffer, "JPEG", quality=95, dpi=(72, 72))
    return buffer.getvalue()


THUMBNAIL = page(np.zeros((8, 12, 3), np.int64), 8, 2, (254, "I", [1]))
WHOLE = {
    "exif.jpg": with_segments(_jpeg(), (0xE1, b"Exif\0\0" + bytes(40))),
    "crc.png": png(SCENE.astype(np.uint8), chunk(b"iCCP", b"x\0\0nothing", damage=1)),
    "deep.png": png(SCENE.astype(np.uint16) * 257, chunk(b"iCCP", b"x\0\0nothing")),
    "grey12.tif": tiff(page(SCENE[..., :1] * 16, 12, 1)),
    "wide.tif": tiff(page(SCENE / 255, 32, 2, sample_format=3)),
    "second.tif": tiff(THUMBNAIL, page(SCENE, 8, 2)),
    "shot.dng": dng((SCENE / 255) ** 2.2),
}
REFUSED = {
    "signed.tif": (tiff(page(SCENE, 16, 2, sample_format=2)), "is a TIFF of 16-bit signed RGB: save it as"),
    "thumbnail.tif": (tiff(THUMBNAIL), "is a TIFF that says it holds nothing but a thumbnail"),
    "crc.png": (
        png(SCENE.astype(np.uint8)).replace(b"IEND\xaeB`\x82", b"IEND\xaeB`\x83").replace(b"IHDR\0\0", b"IHDR\0\1"),
        "is damaged: the checksum of its IHDR is wrong",
    ),
}  # fmt: skip


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    folder = tmp_path / "whole"
    folder.mkdir()
    for name, data in WHOLE.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = StudioSettings(folder=tmp_path_factory.mktemp("studio"), device="cpu")
    with TestClient(create_app(settings), "http://127.0.0.1:8642") as client:
        yield client


def _post(client: TestClient, data: bytes) -> tuple[int, bytes]:
    answer = client.post(
        "/api/stylize", files={"image": ("upload", data)}, data={"style": "great-wave", "format": "png"}
    )
    return answer.status_code, answer.content


# --- what is whole ---


@pytest.mark.parametrize("name", WHOLE)
def test_stylize_sheet_and_optimize_paint_it(
    name: str, whole: Path, files: Path, style_model: Path, run: Run, work: Path
) -> None:
    photo = whole / name
    for arguments in (
        ("stylize", photo, "--style", style_model, "-q", "-o", "a.png"),
        ("sheet", photo, "--style", style_model, "--size", "48", "-q", "-o", "b.png"),
        ("optimize", photo, files / "painting.jpg", *QUICK, "-o", "c.png"),
        ("optimize", files / "photo.jpg", photo, *QUICK, "-o", "d.png"),
    ):
        assert run(*arguments) == (0, "", "")
    assert images.load(work / "a.png").size == (96, 72)
    assert len(list(work.iterdir())) == 4


@pytest.mark.usefixtures("work")
def test_a_folder_of_it_is_painted_packed_and_trained_on(whole: Path, style_model: Path, run: Run) -> None:
    ran = run("stylize", whole, "--style", style_model, "-o", "out", "--json", "-q")
    assert (ran.code, ran.err) == (0, "")
    assert len([line for line in ran.out.splitlines() if json.loads(line)["size"] == [96, 72]]) == len(WHOLE)
    ran = run("pack", whole, "shards", "--size", "72", "--json", "-q")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == {"output": "shards", "photographs": len(WHOLE), "skipped": {}}
    photographs = Photographs(whole)
    assert all(photographs.load(index, 64) is not None for index in range(len(photographs)))


@pytest.mark.parametrize("name", WHOLE)
def test_the_studio_paints_it(name: str, client: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    status, content = _post(client, WHOLE[name])
    assert status == 200
    with Image.open(io.BytesIO(content)) as painted:
        assert painted.size == (96, 72)
    assert capfd.readouterr().err == ""


# --- what is not ---


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(
    name: str, files: Path, style_model: Path, run: Run, work: Path, client: TestClient
) -> None:
    data, told = REFUSED[name]
    (work / name).write_bytes(data)
    assert_refused(run("stylize", name, "--style", style_model), rf"image {name} {told}")
    assert_refused(run("sheet", name, "--style", style_model), told)
    as_photo, as_painting = (name, files / "painting.jpg"), (files / "photo.jpg", name)
    assert_refused(run("optimize", *as_photo, *QUICK, "-o", "x.png"), rf"content image {name} {told}")
    assert_refused(run("optimize", *as_painting, *QUICK, "-o", "x.png"), rf"style image {name} {told}")
    assert_refused(run("stylize", files / "photo.jpg", "--style", style_model, "--mask", name), told)
    assert [path.name for path in work.iterdir()] == [name]
    status, content = _post(client, data)
    assert status == 400
    assert told in json.loads(content)["detail"]
    photographs = Photographs(work)
    assert photographs.load(0, 64) is None
    assert told.removeprefix("is ") in photographs.skipped[name]


def test_without_the_extra_all_say_what_to_install(
    files: Path, style_model: Path, run: Run, work: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("imagecodecs", "tifffile", "rawpy"):
        monkeypatch.setitem(sys.modules, name, None)
    told = r"needs: pip install 'impasto\[formats\]'$"
    for name in ("shot.dng", "wide.tif"):
        (work / name).write_bytes(WHOLE[name])
        assert_refused(run("stylize", name, "--style", style_model), told)
        assert_refused(run("optimize", name, files / "painting.jpg", *QUICK, "-o", "x.png"), told)
        assert_refused(run("sheet", name, "--style", style_model), told)
        status, content = _post(client, WHOLE[name])
        assert (status, json.loads(content)["detail"].endswith("pip install 'impasto[formats]'")) == (400, True)
    ran = run("stylize", ".", "--style", style_model, "-o", "out", "-q")
    assert (ran.code, ran.err.count("pip install 'impasto[formats]'")) == (1, 2)
    ran = run("pack", ".", "shards", "-q")
    assert_refused(ran, "no usable photograph")


def test_a_masks_own_alpha_counts(files: Path, style_model: Path, run: Run, work: Path) -> None:
    mask = np.full((64, 96, 4), 255, np.uint8)
    mask[:, 48:, 3] = 0
    Image.fromarray(mask).save(work / "clear.png")
    for out, name in (("a.png", "clear.png"), ("b.png", files / "mask.png")):
        arguments = ("--style", style_model, "--mask", name, "-o", out, "-q")
        assert run("stylize", files / "photo.jpg", *arguments) == (0, "", "")
    assert (work / "a.png").read_bytes() == (work / "b.png").read_bytes()
