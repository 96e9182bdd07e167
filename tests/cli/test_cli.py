"""The command line: what it prints, what it writes, and how it fails."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ran import Ran, Run, assert_refused

import impasto
from impasto.optimizing.objective import Objective
from impasto.perception.terms import Losses

QUICK = ("--size", "48", "--iterations", "2", "--precision", "float32")


@pytest.fixture
def optimize(run: Run, files: Path) -> Run:
    """`impasto optimize photo painting …`, small and short."""
    return lambda *arguments: run("optimize", files / "photo.jpg", files / "painting.jpg", *QUICK, *arguments)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _process(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "impasto", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, encoding="utf-8")


# --- what it prints ---


def test_help_and_version_as_a_process() -> None:
    told = _process("--help")
    assert told.returncode == 0
    assert "optimize" in told.stdout
    assert told.stderr == ""
    told = _process("--version")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.split()[-1] == impasto.__version__


def test_help_names_every_option_and_preset(run: Run) -> None:
    ran = run("optimize", "--help")
    assert (ran.code, ran.err) == (0, "")
    for option in (
        "size", "preset", "iterations", "content-weight", "style-weight", "tv-weight", "style-scale", "init",
        "optimizer", "preserve-color", "mask", "seed", "save-every", "device", "loss-network", "weights", "json",
        "quiet", "strength", "output",
    ):  # fmt: skip
        assert f"--{option}" in ran.out
    words = " ".join(ran.out.split())
    for name in impasto.PRESETS:
        assert name in words
    assert "default: 512" in words
    assert run("optimize", "-h").out == ran.out


def test_no_command_shows_help(run: Run) -> None:
    ran = run()
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: impasto" in ran.err


def test_a_run_writes_the_picture_and_says_so(optimize: Run, tmp_path: Path) -> None:
    ran = optimize("-o", tmp_path / "out.jpg")
    assert ran.code == 0
    assert re.fullmatch(r"\S+out\.jpg  48×32  2 iterations in \d+\.\d s\n", ran.out)
    with Image.open(tmp_path / "out.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (48, 32))
    assert _names(tmp_path) == ["out.jpg"]


def test_piped_progress_is_plain_lines(optimize: Run, tmp_path: Path) -> None:
    ran = optimize("-o", tmp_path / "out.png")
    plan, progress = ran.err.splitlines()
    assert re.fullmatch(r"48×32 px, 2 iterations on cpu \(float32\), needs 0\.\d GB of \d+\.\d GB available", plan)
    assert re.fullmatch(r"2/2  48×32  content \S+  style \S+  total \S+  0:00 left", progress)
    assert "\x1b" not in ran.err
    assert "\r" not in ran.err


def test_a_terminal_gets_a_live_bar(optimize: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ran = optimize("-o", tmp_path / "out.png")
    assert ran.code == 0
    assert "\x1b[" in ran.err
    for part in ("2/2", "48×32", "0:00 left", "content ", "style ", "total "):
        assert part in ran.err


def test_json_is_one_object_and_nothing_else(optimize: Run, tmp_path: Path) -> None:
    ran = optimize("-o", tmp_path / "out.png", "--json", "--seed", "7")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 1
    told = json.loads(ran.out)
    assert set(told) >= {
        "output", "size", "seconds", "iterations", "content_loss", "style_loss", "total_loss", "preset", "seed",
        "device",
    }  # fmt: skip
    assert told["output"] == str(tmp_path / "out.png")
    assert told["size"] == [48, 32]
    assert told["iterations"] == 2
    assert (told["preset"], told["seed"], told["device"]) == ("default", 7, "cpu")
    assert told["seconds"] > 0
    assert told["stopped"] is None
    for loss in ("content_loss", "style_loss", "total_loss"):
        assert 0 < told[loss] < 100


def test_json_and_quiet_leave_stderr_silent(optimize: Run, tmp_path: Path) -> None:
    ran = optimize("-o", tmp_path / "out.png", "--json", "-q")
    assert ran.err == ""
    assert json.loads(ran.out)["size"] == [48, 32]


def test_quiet_says_nothing(optimize: Run, tmp_path: Path) -> None:
    assert optimize("-o", tmp_path / "out.png", "--quiet") == Ran(0, "", "")
    assert _names(tmp_path) == ["out.png"]


def test_json_as_a_process(files: Path, tmp_path: Path) -> None:
    ran = _process("optimize", files / "photo.jpg", files / "painting.jpg", *QUICK, "-o", tmp_path / "x.webp", "--json")
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["output"].endswith("x.webp")
    with Image.open(tmp_path / "x.webp") as image:
        assert image.format == "WEBP"


# --- options ---


def test_the_command_does_what_the_function_does(optimize: Run, files: Path, tmp_path: Path) -> None:
    optimize("-o", tmp_path / "out.png", "-q", "--style-weight", "0.5", "--strength", "0.7", "--init", "blend")
    result = impasto.optimize(
        files / "photo.jpg", files / "painting.jpg", size=48, iterations=2, precision="float32", style_weight=0.5,
        strength=0.7, init="blend",
    )  # fmt: skip
    with Image.open(tmp_path / "out.png") as image:
        assert image.tobytes() == result.image.tobytes()


def test_a_run_goes_on_from_a_file(optimize: Run, files: Path, tmp_path: Path) -> None:
    optimize("-o", tmp_path / "first.png", "-q")
    assert optimize("-o", tmp_path / "out.png", "-q", "--init", tmp_path / "first.png").code == 0
    result = impasto.optimize(
        files / "photo.jpg", files / "painting.jpg", size=48, iterations=2, precision="float32",
        init=str(tmp_path / "first.png"),
    )  # fmt: skip
    with Image.open(tmp_path / "out.png") as image, Image.open(tmp_path / "first.png") as first:
        assert image.tobytes() == result.image.tobytes() != first.tobytes()


def test_what_cannot_be_begun_from(optimize: Run, files: Path, tmp_path: Path) -> None:
    before = (files / "mask.png").read_bytes()
    ran = optimize("-o", files / "mask.png", "--init", files / "mask.png")
    assert_refused(ran, r"output .*mask\.png would overwrite an input$")
    assert (files / "mask.png").read_bytes() == before
    out = tmp_path / "out.png"
    ran = optimize("-o", out, "--init", files / "portrait.png")
    assert_refused(ran, r"init picture .*portrait\.png of 96×96 px has another shape than the result of 48×32 px: ")
    assert_refused(optimize("-o", out, "--init", "https://a.b/c.png"), r"picture https://a\.b/c\.png is a web address")
    assert not out.exists()


def test_the_seed_decides(optimize: Run, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        optimize("-o", tmp_path / f"{name}.png", "-q", "--init", "noise", "--seed", seed)
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_save_every(optimize: Run, tmp_path: Path) -> None:
    ran = optimize("-o", tmp_path / "out.jpg", "--iterations", "5", "--save-every", "2")
    assert _names(tmp_path) == ["out-0002.jpg", "out-0004.jpg", "out.jpg"]
    assert [line for line in ran.err.splitlines() if "→" in line and "out-0002.jpg" in line and "total" in line]
    sizes = set()
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            sizes.add(image.size)
    assert sizes == {(48, 32)}


def test_coursera_saves_and_reports_every_twenty(optimize: Run, tmp_path: Path) -> None:
    ran = optimize("-o", tmp_path / "x.png", "--preset", "coursera", "--iterations", "41", "--size", "32")
    assert _names(tmp_path) == ["x-0020.png", "x-0040.png", "x.png"]
    reports = [line for line in ran.err.splitlines() if line.startswith("iteration ")]
    assert len(reports) == 2
    assert all(re.match(r"iteration \d+: content \S+  style \S+  total \S+ ", line) for line in reports)


def test_masks_and_blends(run: Run, files: Path, tmp_path: Path) -> None:
    ran = run(
        "optimize", files / "photo.jpg", files / "painting.jpg", files / "other.png", "--blend", "2,1",
        "--mask", files / "mask.png", "-o", tmp_path / "out.png", "-q", *QUICK, "--size", "96",
    )  # fmt: skip
    assert ran == Ran(0, "", "")
    with Image.open(tmp_path / "out.png") as painted, Image.open(files / "photo.jpg") as photo:
        difference = np.abs(np.asarray(painted).astype(int) - np.asarray(photo))
    assert difference[:, 48:].max() == 0
    assert difference[:, :48].mean() > 1


@pytest.mark.parametrize(("flag", "way"), [("--preserve-color", "luminance"), ("--match-color", "match")])
def test_color_flags(flag: str, way: str, optimize: Run, files: Path, tmp_path: Path) -> None:
    assert optimize("-o", tmp_path / "out.png", "-q", flag).code == 0
    result = impasto.optimize(
        files / "photo.jpg", files / "painting.jpg", size=48, iterations=2, precision="float32",
        preserve_color=way,
    )  # fmt: skip
    with Image.open(tmp_path / "out.png") as image:
        assert image.tobytes() == result.image.tobytes()


def test_metadata_is_kept_where_that_is_asked_for(run: Run, files: Path, tmp_path: Path) -> None:
    """In the pictures on the way, too."""
    artist, orientation, place = 0x013B, 0x0112, 0x8825
    exif = Image.Exif()
    exif[artist], exif[orientation] = "N. N.", 6
    exif.get_ifd(place)[1] = "N"
    with Image.open(files / "photo.jpg") as image:
        image.save(tmp_path / "signed.jpg", exif=exif)
    for flags, kept in ((("--keep-metadata", "--save-every", "1"), "N. N."), ((), None)):
        pictures = tmp_path / "signed.jpg", files / "painting.jpg"
        assert run("optimize", *pictures, *QUICK, "-o", tmp_path / "out.jpg", *flags).code == 0
        for name in ("out.jpg", "out-0001.jpg") if flags else ("out.jpg",):
            with Image.open(tmp_path / name) as image:
                told = image.getexif()
            assert (told.get(artist), told.get(orientation, 1), told.get_ifd(place)) == (kept, 1, {})


def test_layers_with_and_without_weights(optimize: Run, files: Path, tmp_path: Path) -> None:
    optimize("-o", tmp_path / "out.png", "-q", "--style-layers", "relu1_1, relu2_1", "--content-layers", "conv2_2=3")
    result = impasto.optimize(
        files / "photo.jpg", files / "painting.jpg", size=48, iterations=2, precision="float32",
        style_layers={"relu1_1": 0.5, "relu2_1": 0.5}, content_layers={"conv2_2": 3.0},
    )  # fmt: skip
    with Image.open(tmp_path / "out.png") as image:
        assert image.tobytes() == result.image.tobytes()


# --- bad input: one line, exit code 2, nothing written ---


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "text.jpg").write_text("this is a text\n")
    (folder / "empty.png").touch()
    data = (files / "photo.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(data[: len(data) // 2])
    data = (files / "portrait.png").read_bytes()
    (folder / "truncated.png").write_bytes(data[: len(data) // 2])
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    empty = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + empty)
    with Image.open(files / "photo.jpg") as image:
        image.save(folder / "damaged.tif", compression="tiff_adobe_deflate")
    tiff = bytearray((folder / "damaged.tif").read_bytes())
    tiff[8] ^= 255  # the first byte of the compressed pixels
    (folder / "damaged.tif").write_bytes(tiff)
    Image.new("L", (20, 20)).save(folder / "black.png")
    return folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.jpg", r"no such (content|style) image: .*missing\.jpg$"),
        ("", "is a directory$"),
        ("text.jpg", r"text\.jpg is not an image that can be read$"),
        ("empty.png", r"empty\.png is not an image that can be read$"),
        ("truncated.jpg", r"truncated\.jpg is damaged: .*truncated"),
        ("truncated.png", r"truncated\.png is damaged: .*truncated"),
        ("damaged.tif", r"damaged\.tif is damaged: "),
        ("dot.png", r"image .*dot\.png of 1×1 px is too small: at least 16 px on each side are needed$"),
        ("bomb.png", r"bomb\.png is larger than 300 megapixels: scale it down first$"),
    ],
)
@pytest.mark.parametrize("role", ["content", "style"])
def test_bad_pictures(
    role: str, name: str, message: str, run: Run, files: Path, bad: Path, tmp_path: Path
) -> None:
    pictures = (bad / name, files / "painting.jpg") if role == "content" else (files / "photo.jpg", bad / name)
    ran = run("optimize", *pictures, *QUICK, "-o", tmp_path / "out.png")
    assert_refused(ran, message)
    assert f"{role} image" in ran.err
    assert _names(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "defalt"], "unknown preset 'defalt': did you mean default"),
        (["--preset", "defalt", "--save-every", "1"], "unknown preset 'defalt': did you mean default"),
        (["--style-layers", "relu3_9"], "unknown layer of vgg19 'relu3_9': did you mean relu3_"),
        (["--content-layers", "relu4_2=x"], "'x' is not a number"),
        (["--content-layers", ","], "name at least one layer"),
        (["--style-layers", "relu1_1=-1"], "weight of relu1_1 must be at least 0"),
        (["--style-weight", "-1"], "style weight must be at least 0, not -1"),
        (["--content-weight", "lots"], "--content-weight.*'lots' is not a valid"),
        (["--tv-weight", "nan"], "tv weight must be a number, not nan"),
        (["--style-weight", "inf"], "style weight must be a number, not inf"),
        (["--blend", "1,2"], "--blend has 2 numbers for 1 style"),
        (["--blend", "much"], "'much' is not a number"),
        (["--blend", "-1"], "share of a style must be at least 0"),
        (["--mask", "missing.png"], r"no such mask: missing\.png"),
        (["--mask", "a.png", "--mask", "b.png"], "--mask is given 2 times for 1 style"),
        (["--size", "8"], "size must be between 16 and 16000, not 8"),
        (["--size", "large"], "--size"),
        (["--iterations", "0"], "iterations must be at least 1, not 0"),
        (["--strength", "2"], "strength must be between 0 and 1, not 2"),
        (["--init", "nothing"], "unknown init 'nothing'"),
        (["--optimizer", "sgd"], "unknown optimizer 'sgd'"),
        (["--device", "tpu"], "unknown device 'tpu'"),
        (["--precision", "half"], "unknown precision 'half'"),
        (["--loss-network", "vgg91"], "unknown loss network 'vgg91': did you mean vgg19"),
        (["--weights", "missing.pth"], r"no such weight file: missing\.pth"),
        (["--memory", "0.1"], r"needs at least 0\.\d GB of memory, but only 0\.1 GB is free"),
        (["--memory", "nan"], "memory must be"),
        (["--seed", "9" * 30], "seed must be"),
        (["--quality", "0"], "--quality"),
        (["--save-every", "-1"], "--save-every"),
        (["--stile-weight", "1"], "--stile-weight"),
    ],
)
def test_bad_options(arguments: list[str], message: str, optimize: Run, tmp_path: Path) -> None:
    assert_refused(optimize("-o", tmp_path / "out.png", *arguments), message)
    assert _names(tmp_path) == []


def test_wholly_transparent_pictures_are_named(run: Run, files: Path, tmp_path: Path) -> None:
    clear, out = tmp_path / "clear.png", tmp_path / "out.png"
    Image.new("RGBA", (40, 40)).save(clear)
    for pictures, role in (((clear, files / "painting.jpg"), "content"), ((files / "photo.jpg", clear), "style")):
        message = rf"{role} image .*clear\.png is wholly transparent"
        assert_refused(run("optimize", *pictures, *QUICK, "-o", out), message)
    assert not out.exists()


@pytest.mark.parametrize("role", ["content", "style", "mask"])
def test_a_web_address_is_to_be_downloaded(role: str, run: Run, files: Path, tmp_path: Path) -> None:
    address = "https://example.com/a.png"
    pictures = {
        "content": (address, files / "painting.jpg"), "style": (files / "photo.jpg", address),
        "mask": (files / "photo.jpg", files / "painting.jpg", "--mask", address),
    }[role]  # fmt: skip
    ran = run("optimize", *pictures, *QUICK, "-o", tmp_path / "out.png")
    assert_refused(ran, rf"{role}.* https://example\.com/a\.png is a web address: download it")


def test_a_black_mask(optimize: Run, bad: Path, tmp_path: Path) -> None:
    ran = optimize("-o", tmp_path / "out.png", "--mask", bad / "black.png")
    assert_refused(ran, r"mask .*black\.png has no white in it")
    assert _names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing/out.png", r"the folder of the output does not exist: .*missing$"),
        ("folder.png", r"output .*folder\.png is a directory$"),
        ("out.gif", r"cannot write 'out\.gif': its name must end with one of \.jpg, "),
        ("out", "its name must end with one of"),
        ("o" * 300 + ".png", "output"),
    ],
)
def test_bad_outputs(name: str, message: str, optimize: Run, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    assert_refused(optimize("-o", tmp_path / name), message)
    assert _names(tmp_path) == ["folder.png"]


def test_an_output_that_is_not_writable(optimize: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The superuser may write anywhere, so permissions are told rather than set.
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)
    assert_refused(optimize("-o", tmp_path / "out.png"), r"output .*out\.png is not writable$")
    assert _names(tmp_path) == []


@pytest.mark.parametrize("arguments", [[], ["photo.jpg"], ["photo.jpg", "painting.jpg"]])
def test_missing_arguments(arguments: list[str], run: Run) -> None:
    assert_refused(run("optimize", *arguments), "Missing (argument|option)")


def test_an_unknown_command(run: Run) -> None:
    assert_refused(run("optimise"), "No such command 'optimise'")


def test_a_bad_picture_as_a_process(bad: Path, files: Path, tmp_path: Path) -> None:
    ran = _process("optimize", bad / "text.jpg", files / "painting.jpg", "-o", tmp_path / "out.png")
    assert_refused(Ran(ran.returncode, ran.stdout, ran.stderr), r"text\.jpg is not an image that can be read$")
    assert _names(tmp_path) == []


def test_memory_that_runs_out_on_the_way(optimize: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gradient(*_: object) -> None:
        # What torch raises on a CPU.
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Objective, "gradient", gradient)
    assert_refused(optimize("-o", tmp_path / "out.png", "-q"), "out of memory")
    assert _names(tmp_path) == []


# --- runs that end early ---


def test_nan_saves_the_last_good_picture_with_the_reason(
    optimize: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = Objective.gradient, iter(range(100))

    def gradient(objective: Objective, image: object) -> tuple[Losses, object]:
        losses, slope = original(objective, image)  # type: ignore[arg-type]
        return losses, slope * (float("nan") if next(calls) == 3 else 1)

    monkeypatch.setattr(Objective, "gradient", gradient)
    ran = optimize("-o", tmp_path / "out.png", "--iterations", "6", "--json", "-q")
    assert ran.code == 1
    told = json.loads(ran.out)
    assert told["iterations"] == 3
    assert "not a finite number" in told["stopped"]
    assert ran.err.startswith("impasto: the loss is not a finite number")
    assert ran.err.count("\n") == 1
    assert str(tmp_path / "out.png") in ran.err
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (48, 32)


def test_interrupted_before_there_is_a_picture(
    optimize: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gradient(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Objective, "gradient", gradient)
    ran = optimize("-o", tmp_path / "out.png", "-q")
    assert (ran.code, ran.out) == (130, "")
    assert ran.err.strip() == "impasto: interrupted before there was a picture"
    assert _names(tmp_path) == []


def test_interrupt_writes_the_picture_and_says_so(files: Path, tmp_path: Path) -> None:
    arguments = [
        "optimize", str(files / "photo.jpg"), str(files / "painting.jpg"), "-o", str(tmp_path / "out.png"),
        "--size", "48", "--iterations", "100000", "--save-every", "3", "--precision", "float32", "--json",
    ]  # fmt: skip
    # A test run in the background inherits an ignored SIGINT: set it as a terminal would find it.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"from impasto.cli import main; main({arguments!r})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any(line.startswith("iteration 3:") for line in lines)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert err.splitlines()[-1] == f"impasto: interrupted; the picture so far is in {tmp_path / 'out.png'}"
    told = json.loads(out)
    assert told["stopped"] == "interrupted"
    assert 3 <= told["iterations"] < 100_000
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (48, 32)
    assert not [name for name in _names(tmp_path) if name.endswith(".part")]


def test_inputs_are_not_overwritten(optimize: Run, files: Path) -> None:
    before = (files / "photo.jpg").read_bytes()
    ran = optimize("-o", files / "photo.jpg")
    assert ran.code == 2
    assert "would overwrite an input" in ran.err
    assert (files / "photo.jpg").read_bytes() == before
