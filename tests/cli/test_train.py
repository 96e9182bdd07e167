"""`impasto train`: what it prints, what it writes, and how it fails."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest
import skimage.data
from PIL import Image
from ran import Ran, Run, assert_refused
from tiny import registered

import impasto
import impasto.cli.progress
import impasto.cli.train
from impasto.networks import NETWORKS
from impasto.training import TRAINING_PRESETS, TrainingStep
from impasto.training.presets import Level

pytestmark = pytest.mark.xdist_group("cli-train")

TINY = replace(
    TRAINING_PRESETS["default"], source="tests", network="tiny",
    levels=(Level(1, {"relu1_1": 0.5, "relu2_1": 0.5}, {"relu2_1": 1.0}),),
    iterations=3, batch_size=2, crops=((1.0, 64),), painting_size=48,
)  # fmt: skip


@pytest.fixture(autouse=True)
def quick() -> Iterator[pytest.MonkeyPatch]:
    """A tiny network and preset; no style model is really written (tests/training/test_training.py does)."""
    with registered(checks=1) as patch:
        patch.setitem(TRAINING_PRESETS, "tiny", TINY)
        yield patch


@pytest.fixture
def work(tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: painting.jpg and photos/, with two photographs and a text in it."""
    (tmp_path / "photos").mkdir()
    for name in ("chelsea", "coffee"):
        Image.fromarray(getattr(skimage.data, name)()).resize((96, 72)).save(tmp_path / "photos" / f"{name}.jpg")
    (tmp_path / "photos" / "text.jpg").write_text("no picture")
    shutil.copy(files / "painting.jpg", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def train(run: Run, work: Path) -> Run:
    """`impasto train painting.jpg --content photos --preset tiny …` in the working folder."""
    assert work.exists()
    return lambda *arguments: run(
        "train", "painting.jpg", "--content", "photos", "--preset", "tiny", "--precision", "float32", *arguments
    )


def _tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- what it prints and writes ---


def test_a_training_writes_the_model_and_says_so(train: Run, work: Path) -> None:
    ran = train("--title", "The Eye", "--artist", "N. N.", "--licence", "CC0")
    assert ran.code == 0
    first, second = ran.out.splitlines()
    assert re.fullmatch(r"painting\.onnx  6 photographs in \d+\.\d min  validation loss \d\S+", first)
    assert second == "runs/painting/contact-sheet.jpg shows how it came about"
    assert (work / "runs" / "painting" / "contact-sheet.jpg").exists()
    about = json.loads((work / "painting.onnx").read_text())
    assert [about[key] for key in ("name", "title", "artist", "licence", "preset", "network")] == [
        "painting", "The Eye", "N. N.", "CC0", "tiny", "tiny"
    ]  # fmt: skip
    assert {path.name for path in work.iterdir()} == {"photos", "painting.jpg", "painting.onnx", "runs"}


def test_piped_progress_is_plain_lines(train: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impasto.cli.progress, "LINE_EVERY", 0.0)
    ran = train()
    assert "\x1b" not in ran.err
    assert "\r" not in ran.err
    first, *lines = ran.err.splitlines()
    assert first == "3 photographs; network tiny from scratch, float32; checkpoints and samples in runs/painting"
    number = r"\d\S*"
    for percent, iteration, line in zip((33, 67, 100), (1, 2, 3), lines, strict=False):
        assert re.fullmatch(
            rf"{percent}%  iteration {iteration}  64 px  content {number}  style {number}  validation {number}  "
            rf"{number} images/s  \d+:\d\d left",
            line,
        )
    assert lines[3:] == [
        "skipped 1 of 3 files that are no usable photographs (text.jpg: not an image that can be read)"
    ]


def test_a_terminal_gets_a_live_bar(train: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ran = train()
    assert ran.code == 0
    assert "\x1b[" in ran.err
    for part in ("64 px", "100%", "0:00 left", "images/s", "content ", "style ", "validation "):
        assert part in ran.err


def test_json_is_one_object(train: Run, work: Path) -> None:
    options = ("--run-folder", "here", "--iterations", "2", "--batch-size", "1")
    ran = train("--json", "-q", "-o", work / "eye.onnx", *options)
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.out.splitlines()) == 1
    told = json.loads(ran.out)
    assert set(told) == {
        "output", "run", "iterations", "images_seen", "seconds", "content_loss", "style_loss", "validation_loss",
        "skipped", "stopped", "about",
    }  # fmt: skip
    assert (told["output"], told["run"], told["stopped"]) == (str(work / "eye.onnx"), "here", None)
    assert (told["iterations"], told["images_seen"]) == (2, 2)
    assert told["skipped"] == {"text.jpg": "not an image that can be read"}
    assert told["about"]["name"] == "eye"
    assert told["validation_loss"] > 0


def test_quiet_says_nothing(train: Run, work: Path) -> None:
    assert train("-q") == Ran(0, "", "")
    assert (work / "painting.onnx").exists()


def test_options_reach_the_run(train: Run, work: Path) -> None:
    ran = train(
        "-q", "--style-weight", 2, "--tv-weight", 0, "--learning-rate", 0.01, "--style-loss", "gram", "--seed", 5,
        "--style-scale", 2, "--sample", work / "photos" / "coffee.jpg", "--name", "eye", "--iterations", 1,
    )  # fmt: skip
    assert ran == Ran(0, "", "")
    told = json.loads((work / "runs" / "eye" / "run.json").read_text())
    preset = told["preset"]
    assert [preset[key] for key in ("style_weight", "tv_weight", "learning_rate", "style_loss", "iterations")] == [
        2, 0, 0.01, "gram", 1
    ]  # fmt: skip
    assert (told["seed"], told["style_scale"], told["samples"]) == (5, 2, [str(work / "photos" / "coffee.jpg")])
    assert json.loads((work / "painting.onnx").read_text())["name"] == "eye"
    with Image.open(work / "runs" / "eye" / "samples" / "0000000.jpg") as strip:
        assert strip.size == (341, 256)  # one photograph of 4:3


def test_an_interrupted_training_says_how_to_go_on(train: Run, run: Run, work: Path) -> None:
    import signal

    def interrupt(step: TrainingStep) -> None:
        if step.iteration == 1:
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(impasto.cli.progress.TrainingProgress, "update", lambda _, step: interrupt(step))
        ran = train("--json", "-q")
    assert ran.code == 130
    assert ran.err == "impasto: interrupted after 2 photographs; go on with: impasto train --resume runs/painting\n"
    told = json.loads(ran.out)
    assert (told["output"], told["about"], told["stopped"], told["iterations"]) == (None, None, "interrupted", 1)
    assert not (work / "painting.onnx").exists()
    ran = run("train", "--resume", "runs/painting", "--json", "-q")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["iterations"] == 3
    assert (work / "painting.onnx").exists()


def test_a_loss_that_is_no_longer_finite_is_told_beside_the_model(train: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    why = "the loss is not a finite number any more (iteration 9)"
    monkeypatch.setattr(
        impasto.cli.train, "train", lambda **options: replace(impasto.train(**options), stopped=why)
    )
    ran = train("--json", "-q")
    assert (ran.code, ran.err) == (1, f"impasto: {why}; painting.onnx holds the best weights before\n")
    assert json.loads(ran.out)["stopped"] == why


def test_help_names_every_option_and_preset(run: Run) -> None:
    ran = run("train", "--help")
    assert (ran.code, ran.err) == (0, "")
    for option in impasto.cli.train.command.params:
        if isinstance(option, click.Option):
            assert max(option.opts, key=len) in ran.out
    joined = "".join(ran.out.split())
    assert all(name in joined for name in (*TRAINING_PRESETS, *NETWORKS) if not name.startswith("tiny"))


# --- bad input: one line, exit code 2, nothing written ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--iterations", "5", "--minutes", "1"], "iterations and minutes contradict each other"),
        (["--iterations", "0"], "iterations must be at least 1, not 0"),
        (["--iterations", "many"], "--iterations"),
        (["--minutes", "0"], "minutes must be between 0.01 and"),
        (["--minutes", "nan"], "minutes must be a number"),
        (["--batch-size", "0"], "batch size must be between 1 and 4096, not 0"),
        (["--learning-rate", "0"], "learning rate must be between"),
        (["--content-weight", "-1"], "content weight must be at least 0, not -1"),
        (["--style-weight", "-1"], "style weight must be at least 0, not -1"),
        (["--tv-weight", "-0.1"], "tv weight must be at least 0, not -0.1"),
        (["--style-scale", "0"], "style scale must be between 0.1 and 10, not 0"),
        (["--seed", "-1"], "seed must be"),
        (["--preset", "defalt"], "unknown preset 'defalt': did you mean default"),
        (["--network", "shufle"], "unknown network 'shufle': did you mean shuffle"),
        (["--style-loss", "gramm"], "unknown style loss 'gramm': did you mean gram"),
        (["--loss-network", "vgg91"], "unknown loss network 'vgg91': did you mean vgg19"),
        (["--weights", "missing.pth"], "no such weight file"),
        (["--device", "tpu"], "unknown device 'tpu'"),
        (["--precision", "half"], "unknown precision 'half'"),
        (["--from", "missing.onnx"], r"no such style model: missing\.onnx"),
        (["--from", "painting.jpg"], "is no style model"),
        (["--sample", "missing.jpg"], "no such sample photograph"),
        (["-o", "out.pt"], r"output out\.pt must end in \.onnx"),
        (["-o", "nowhere/out.onnx"], "the folder of the output does not exist: nowhere$"),
        (["--run-folder", "photos"], "photos is there already: --run-folder names another folder"),
        (["--content", "nowhere"], "no such content folder: nowhere"),
        (["--checkpoint-minutes", "often"], "--checkpoint-minutes"),
        (["--checkpoint-minutes", "nan"], "checkpoint minutes must be"),
        (["--checkpoint-minutes", "-1"], "checkpoint minutes must be"),
    ],
)
def test_bad_options(train: Run, work: Path, arguments: list[str], message: str) -> None:
    before = _tree(work)
    assert_refused(train(*arguments), message)
    assert _tree(work) == before
    assert not (work / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "a painting is needed"),
        (["painting.jpg"], "a content folder is needed"),
        (["missing.jpg", "--content", "photos"], "no such painting: missing.jpg"),
        (["photos/text.jpg", "--content", "photos"], r"painting .*text\.jpg is not an image that can be read"),
        (["photos", "--content", "photos"], "painting photos is a directory"),
        ([".", "--content", "photos"], r"painting \. is a directory"),
        (["", "--content", "photos"], "painting .* is a directory"),
        (["painting.jpg", "--content", "photos/text.jpg"], "no usable photograph among 1: text.jpg is not an image"),
        (["painting.jpg", "--content", "void"], "no photographs in void"),
        (["painting.jpg", "photos", "--content", "photos"], "unexpected extra argument"),
        (["--resume", "void"], "void holds no training run"),
        (["--resume", "nowhere"], "nowhere holds no training run"),
    ],
)
def test_bad_pictures_and_folders(run: Run, work: Path, arguments: list[str], message: str) -> None:
    (work / "void").mkdir()
    before = _tree(work)
    assert_refused(run("train", *arguments, *([] if "--resume" in arguments else ["--preset", "tiny"])), message)
    assert _tree(work) == before
    assert not (work / "runs").exists()


def test_a_start_of_another_network_than_the_presets_is_refused(run: Run, work: Path, style_model: Path) -> None:
    ran = run("train", "painting.jpg", "--content", "photos", "--preset", "johnson2016", "--from", style_model)
    assert_refused(ran, r"style model .* has the network 'shuffle', not 'johnson2016'$")
    assert not (work / "runs").exists()


def test_a_run_that_is_there_is_left_alone(train: Run, work: Path) -> None:
    assert train("-q").code == 0
    before = _tree(work)
    assert_refused(train("-q"), "runs/painting is there already: --resume runs/painting goes on with it, --run-folder")
    assert _tree(work) == before


def test_resume_takes_the_same_painting_and_photographs_only(train: Run, run: Run, work: Path) -> None:
    assert train("-q").code == 0
    shutil.copytree(work / "photos", work / "others")
    (work / "others" / "coffee.jpg").rename(work / "others" / "tea.jpg")
    before = _tree(work)
    for arguments, message in (
        (["photos/coffee.jpg"], r"runs/painting is the run of another painting \("),
        (["--content", "others"], "runs/painting is a run with other photographs"),
    ):
        assert_refused(run("train", "--resume", "runs/painting", *arguments), message)
    assert _tree(work) == before
    ran = run("train", "painting.jpg", "--resume", "runs/painting", "--content", "photos", "-o", "other.onnx", "-q")
    assert ran == Ran(0, "", "")
    assert (work / "other.onnx").exists()  # where it goes has no part in the training


@pytest.mark.parametrize(
    "option",
    [
        "--preset", "--network", "--iterations", "--minutes", "--from", "--run-folder", "--content-weight",
        "--style-weight", "--tv-weight", "--stability-weight", "--style-loss", "--style-scale", "--batch-size",
        "--learning-rate", "--name", "--title", "--artist", "--year", "--source", "--licence", "--sample", "--seed",
        "--precision", "--loss-network",
    ],
)  # fmt: skip
def test_resume_contradicts_options_that_make_a_run(run: Run, option: str) -> None:
    message = f"^impasto: {option} contradicts --resume: a resumed run goes on with its own settings$"
    assert_refused(run("train", "--resume", "nowhere", option, "1"), message)
