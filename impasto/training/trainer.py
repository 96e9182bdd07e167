"""The training loop of the fast method (Johnson, Alahi, Fei-Fei 2016)."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import images
from ..errors import ImpastoError, reason
from ..images import Picture
from ..networks import ImageTransformationNetwork
from ..perception.compute import Compute
from ..perception.terms import Losses
from .distributed import Processes
from .motion import Motion, random_motion
from .perceptual import BatchLosses, Features, PerceptualLoss
from .photographs import Crops
from .presets import TrainingPreset
from .resident import ResidentCrops
from .run import RunFolder
from .schedule import (
    crop_side,
    iterations_after,
    learning_rate,
    pixels_of_a_crop,
    progress_after,
    stability_weight,
)
from .single_painting import SinglePainting
from .step import Batch, Learned, Learner

CHECKS = 20  # validations, each with samples and a row of metrics, in a whole training
FEWEST_CHECKS = 4
LOOK_SECONDS = 1.0  # between looks at what a GPU has learned
REPORT_SECONDS = 10.0  # between rows of metrics
VALIDATION_SIDE = 256

Upcoming = Tensor | list[Future[NDArray[np.uint8]]]  # a batch: cut, or being read


@dataclass(frozen=True)
class TrainingStep:
    """What a callback learns after each batch.

    iteration: 1 … iterations (estimated, for a training by the minute). progress: in [0, 1]. crop: px. losses: of this
    batch. validation: the latest total loss on the photographs held out, or None. images_per_second: lately. seconds:
    of training, earlier parts of a resumed run counted. remaining: estimated seconds. images_seen: photographs so far.
    """

    iteration: int
    iterations: int
    progress: float
    crop: int
    losses: Losses
    validation: float | None
    images_per_second: float
    seconds: float
    remaining: float
    images_seen: int


TrainingCallback = Callable[[TrainingStep], object]


class Trainer:
    """Trains one network for one painting; all of its state can be saved and restored.

    Args:
        network: with its first weights.
        loss: the perceptual loss.
        crops: where photographs come from.
        preset: the recipe. minutes: its length, where not given by the preset's iterations.
        samples: photographs that are painted at each check.
        processes: this process and those beside it.
        resident: the crops, where they are cut on a GPU.
    """

    def __init__(
        self,
        network: ImageTransformationNetwork,
        loss: PerceptualLoss,
        crops: Crops,
        preset: TrainingPreset,
        minutes: float | None,
        folder: RunFolder,
        compute: Compute,
        samples: Sequence[Picture],
        processes: Processes,
        checkpoint_minutes: float,
        resident: ResidentCrops | None = None,
    ) -> None:
        self.preset, self.minutes, self.folder, self.compute = preset, minutes, folder, compute
        self.loss, self.crops, self.processes = loss, crops, processes
        self.samples = [sample for sample in samples if min(sample.size) >= network.smallest]  # no thin panoramas
        self.checkpoint_minutes = checkpoint_minutes
        self.network = network.to(compute.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective = SinglePainting(self.network, loss, processes.wrap(self.network))
        self.learner = Learner(self.network, self.objective, preset, compute, record=processes.count == 1)
        self.resident = resident
        self.batch_size = processes.share(preset.batch_size)
        self.iteration, self.seconds = 0, 0.0
        self.best_state: dict[str, Any] | None = None  # averaged weights with the least objective in validation
        self.validation: Losses | None = None
        self.checks, self.checked = CHECKS, 0  # checks in all, and done
        self._held_out: list[tuple[Tensor, Features, Motion | None]] = []

    @property
    def images_seen(self) -> int:
        """Photographs, repetitions counted, in all processes together."""
        return self.iteration * self.preset.batch_size

    # --- state ---

    def state(self) -> dict[str, Any]:
        """All that a later process needs to go on exactly here."""
        return {
            "network": self.network.state_dict(),
            "average": self.learner.average.state_dict(),
            "optimizer": self.learner.optimizer.state_dict(),
            "iteration": self.iteration,
            "seconds": self.seconds,
            "best_state": self.best_state,
            "checks": self.checks,
            "checked": self.checked,
            "validation": None if self.validation is None else vars(self.validation),
            "photographs": self.crops.photographs.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        try:
            self.network.load_state_dict(state["network"])
            self.learner.average.load_state_dict(state["average"])
            self.learner.optimizer.load_state_dict(state["optimizer"])
            self.iteration, self.seconds = state["iteration"], state["seconds"]
            self.checks, self.checked = state["checks"], state["checked"]
            self.best_state = state["best_state"]
            self.validation = None if state["validation"] is None else Losses(**state["validation"])
            self.crops.photographs.restore(state["photographs"])
        except (KeyError, RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            raise ImpastoError(f"the checkpoint does not fit this run: {reason(error)}") from None

    # --- the loop ---

    def run(
        self, callback: TrainingCallback | None, note: Callable[[str], object], stop: Callable[[], bool]
    ) -> str | None:
        """Train to the end.

        Returns:
            None, or why it ended early: "interrupted" (`stop` said so), "stopped by request" (the callback did), or
            that the loss is no longer finite; the last checkpoint stays, and the best weights before.

        Raises:
            ImpastoError: the loss is no longer finite, and no weights were better than the first ones.
        """
        began = time.perf_counter() - self.seconds
        saved = tried = time.perf_counter()
        reported, looked, recent, step = 0.0, 0.0, _Speed(), None
        self.network.train()
        if self.iteration == 0:
            self._check(note)
            if self.minutes is not None and self.processes.first:
                # In few minutes, checks take no more than a twentieth of them, but for the fewest.
                seconds = time.perf_counter() - saved
                self.checks = max(FEWEST_CHECKS, min(CHECKS, int(3 * self.minutes / max(seconds, 1e-3))))
            (self.checks,) = self.processes.agree(self.checks)
            saved = self._save(saved, note)
        with ThreadPoolExecutor(max(1, min(8, (os.cpu_count() or 1) // 2)), "photographs") as reader:
            upcoming = self._request(reader, self.iteration)
            while True:
                (self.seconds,) = self.processes.agree(time.perf_counter() - began)
                progress = self._progress()
                if progress >= 1:
                    break
                photos, upcoming = self._photos(upcoming), self._request(reader, self.iteration + 1)
                learned = self._step(photos, progress)
                self.iteration += 1
                recent.add(self.preset.batch_size)
                check = int(self._progress() * self.checks) > self.checked
                # A GPU is asked only now and then: until it answers, there is nothing else for it to do.
                look = check or self.resident is None or self.seconds - looked > LOOK_SECONDS or self.iteration == 1
                if look:
                    looked = self.seconds
                    if not learned.finite:
                        self.iteration -= 1
                        return self._diverged()
                    losses = Losses(*(value.item() for value in learned.losses))
                if check:
                    self.checked = int(self._progress() * self.checks)
                    self._check(note)
                step = self._describe(photos.shape[-1] - self.network.spare, losses, recent.per_second)
                if check or self.seconds - reported > REPORT_SECONDS or self.iteration == 1:
                    reported = self.seconds
                    self._report(step, check, note)
                enough = callback is not None and callback(step) is False
                interrupted, enough = self.processes.agree(stop(), enough)
                ended = "interrupted" if interrupted else "stopped by request" if enough else None
                if enough and not check:  # these weights may be the best so far
                    self._check(note)
                if check or ended or time.perf_counter() - tried >= 60 * self.checkpoint_minutes:
                    self.seconds, tried = time.perf_counter() - began, time.perf_counter()
                    saved = self._save(saved, note)
                if ended:
                    reader.shutdown(wait=False, cancel_futures=True)
                    return ended
        if self.checked < self.checks:  # the clock ran out between two of them
            self.checked = self.checks
            self._check(note)
            if step is not None and self.validation is not None:
                self._report(replace(step, validation=self.validation.total), True, note, again=True)
            self._save(saved, note)
        return None

    def _progress(self) -> float:
        if self.minutes is not None:
            return min(1.0, self.seconds / (60 * self.minutes))
        if self.iteration >= self.preset.iterations:
            return 1.0
        return progress_after(self.preset, self.iteration / self.preset.iterations)

    def _request(self, reader: ThreadPoolExecutor, iteration: int) -> Upcoming:
        """Have the batch of an iteration read, or cut, while the one before it is trained on."""
        by_iterations = progress_after(self.preset, iteration / self.preset.iterations)
        side = crop_side(self.preset, self._progress() if self.minutes is not None else by_iterations)
        first = iteration * self.preset.batch_size + self.processes.rank * self.batch_size
        side += self.network.spare
        if self.resident is not None:
            return self.resident.batch(first, self.batch_size, side)
        return [reader.submit(self.crops.at, first + index, side) for index in range(self.batch_size)]

    def _step(self, photos: Tensor, progress: float) -> Learned:
        """Learn from a batch. Where its gradients are not finite, the weights stay as they are."""
        random = np.random.default_rng((self.crops.seed, 4, self.iteration))
        self.network.vary(random)
        batch = Batch(photos, self._strengths(), torch.tensor(self.network.seen(random)))
        if weight := stability_weight(self.preset, progress):
            motion = random_motion(random, self.preset.batch_size, photos.shape[-1], self.compute.device)
            motion = motion.of(self._part())
            batch = replace(
                batch, next_photos=motion.next_frame(photos), flow=motion.flow, stability=torch.tensor(weight)
            )
        # Early on the average is over fewer weights, so that the first ones are soon forgotten.
        averaging = min(self.preset.averaging, (1 + self.iteration) / (10 + self.iteration))
        return self.learner.step(batch, learning_rate(self.preset, progress), averaging)

    def _diverged(self) -> str:
        """Why the training ended where the loss was not finite."""
        learned = self.best_state is not None and self.best_state["iteration"] > 0
        (learned,) = self.processes.agree(learned)
        why = f"the loss is not a finite number any more (iteration {self.iteration + 1})"
        if not learned:
            hint = f"lower the weights or the learning rate; {self.folder.path} keeps the last checkpoint"
            raise ImpastoError(f"{why}: {hint}")
        return why

    def _photos(self, upcoming: Upcoming) -> Tensor:
        return upcoming if isinstance(upcoming, Tensor) else self._tensor(_stack(upcoming))

    def _tensor(self, batch: NDArray[np.uint8]) -> Tensor:
        tensor = torch.from_numpy(batch).to(self.compute.device).float() / 255
        return tensor.contiguous(memory_format=torch.channels_last)

    def _strengths(self) -> Tensor:
        """Most photographs at full strength, some at a random one, chosen by the seed and the iteration alone."""
        strength = torch.ones(self.preset.batch_size)
        if self.network.adjustable and self.preset.weakened:
            random = np.random.default_rng((self.crops.seed, 3, self.iteration))
            weak = torch.from_numpy(random.random(self.preset.batch_size) < self.preset.weakened)
            strength[weak] = torch.from_numpy(random.random(self.preset.batch_size)).float()[weak]
        return strength[self._part()].to(self.compute.device)

    def _part(self) -> slice:
        """Of a batch, what this process learns from."""
        first = self.processes.rank * self.batch_size
        return slice(first, first + self.batch_size)

    # --- looking at it ---

    @torch.no_grad()
    def _check(self, note: Callable[[str], object]) -> None:
        """Validation loss and samples of the averaged weights; the best in all that is trained on are kept."""
        if not self.processes.first:
            return
        if not self._held_out:
            photos = self._tensor(np.ascontiguousarray(self.crops.validation(VALIDATION_SIDE).transpose(0, 3, 1, 2)))
            self._held_out = [
                (photo, self.loss.content_features(photo), self._held_out_motion(index))
                for index, photo in enumerate(torch.split(photos, 1))
            ]
        found, others = [], []
        for photo, content, motion in self._held_out:
            painted = self.objective.paint(self.learner.average, photo, photo.new_ones(1))
            found.append(self.loss(painted, content))
            others.append(self.objective.woven(painted).item())
            if motion is not None:  # in full from the first check on: all are measured alike
                unstable = self.objective.unstable(self.learner.average, photo, motion).item()
                others[-1] += self.preset.stability_weight * unstable
        self.validation = _mean_losses(found)
        objective = self.validation.total + sum(others) / len(others)
        try:
            best = math.inf if self.best_state is None else self.best_state["objective"]
            if objective < best:
                average = {name: value.clone() for name, value in self.learner.average.state_dict().items()}
                self.best_state = {
                    "average": average, "iteration": self.iteration, "validation": vars(self.validation),
                    "objective": objective,
                }  # fmt: skip
                self.folder.save(self.folder.best, self.best_state)
            if self.iteration == 0:
                self.folder.save_strip(0, self.samples)
            else:
                self.folder.save_strip(self.iteration, [self.paint(sample) for sample in self.samples])
        except ImpastoError as error:  # a full disk must not cost the training
            note(str(error))

    def _held_out_motion(self, index: int) -> Motion | None:
        """How a photograph that nothing is learned from moves, at each check alike."""
        if not self.preset.stability_weight:
            return None
        random = np.random.default_rng((self.crops.seed, 5, index))
        return random_motion(random, 1, VALIDATION_SIDE, self.compute.device)

    @torch.no_grad()
    def paint(self, photo: Picture) -> Picture:
        """A photograph as the averaged weights paint it."""
        tensor = images.to_tensor(photo.pixels, self.compute.device)
        painted = self.objective.paint(self.learner.average, tensor, tensor.new_ones(1))
        return Picture(images.from_tensor(painted.clamp(0, 1)))

    def _describe(self, crop: int, losses: Losses, speed: float) -> TrainingStep:
        progress = self._progress()
        if self.minutes:
            done = iterations_after(self.preset, progress)
            total = round(self.iteration / done) if done else self.preset.iterations
            remaining = 60 * self.minutes - self.seconds
        else:
            total = self.preset.iterations
            pixels = total * self.preset.batch_size * pixels_of_a_crop(self.preset) * (1 - progress)
            remaining = pixels / (crop**2 * speed) if speed else 0.0
        return TrainingStep(
            self.iteration, total, progress, crop, losses, None if self.validation is None else self.validation.total,
            speed, self.seconds, max(0.0, remaining), self.images_seen,
        )  # fmt: skip

    def _report(
        self, step: TrainingStep, checked: bool, note: Callable[[str], object], again: bool = False
    ) -> None:  # fmt: skip
        """Write a row of metrics. again: instead of the one that there may be for this iteration."""
        if not self.processes.first:
            return
        rate = self.learner.optimizer.param_groups[0]["lr"]
        validation = f"{step.validation:.6g}" if checked and step.validation is not None else ""
        losses = {name: f"{value:.6g}" for name, value in vars(step.losses).items()}
        try:
            if again:
                self.folder.start_metrics(step.iteration - 1)
            self.folder.report(
                {"iteration": step.iteration, "images": step.images_seen, "seconds": f"{step.seconds:.1f}",
                 "crop": step.crop, "learning_rate": f"{rate:.6g}", **losses, "validation": validation}
            )  # fmt: skip
        except ImpastoError as error:  # a full disk must not cost the training
            note(str(error))

    def _save(self, saved: float, note: Callable[[str], object]) -> float:
        """Write the latest checkpoint. Returns when the last one was written."""
        if not self.processes.first:
            return time.perf_counter()
        try:
            self.folder.save(self.folder.latest, self.state())
        except ImpastoError as error:
            lost = (time.perf_counter() - saved) / 60
            note(f"{error}; the last {lost:.0f} minutes are not saved")
            return saved
        return time.perf_counter()


class _Speed:
    """Images a second over the last batches."""

    def __init__(self) -> None:
        self._times: list[tuple[float, int]] = []

    def add(self, count: int) -> None:
        self._times = [*self._times[-20:], (time.perf_counter(), count)]

    @property
    def per_second(self) -> float:
        (first, _), (last, _) = self._times[0], self._times[-1]
        return sum(count for _, count in self._times[1:]) / max(1e-9, last - first) if last > first else 0.0


def _stack(crops: Sequence[Future[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """(B, 3, side, side) of crops that are being read."""
    return np.ascontiguousarray(np.stack([crop.result() for crop in crops]).transpose(0, 3, 1, 2))


def _mean_losses(found: Sequence[BatchLosses]) -> Losses:
    return Losses(*(float(torch.stack(values).mean()) for values in zip(*found, strict=True)))
