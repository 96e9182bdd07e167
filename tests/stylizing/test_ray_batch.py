"""A folder stylized by Ray Data, on a cluster that is this machine alone."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from ran import Run

from impasto import images
from impasto.errors import ImpastoError
from impasto.stylizing import ray_batch
from impasto.stylizing.ray_batch import stylize_with_ray
from impasto.stylizing.stylization import Stylizer


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    import ray

    yield
    ray.shutdown()


@pytest.fixture
def photos(tmp_path: Path, photo: Image.Image, portrait: Image.Image) -> Path:
    folder = tmp_path / "photos"
    (folder / "deep" / "er").mkdir(parents=True)
    photo.save(folder / "cat.png")
    portrait.save(folder / "deep" / "er" / "woman.bmp")
    (folder / "broken.jpg").write_bytes(b"no image")
    (folder / ".hidden.jpg").write_bytes(b"no image")
    (folder / "notes.txt").write_text("none either")
    return folder


@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")  # Ray's own, of sockets and processes that it leaves to the end
def test_a_folder_is_stylized_and_gone_on_with(
    photos: Path, portrait: Image.Image, style_model: Path
) -> None:
    """The results lie within the folder, and are no images of it the next time."""
    target = photos / "100% painted, ä"
    told: list[tuple[int, int]] = []
    result = stylize_with_ray(
        str(photos), str(target), style_model, strength=0.5, precision="float32",
        progress=lambda *count: told.append(count),
    )  # fmt: skip
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert result.skipped == 0
    broken, cat, woman = result.images
    assert (broken.input, "not an image" in broken.error) == (f"{photos}/broken.jpg", True)
    assert (cat.input, cat.output, cat.error) == (f"{photos}/cat.png", f"{target}/cat.png", "")
    assert (woman.output, woman.size) == (f"{target}/deep/er/woman.bmp.png", portrait.size)
    assert cat.seconds > 0
    assert set(cat.to_dict()) == {"input", "output", "size", "seconds", "style", "runtime"}
    assert set(broken.to_dict()) == {"input", "output", "style", "runtime", "error"}
    made = sorted(str(file.relative_to(target)) for file in target.rglob("*") if file.is_file())
    assert made == ["cat.png", "deep/er/woman.bmp.png"]
    here = Stylizer(style_model, precision="float32")(photos / "cat.png", strength=0.5)
    assert images.load(target / "cat.png").to_pil().tobytes() == here.tobytes()

    (target / "cat.png").unlink()
    (photos / "broken.jpg").unlink()
    again = stylize_with_ray(f"file://{photos}", f"file://{photos}/100%25%20painted,%20%C3%A4", style_model)
    assert ([one.error for one in again.images], again.skipped) == ([""], 1)
    assert stylize_with_ray(str(photos), str(target), style_model).images == []


def test_wrong_folders_and_styles(photos: Path, tmp_path: Path, style_model: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImpastoError, match=r"no images in .*empty$"):
        stylize_with_ray(str(tmp_path / "empty"), str(tmp_path / "out"), style_model)
    with pytest.raises(ImpastoError, match=r"^cannot read .*missing"):
        stylize_with_ray(str(tmp_path / "missing"), str(tmp_path / "out"), style_model)
    with pytest.raises(ImpastoError, match=r"^no such style model: mine\.onnx"):
        stylize_with_ray(str(photos), str(tmp_path / "out"), "mine.onnx")
    with pytest.raises(ImpastoError, match=r"^strength must be between 0 and 1, not 2$"):
        stylize_with_ray(str(photos), str(tmp_path / "out"), style_model, strength=2.0)
    assert not (tmp_path / "out").exists()


def test_links_to_folders_are_followed_but_not_in_a_circle(
    photos: Path, tmp_path: Path, style_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "deep" / "back").symlink_to(photos)
    (tmp_path / "elsewhere").mkdir()
    (photos / "cat.png").rename(tmp_path / "elsewhere" / "cat.png")
    (photos / "more").symlink_to(tmp_path / "elsewhere")
    tried: list[tuple[str, str]] = []

    def on_cluster(pending: list[tuple[str, str]], _: object) -> list[dict[str, object]]:
        tried.extend(pending)
        return []

    monkeypatch.setattr(ray_batch, "_on_cluster", on_cluster)
    stylize_with_ray(str(photos), str(tmp_path / "out"), style_model)
    assert sorted(target for _, target in tried) == ["broken.jpg", "deep/er/woman.bmp.png", "more/cat.png"]


def test_a_folder_that_cannot_be_read_is_tried_and_told(
    photos: Path, tmp_path: Path, style_model: Path, unreadable: Callable[[str], None]
) -> None:
    unreadable("deep")
    pending, *_ = ray_batch._pending(ray_batch._root(str(photos)), ray_batch._root(str(tmp_path / "out")), False)
    assert pending == [("broken.jpg", "broken.jpg"), ("cat.png", "cat.png"), ("deep", "deep/deep")]
    worker = ray_batch._Worker(
        ray_batch._root(str(photos)), ray_batch._root(str(tmp_path)), style_model.read_bytes(), "auto", "auto", 95,
        True, {},
    )
    (error,) = worker({"source": ["deep"], "target": ["deep/deep"]})["error"]
    assert "directory" in error or "denied" in error
    unreadable("photos")
    with pytest.raises(ImpastoError, match=r"^cannot read .*photos or .*: Permission denied$"):
        stylize_with_ray(str(photos), str(tmp_path / "out"), style_model)


def test_files_that_look_like_pictures_are_told(
    photos: Path, tmp_path: Path, style_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("layers.psd", "deep/clip.mov", "notes.txt"):
        (photos / name).touch()
    monkeypatch.setattr(ray_batch, "_on_cluster", lambda *_: [])
    assert stylize_with_ray(str(photos), str(tmp_path / "out"), style_model).passed_over == [
        "deep/clip.mov", "layers.psd",
    ]  # fmt: skip
    for path in list(photos.rglob("*.*")):
        if path.suffix in (".jpg", ".png", ".bmp"):
            path.unlink()
    told = r"^no images in .* that can be used, but 1 video \(.*\): deep/clip\.mov; 1 Photo"
    with pytest.raises(ImpastoError, match=told):
        stylize_with_ray(str(photos), str(tmp_path / "out"), style_model)


def test_a_bucket(photo: Image.Image, photos: Path, style_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One in memory; the worker in this process."""
    from fsspec.implementations.memory import MemoryFileSystem
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    bucket = MemoryFileSystem()
    bucket.put(str(photos), "/bucket/photos", recursive=True)

    def root(address: str) -> ray_batch._Root:
        path = address.removeprefix("memory:/").partition("?")[0].rstrip("/")
        return ray_batch._Root(address, PyFileSystem(FSSpecHandler(bucket)), path)

    def on_cluster(pending: list[tuple[str, str]], arguments: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
        worker = ray_batch._Worker(*arguments)
        for source, target in pending:
            columns = worker({"source": [source], "target": [target]})
            yield {key: value[0] for key, value in columns.items()}

    monkeypatch.setattr(ray_batch, "_root", root)
    monkeypatch.setattr(ray_batch, "_on_cluster", on_cluster)
    addresses = "memory://bucket/photos/?region=here", "memory://bucket/photos/painted?region=here"
    result = stylize_with_ray(*addresses, style_model)
    names = ("broken.jpg", "broken.jpg"), ("cat.png", "cat.png"), ("deep/er/woman.bmp", "deep/er/woman.bmp.png")
    assert [(one.input, one.output) for one in result.images] == [
        (f"memory://bucket/photos/{name}?region=here", f"memory://bucket/photos/painted/{to}?region=here")
        for name, to in names
    ]
    assert [bool(one.error) for one in result.images] == [True, False, False]
    assert sorted(bucket.find("/bucket/photos/painted")) == [
        "/bucket/photos/painted/cat.png", "/bucket/photos/painted/deep/er/woman.bmp.png",
    ]  # fmt: skip
    with Image.open(io.BytesIO(bucket.cat("/bucket/photos/painted/cat.png"))) as painted:
        assert painted.size == photo.size
    again = stylize_with_ray(*addresses, style_model)
    assert ([one.input for one in again.images], again.skipped) == ([result.images[0].input], 2)
    with pytest.raises(ImpastoError, match=r"^the pictures would overwrite the images in memory"):
        stylize_with_ray("memory://bucket/photos", "memory://bucket/photos/", style_model)


def test_images_are_not_overwritten(photos: Path, style_model: Path) -> None:
    before = (photos / "cat.png").read_bytes()
    (photos.parent / "link").symlink_to(photos)
    for target in (str(photos), f"{photos}/", f"file://{photos}", str(photos.parent / "link")):
        with pytest.raises(ImpastoError, match=r"^the pictures would overwrite the images in "):
            stylize_with_ray(str(photos), target, style_model, overwrite=True)
    assert (photos / "cat.png").read_bytes() == before


def test_an_output_folder_around_the_input_folder(photos: Path) -> None:
    pending, *_ = ray_batch._pending(ray_batch._root(str(photos)), ray_batch._root(str(photos.parent)), False)
    assert [target for _, target in pending] == ["broken.jpg", "cat.png", "deep/er/woman.bmp.png"]


def test_two_images_for_one_file(photos: Path, tmp_path: Path, style_model: Path) -> None:
    (photos / "deep/er/woman.bmp.png").touch()
    with pytest.raises(ImpastoError, match=r"^deep/er/woman\.bmp and .* would both be written to deep/"):
        stylize_with_ray(str(photos), str(tmp_path / "out"), style_model)


def test_the_command_wants_a_folder_and_another(run: Run, photos: Path) -> None:
    for arguments in ([photos], [photos, photos, "-o", "out"]):
        ran = run("stylize", *arguments, "--ray", "--style", "mine.onnx")
        assert (ran.code, ran.out) == (2, "")
        wanted = "one film, or one folder or bucket, and another for the results: -o FOLDER"
        assert ran.err == f"impasto: --ray needs {wanted}\n"


def test_the_command(photos: Path, tmp_path: Path, style_model: Path) -> None:
    """In a process of its own: it starts a cluster and stops it."""
    options = ["--ray", "--style", str(style_model), "-o", "out", "--json"]
    command = [sys.executable, "-m", "impasto", "stylize", str(photos), *options]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 1, ran.stderr
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [Path(one["output"]).name for one in told] == ["broken.jpg", "cat.png", "woman.bmp.png"]
    assert ["error" in one for one in told] == [True, False, False]
    # Ray's own warnings may stand before it.
    assert ran.stderr.splitlines()[-2:] == [
        f"impasto: {photos}/broken.jpg: {told[0]['error']}", "impasto: 1 of 3 images failed"
    ]  # fmt: skip
