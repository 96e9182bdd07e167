"""`impasto stylize`: files, folders and pipes; what it prints, what it writes, and how it fails."""

from __future__ import annotations

import functools
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ran import Ran, Run, assert_refused

import impasto
from impasto import images
from impasto.stylizing.painting import Painter

ORIENTATION, MODEL, ARTIST, GPS = 0x0112, 0x0110, 0x013B, 0x8825
EXACT = ("--precision", "float32")


@pytest.fixture
def stylize(run: Run, style_model: Path) -> Run:
    """`impasto stylize … --style great-wave.onnx` in this process."""
    return lambda *arguments: run("stylize", *arguments, "--style", style_model)


@pytest.fixture
def photos(tmp_path: Path, photo: Image.Image) -> Path:
    """A folder of two photographs, one in a folder of its own."""
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    photo.save(folder / "a.jpg")
    photo.resize((50, 40)).save(folder / "trip" / "b.png")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pixels_of(path: Path) -> np.ndarray[Any, np.dtype[Any]]:
    with Image.open(path) as image:
        return np.asarray(image)


def process(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "impasto", "stylize", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, input=stdin, capture_output=True, check=False, env=environment)


# --- one picture -------------------------------------------------------------------------------------------


def test_one_picture_goes_to_name_style_in_the_working_folder(stylize: Run, files: Path, work: Path) -> None:
    ran = stylize(files / "photo.jpg")
    assert (ran.code, ran.err) == (0, "")
    assert re.fullmatch(r"photo-great-wave\.jpg  96×64  great-wave  \d+\.\d\d s  (openvino|onnxruntime) \w+\n", ran.out)
    assert names(work) == ["photo-great-wave.jpg"]
    with Image.open(work / "photo-great-wave.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (96, 64))


def test_it_does_what_the_function_does(stylize: Run, files: Path, style_model: Path, work: Path) -> None:
    both: tuple[tuple[tuple[object, ...], dict[str, Any]], ...] = (
        ((), {}),
        (("--strength", "0.4", "--style-scale", "2"), {"strength": 0.4, "style_scale": 2.0}),
        (("--size", "60", "--preserve-color"), {"size": 60, "preserve_color": "luminance"}),
        (("--match-color", "--mask", files / "mask.png"), {"preserve_color": "match", "mask": files / "mask.png"}),
        (("--runtime", "onnxruntime"), {"runtime": "onnxruntime"}),
    )
    for flags, options in both:
        assert stylize(files / "photo.jpg", "-o", "out.png", "-q", *flags, *EXACT) == Ran(0, "", "")
        expected = impasto.stylize(files / "photo.jpg", style_model, precision="float32", **options)
        np.testing.assert_array_equal(pixels_of(work / "out.png"), np.asarray(expected))
    assert names(work) == ["out.png"]


def test_the_defaults_are_the_functions(run: Run) -> None:
    ran = run("stylize", "--help")
    assert (ran.code, ran.err) == (0, "")
    words = " ".join(ran.out.split())
    for option in (
        "style", "output", "strength", "style-scale", "size", "preserve-color", "match-color", "mask", "quality",
        "runtime", "precision", "overwrite", "json", "quiet",
    ):  # fmt: skip
        assert f"--{option}" in words
    assert words.count("default: 1.0") == 2
    assert words.count("default: auto") == 3


@pytest.mark.parametrize(
    ("name", "format"), [("a.webp", "WEBP"), ("a.tif", "TIFF"), ("a.PNG", "PNG"), ("a.jpeg", "JPEG")]
)
def test_the_outputs_name_decides_on_its_format(
    name: str, format: str, stylize: Run, files: Path, work: Path
) -> None:
    assert stylize(files / "portrait.png", "-o", name, "-q").code == 0
    with Image.open(work / name) as image:
        assert (image.format, image.size) == (format, (96, 96))


def test_quality(stylize: Run, files: Path, work: Path) -> None:
    for quality in (20, 95):
        stylize(files / "photo.jpg", "-o", f"{quality}.jpg", "-q", "--quality", quality)
    assert (work / "20.jpg").stat().st_size < 0.6 * (work / "95.jpg").stat().st_size


def test_sixteen_bits_and_alpha_are_kept(stylize: Run, work: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (40, 50, 4), np.uint16)
    images.save(images.load(deep), work / "deep.png")
    assert stylize("deep.png", "-o", "out.png", "-q").code == 0
    out = images.load(work / "out.png")
    assert out.depth == 16
    assert out.alpha is not None
    np.testing.assert_allclose(out.alpha, deep[..., 3] / 65535, atol=1e-6)


@pytest.fixture
def signed(files: Path, tmp_path: Path) -> Path:
    """photo.jpg, turned, with its photographer, its camera and its place in EXIF."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[MODEL], exif[ARTIST] = 6, "Box 1", "N. N."
    exif.get_ifd(GPS)[1] = "N"
    path = tmp_path / "signed" / "signed.jpg"
    path.parent.mkdir()
    with Image.open(files / "photo.jpg") as image:
        image.save(path, exif=exif)
    return path


def told(data: bytes) -> tuple[Any, ...]:
    """Artist, model, orientation and place."""
    with Image.open(io.BytesIO(data)) as image:
        exif = image.getexif()
    return exif.get(ARTIST), exif.get(MODEL), exif.get(ORIENTATION), exif.get_ifd(GPS)


def test_metadata_is_kept_where_that_is_asked_for(stylize: Run, signed: Path, work: Path) -> None:
    assert stylize(signed, "-o", "plain.jpg").code == 0
    assert stylize(signed, "-o", "kept.jpg", "--keep-metadata").code == 0
    plain, kept = ((work / name).read_bytes() for name in ("plain.jpg", "kept.jpg"))
    assert told(plain) == (None, None, None, {})
    assert told(kept) == ("N. N.", "Box 1", 1, {})
    np.testing.assert_array_equal(pixels_of(work / "plain.jpg"), pixels_of(work / "kept.jpg"))
    assert stylize(signed.parent, "-o", "several", "--keep-metadata").code == 0
    assert told((work / "several/signed.jpg").read_bytes()) == ("N. N.", "Box 1", 1, {})


def test_metadata_is_kept_in_a_pipe(style_model: Path, signed: Path) -> None:
    ran = process("-", "--style", style_model, "--keep-metadata", stdin=signed.read_bytes())
    assert told(ran.stdout) == ("N. N.", "Box 1", 1, {})
    assert process(signed, "--style", style_model, "--keep-metadata", "-o", "-").stdout == ran.stdout


def test_a_picture_that_is_there_is_replaced(stylize: Run, files: Path, work: Path) -> None:
    (work / "out.png").write_text("what was there before")
    assert stylize(files / "photo.jpg", "-o", "out.png", "-q").code == 0
    assert pixels_of(work / "out.png").shape == (64, 96, 3)


def test_json_of_one_picture(stylize: Run, files: Path, work: Path) -> None:
    ran = stylize(files / "photo.jpg", "-o", "out.png", "--json", "--size", "48")
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.out.splitlines()) == 1
    told = json.loads(ran.out)
    assert set(told) == {"input", "output", "size", "seconds", "style", "runtime"}
    assert (told["input"], told["output"]) == (str(files / "photo.jpg"), "out.png")
    assert (told["size"], told["style"]) == ([48, 32], "great-wave")
    assert told["seconds"] > 0
    assert re.fullmatch(r"(openvino|onnxruntime) \w+", told["runtime"])
    assert names(work) == ["out.png"]


def test_a_style_by_its_name(
    run: Run, files: Path, style_model: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(impasto.styles, "_FOLDER", style_model.parent)
    assert run("stylize", files / "photo.jpg", "--style", "great-wave", "-q") == Ran(0, "", "")
    assert names(work) == ["photo-great-wave.jpg"]


# --- several pictures --------------------------------------------------------------------------------------


def test_several_pictures(stylize: Run, files: Path, work: Path) -> None:
    ran = stylize(files / "photo.jpg", files / "portrait.png", "-o", "out")
    assert ran.code == 0
    assert re.fullmatch(r"2 pictures in \d+\.\d s\n", ran.out)
    assert ran.err == "stylizing 2/2\n"
    assert names(work) == ["out/photo.jpg", "out/portrait.png"]


def test_a_folder_keeps_its_tree(stylize: Run, photos: Path, work: Path) -> None:
    assert stylize(photos, "-q") == Ran(0, "", "")
    assert names(work) == ["photos-great-wave/a.jpg", "photos-great-wave/trip/b.png"]
    assert pixels_of(work / "photos-great-wave/trip/b.png").shape == (40, 50, 3)


def test_json_of_several_is_one_object_a_line(stylize: Run, photos: Path, work: Path) -> None:
    (photos / "c.png").write_text("this is a text\n")
    assert stylize(photos / "a.jpg", "-o", "a.jpg", "-q").code == 0
    (work / "out").mkdir()
    (work / "a.jpg").rename(work / "out" / "a.jpg")
    ran = stylize(photos, "-o", "out", "--json", "-q")
    assert ran.code == 1
    told = [json.loads(line) for line in ran.out.splitlines()]
    assert [Path(one["output"]).as_posix() for one in told] == ["out/a.jpg", "out/c.png", "out/trip/b.png"]
    assert [one.get("skipped", False) for one in told] == [True, False, False]
    assert [one.get("size") for one in told] == [None, None, [50, 40]]
    assert ["error" in one for one in told] == [False, True, False]
    assert {one["style"] for one in told} == {"great-wave"}


def test_a_second_run_does_what_is_missing(stylize: Run, photos: Path, work: Path) -> None:
    stylize(photos, "-o", "out", "-q")
    before = (work / "out/a.jpg").stat()
    (work / "out/trip/b.png").unlink()
    ran = stylize(photos, "-o", "out")
    assert ran.code == 0
    assert re.fullmatch(r"1 pictures? in \d+\.\d s, 1 were there already \(--overwrite does them again\)\n", ran.out)
    assert (work / "out/a.jpg").stat() == before
    assert names(work) == ["out/a.jpg", "out/trip/b.png"]
    ran = stylize(photos, "-o", "out", "--overwrite")
    assert re.fullmatch(r"2 pictures in \d+\.\d s\n", ran.out)
    assert (work / "out/a.jpg").stat().st_mtime_ns > before.st_mtime_ns


def test_one_bad_file_does_not_stop_the_rest(stylize: Run, photos: Path, work: Path) -> None:
    (photos / "b.png").write_text("this is a text\n")
    ran = stylize(photos, "-o", "out")
    assert ran.code == 1
    assert re.fullmatch(r"2 pictures in \d+\.\d s, 1 failed\n", ran.out)
    assert [line for line in ran.err.splitlines() if line.startswith("impasto: ")] == [
        f"impasto: image {photos / 'b.png'} is not an image that can be read", "impasto: 1 of 3 images failed",
    ]  # fmt: skip
    assert names(work) == ["out/a.jpg", "out/trip/b.png"]
    assert stylize(photos, "-o", "out", "-q").err == (
        f"impasto: image {photos / 'b.png'} is not an image that can be read\nimpasto: 1 of 3 images failed\n"
    )


@pytest.mark.usefixtures("work")
def test_what_looks_like_a_picture_is_named_at_the_end(stylize: Run, photos: Path) -> None:
    for name in ("layers.psd", "trip/scan.jp2", "notes.txt"):
        (photos / name).touch()
    advice = "(save it as PNG or TIFF)"
    told = f"1 Photoshop document {advice}: {photos}/layers.psd; 1 JPEG 2000 image {advice}: {photos}/trip/scan.jp2"
    ran = stylize(photos, "-o", "out")
    assert ran.code == 0
    assert ran.err.splitlines()[-1] == f"impasto: passed over {told}"
    assert stylize(photos, "-o", "out", "-q").err == ""
    (photos / "b.png").write_text("this is a text\n")
    ran = stylize(photos, "-o", "out", "--json")
    assert ran.code == 1
    assert ran.err.splitlines()[-2:] == ["impasto: 1 of 3 images failed", f"impasto: passed over {told}"]


def test_interrupted_between_two_pictures(
    stylize: Run, photos: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = impasto.Stylizer.picture

    @functools.wraps(whole)  # the command, if it is imported only now, reads its defaults from the signature
    def picture(self: impasto.Stylizer, image: Path, **options: Any) -> images.Picture:
        if image.name == "b.png":
            raise KeyboardInterrupt
        return whole(self, image, **options)

    monkeypatch.setattr(impasto.Stylizer, "picture", picture)
    ran = stylize(photos, "-o", "out")
    assert ran.code == 130
    assert re.fullmatch(r"1 picture in \d+\.\d s\n", ran.out)
    assert ran.err == "impasto: interrupted with 1 to do: the same command goes on\n"
    assert names(work) == ["out/a.jpg"]


@pytest.mark.parametrize("mask", ["missing.png", "black.png", "text.png"])
def test_a_mask_of_no_use_is_one_error_before_any_work(mask: str, stylize: Run, photos: Path, work: Path) -> None:
    Image.new("L", (30, 20)).save(work / "black.png")
    (work / "text.png").write_text("this is a text\n")
    message = {"missing.png": "no such mask", "black.png": r"black\.png has no white in it", "text.png": "not an image"}
    assert_refused(stylize(photos, "-o", "out", "--mask", mask), message[mask])
    assert names(work) == ["black.png", "text.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_a_name_that_is_no_text(style_model: Path, photos: Path, work: Path) -> None:
    (photos / "a.jpg").rename(os.fsdecode(os.fsencode(photos) + b"/caf\xe9.jpg"))
    ran = process(photos, "--style", style_model, "-o", work / "out", "--json", "-q")
    assert (ran.returncode, ran.stderr) == (0, b"")
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [Path(one["output"]).name for one in told] == ["caf\udce9.jpg", "b.png"]
    assert len(names(work)) == 2


# --- pipes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", [(), ("-o", "-")])
@pytest.mark.parametrize("name", ["photo.jpg", "portrait.png"])
def test_stdin_to_stdout(name: str, output: tuple[str, ...], style_model: Path, files: Path) -> None:
    """A JPEG file comes out as one, all else as PNG."""
    ran = process("-", "--style", style_model, *output, *EXACT, stdin=(files / name).read_bytes())
    assert (ran.returncode, ran.stderr) == (0, b"")
    wanted = "JPEG" if name == "photo.jpg" else "PNG"
    expected = images.encode(impasto.Stylizer(style_model, precision="float32").picture(files / name), wanted)
    with Image.open(io.BytesIO(ran.stdout)) as image, Image.open(io.BytesIO(expected)) as other:
        assert image.format == wanted
        np.testing.assert_array_equal(np.asarray(image), np.asarray(other))


def test_a_file_to_stdout(style_model: Path, files: Path) -> None:
    ran = process(files / "photo.jpg", "--style", style_model, "-o", "-", *EXACT)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout == process("-", "--style", style_model, *EXACT, stdin=(files / "photo.jpg").read_bytes()).stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
@pytest.mark.parametrize("output", ["-", "out.jpg"])
@pytest.mark.usefixtures("work")
def test_a_full_stdout(output: str, style_model: Path, files: Path) -> None:
    command = ["-m", "impasto", "stylize", files / "photo.jpg", "--style", style_model, "-o", output]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(
            [sys.executable, *map(str, command)], stdout=full, stderr=subprocess.PIPE, check=False, env=environment
        )
    assert (ran.returncode, ran.stderr) == (2, b"impasto: cannot go on: No space left on device\n")


def test_pictures_are_not_written_to_a_terminal(
    run: Run, files: Path, style_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    ran = run("stylize", files / "photo.jpg", "--style", style_model, "-o", "-")
    assert_refused(ran, "stdout is a terminal: send it to a file")


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch, files: Path) -> None:
    """photo.jpg."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((files / "photo.jpg").read_bytes())))


@pytest.mark.usefixtures("stdin")
def test_stdin_to_a_file(stylize: Run, work: Path) -> None:
    ran = stylize("-", "-o", "out.png", "--size", "48")
    assert (ran.code, ran.err) == (0, "")
    assert re.fullmatch(r"out\.png  48×32  great-wave  \d+\.\d\d s  (openvino|onnxruntime) \w+\n", ran.out)
    assert pixels_of(work / "out.png").shape == (32, 48, 3)


@pytest.mark.usefixtures("stdin")
def test_json_of_stdin_to_a_file(stylize: Run, work: Path) -> None:
    ran = stylize("-", "-o", "out.png", "--json")
    assert (ran.code, ran.err) == (0, "")
    told = json.loads(ran.out)
    assert set(told) == {"input", "output", "size", "seconds", "style", "runtime"}
    assert (told["input"], told["output"], told["size"], told["style"]) == ("-", "out.png", [96, 64], "great-wave")
    assert names(work) == ["out.png"]


# --- wrong input: one line, exit code 2, nothing written ---------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strength", "2"], "strength must be between 0 and 1, not 2$"),
        (["--strength", "nan"], "strength must be a number, not nan$"),
        (["--strength", "much"], "--strength.*'much' is not a valid"),
        (["--style-scale", "0"], "style scale must be between 0.1 and 10, not 0$"),
        (["--size", "0"], "size must be between 1 and 65500, not 0$"),
        (["--size", "big"], "--size"),
        (["--mask", "missing.png"], r"no such mask: missing\.png$"),
        (["--quality", "101"], "--quality"),
        (["--runtime", "opnvino"], "unknown runtime 'opnvino': did you mean openvino"),
        (["--precision", "half"], "unknown precision 'half'"),
        (["--style", "grate-wave"], "unknown style 'grate-wave'"),
        (["--style", "missing.onnx"], r"no such style model: missing\.onnx$"),
        (["-o", "out.gif"], r"cannot write 'out\.gif': its name must end with one of"),
        (["-o", "out"], "cannot write 'out': its name must end with one of"),
        (["-o", "missing/out.png"], "the folder of the output does not exist: missing$"),
        (["missing.jpg"], r"no such image: missing\.jpg$"),
        (["-"], "- is stdin or stdout, one image: it cannot be one of several$"),
        (["photo.jpg", "-o", "-"], "- is stdin or stdout, one image: it cannot be one of several$"),
        (["--stile", "x"], "No such option"),
    ],
)
def test_wrong_options(
    arguments: list[str], message: str, run: Run, style_model: Path, files: Path, work: Path
) -> None:
    style = () if "--style" in arguments else ("--style", style_model)
    assert_refused(run("stylize", files / "photo.jpg", *style, *arguments), message)
    assert names(work) == []


@pytest.mark.usefixtures("work")
def test_missing_arguments(run: Run, files: Path, style_model: Path) -> None:
    assert_refused(run("stylize", files / "photo.jpg"), "Missing option '--style'")
    assert_refused(run("stylize", "--style", style_model), "Missing argument")


@pytest.mark.parametrize("kind", ["text", "empty", "truncated", "transparent", "folder", "long"])
def test_wrong_pictures(kind: str, stylize: Run, files: Path, tmp_path: Path, work: Path) -> None:
    path = tmp_path / "wrong.png"
    if kind == "text":
        path.write_text("this is a text\n")
    elif kind == "empty":
        path.touch()
    elif kind == "truncated":
        path.write_bytes((files / "portrait.png").read_bytes()[:2000])
    elif kind == "transparent":
        Image.new("RGBA", (40, 40)).save(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = tmp_path / ("o" * 300 + ".png")
    message = {
        "text": r"wrong\.png is not an image that can be read$", "empty": "is not an image that can be read$",
        "truncated": r"wrong\.png is damaged: ", "transparent": "wholly transparent: there is nothing to paint$",
        "folder": r"no images in .*wrong\.png$", "long": "File name too long$",
    }  # fmt: skip
    assert_refused(stylize(path), message[kind])
    assert names(work) == []


@pytest.mark.parametrize("kind", ["text", "foreign"])
def test_wrong_style_models(kind: str, run: Run, files: Path, tmp_path: Path, style_model: Path, work: Path) -> None:
    model = tmp_path / "wrong.onnx"
    if kind == "text":
        model.write_text("this is a text\n")
    else:
        import onnx

        graph = onnx.load(style_model)
        del graph.metadata_props[:]
        onnx.save(graph, model)
    ran = run("stylize", files / "photo.jpg", "--style", model)
    assert_refused(ran, r"wrong\.onnx is no style model")
    assert names(work) == []


def test_the_input_is_not_overwritten(stylize: Run, photos: Path, work: Path) -> None:
    before = {name: (photos / name).read_bytes() for name in names(photos)}
    assert_refused(stylize(photos / "a.jpg", "-o", photos / "a.jpg"), r"output .*a\.jpg would overwrite the input$")
    assert_refused(stylize(photos, "-o", photos, "--overwrite"), r"output .*a\.jpg would overwrite the input$")
    assert {name: (photos / name).read_bytes() for name in names(photos)} == before
    assert names(work) == []


def test_the_mask_is_not_overwritten(stylize: Run, files: Path, work: Path) -> None:
    mask = work / "mask.png"
    mask.write_bytes((files / "mask.png").read_bytes())
    assert_refused(stylize(files / "photo.jpg", "--mask", mask, "-o", mask), "would overwrite the mask$")
    assert mask.read_bytes() == (files / "mask.png").read_bytes()


def test_an_output_of_the_wrong_kind(stylize: Run, photos: Path, work: Path) -> None:
    (work / "file").touch()
    assert_refused(stylize(photos, "-o", "file"), "output file is a file: give a folder$")
    assert_refused(stylize(photos, "-o", "out.jpg"), r"output out\.jpg is named like a file: give a folder$")
    assert names(work) == ["file"]


@pytest.mark.usefixtures("stdin")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json"], "stdout takes the picture: --json needs a file, -o FILE$"),
        (["-o", "out.gif"], "cannot write 'out.gif'"),
        (["--style", "missing.onnx"], "no such style model"),
        (["--mask", "missing.png"], "no such mask"),
    ],
)
def test_wrong_options_of_a_pipe(arguments: list[str], message: str, run: Run, style_model: Path, work: Path) -> None:
    style = () if "--style" in arguments else ("--style", style_model)
    assert_refused(run("stylize", "-", *style, *arguments), message)
    assert names(work) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", b"no image on stdin"), (b"this is a text", b"the image is not an image that can be read")],
)
def test_nothing_of_use_on_stdin(data: bytes, message: bytes, style_model: Path) -> None:
    ran = process("-", "--style", style_model, stdin=data)
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert ran.stderr == b"impasto: " + message + b"\n"


@pytest.fixture
def unpainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Painting is an error: what is refused must be so before."""

    def paint(*_: object) -> None:
        raise AssertionError("it was painted")

    monkeypatch.setattr(Painter, "paint", paint)


@pytest.mark.usefixtures("unpainted")
def test_what_the_format_cannot_hold_is_refused_before_painting(stylize: Run, work: Path) -> None:
    """WebP holds 16,383 px a side."""
    Image.new("RGB", (16_400, 40)).save(work / "long.png")
    Image.new("RGB", (2000, 20)).save(work / "strip.png")
    told = r"cannot encode {} px as {}, which holds {} px a side: choose a smaller size, or PNG$"
    message = r"long\.png: " + told.format("16400×40", "WEBP", 16383)
    assert_refused(stylize("long.png", "-o", "out.webp"), message)
    message = told.format("16400×164", "WEBP", 16383)
    assert_refused(stylize("strip.png", "-o", "out.webp", "--size", "16400"), message)
    Image.new("RGB", (70_000, 4)).save(work / "longer.png")
    assert_refused(stylize("longer.png", "-o", "out.jpg"), told.format("70000×4", "JPEG", 65500))
    assert names(work) == ["long.png", "longer.png", "strip.png"]


@pytest.mark.usefixtures("unpainted")
def test_what_the_format_cannot_hold_is_refused_in_a_pipe(
    stylize: Run, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = io.BytesIO()
    Image.new("RGB", (2000, 20)).save(data, "PNG")
    data.seek(0)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=data))
    assert_refused(stylize("-", "-o", "out.webp", "--size", "16400"), "cannot encode 16400×164 px as WEBP, which holds")
    assert names(work) == []
