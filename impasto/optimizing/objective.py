"""The objective that the iterative method minimises: content + style + total variation, and its gradient.

Everything the losses need of an image is a *measure*: sums over pixels (see `losses`). So the objective of an image
that does not fit in memory is exact over tiles: sum the measures of all tiles, differentiate the objective with
respect to these few sums, and push that gradient back through each tile in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from ..images.tiling import Window
from ..perception.loss_network import LossNetwork, stride
from ..perception.losses import (
    ContentDistance,
    Statistics,
    content_distance,
    content_form,
    feature_statistics,
    style_form,
    total_variation,
)
from ..perception.terms import Losses, Terms, pyramid_of
from .cropping import crop


@dataclass(frozen=True)
class StyleImage:
    """A painting at the size of one stage, and where it goes.

    image: (1, 3, h, w) in [0, 1]. share: its part of the style loss. mask: (H, W), where in the content image the
    style is wanted; region: (h, w), which part of the painting gives the style. None stands for everywhere.
    """

    image: Tensor
    share: float = 1.0
    mask: Tensor | None = None
    region: Tensor | None = None


class Measure(NamedTuple):
    """Sums over the pixels of an image or of a part: all that the losses need to know of it."""

    content: dict[str, ContentDistance]
    styles: list[dict[str, Statistics]]  # one a mask

    def tensors(self) -> list[Tensor]:
        """All sums, in a fixed order."""
        sums = [tensor for distance in self.content.values() for tensor in distance]
        for layers in self.styles:
            sums += [tensor for statistics in layers.values() for tensor in statistics.tensors()]
        return sums

    def __add__(self, other: Measure) -> Measure:  # type: ignore[override]
        content = {layer: self.content[layer] + other.content[layer] for layer in self.content}
        styles = [{k: mine[k] + yours[k] for k in mine} for mine, yours in zip(self.styles, other.styles, strict=True)]
        return Measure(content, styles)


@dataclass
class Objective:
    """The losses of a stylized image against one content image and its styles, at one size.

    Args:
        network: the loss network.
        terms: layers, forms and weights.
        content: (1, 3, H, W) in [0, 1].
        styles: the paintings at this size.
        windows: the tiles of the content image; one window for an untiled run. `style_windows` the same of each
            style image.
    """

    network: LossNetwork
    terms: Terms
    content: Tensor
    styles: Sequence[StyleImage]
    windows: list[Window]
    style_windows: Sequence[list[Window]]
    _content_targets: dict[str, Tensor] = field(init=False)
    _masks: list[dict[str, Tensor] | None] = field(init=False)
    _mask_of_style: list[int] = field(init=False)
    _style_targets: list[dict[str, Statistics]] = field(init=False)

    def __post_init__(self) -> None:
        self._layers = list(dict.fromkeys([*self.terms.content_layers, *self.terms.style_layers]))
        self.network.check_layers(self._layers)
        self._content_form, self._style_form = content_form(self.terms.content_loss), style_form(self.terms.style_loss)
        self._style_layers = [layer for layer, weight in self.terms.style_layers.items() if weight > 0]
        self._collect_masks()
        with torch.no_grad():
            self._content_targets = self._feature_maps(self.content, list(self.terms.content_layers))
            self._style_targets = [
                self._style_statistics(style.image, style.region, tiles)
                for style, tiles in zip(self.styles, self.style_windows, strict=True)
            ]
            self._leave_out_empty_regions()
            if self.terms.strength < 1:
                self._weaken_styles()

    # --- targets: computed once ---

    def _collect_masks(self) -> None:
        """One set of statistics a different mask, not one a style: unmasked styles share theirs."""
        unique: list[Tensor | None] = []
        self._mask_of_style = []
        for style in self.styles:
            index = next((i for i, mask in enumerate(unique) if mask is style.mask), None)
            if index is None:
                index = len(unique)
                unique.append(style.mask)
            self._mask_of_style.append(index)
        self._masks = [None if mask is None else pyramid_of(mask, self._style_layers) for mask in unique]

    def _feature_maps(self, image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        if not layers:
            return {}
        height, width = image.shape[-2:]
        maps: dict[str, Tensor] = {}
        for window in self.windows:
            for layer, features in self.network(image[(..., *window.outer)], layers).items():
                s = stride(layer)
                whole = maps.setdefault(layer, features.new_empty(1, features.shape[1], height // s, width // s))
                whole[(..., *window.counted(s))] = features[(..., *window.counted_within(s))]
        return maps

    def _style_statistics(self, image: Tensor, region: Tensor | None, tiles: list[Window]) -> dict[str, Statistics]:
        pyramid = None if region is None else pyramid_of(region, self._style_layers)
        sums: dict[str, Statistics] = {}
        for window in tiles:
            for layer, features in self.network(image[(..., *window.outer)], self._style_layers).items():
                s = stride(layer)
                weights = None if pyramid is None else pyramid[layer][window.counted(s)]
                part = feature_statistics(crop(features, window.counted_within(s)), weights)
                sums[layer] = sums[layer] + part if layer in sums else part
        return sums

    def _leave_out_empty_regions(self) -> None:
        """A small region may have no position at all in a deep layer of a small stage: it says nothing there."""
        for index, targets in zip(self._mask_of_style, self._style_targets, strict=True):
            pyramid = self._masks[index]
            for layer in list(targets):
                if not targets[layer].pixels.item() or (pyramid is not None and not pyramid[layer].any()):
                    del targets[layer]

    def _weaken_styles(self) -> None:
        """Strength: aim between the photograph's own statistics (0) and the painting's (1), which is continuous."""
        own = self._summed_measure(self.content)
        self._style_targets = [
            {k: own.styles[index][k].blend(target, self.terms.strength) for k, target in targets.items()}
            for index, targets in zip(self._mask_of_style, self._style_targets, strict=True)
        ]

    # --- the loss ---

    def _measure(self, image: Tensor, window: Window) -> Measure:
        """Sums over the counted part of one window of a (1, 3, H, W) image."""
        features = self.network(image[(..., *window.outer)], self._layers)
        counted = {layer: crop(f, window.counted_within(stride(layer))) for layer, f in features.items()}
        content = {
            layer: content_distance(counted[layer], target[(..., *window.counted(stride(layer)))])
            for layer, target in self._content_targets.items()
        }
        styles = []
        for pyramid in self._masks:
            sums = dict[str, Statistics]()
            for layer in self._style_layers:
                weights = None if pyramid is None else pyramid[layer][window.counted(stride(layer))]
                sums[layer] = feature_statistics(counted[layer], weights)
            styles.append(sums)
        return Measure(content, styles)

    @torch.no_grad()
    def _summed_measure(self, image: Tensor) -> Measure:
        parts: Iterator[Measure] = (self._measure(image, window) for window in self.windows)
        total = next(parts)
        for part in parts:
            total = total + part
        return total

    def _combine(self, measure: Measure, tv: Tensor) -> tuple[Tensor, Losses]:
        terms = self.terms
        content, style = tv.new_zeros(()), tv.new_zeros(())
        for layer, weight in terms.content_layers.items():
            content = content + weight * self._content_form(measure.content[layer]).mean()
        for image, index, targets in zip(self.styles, self._mask_of_style, self._style_targets, strict=True):
            for layer, target in targets.items():
                loss = self._style_form(measure.styles[index][layer], target).mean()
                style = style + image.share * terms.style_layers[layer] * loss
        total = terms.content_weight * content + terms.style_weight * style + terms.tv_weight * tv
        return total, Losses(content.item(), style.item(), tv.item(), total.item())

    def losses(self, image: Tensor) -> Losses:
        """The losses of a (1, 3, H, W) image in [0, 1]."""
        with torch.no_grad():
            return self._combine(self._summed_measure(image), total_variation(image))[1]

    def gradient(self, image: Tensor) -> tuple[Losses, Tensor]:
        """The losses of a (1, 3, H, W) image in [0, 1], and the gradient of their total, of the same shape."""
        image = image.detach().requires_grad_()
        if len(self.windows) == 1:
            total, losses = self._combine(self._measure(image, self.windows[0]), total_variation(image))
            total.backward()  # type: ignore[no-untyped-call]
        else:
            losses = self._accumulate_gradient(image)
        assert image.grad is not None
        return losses, image.grad

    def _accumulate_gradient(self, image: Tensor) -> Losses:
        sums = self._summed_measure(image)
        tensors = sums.tensors()
        for tensor in tensors:
            tensor.requires_grad_()
        total, losses = self._combine(sums, total_variation(image))
        total.backward()  # type: ignore[no-untyped-call]
        for window in self.windows:
            outputs, gradients = [], []
            for part, tensor in zip(self._measure(image, window).tensors(), tensors, strict=True):
                if part.requires_grad and tensor.grad is not None:
                    outputs.append(part)
                    gradients.append(tensor.grad)
            torch.autograd.backward(outputs, gradients)
        return losses
