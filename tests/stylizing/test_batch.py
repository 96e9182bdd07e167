"""Many files: which are found, where they go, and what happens when one of them fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ran import assert_raises_line

from impasto import Stylizer
from impasto.errors import ImpastoError
from impasto.images import kinds
from impasto.stylizing.batch import Done, Job, find_jobs, run_jobs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a.jpg, b.PNG, scan.bmp, and photos/ with images, other files and hidden ones."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "a.jpg", "b.PNG", "scan.bmp", "photos/one.jpg", "photos/notes.txt", "photos/.hidden.jpg",
        "photos/trip/two.webp", "photos/trip/three.gif", "photos/.thumbs/four.jpg", "empty/notes.txt",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "photos" / "folder.jpg").mkdir()
    return tmp_path


def found(sources: list[str], output: str | None = None) -> list[tuple[str, str]]:
    jobs = find_jobs(sources, output, "wave")
    return [(job.source.as_posix(), job.target.as_posix()) for job in jobs]


def assert_refused(sources: list[str], output: str | None, message: str) -> None:
    assert_raises_line(lambda: found(sources, output), message)


# --- which and where to ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_one_file() -> None:
    assert found(["a.jpg"]) == [("a.jpg", "a-wave.jpg")]
    assert found(["photos/one.jpg"]) == [("photos/one.jpg", "one-wave.jpg")]
    assert found(["b.PNG"]) == [("b.PNG", "b-wave.PNG")]
    assert found(["scan.bmp"]) == [("scan.bmp", "scan-wave.png")]
    assert found(["a.jpg"], "out.webp") == [("a.jpg", "out.webp")]
    assert found(["a.jpg"], "photos/one.jpg") == [("a.jpg", "photos/one.jpg")]


@pytest.mark.usefixtures("folder")
def test_one_file_into_a_folder_that_exists_keeps_its_name() -> None:
    assert found(["a.jpg"], "photos") == [("a.jpg", "photos/a.jpg")]
    assert found(["scan.bmp"], "photos") == [("scan.bmp", "photos/scan.bmp.png")]


@pytest.mark.usefixtures("folder")
def test_one_file_into_a_folder_to_be_made() -> None:
    assert found(["a.jpg"], "new/") == [("a.jpg", "new/a.jpg")]
    assert found(["a.jpg"], "new.jpg/") == [("a.jpg", "new.jpg/a.jpg")]
    assert not Path("new").exists()
    assert_refused(["a.jpg"], "b.PNG/", r"^output b\.PNG is a file: give a folder$")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("sources", "output"), [([""], None), (["a.jpg", ""], None), (["a.jpg"], "")])
def test_an_empty_name_is_not_the_working_folder(sources: list[str], output: str | None) -> None:
    assert_refused(sources, output, "^the name of an image or of the output is empty$")


@pytest.mark.usefixtures("folder")
def test_several_files() -> None:
    several = ["a.jpg", "scan.bmp", "photos/one.jpg"]
    assert [target for _, target in found(several)] == ["a-wave.jpg", "scan-wave.png", "one-wave.jpg"]
    assert [target for _, target in found(several, "new")] == ["new/a.jpg", "new/scan.bmp.png", "new/one.jpg"]
    assert [source for source, _ in found(several, "new")] == several
    assert not Path("new").exists()


@pytest.mark.usefixtures("folder")
def test_a_folder_is_searched_and_its_tree_kept() -> None:
    """In alphabetical order, without hidden files and folders and what is no image by its name."""
    assert found(["photos"], "out") == [
        ("photos/one.jpg", "out/one.jpg"),
        ("photos/trip/three.gif", "out/trip/three.gif.png"),
        ("photos/trip/two.webp", "out/trip/two.webp"),
    ]
    assert [target for _, target in found(["photos"])] == [
        "photos-wave/one.jpg", "photos-wave/trip/three.gif.png", "photos-wave/trip/two.webp",
    ]  # fmt: skip


def test_links_to_folders_are_followed_but_not_in_a_circle(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "five.jpg").touch()
    (folder / "photos" / "more").symlink_to(folder / "elsewhere")
    (folder / "elsewhere" / "back").symlink_to(folder / "photos")
    assert [source for source, _ in found(["photos"])] == [
        "photos/more/five.jpg", "photos/one.jpg", "photos/trip/three.gif", "photos/trip/two.webp",
    ]  # fmt: skip


def test_a_folder_that_cannot_be_read_is_a_job_that_fails(folder: Path, unreadable: Callable[[str], None]) -> None:
    (folder / "photos" / "private").mkdir()
    unreadable("private")
    (folder / "photos" / "private.png").touch()
    assert ("photos/private", "photos-wave/private/private") in found(["photos"])
    assert ("photos/private.png", "photos-wave/private.png") in found(["photos"])
    with pytest.raises(ImpastoError, match=r"^cannot use photos/private: Permission denied$"):
        find_jobs(["photos/private"], None, "wave")


def test_the_working_folder_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "photos")
    assert found(["."])[0] == ("one.jpg", "photos-wave/one.jpg")


def test_a_hidden_folder_may_be_asked_for(folder: Path) -> None:
    assert found(["photos/.thumbs"], "out") == [("photos/.thumbs/four.jpg", "out/four.jpg")]
    assert found([str(folder / "photos/.hidden.jpg")]) == [(f"{folder}/photos/.hidden.jpg", ".hidden-wave.jpg")]


def test_an_output_folder_inside_the_input_folder_is_left_out(folder: Path) -> None:
    before = found(["photos"], "photos/painted")
    (folder / "photos/painted/trip").mkdir(parents=True)
    for _, target in before:
        Path(target).touch()
    assert found(["photos"], "photos/painted") == before
    assert found(["photos"], str(folder / "photos/painted"))[0][0] == "photos/one.jpg"
    assert len(found(["photos"], "elsewhere")) == 6


@pytest.mark.parametrize(
    ("source", "output"), [("photos", "."), ("photos/trip", "photos"), ("photos", ".."), ("photos/trip", "photos/..")]
)
@pytest.mark.usefixtures("folder")
def test_an_output_folder_around_the_input_folder(source: str, output: str) -> None:
    expected = found([source], "out")
    assert expected
    moved = [(name, (Path(output) / Path(to).relative_to("out")).as_posix()) for name, to in expected]
    assert found([source], output) == moved


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".jif", ".JFIF"])
def test_other_names_of_jpeg_files(suffix: str, folder: Path) -> None:
    (folder / "photos" / f"web{suffix}").touch()
    assert (f"photos/web{suffix}", f"out/web{suffix}") in found(["photos"], "out")


def test_files_that_look_like_pictures_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_has_rawpy", lambda: False)
    for name in ("shot.NEF", "trip/layers.psd", "trip/clip.mp4", ".clip.mp4", ".thumbs/old.psd", "out/scan.jp2"):
        path = folder / "photos" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    told: list[Path] = []
    jobs = find_jobs(["a.jpg", "photos"], "photos/out", "wave", told.append)
    assert [job.source.as_posix() for job in jobs] == [
        "a.jpg", "photos/one.jpg", "photos/trip/three.gif", "photos/trip/two.webp",
    ]  # fmt: skip
    assert [path.as_posix() for path in told] == ["photos/shot.NEF", "photos/trip/clip.mp4", "photos/trip/layers.psd"]


def test_a_folder_with_nothing_but_raw_photographs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one.nef", "two.DNG"):
        (folder / "empty" / name).touch()
    monkeypatch.setattr(kinds, "_has_rawpy", lambda: True)
    assert [source for source, _ in found(["empty"])] == ["empty/one.nef", "empty/two.DNG"]
    monkeypatch.setattr(kinds, "_has_rawpy", lambda: False)
    assert_refused(
        ["empty"], None, r"^no images in empty that can be used, but 2 raw photographs \(raw needs: pip install "
        r"'impasto\[formats\]'\): empty/one\.nef, empty/two\.DNG$",
    )  # fmt: skip


@pytest.mark.usefixtures("folder")
def test_a_web_address_is_to_be_downloaded() -> None:
    message = r"^image https://example\.com/cat\.jpg is a web address: download it, and give what was downloaded$"
    assert_refused(["https://example.com/cat.jpg"], None, message)
    assert_refused(["a.jpg", "https://example.com/cat.jpg"], "out", message)


@pytest.mark.usefixtures("folder")
def test_files_and_folders_together() -> None:
    assert [target for _, target in found(["a.jpg", "photos"], "out")] == [
        "out/a.jpg", "out/one.jpg", "out/trip/three.gif.png", "out/trip/two.webp",
    ]  # fmt: skip


# --- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("sources", "output", "message"),
    [
        (["missing.jpg"], None, r"^no such image: missing\.jpg$"),
        (["a.jpg", "missing"], "out", "^no such image: missing$"),
        (["empty"], "out", "^no images in empty$"),
        (["photos", "empty"], "out", "^no images in empty$"),
        (["photos"], "a.jpg", r"^output a\.jpg is a file: give a folder$"),
        (["a.jpg", "b.PNG"], "scan.bmp", r"^output scan\.bmp is a file: give a folder$"),
        (["a.jpg", "b.PNG"], "out.jpg", r"^output out\.jpg is named like a file: give a folder$"),
        (["a.jpg"], "out.gif", r"^cannot write 'out\.gif': its name must end with one of"),
        (["a.jpg"], "new/out.jpg", "^the folder of the output does not exist: new$"),
        (["a.jpg", "./a.jpg"], "out", r"^a\.jpg and a\.jpg would both be written to out/a\.jpg$"),
        (["o" * 300 + ".jpg"], None, "^cannot use o+.jpg: File name too long$"),
        (["a.jpg", "b.PNG"], "o" * 300, "^cannot use o+: File name too long$"),
    ],
)
def test_wrong_sources_and_outputs(sources: list[str], output: str | None, message: str) -> None:
    assert_refused(sources, output, message)


def test_two_images_that_would_go_to_one_file(folder: Path) -> None:
    (folder / "trip").mkdir()
    (folder / "trip" / "a.jpg").touch()
    assert_refused(["a.jpg", "trip/a.jpg"], "out", r"^a\.jpg and trip/a\.jpg would both be written to out/a\.jpg$")
    assert_refused(["a.jpg", "trip/a.jpg"], None, r"would both be written to a-wave\.jpg$")
    assert_refused(["photos", "photos/one.jpg"], "out", "would both be written to out/one.jpg$")
    (folder / "photos" / "pair.bmp").touch()
    (folder / "photos" / "pair.bmp.png").touch()
    assert_refused(["photos"], "out", r"would both be written to out/pair\.bmp\.png$")


def test_no_image_is_overwritten_by_its_painting(folder: Path) -> None:
    (folder / "link.jpg").symlink_to("a.jpg")
    for sources, output in (
        (["a.jpg"], "a.jpg"), (["a.jpg"], "photos/../a.jpg"), (["a.jpg"], str(folder / "a.jpg")), (["a.jpg"], "."),
        (["a.jpg"], "link.jpg"), (["a.jpg", "scan.bmp"], "."), (["photos"], "photos"), (["photos"], "./photos/trip/.."),
    ):  # fmt: skip
        assert_refused(sources, output, "^output .* would overwrite the input$")


# --- running -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stylizer(style_model: Path) -> Stylizer:
    return Stylizer(style_model)


@pytest.fixture
def jobs(tmp_path: Path, photo: Image.Image) -> list[Job]:
    """Three, the second of which is no image."""
    photo.save(tmp_path / "one.png")
    (tmp_path / "two.png").write_text("this is a text\n")
    photo.resize((48, 32)).save(tmp_path / "three.png")
    return [Job(tmp_path / f"{name}.png", tmp_path / "out" / name / f"{name}.png") for name in ("one", "two", "three")]


def test_one_bad_file_does_not_stop_the_rest(jobs: list[Job], stylizer: Stylizer) -> None:
    told: list[Done] = []
    shares: list[float] = []
    done = run_jobs(jobs, stylizer, {}, 92, False, told.append, shares.append)
    assert done == told
    assert [one.job for one in done] == jobs
    assert [one.size for one in done] == [(96, 64), None, (48, 32)]
    assert [one.skipped for one in done] == [False] * 3
    assert [one.error is None for one in done] == [True, False, True]
    assert re.fullmatch(r"image .*two\.png is not an image that can be read", done[1].error or "")
    assert done[0].seconds > 0
    assert shares[-1] == pytest.approx(1)
    assert [job.target.exists() for job in jobs] == [True, False, True]
    assert not jobs[1].target.parent.exists()
    with Image.open(jobs[0].target) as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(stylizer(jobs[0].source)))


def test_every_failure_names_its_file(jobs: list[Job], stylizer: Stylizer, tmp_path: Path) -> None:
    """Also where what is wrong comes up late: with the pixels, or with the result."""
    Image.new("RGBA", (40, 40)).save(tmp_path / "clear.png")
    Image.new("RGB", (40, 40)).save(tmp_path / "plain.png")
    (tmp_path / "address.png").write_text("<!doctype html>")
    failing = [
        Job(tmp_path / "clear.png", tmp_path / "out.png"), Job(tmp_path / "address.png", tmp_path / "out.png"),
        Job(tmp_path / "plain.png", tmp_path / "out.xyz"), Job(tmp_path / "gone.png", tmp_path / "out.png"),
    ]  # fmt: skip
    done = run_jobs([*failing, jobs[0]], stylizer, {}, 92, False)
    assert [one.error is None for one in done] == [False] * 4 + [True]
    for one in done[:-1]:
        assert str(one.job.source) in (one.error or "")
        assert len((one.error or "").splitlines()) == 1


def test_options_are_passed_on(jobs: list[Job], stylizer: Stylizer) -> None:
    (done,) = run_jobs(jobs[:1], stylizer, {"size": 40, "strength": 0.5}, 92, False)
    assert done.size == (40, 27)
    with Image.open(jobs[0].target) as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(stylizer(jobs[0].source, size=40, strength=0.5)))


def test_a_second_run_does_what_is_missing(jobs: list[Job], stylizer: Stylizer, photo: Image.Image) -> None:
    run_jobs(jobs, stylizer, {}, 92, False)
    before = jobs[0].target.stat()
    photo.save(jobs[1].source)
    done = run_jobs(jobs, stylizer, {}, 92, False)
    assert [one.skipped for one in done] == [True, False, True]
    assert [one.size for one in done] == [None, (96, 64), None]
    assert jobs[0].target.stat() == before
    done = run_jobs(jobs, stylizer, {"size": 20}, 92, True)
    assert [one.size for one in done] == [(20, 13)] * 3


def test_targets_that_cannot_be_written_do_not_stop_the_rest(
    jobs: list[Job], stylizer: Stylizer, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    wrong = [Job(jobs[0].source, tmp_path / "file" / "a.png"), Job(jobs[0].source, tmp_path / ("o" * 300 + ".png"))]
    done = run_jobs([*wrong, jobs[2]], stylizer, {}, 92, False)
    assert [one.error is None for one in done] == [False, False, True]
    assert all(one.error is None or "\n" not in one.error for one in done)


@pytest.mark.parametrize(
    ("error", "told"),
    [(MemoryError(), "out of memory for {}: choose a smaller --size"), (KeyError("x"), "cannot stylize {}: 'x'")],
)
def test_whatever_goes_wrong_does_not_stop_the_rest(
    error: Exception, told: str, jobs: list[Job], stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Stylizer.picture

    def picture(self: Stylizer, image: Path, **options: object) -> object:
        if image == jobs[0].source:
            raise error
        return whole(self, image, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Stylizer, "picture", picture)
    done = run_jobs([jobs[0], jobs[2]], stylizer, {}, 92, False)
    assert done[0].error == told.format(jobs[0].source)
    assert done[1].error is None
