"""A folder stylized by Ray Data, on a cluster that is this machine alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from ran import Run

from impasto import images
from impasto.errors import ImpastoError
from impasto.ray_batch import stylize_with_ray
from impasto.stylization import Stylizer


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
def test_a_folder_is_stylized_and_gone_on_with(photos: Path, tmp_path: Path, style_model: Path) -> None:
    target = tmp_path / "painted"
    result = stylize_with_ray(str(photos), str(target), style_model, strength=0.5, precision="float32")
    assert (result.made, result.skipped) == (2, 0)
    assert list(result.failed) == [f"{photos}/broken.jpg"]
    assert "not an image" in result.failed[f"{photos}/broken.jpg"]
    made = sorted(str(file.relative_to(target)) for file in target.rglob("*") if file.is_file())
    assert made == ["cat.png", "deep/er/woman.bmp.png"]
    here = Stylizer(style_model, precision="float32")(photos / "cat.png", strength=0.5)
    assert images.load(target / "cat.png").to_pil().tobytes() == here.tobytes()

    (target / "cat.png").unlink()
    (photos / "broken.jpg").unlink()
    again = stylize_with_ray(f"file://{photos}", f"file://{target}", style_model, strength=0.5)
    assert (again.made, again.skipped, again.failed) == (1, 1, {})
    assert stylize_with_ray(str(photos), str(target), style_model).made == 0


def test_wrong_folders_and_styles(photos: Path, tmp_path: Path, style_model: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImpastoError, match=r"no images in .*empty$"):
        stylize_with_ray(str(tmp_path / "empty"), str(tmp_path / "out"), style_model)
    with pytest.raises(ImpastoError, match=r"^cannot read .*missing"):
        stylize_with_ray(str(tmp_path / "missing"), str(tmp_path / "out"), style_model)
    with pytest.raises(ImpastoError, match=r"^no such style model: mine\.onnx"):
        stylize_with_ray(str(photos), str(tmp_path / "out"), "mine.onnx")
    assert not (tmp_path / "out").exists()


def test_the_command_wants_a_folder_and_another(run: Run, photos: Path) -> None:
    for arguments in ([photos], [photos, photos, "-o", "out"]):
        ran = run("stylize", *arguments, "--ray", "--style", "mine.onnx")
        assert (ran.code, ran.out) == (2, "")
        assert ran.err == "impasto: --ray needs one folder or bucket, and another for the results: -o FOLDER\n"


def test_the_command(photos: Path, tmp_path: Path, style_model: Path) -> None:
    """In a process of its own: it starts a cluster and stops it."""
    options = ["--ray", "--style", str(style_model), "-o", "out", "--json"]
    command = [sys.executable, "-m", "impasto", "stylize", str(photos), *options]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 1, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["made"], told["skipped"], len(told["failed"])) == (2, 0, 1)
    # Ray's own warnings may stand before it.
    assert ran.stderr.splitlines()[-1] == f"impasto: {photos}/broken.jpg: {told['failed'][f'{photos}/broken.jpg']}"
