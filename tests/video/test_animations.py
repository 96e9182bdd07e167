"""Pictures that move: GIF, WebP and PNG."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import make_clip, moving
from PIL import Image
from ran import assert_raises_line

from impasto.images import Picture
from impasto.video import About, Frame, animations, is_animated, open_film, open_writer

DURATIONS = [100, 50, 200, 30]  # ms
NAMES = ["a.gif", "a.webp", "a.png", "a.apng"]


def about(alpha: bool = False, loops: int = 0) -> About:
    return About((64, 48), Fraction(10), 4, Fraction(38, 100), Fraction(1, 1000), alpha=alpha, loops=loops)


def clear() -> np.ndarray:
    alpha = np.ones((48, 64), np.float32)
    alpha[:, :32] = 0
    return alpha


def write(path: Path, alpha: bool = False, loops: int = 0, count: int = 4) -> list[Frame]:
    time, frames = 0, []
    for index, picture in enumerate(moving(count)):
        duration = DURATIONS[index % 4]
        shown = Picture(picture, clear() if alpha else None)
        frames.append(Frame(shown, Fraction(time, 1000), Fraction(duration, 1000)))
        time += duration
    with open_writer(path, about(alpha, loops)) as writer:
        for frame in frames:
            writer.write(frame)
    return frames


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read(name: str, alpha: bool, tmp_path: Path) -> None:
    given = write(tmp_path / name, alpha, loops=3)
    assert is_animated(tmp_path / name)
    with open_film(tmp_path / name) as film:
        assert (film.about.size, film.about.frames, film.about.alpha, film.about.loops) == ((64, 48), 4, alpha, 3)
        assert film.about.duration == Fraction(38, 100)
        found = list(film.frames())
        inside = list(film.frames(Fraction(1, 10), Fraction(35, 100)))
        assert [frame.time for frame in inside] == [frame.time for frame in given[1:3]]
    assert [(frame.time, frame.duration) for frame in found] == [(frame.time, frame.duration) for frame in given]
    exact = name.endswith("png")
    for one, other in zip(given, found, strict=True):
        off = np.abs(one.picture.pixels - other.picture.pixels)[:, 36:].mean() * 255
        assert off == 0 if exact else off < 5
        if alpha:
            assert other.picture.alpha is not None
            np.testing.assert_allclose(other.picture.alpha, clear(), atol=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_pillow_reads_what_is_written(name: str, tmp_path: Path) -> None:
    """Each frame alone, not over the one before."""
    given = write(tmp_path / name, alpha=True)
    with Image.open(tmp_path / name) as image:
        assert getattr(image, "n_frames", 1) == 4
        assert image.info["loop"] == 0
        for index, frame in enumerate(given):
            image.seek(index)
            shown = np.asarray(image.convert("RGBA"))
            assert image.info["duration"] == frame.duration * 1000
            assert shown[:, :28, 3].max() == 0
            assert np.abs(shown[:, 36:, :3] - frame.picture.samples[:, 36:].astype(float)).mean() < 5


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_pillows_own_are_read(name: str, tmp_path: Path) -> None:
    """Frames that are parts of the picture, as encoders store them, are whole."""
    images = [Image.fromarray(picture) for picture in moving(4)]
    images[0].save(tmp_path / name, save_all=True, append_images=images[1:], duration=DURATIONS, loop=0, lossless=True)
    with open_film(tmp_path / name) as film:
        frames = list(film.frames())
        assert not film.about.alpha
        assert film.about.loops == 0
    assert [frame.duration * 1000 for frame in frames] == DURATIONS
    for frame, image in zip(frames, images, strict=True):
        assert np.abs(frame.picture.samples - np.asarray(image).astype(float)).mean() < 5


def test_a_gif_that_is_played_once(tmp_path: Path) -> None:
    write(tmp_path / "a.gif", loops=1)
    with Image.open(tmp_path / "a.gif") as image:
        assert "loop" not in image.info
    with open_film(tmp_path / "a.gif") as film:
        assert film.about.loops == 1


def test_a_gif_without_durations(tmp_path: Path) -> None:
    """Is as slow as browsers show it."""
    images = [Image.fromarray(picture) for picture in moving(3)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:])
    with open_film(tmp_path / "a.gif") as film:
        assert [frame.time for frame in film.frames()] == [0, Fraction(1, 10), Fraction(2, 10)]


def test_times_of_film_do_not_drift(tmp_path: Path) -> None:
    """A GIF's clock has hundredths of a second: 30000 / 1001 frames a second end when they should."""
    with open_film(make_clip(tmp_path / "in.mp4", 60, rate=Fraction(30000, 1001))) as film:
        frames = list(film.frames())
        for name, ticks in (("a.gif", 100), ("a.webp", 1000), ("a.png", 1000)):
            with open_writer(tmp_path / name, film.about) as writer:
                for frame in frames:
                    writer.write(frame)
            with open_film(tmp_path / name) as made:
                assert made.about.duration == Fraction(round(60 * Fraction(1001, 30000) * ticks), ticks)


def test_a_gif_of_many_frames_a_second(tmp_path: Path) -> None:
    """Browsers show a frame of a hundredth for ten: none is shorter than two, and the whole lasts as long."""
    known = About((64, 48), Fraction(60), 30, Fraction(1, 2), Fraction(1, 60))
    with open_writer(tmp_path / "a.gif", known) as writer:
        for index, picture in enumerate(moving(30)):
            writer.write(Frame(Picture(picture), Fraction(index, 60), Fraction(1, 60)))
    with open_film(tmp_path / "a.gif") as film:
        found = list(film.frames())
        assert film.about.duration == Fraction(1, 2)
    assert min(frame.duration for frame in found) >= Fraction(2, 100)
    assert 20 <= len(found) <= 25
    for frame in found:
        index = int(frame.time * 60 + Fraction(1, 2))
        assert np.abs(frame.picture.samples - moving(30)[index].astype(float)).mean() < 6


def test_an_animation_that_its_file_does_not_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert animations._WebP.limit < 1 << 32
    monkeypatch.setattr(animations._WebP, "limit", 2000)
    assert_raises_line(lambda: write(tmp_path / "a.webp", count=40), r"a\.webp: it is too long for WebP, which holds 4")
    assert not list(tmp_path.iterdir())


def test_still_pictures_are_no_films(tmp_path: Path) -> None:
    for name in ("a.gif", "a.webp", "a.png"):
        Image.fromarray(moving(1)[0]).save(tmp_path / name)
        assert not is_animated(tmp_path / name)
        assert_raises_line(lambda name=name: open_film(tmp_path / name), "is a picture that does not move")  # type: ignore[misc]
    (tmp_path / "b.gif").write_bytes(b"GIF89a")
    assert not is_animated(tmp_path / "b.gif")
    assert not is_animated(tmp_path / "none.gif")


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_an_animation_that_ends_early(name: str, tmp_path: Path) -> None:
    """Gives what there is, or says in a line that it is damaged."""
    write(tmp_path / name, count=12)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
    if not is_animated(tmp_path / name):  # Pillow opens no WebP that is cut off
        assert_raises_line(lambda: open_film(tmp_path / name), "does not move|damaged")
        return
    with open_film(tmp_path / name) as film:
        assert 0 < len(list(film.frames())) < 12


def test_sizes_and_failures(tmp_path: Path) -> None:
    small = Picture(moving(1, (32, 32))[0])
    frame = Frame(Picture(moving(1)[0]), Fraction(0), Fraction(1, 10))

    def writing(*frames: Frame) -> None:
        with open_writer(tmp_path / "a.webp", about()) as writer:
            for one in frames:
                writer.write(one)

    assert_raises_line(lambda: writing(frame, Frame(small, Fraction(1, 10), Fraction(1, 10))), "of several sizes")
    assert_raises_line(writing, "there is no frame")
    wide = Picture(np.zeros((2, 16_400, 3), np.uint8))
    assert_raises_line(lambda: writing(Frame(wide, Fraction(0), Fraction(1))), "as WEBP, which holds 16383 px a side")
    assert not list(tmp_path.iterdir())
