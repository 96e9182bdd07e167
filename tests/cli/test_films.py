"""`impasto stylize` of films: what it prints, what it writes, and how it fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from ran import Run, assert_refused

from impasto.cli import films
from impasto.video import stylization
from impasto.video.stylization import FilmStep

EXACT = ("--precision", "float32")


def make_film(path: Path, frames: int = 8, rate: int = 8) -> Path:
    """A square that moves, 64×48."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(frames):
            picture = np.full((48, 64, 3), 90, np.uint8)
            picture[10:30, 3 * index : 3 * index + 20] = (230, 180, 60)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def stylize(run: Run, style_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`impasto stylize … --style great-wave.onnx` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run("stylize", *arguments, "--style", style_model, *EXACT)


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_film(stylize: Run, tmp_path: Path) -> None:
    make_film(tmp_path / "clip.mp4")
    ran = stylize("clip.mp4")
    assert ran.code == 0, ran
    assert ran.out.startswith("clip-great-wave.mp4  64×48  great-wave  8 frames  ")
    assert "frames/s" in ran.out
    assert "clip.mp4  0:01/0:01" in ran.err
    assert frames_of(tmp_path / "clip-great-wave.mp4") == 8


def test_parts_of_a_film_and_how_it_is_written(stylize: Run, tmp_path: Path) -> None:
    make_film(tmp_path / "clip.mp4", 24)
    asked = ("--from", "0:01", "--to", "2.5", "--codec", "ffv1", "-o", "out.mkv", "--frame-by-frame", "-q")
    ran = stylize("clip.mp4", *asked)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert frames_of(tmp_path / "out.mkv") == 12


def test_json(stylize: Run, tmp_path: Path) -> None:
    make_film(tmp_path / "clip.mp4")
    ran = stylize("clip.mp4", "--json", "-o", "out.mp4")
    told = json.loads(ran.out)
    assert told["seconds"] > 0
    wanted = {"input": "clip.mp4", "output": "out.mp4", "size": [64, 48], "frames": 8, "reused": 0, "complete": True}
    assert {key: told[key] for key in wanted} == wanted
    assert told["style"] == "great-wave"
    assert (told["damaged"], told["notes"]) == (0, [])


def test_films_and_pictures_of_a_folder(stylize: Run, tmp_path: Path, photo: Image.Image) -> None:
    folder = tmp_path / "trip"
    (folder / "day").mkdir(parents=True)
    make_film(folder / "a.mp4")
    make_film(folder / "day" / "b.avi")
    photo.save(folder / "c.jpg")
    (folder / "broken.mp4").write_bytes(b"no film")
    ran = stylize("trip", "-o", "painted")
    assert ran.code == 1
    assert "1 picture in" in ran.out
    assert told_of(ran.err, "broken.mp4") == 1
    found = sorted(path.relative_to(tmp_path / "painted").as_posix() for path in (tmp_path / "painted").rglob("*.*"))
    assert found == ["a.mp4", "c.jpg", "day/b.avi.mp4"]
    again = stylize("trip", "-o", "painted")
    assert "3 were there already" in again.out


def told_of(text: str, part: str) -> int:
    """In how many lines of what went wrong something is named."""
    return sum(part in line for line in text.splitlines() if line.startswith("impasto: "))


def test_a_picture_that_moves(stylize: Run, tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (64, 48), (20 * index, 90, 60)) for index in range(4)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=80)
    assert stylize("a.gif").code == 0
    with Image.open(tmp_path / "a-great-wave.gif") as image:
        assert image.n_frames == 4  # type: ignore[attr-defined]
    assert stylize("a.gif", "-o", "still.jpg").code == 0
    with Image.open(tmp_path / "still.jpg") as image:
        assert image.size == (64, 48)


def test_numbered_pictures(stylize: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for index in range(3):
        Image.new("RGB", (64, 48), (60 * index, 90, 60)).save(tmp_path / "in" / f"{index:03}.png")
    assert stylize("in/%03d.png", "--rate", "10", "-o", "out.mp4").code == 0
    assert frames_of(tmp_path / "out.mp4") == 3
    assert stylize("in/%03d.png").code == 0
    assert sorted(path.name for path in (tmp_path / "in-great-wave").iterdir()) == ["000.png", "001.png", "002.png"]
    assert_refused(stylize("in/%03d.png", "in/%03d.png"), "one film")
    assert_refused(stylize("none/%03d.png"), "none")


def test_a_preview(stylize: Run, tmp_path: Path) -> None:
    make_film(tmp_path / "clip.mp4", 24)
    ran = stylize("clip.mp4", "--preview")
    assert ran.code == 0, ran
    assert ran.out.startswith("clip-great-wave-preview.png  ")
    with Image.open(tmp_path / "clip-great-wave-preview.png") as image:
        assert image.size[1] > 96
    assert not (tmp_path / "clip-great-wave.mp4").exists()
    told = json.loads(stylize("clip.mp4", "--preview", "-o", "sheet.jpg", "--json").out)
    assert (told["output"], (tmp_path / "sheet.jpg").exists()) == ("sheet.jpg", True)
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    assert_refused(stylize("a.png", "--preview"), "of one film")


def test_an_interruption(stylize: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_film(tmp_path / "clip.mp4")
    tell = stylization._Work._tell

    def told(self: Any, frame: Any) -> None:
        tell(self, frame)
        if self._frames == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stylization._Work, "_tell", told)
        ran = stylize("clip.mp4")
    assert ran.code == 130
    assert "3 frames" in ran.out
    assert "the same command goes on" in ran.err
    assert frames_of(tmp_path / "clip-great-wave.mp4") == 3
    assert stylize("clip.mp4").code == 0
    assert frames_of(tmp_path / "clip-great-wave.mp4") == 8


@pytest.mark.parametrize(("text", "seconds"), [("12.5", 12.5), ("1:30", 90.0), ("1:02:03.5", 3723.5), ("0", 0.0)])
def test_times(text: str, seconds: float) -> None:
    assert films.Time().convert(text, None, None) == seconds


def test_what_is_refused(stylize: Run, tmp_path: Path, photo: Image.Image) -> None:
    make_film(tmp_path / "clip.mp4")
    photo.save(tmp_path / "photo.jpg")
    (tmp_path / "text.mp4").write_text("no film at all")
    assert_refused(stylize("none.mp4"), "no such image: none.mp4")
    assert_refused(stylize("text.mp4"), "text.mp4")
    assert_refused(stylize("clip.mp4", "-o", "clip.mp4"), "overwrite the input")
    assert_refused(stylize("clip.mp4", "-o", "out.jpg"), "cannot write 'out.jpg'")
    assert_refused(stylize("clip.mp4", "-o", "-"), "to a file, not to stdout")
    assert_refused(stylize("clip.mp4", "-o", "no/such/out.mp4"), "folder of the output")
    assert not (tmp_path / "no").exists()
    assert_refused(stylize("clip.mp4", "--from", "one"), "is no time")
    assert_refused(stylize("clip.mp4", "--from", "2", "--to", "1"), "before it starts")
    assert_refused(stylize("clip.mp4", "--codec", "h266"), "unknown codec")
    assert_refused(stylize("photo.jpg", "--codec", "h265", "--to", "1"), "--to, --codec is for films")


def test_without_the_extra(stylize: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: Image.Image) -> None:
    """A film is told what it needs, one in a folder is passed over, and an animation is painted as a picture."""
    make_film(tmp_path / "clip.mp4")
    monkeypatch.setattr(films, "installed", lambda: False)
    (tmp_path / "trip").mkdir()
    make_film(tmp_path / "trip" / "a.mp4")
    photo.save(tmp_path / "trip" / "b.jpg")
    ran = stylize("trip", "-o", "painted")
    assert ran.code == 0
    assert "passed over 1 video" in ran.err
    assert "impasto[video]" in ran.err
    photo.save(tmp_path / "a.gif", save_all=True, append_images=[photo.rotate(90)], duration=80)
    ran = stylize("a.gif")
    assert (ran.code, "only its first frame" in ran.out) == (0, True)
    for name in [name for name in sys.modules if name.startswith("impasto.video.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert_refused(stylize("clip.mp4"), r"pip install 'impasto\[video\]'")


def test_progress_is_told_of_each_frame() -> None:
    assert FilmStep(1.0, 4.0, 10, 5.0, 15.0).rate == pytest.approx(2.0)
