"""Films as numbered pictures."""

from __future__ import annotations

import os
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from clips import make_clip, moving
from ran import assert_raises_line

from impasto import images
from impasto.images import Picture
from impasto.video import About, Frame, check_film_output, open_film, open_writer
from impasto.video.naming import default_target
from impasto.video.sequences import is_pattern

ABOUT = About((64, 48), Fraction(24), 4, Fraction(1, 6), Fraction(1, 24))


def frames(count: int) -> list[Frame]:
    return [Frame(Picture(one), Fraction(index, 24), Fraction(1, 24)) for index, one in enumerate(moving(count))]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    pattern = tmp_path / "frames" / "f-%04d.png"
    with open_writer(pattern, ABOUT) as writer:
        for frame in frames(4):
            writer.write(frame)
    assert sorted(path.name for path in pattern.parent.iterdir()) == [f"f-000{number}.png" for number in (1, 2, 3, 4)]
    with open_film(pattern) as film:
        assert (film.about.size, film.about.frames, film.about.depth) == ((64, 48), 4, 8)
        assert film.about.rate == 24
        found = list(film.frames())
        inside = list(film.frames(Fraction(1, 24), Fraction(3, 24)))
        assert [frame.time for frame in inside] == [Fraction(1, 24), Fraction(2, 24)]
    for one, other in zip(frames(4), found, strict=True):
        np.testing.assert_array_equal(one.picture.samples, other.picture.samples)
        assert (one.time, one.duration) == (other.time, other.duration)
    with open_film(pattern, Fraction(10)) as film:
        assert [frame.time for frame in film.frames()] == [Fraction(index, 10) for index in range(4)]


def test_numbers_count_and_not_names(tmp_path: Path) -> None:
    """100 comes after 99, and the film starts with the first number there is; what is missing is held."""
    for number, picture in zip((98, 99, 101), moving(3), strict=True):
        images.save(Picture(picture), tmp_path / f"{number}.png")
    images.save(Picture(moving(1)[0]), tmp_path / "other.png")
    with open_film(tmp_path / "%d.png") as film:
        found = list(film.frames())
    assert [frame.time * 24 for frame in found] == [0, 1, 3]
    assert [frame.duration * 24 for frame in found] == [1, 2, 1]


def test_depth_and_alpha(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    alpha = np.full((48, 64), 0.5, np.float32)
    deep = Picture(moving(1)[0].astype(np.uint16) * 257, alpha, 16)
    images.save(deep, tmp_path / "1.png")
    images.save(Picture(deep.samples, None, 16), tmp_path / "2.png")
    with open_film(tmp_path / "%d.png") as film:
        assert (film.about.depth, film.about.alpha) == (16, True)
        one, two = (frame.picture for frame in film.frames())
    np.testing.assert_array_equal(one.samples, deep.samples)
    assert two.alpha is not None
    assert two.alpha.min() == 1


def test_a_damaged_picture_is_passed_over(tmp_path: Path) -> None:
    for frame, number in zip(frames(3), (1, 2, 3), strict=True):
        images.save(frame.picture, tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"nothing")
    with open_film(tmp_path / "%d.png") as film:
        assert len(list(film.frames())) == 2
        assert film.damaged == 1
        assert "2.png is not an image" in film.first_damage


def test_what_does_not_work(tmp_path: Path) -> None:
    images.save(Picture(moving(1)[0]), tmp_path / "1.png")
    images.save(Picture(moving(1, (32, 32))[0]), tmp_path / "2.png")
    assert_raises_line(lambda: open_film(tmp_path / "x%d.png"), "^no pictures are named .*x%d.png$")
    assert_raises_line(lambda: open_film(tmp_path / "none" / "%d.png"), "^no such folder of frames: ")
    assert_raises_line(lambda: list(open_film(tmp_path / "%d.png").frames()), "has 32×32 px and the first one 64×48")
    assert_raises_line(lambda: check_film_output(tmp_path / "%05d.gif"), "its name must end with one of")
    assert_raises_line(lambda: check_film_output(tmp_path / "%0999999999999d.jpg"), "or hold a %05d$")


def test_folders_that_cannot_be_written_are_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for pattern in (tmp_path / "file" / "%05d.png", tmp_path / "file" / "more" / "%05d.png"):
        assert_raises_line(partial(check_film_output, pattern), "^cannot write to the folder .*file is no folder$")
    assert check_film_output(tmp_path / "new" / "more" / "%05d.png")
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may run as root, who may everything
    assert_raises_line(lambda: check_film_output(tmp_path / "new" / "%05d.png"), f"{tmp_path} is not writable$")


def test_videos_are_no_patterns(tmp_path: Path) -> None:
    """Their names may hold anything: 50%done.mp4 keeps its sound."""
    source = make_clip(tmp_path / "in.mp4", 6, rate=24, audio="aac").rename(tmp_path / "50%done.mp4")
    target = tmp_path / "60%done.mp4"
    assert not is_pattern(source)
    assert default_target(source, "s") == Path("50%done-s.mp4")
    with open_film(source) as film, open_writer(target, film.about, source) as writer:
        for frame in film.frames():
            writer.write(frame)
    with open_film(target) as film:
        assert [track.codec for track in film.about.audio] == ["aac"]


def test_a_film_becomes_pictures_and_a_film(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 6, rate=24)
    pattern = tmp_path / "%03d.tif"
    with open_film(source) as film, open_writer(pattern, film.about) as writer:
        for frame in film.frames():
            writer.write(frame)
    with open_film(pattern) as film, open_writer(tmp_path / "out.mp4", film.about, pattern) as writer:
        for frame in film.frames():
            writer.write(frame)
    with open_film(tmp_path / "out.mp4") as film:
        assert [frame.time for frame in film.frames()] == [Fraction(index, 24) for index in range(6)]
