"""Films painted shot by shot by Ray, on a cluster that is this machine alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from clips import make_clip, moving

from impasto.errors import ImpastoError
from impasto.version import __version__
from impasto.video import open_film, ray_film, stylization
from impasto.video.parts import Part, Parts, folder_of
from impasto.video.ray_film import stylize_video_with_ray, stylize_videos_with_ray
from impasto.video.shots import Shot, find_shots
from impasto.video.stylization import FilmStep, begun, film_task, stylize_video

SHOT = 16  # frames of each of three


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    import ray

    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shots, with sound."""
    pictures = moving(SHOT)
    frames = [*pictures, *(255 - one for one in pictures), *(one[::-1, :, ::-1] // 3 for one in pictures)]
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames, 16, audio="aac")


def test_shots_lie_side_by_side(clip: Path) -> None:
    with open_film(clip) as film:
        assert list(find_shots(film.frames(), (64, 48))) == [
            Shot(0, Fraction(0), Fraction(1)), Shot(1, Fraction(1), Fraction(2)), Shot(2, Fraction(2), None),
        ]  # fmt: skip
        late = list(find_shots(film.frames(Fraction(3, 2)), (32, 24)))
        assert late == [Shot(0, Fraction(3, 2), Fraction(2)), Shot(1, Fraction(2), None)]
        assert list(find_shots(film.frames(Fraction(9)), (64, 48))) == []


@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")  # Ray's own, of sockets and processes that it leaves to the end
def test_a_film_is_the_same_as_from_one_machine(clip: Path, style_model: Path, work: Path) -> None:
    """By relative paths, which mean nothing elsewhere; after an interruption; and again from where that left it."""
    options: dict[str, Any] = {"strength": 0.7, "preserve_color": "match", "start": 0.25, "stop": 2.75}
    here = stylize_video(clip, style_model, "here.mp4", **options)
    (work / "clip.mp4").write_bytes(clip.read_bytes())
    told: list[FilmStep] = []
    there = stylize_video_with_ray("clip.mp4", style_model, "there.mp4", callback=told.append, **options)
    assert (work / "there.mp4").read_bytes() == (work / "here.mp4").read_bytes()
    assert (there.output, there.size, there.frames) == (Path("there.mp4"), here.size, here.frames)
    assert (there.reused, there.damaged, there.notes, there.complete) == (0, 0, here.notes, True)
    assert [(step.done, step.total, step.frames) for step in told] == [(0.75, 2.5, 12), (1.75, 2.5, 28), (2.5, 2.5, 40)]
    assert told[-1].remaining == 0
    assert not folder_of(work / "there.mp4").exists()

    def interrupt(_: FilmStep) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stylize_video_with_ray(clip, style_model, "again.mp4", callback=interrupt, **options)
    assert not (work / "again.mp4").exists()
    assert folder_of(work / "again.mp4").is_dir()
    again = stylize_video_with_ray(clip, style_model, "again.mp4", **options)
    assert (again.frames, again.reused >= 12) == (40, True)
    assert (work / "again.mp4").read_bytes() == (work / "here.mp4").read_bytes()


@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
def test_a_folder_of_films(clip: Path, style_model: Path, work: Path) -> None:
    """The results lie within the folder, and are no films of it the next time; what fails stops nothing."""
    folder, to = work / "films", work / "films" / "painted"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.mp4").write_bytes(clip.read_bytes())
    make_clip(folder / "deep" / "two.avi", 3, codec="mpeg4")
    (folder / "broken.mov").write_bytes(b"no film")
    (folder / "notes.txt").write_text("none either")
    result = stylize_videos_with_ray(folder, style_model, to, size=32)
    broken, two, one = result.films
    assert (broken.source, broken.result, result.skipped) == (folder / "broken.mov", None, 0)
    assert "not a film" in broken.error
    assert (two.target, one.target) == (to / "deep" / "two.avi.mp4", to / "one.mp4")
    assert two.result is not None
    assert one.result is not None
    assert (two.result.frames, two.result.size, one.result.frames) == (3, (32, 24), 3 * SHOT)
    assert sorted(path.name for path in to.rglob("*")) == ["deep", "one.mp4", "two.avi.mp4"]
    again = stylize_videos_with_ray(folder, style_model, to, size=32)
    assert ([one.source.name for one in again.films], again.skipped) == (["broken.mov"], 2)


def test_wrong_folders_styles_and_films(clip: Path, style_model: Path, work: Path) -> None:
    (work / "empty").mkdir()
    with pytest.raises(ImpastoError, match=r"^no films in .*empty$"):
        stylize_videos_with_ray(work / "empty", style_model, work / "out")
    with pytest.raises(ImpastoError, match=r"^cannot read the folder .*missing: No such file"):
        stylize_videos_with_ray(work / "missing", style_model, work / "out")
    for name in ("one.avi", "one.avi.mp4"):
        (work / "empty" / name).touch()
    with pytest.raises(ImpastoError, match=r"one\.avi and .*one\.avi\.mp4 would both be written to out"):
        stylize_videos_with_ray("empty", style_model, "out")
    with pytest.raises(ImpastoError, match=r"^no such style model: mine\.onnx"):
        stylize_video_with_ray(clip, "mine.onnx")
    with pytest.raises(ImpastoError, match=r"^no such film: .*missing\.mp4$"):
        stylize_video_with_ray("missing.mp4", style_model)
    assert not (work / "out").exists()


def painted(path: Path, clip: Path, model: Path, shot: Shot, version: str = __version__) -> list[Part | str]:
    """What the worker says of a shot; here."""
    task = film_task(clip, model, path)
    with task.open() as film:
        return list(ray_film._paint_shot(task, task.about(film.about), shot, version))


def test_a_shot_is_gone_on_with(
    clip: Path, style_model: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says the same as if it had never been interrupted, and its parts are the same."""
    monkeypatch.setattr(stylization, "PART", 12)  # of 16 frames: two parts
    shot = Shot(1, Fraction(1), Fraction(2))
    found: list[tuple[list[Part | str], list[bytes]]] = []
    for name in ("one.mp4", "two.mp4"):
        task = film_task(clip, style_model, name)
        with task.open() as film:
            begun(task, film)
            if name == "two.mp4":
                said = ray_film._paint_shot(task, task.about(film.about), shot, __version__)
                assert next(said) == found[0][0][0]
                said.close()  # type: ignore[attr-defined]
        told = painted(work / name, clip, style_model, shot)
        files = [(work / f".{name}.impasto" / f"000001-000{part}.nut").read_bytes() for part in range(2)]
        found.append((told, files))
    assert found[0] == found[1]
    assert found[0][0] == [
        Part(1, 0, 12, Fraction(27, 16), Fraction(28, 16), False), Part(1, 1, 4, Fraction(31, 16), Fraction(2), True),
    ]  # fmt: skip
    assert painted(work / "two.mp4", clip, style_model, shot) == found[0][0]  # once it is done, too


def test_machines_that_do_not_fit_say_so_in_one_line(clip: Path, style_model: Path, work: Path) -> None:
    shot = Shot(0, Fraction(0), Fraction(1))
    (error,) = painted(work / "out.mp4", clip, style_model, shot, "0.0.0")
    assert "0.0.0: install the same one on all machines (on " in str(error)
    (error,) = painted(work / "out.mp4", clip, style_model, shot)
    assert str(error).startswith(f"no such folder of parts: {work}/.out.mp4.impasto: source and target must lie on")
    task = film_task(clip, style_model, work / "out.mp4")
    with task.open() as film:
        about = film.about
    Parts(task.target, {})
    other = replace(about, size=(2, 2))
    (error,) = ray_film._paint_shot(task, other, shot, __version__)
    assert "clip.mp4 is another film: source and target" in str(error)
    gone = replace(task, source=work / "gone" / "clip.mp4")
    (error,) = ray_film._paint_shot(gone, about, shot, __version__)
    assert str(error).startswith(f"no such folder: {work}/gone: source and target")
    gone = replace(task, source=work / "clip.mp4")
    (error,) = ray_film._paint_shot(gone, about, shot, __version__)
    assert str(error).startswith(f"no such film: {work}/clip.mp4: source and target")


def test_parts_that_are_not_seen_here_are_waited_for_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there.nut").touch()
    ray_film._wait_for([tmp_path / "there.nut"])
    monkeypatch.setattr(ray_film, "_LATE", 0)
    with pytest.raises(ImpastoError, match=r"missing\.nut was painted elsewhere and is not seen here: source and"):
        ray_film._wait_for([tmp_path / "missing.nut"])
