"""The picture while it is being optimised: its pixels, the optimizer's state, and the average over iterates."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ImpastoError
from ..perception.terms import Losses
from .presets import Preset

Gradient = Callable[[Tensor], tuple[Losses, Tensor]]


class DivergedError(ImpastoError):
    """The loss is no longer a finite number."""


def resample(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a (1, C, H, W) tensor to (height, width), bicubic, antialiased."""
    return F.interpolate(image, size, mode="bicubic", antialias=True, align_corners=False)


class Canvas:
    """Adam or L-BFGS on the pixels of one image.

    Args:
        image: (1, 3, H, W) in [0, 1], where to start.
        preset: optimizer, learning rate, pixel range, clamping and averaging.
    """

    def __init__(self, image: Tensor, preset: Preset) -> None:
        self.preset = preset
        self._range = preset.pixel_range
        self._pixels = (image * self._range).requires_grad_()
        self._optimizer = self._new_optimizer()
        self._start_average()

    def _new_optimizer(self) -> torch.optim.Optimizer:
        if self.preset.optimizer == "lbfgs":
            # One evaluation an iteration, without a line search: the first step is short and the curvature pairs
            # keep later ones so; a search would spend several evaluations for little.
            return torch.optim.LBFGS(
                [self._pixels], lr=self.preset.learning_rate, max_iter=1, history_size=10,
                tolerance_grad=0, tolerance_change=0,
            )  # fmt: skip
        return torch.optim.Adam([self._pixels], lr=self.preset.learning_rate, betas=self.preset.betas)

    def _start_average(self) -> None:
        self._sum, self._decayed = torch.zeros_like(self._pixels, requires_grad=False), 1.0

    def step(self, gradient: Gradient) -> Losses:
        """One iteration. Returns the losses of the image before it.

        Raises:
            DivergedError: the loss, its gradient or a pixel is not finite; `average` is left as it was.
        """
        seen: list[Losses] = []

        def closure() -> Tensor:
            losses, slope = gradient(self.image)
            total = torch.tensor(losses.total)
            if not (torch.isfinite(total) and torch.isfinite(slope).all()):
                raise DivergedError("the loss is not a finite number any more")
            self._pixels.grad = slope / self._range
            seen.append(losses)
            return total

        self._optimizer.step(closure)  # type: ignore[arg-type]  # torch annotates a closure that returns float
        with torch.no_grad():
            if not torch.isfinite(self._pixels).all():
                raise DivergedError("a pixel is not a finite number any more")
            if self.preset.clamp:
                self._pixels.clamp_(0, self._range)
            decay = self.preset.averaging
            self._sum.lerp_(self._pixels, 1 - decay)
            self._decayed *= decay
        return seen[0]

    @property
    def image(self) -> Tensor:
        """The current iterate, (1, 3, H, W) in [0, 1] (a little outside where the preset does not clamp)."""
        return (self._pixels / self._range).detach()

    @property
    def average(self) -> Tensor:
        """The exponentially averaged iterate, unbiased, clipped to [0, 1]: smoother than any single one of Adam's."""
        if self._decayed == 1:
            return self.image.clamp(0, 1)
        return (self._sum / (1 - self._decayed) / self._range).clamp(0, 1)

    def resize(self, size: tuple[int, int]) -> None:
        """Go on at another (height, width)."""
        if size == tuple(self._pixels.shape[-2:]):
            return
        old = self._pixels
        resized = resample(old.detach(), size)
        self._pixels = (resized.clamp(0, self._range) if self.preset.clamp else resized).requires_grad_()
        state = self._optimizer.state.get(old, {})
        self._optimizer = self._new_optimizer()
        if self.preset.optimizer == "adam" and state:
            # A dimensionless loss of more pixels has smaller gradients in proportion: rescale the moments with them.
            ratio = old.numel() / self._pixels.numel()
            self._optimizer.state[self._pixels] = {
                "step": state["step"],
                "exp_avg": resample(state["exp_avg"], size) * ratio,
                "exp_avg_sq": resample(state["exp_avg_sq"], size).clamp_min_(0) * ratio**2,
            }
        # L-BFGS starts afresh: its curvature pairs describe another space.
        self._start_average()
