"""The whole way: a tiny network trained on five photographs, and what comes out of it."""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tiny import RECIPE, noise, registered, save_photos
from torch import Tensor

import impasto.training.api
import impasto.training.perceptual
import impasto.training.single_painting
from impasto import images, styles
from impasto.errors import ImpastoError
from impasto.networks import create_network
from impasto.networks.shuffle import ShuffleNetwork
from impasto.perception.loss_network import LossNetwork
from impasto.perception.losses import style_loss
from impasto.perception.weights import load_weights
from impasto.styles.model import read_about
from impasto.training import TrainingResult, TrainingStep, train
from impasto.training.perceptual import PerceptualLoss
from impasto.training.photographs import Crops
from impasto.training.run import RunFolder

pytestmark = pytest.mark.xdist_group("training")

SAID: dict[str, Any] = {"title": "The Eye", "artist": "N. N.", "year": "2020", "source": "a camera", "licence": "CC0"}


class Trained(NamedTuple):
    folder: Path
    result: TrainingResult
    steps: list[TrainingStep]
    notes: list[str]

    @property
    def model(self) -> Path:
        assert self.result.output is not None
        return self.result.output


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Trained:
    """`impasto.training.train` once, for many tests: 120 batches on five photographs, one of them broken."""
    folder = tmp_path_factory.mktemp("trained")
    save_photos(folder / "photos")
    (folder / "photos" / "broken.jpg").write_text("no picture")
    steps: list[TrainingStep] = []
    notes: list[str] = []
    with registered(exports=True, validation_side=128, checks=6):
        result = train(
            files / "painting.jpg", folder / "photos", folder / "eye.onnx", preset=replace(RECIPE, iterations=120),
            run=folder / "run", precision="float32", start="scratch", callback=steps.append, note=notes.append, **SAID,
        )  # fmt: skip
    return Trained(folder, result, steps, notes)


@pytest.fixture(autouse=True)
def quick() -> Iterator[pytest.MonkeyPatch]:
    """Trainings of single tests write no real style model."""
    with registered() as patch:
        yield patch


def short(trained: Trained, files: Path, folder: Path, **options: Any) -> TrainingResult:
    """A training of a few batches in a folder of its own."""
    settings = {"preset": "tiny", "iterations": 3, "precision": "float32", "start": "scratch", "run": folder / "run"}
    if options.get("minutes"):
        del settings["iterations"]
    settings |= options
    return train(files / "painting.jpg", trained.folder / "photos", folder / "out.onnx", **settings)  # type: ignore[arg-type]


def painted(trained: Trained, image: NDArray[np.float32], strength: float = 1.0) -> NDArray[np.float32]:
    """(H, W, 3) in and out, by ONNX Runtime alone."""
    session = onnxruntime.InferenceSession(trained.model.read_bytes(), providers=["CPUExecutionProvider"])
    feeds = {"image": image.transpose(2, 0, 1)[None], "strength": np.array([strength], np.float32)}
    (result,) = session.run(["stylized"], feeds)
    return result[0].transpose(1, 2, 0)


@cache
def loss_network() -> LossNetwork:
    return LossNetwork(load_weights("vgg19"), pooling="average", padding="replicate")


def style_distance(image: NDArray[np.float32], painting: NDArray[np.float32]) -> float:
    layers = ["relu1_1", "relu2_1", "relu3_1"]

    def tensor(pixels: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))

    of_image, of_painting = (loss_network()(tensor(x), layers) for x in (image, painting))
    return sum(style_loss(of_image[layer], of_painting[layer], "wasserstein").item() for layer in layers)


# --- what it learns ----------------------------------------------------------------------------------------


def test_the_validation_loss_falls_to_less_than_half(trained: Trained) -> None:
    first, validation = trained.steps[0].validation, trained.result.validation
    assert first is not None
    assert validation is not None
    assert validation.total < 0.5 * first
    assert validation.style < 0.5
    assert trained.result.about is not None
    best = trained.result.about.validation_loss
    assert best is not None
    assert best <= validation.total + 1e-6


@pytest.mark.parametrize("name", ["rocket", "chelsea", "astronaut"])
def test_a_photograph_is_painted(trained: Trained, files: Path, name: str) -> None:
    """Nearer to the painting in its colours and its style than it was, and still the same photograph."""
    photo = images.load(trained.folder / "photos" / f"{name}.jpg").pixels
    painting = images.load(files / "painting.jpg").pixels
    result = painted(trained, photo)
    assert result.shape == photo.shape
    assert result.min() >= -1e-6  # ONNX Runtime's tanh may go one rounding error beyond 1
    assert result.max() <= 1 + 1e-6
    assert style_distance(result, painting) < 0.5 * style_distance(photo, painting)
    means = [pixels.mean((0, 1)) for pixels in (photo, result, painting)]
    assert np.abs(means[1] - means[2]).sum() < 0.6 * np.abs(means[0] - means[2]).sum()
    assert np.corrcoef(photo.mean(2).ravel(), result.mean(2).ravel())[0, 1] > 0.5


def test_strength_goes_from_the_photograph_to_the_painting(trained: Trained) -> None:
    photo = images.load(trained.folder / "photos" / "coffee.jpg").pixels
    assert painted(trained, photo, 0.0) == pytest.approx(photo, abs=1e-5)
    change = [np.abs(painted(trained, photo, strength) - photo).mean() for strength in (0.1, 0.4, 1.0)]
    assert change == sorted(change)


# --- what it leaves ----------------------------------------------------------------------------------------


def test_the_style_model_says_what_it_is(trained: Trained) -> None:
    about = read_about(trained.model)
    assert about == trained.result.about
    assert {field: getattr(about, field) for field in SAID} == SAID
    assert (about.name, about.network, about.preset, about.warm_start) == ("eye", "tiny", "custom", "")
    assert about.adjustable
    validation = trained.result.validation
    assert validation is not None
    best = RunFolder(trained.folder / "run").load(trained.folder / "run" / "best.pt")
    assert about.images_seen == 2 * best["iteration"] > 120
    assert [about.content_loss, about.style_loss, about.validation_loss] == [
        best["validation"][term] for term in ("content", "style", "total")
    ]


def test_the_result_counts(trained: Trained) -> None:
    result = trained.result
    assert (result.iterations, result.images_seen, result.stopped) == (120, 240, None)
    assert (result.output, result.run) == (trained.folder / "eye.onnx", trained.folder / "run")
    assert result.seconds > 0
    assert list(result.skipped) == ["broken.jpg"]
    assert trained.notes[0].startswith("6 photographs; network tiny from scratch, float32; ")
    assert trained.notes[1].startswith("skipped 1 of 6 files that are no usable photographs (broken.jpg: not an image")
    assert len(trained.notes) == 2


def test_the_steps_count(trained: Trained) -> None:
    steps = trained.steps
    assert [step.iteration for step in steps] == list(range(1, 121))
    assert [step.images_seen for step in steps] == list(range(2, 241, 2))
    assert steps[-1].progress == 1
    assert steps[-1].remaining == 0
    assert all(a.progress < b.progress and a.seconds <= b.seconds for a, b in pairwise(steps))
    assert {(step.crop, step.iterations) for step in steps} == {(64, 120)}
    assert steps[-1].images_per_second > 0
    for step in steps:
        losses = step.losses
        assert np.isfinite([losses.content, losses.style, losses.tv, losses.total]).all()


def test_the_run_folder_tells_how_it_came_about(trained: Trained) -> None:
    folder = trained.folder / "run"
    names = {path.name for path in folder.iterdir()}
    assert names == {"run.json", "metrics.csv", "samples", "losses.png", "contact-sheet.jpg", "best.pt", "latest.pt"}
    assert [path.stem for path in sorted((folder / "samples").iterdir())] == [f"{i:07}" for i in range(0, 121, 20)]
    for name in ("losses.png", "contact-sheet.jpg"):
        with Image.open(folder / name) as image:
            image.load()
    latest = RunFolder(folder).load(folder / "latest.pt")
    assert latest["iteration"] == 120


def test_metrics_have_a_row_for_each_check(trained: Trained) -> None:
    rows = RunFolder(trained.folder / "run").rows()
    checked = [row for row in rows if row["validation"]]
    assert [int(row["iteration"]) for row in checked] == [20, 40, 60, 80, 100, 120]
    assert int(rows[0]["iteration"]) == 1
    assert [int(row["images"]) for row in rows] == [2 * int(row["iteration"]) for row in rows]


def test_a_row_of_metrics_has_the_validation_loss_of_its_iteration(trained: Trained) -> None:
    last = RunFolder(trained.folder / "run").rows()[-1]
    assert trained.result.validation is not None
    assert float(last["validation"]) == pytest.approx(trained.result.validation.total, rel=1e-4)


def test_the_last_step_knows_the_last_validation_loss(trained: Trained) -> None:
    assert trained.result.validation is not None
    assert trained.steps[-1].validation == pytest.approx(trained.result.validation.total)


def test_the_caller_s_generator_is_left_alone(trained: Trained, files: Path, tmp_path: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    short(trained, files, tmp_path, iterations=1)
    assert torch.equal(torch.rand(3), expected)


# --- warm start --------------------------------------------------------------------------------------------


def test_a_warm_start_begins_where_the_model_was(trained: Trained, files: Path, tmp_path: Path) -> None:
    steps: list[TrainingStep] = []
    result = short(trained, files, tmp_path, iterations=1, start=str(trained.model), callback=steps.append)
    cold = short(trained, files, tmp_path, iterations=1, callback=steps.append, run=tmp_path / "cold")
    warm_loss, cold_loss = (step.validation for step in steps)
    assert warm_loss is not None
    assert cold_loss is not None
    assert warm_loss < 0.6 * cold_loss
    assert result.about is not None
    assert result.about.warm_start == "eye"
    assert cold.about is not None
    assert cold.about.warm_start == ""


def test_auto_starts_from_a_style_that_comes_with_impasto(
    trained: Trained, files: Path, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    """But only from one that has the same network."""
    quick.setattr(styles, "_FOLDER", trained.folder)
    warm = short(trained, files, tmp_path, iterations=1, start="auto")
    other = short(trained, files, tmp_path, iterations=1, start="auto", network="tiny-2", run=tmp_path / "other")
    assert [result.about and result.about.warm_start for result in (warm, other)] == ["eye", ""]


def test_a_warm_start_takes_the_network_of_the_model(trained: Trained, files: Path, tmp_path: Path) -> None:
    preset = replace(RECIPE, network="tiny-2")
    result = short(trained, files, tmp_path, iterations=1, start=str(trained.model), preset=preset)
    assert result.about is not None
    assert result.about.network == "tiny"


def test_a_warm_start_from_another_network_is_refused(trained: Trained, files: Path, tmp_path: Path) -> None:
    with pytest.raises(ImpastoError, match="has the network 'tiny', not 'tiny-2'"):
        short(trained, files, tmp_path, start=str(trained.model), network="tiny-2")
    for start, message in (("nowhere.onnx", "no such style model"), (str(files / "photo.jpg"), "is no style model")):
        with pytest.raises(ImpastoError, match=message):
            short(trained, files, tmp_path, start=start)
    assert list(tmp_path.iterdir()) == []


def test_a_warm_start_is_resumed_without_the_model(trained: Trained, files: Path, tmp_path: Path) -> None:
    """The checkpoint has all the weights: where they came from is history."""
    model = tmp_path / "first.onnx"
    model.write_bytes(trained.model.read_bytes())
    short(trained, files, tmp_path, iterations=2, start=str(model))
    model.unlink()
    assert train(resume=tmp_path / "run").iterations == 2


# --- how it ends -------------------------------------------------------------------------------------------


def test_minutes_end_on_time_with_a_last_check(trained: Trained, files: Path, tmp_path: Path) -> None:
    steps: list[TrainingStep] = []
    began = time.perf_counter()
    result = short(trained, files, tmp_path, minutes=0.05, callback=steps.append)
    assert 3 <= result.seconds < 6
    assert time.perf_counter() - began < 12
    assert (result.stopped, result.output) == (None, tmp_path / "out.onnx")
    assert steps[-1].progress <= 1
    assert steps[-1].remaining < 1.5
    state = RunFolder(tmp_path / "run").load(tmp_path / "run" / "latest.pt")
    assert state["iteration"] == result.iterations == steps[-1].iteration
    rows = [int(row["iteration"]) for row in RunFolder(tmp_path / "run").rows()]
    assert rows[-1] == result.iterations
    assert rows == sorted(set(rows))


def test_a_callback_ends_the_training_with_a_model(
    trained: Trained, files: Path, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    """The model is what has been learned so far, not what there was at the last of three checks."""
    written: list[dict[str, Tensor]] = []

    def export(network: torch.nn.Module, about: object, _: Path) -> object:
        written.append({name: value.clone() for name, value in network.state_dict().items()})
        return about

    quick.setattr(impasto.training.api, "export", export)
    result = short(trained, files, tmp_path, iterations=1000, callback=lambda step: step.iteration < 6)
    assert (result.iterations, result.stopped) == (6, "stopped by request")
    assert result.output == tmp_path / "out.onnx"
    folder = RunFolder(tmp_path / "run")
    assert folder.load(folder.latest)["iteration"] == 6
    torch.manual_seed(0)
    first = create_network("tiny").state_dict()
    assert not all(torch.equal(value, first[name]) for name, value in written[0].items())


def test_what_a_callback_returns_otherwise_does_not_matter(trained: Trained, files: Path, tmp_path: Path) -> None:
    result = short(trained, files, tmp_path, iterations=2, callback=lambda _: 0)
    assert (result.iterations, result.stopped) == (2, None)


def test_the_loss_sees_a_part_of_the_photographs_whose_place_changes(
    trained: Trained, files: Path, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    """Photographs whose pixels say where they are, through a network that changes nothing."""
    places, shapes = [], set()

    class Seeing(PerceptualLoss):
        def __call__(self, stylized: Tensor, *rest: Any) -> Any:
            if stylized.requires_grad:
                shapes.add(tuple(stylized.shape[1:]))
                places.append(tuple((255 * stylized[0, :2, 0, 0]).round().int().tolist()))
            return super().__call__(stylized, *rest)

    def at(_: Crops, __: int, side: int) -> NDArray[np.uint8]:
        rows, columns = np.indices((side, side), np.uint8)
        return np.stack([rows, columns, rows ^ columns], axis=2)

    def paint(self: ShuffleNetwork, padded: Tensor, strength: Tensor) -> Tensor:
        inside = padded[..., self.margin : -self.margin, self.margin : -self.margin]
        return inside + 0 * strength * sum(parameter.sum() for parameter in self.parameters())

    quick.setattr(ShuffleNetwork, "paint", paint)
    quick.setattr(Crops, "at", at)
    quick.setattr(impasto.training.perceptual, "PerceptualLoss", Seeing)
    steps: list[TrainingStep] = []
    short(trained, files, tmp_path, iterations=8, callback=steps.append)
    assert shapes == {(3, 64, 64)}
    assert len(set(places)) > 4
    assert any(row != column for row, column in places)
    assert {position for place in places for position in place} <= set(range(ShuffleNetwork().spare + 1))
    # The content that it is compared with is that of the same pixels.
    assert [step.losses.content for step in steps] == pytest.approx([0.0] * 8, abs=1e-9)
    assert [step.crop for step in steps] == [64] * 8


def test_a_weight_against_the_weave_changes_what_is_learned(trained: Trained, files: Path, tmp_path: Path) -> None:
    def weights(number: float, name: str) -> Tensor:
        preset = replace(RECIPE, iterations=3, weave_weight=number)
        result = short(trained, files, tmp_path / name, preset=preset, iterations=None)
        state = RunFolder(result.run).load(result.run / "latest.pt")["network"]
        return torch.cat([value.flatten() for key, value in state.items() if key != "grain.map"])

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert not torch.equal(weights(0.0, "a"), weights(30.0, "b"))


def test_the_weave_counts_in_which_weights_are_the_best(
    trained: Trained, files: Path, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    """First weights that weave are given up for others, be the loss of those higher."""
    woven: list[float] = []

    def weave(stylized: Tensor) -> Tensor:
        if not stylized.requires_grad:  # in validation: much at first, none later
            woven.append(1.0 if not learning else 0.0)
        else:
            learning.append(True)
        return 0 * stylized.sum() + (woven[-1] if woven else 0.0)

    learning: list[bool] = []
    quick.setattr(impasto.training.single_painting, "weave", weave)
    preset = replace(RECIPE, iterations=3, weave_weight=1e6, learning_rate=0.3)
    result = short(trained, files, tmp_path, preset=preset, iterations=None)
    best = RunFolder(result.run).load(result.run / "latest.pt")["best_state"]
    assert best["iteration"] > 0
    assert best["objective"] == pytest.approx(best["validation"]["total"])
    assert {1.0, 0.0} == set(woven)


def test_samples_too_thin_to_be_painted_are_left_out(trained: Trained, files: Path, tmp_path: Path) -> None:
    Image.new("RGB", (800, 20)).save(tmp_path / "panorama.png")
    result = short(trained, files, tmp_path, samples=[tmp_path / "panorama.png"])
    assert result.iterations == 3
    assert not list((result.run / "samples").iterdir())


def test_a_gradient_that_is_not_finite_ends_the_training(
    trained: Trained, files: Path, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    class Steep(PerceptualLoss):
        """Finite itself."""

        def __call__(self, stylized: Tensor, *rest: Any) -> Any:
            losses = super().__call__(stylized, *rest)
            return losses._replace(total=losses.total + (stylized.sum() * 0).sqrt())

    quick.setattr(impasto.training.perceptual, "PerceptualLoss", Steep)
    with pytest.raises(ImpastoError, match=r"not a finite number any more \(iteration 1\)"):
        short(trained, files, tmp_path)


def test_a_loss_that_is_not_finite_ends_the_training(trained: Trained, files: Path, tmp_path: Path) -> None:
    with pytest.raises(ImpastoError, match=r"not a finite number any more \(iteration 1\)") as error:
        short(trained, files, tmp_path, style_weight=1e39)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.onnx").exists()


def poisoned_after(batches: int) -> type[PerceptualLoss]:
    """A loss that is not a number any more after so many batches."""

    class Poisoned(PerceptualLoss):
        calls = 0

        def __call__(self, stylized: Tensor, *rest: Any) -> Any:
            if stylized.requires_grad:
                Poisoned.calls += 1
            return super().__call__(stylized * (float("nan") if Poisoned.calls > batches else 1), *rest)

    return Poisoned


def test_the_last_checkpoint_before_nan_stays(
    trained: Trained, files: Path, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    quick.setattr(impasto.training.perceptual, "PerceptualLoss", poisoned_after(3))
    with pytest.raises(ImpastoError, match=r"\(iteration 4\): lower the weights or the learning rate"):
        short(trained, files, tmp_path, iterations=60, checkpoint_minutes=0.0)
    folder = RunFolder(tmp_path / "run")
    state = folder.load(folder.latest)
    assert state["iteration"] == 3
    assert all(torch.isfinite(value).all() for value in state["network"].values())
    quick.setattr(impasto.training.perceptual, "PerceptualLoss", PerceptualLoss)
    assert train(resume=folder.path, callback=lambda _: False).iterations == 4


def test_the_best_weights_before_nan_come_out(
    trained: Trained, files: Path, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    quick.setattr(impasto.training.perceptual, "PerceptualLoss", poisoned_after(24))
    result = short(trained, files, tmp_path, iterations=60)
    assert result.stopped == "the loss is not a finite number any more (iteration 25)"
    assert result.iterations == 24
    assert result.about is not None
    assert result.about.images_seen == 40  # two a batch, to the first of three checks
    assert result.output is not None
    assert result.output.exists()
    quick.setattr(impasto.training.perceptual, "PerceptualLoss", PerceptualLoss)
    assert train(resume=result.run).iterations == 60


# --- full disks --------------------------------------------------------------------------------------------


def full_for(ending: str) -> Callable[[Any, Any], None]:
    """An `os.replace` on a disk that has no room for files of that ending."""
    move = os.replace

    def full(source: Any, target: Any) -> None:
        if str(target).endswith(ending):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        move(source, target)

    return full


def test_a_full_disk_costs_the_old_checkpoint_nothing(trained: Trained, files: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    kept: list[bytes] = []

    with pytest.MonkeyPatch.context() as disk:

        def callback(step: TrainingStep) -> None:
            if step.iteration == 3:
                kept.append((tmp_path / "run" / "latest.pt").read_bytes())
                disk.setattr(os, "replace", full_for(".pt"))
            if step.iteration == 6:
                assert (tmp_path / "run" / "latest.pt").read_bytes() != b""
                kept.append((tmp_path / "run" / "latest.pt").read_bytes())
                disk.undo()

        result = short(
            trained, files, tmp_path, iterations=60, checkpoint_minutes=0.0, note=notes.append,
            callback=lambda step: callback(step) if step.iteration < 8 else False,
        )  # fmt: skip
    assert result.iterations == 8
    assert any("No space left on device" in note and "minutes are not saved" in note for note in notes)
    assert RunFolder(tmp_path / "run").load(tmp_path / "run" / "latest.pt")["iteration"] == 8
    assert torch.load(io.BytesIO(kept[1]), weights_only=True)["iteration"] <= 3
    assert not list((tmp_path / "run").glob(".*"))


def test_the_best_weights_are_kept_where_they_cannot_be_written(trained: Trained, files: Path, tmp_path: Path) -> None:
    """A disk that is full from the second check on."""
    notes: list[str] = []

    with pytest.MonkeyPatch.context() as disk:

        def callback(step: TrainingStep) -> None:
            if step.iteration == 1:
                disk.setattr(os, "replace", full_for("best.pt"))

        result = short(trained, files, tmp_path, iterations=20, callback=callback, note=notes.append)
    assert any("best.pt: No space left on device" in note for note in notes)
    assert result.about is not None
    folder = RunFolder(tmp_path / "run")
    assert folder.load(folder.best)["iteration"] == 0
    assert result.about.images_seen > 0
    best = folder.load(folder.latest)["best_state"]
    assert result.about.validation_loss == pytest.approx(best["validation"]["total"])
    again = train(resume=tmp_path / "run")  # writes the model once more, of the same weights
    assert again.about is not None
    assert again.about.images_seen == result.about.images_seen


def test_a_decomposition_that_fails_is_a_loss_that_is_not_finite(
    trained: Trained, files: Path, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    class Failing(PerceptualLoss):
        def __call__(self, stylized: Tensor, *rest: Any) -> Any:
            if stylized.requires_grad:
                raise torch.linalg.LinAlgError("the algorithm failed to converge")  # type: ignore[attr-defined]
            return super().__call__(stylized, *rest)

    quick.setattr(impasto.training.perceptual, "PerceptualLoss", Failing)
    with pytest.raises(ImpastoError, match=r"not a finite number any more \(iteration 1\)"):
        short(trained, files, tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_disk_too_full_for_metrics_does_not_cost_the_training(trained: Trained, files: Path, tmp_path: Path) -> None:
    notes: list[str] = []

    def fill(step: TrainingStep) -> None:
        if step.iteration == 1:
            (tmp_path / "run" / "metrics.csv").unlink()
            (tmp_path / "run" / "metrics.csv").symlink_to("/dev/full")
        if step.iteration == 2:
            (tmp_path / "run" / "metrics.csv").unlink()

    result = short(trained, files, tmp_path, iterations=3, callback=fill, note=notes.append)
    assert result.iterations == 3
    assert any("metrics.csv" in note for note in notes)


# --- photographs -------------------------------------------------------------------------------------------


def test_one_photograph_is_enough(files: Path, tmp_path: Path) -> None:
    result = train(
        files / "painting.jpg", files / "photo.jpg", tmp_path / "out.onnx", preset="tiny", iterations=2,
        run=tmp_path / "run", precision="float32",
    )  # fmt: skip
    assert result.images_seen == 4
    assert result.skipped == {}


def test_a_broken_photograph_beside_a_good_one_is_no_hindrance(files: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    noise(0).save(tmp_path / "photos" / "good.jpg")
    (tmp_path / "photos" / "bad.jpg").write_text("no picture")
    result = train(
        files / "painting.jpg", tmp_path / "photos", tmp_path / "out.onnx", preset="tiny", iterations=2,
        run=tmp_path / "run", precision="float32",
    )  # fmt: skip
    assert result.images_seen == 4
    assert list(result.skipped) == ["bad.jpg"]
