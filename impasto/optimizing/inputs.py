"""What a run of the iterative method is given: the photograph and the paintings, decoded, checked and placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .. import images
from ..errors import ImpastoError, check_number
from ..images import FloatArray, ImageLike, Picture, color
from ..images.masks import load_mask, opaque_where_hidden

MIN_SIDE = 16  # px: the stride of the fifth block


@dataclass(frozen=True)
class Style:
    """A painting and where its style goes.

    image: path, Pillow image or array. share: its part among several styles (any positive number). mask: where in the
    content image it is wanted, a grey image of any size (white: here; black or transparent: keep the photograph).
    region: which part of the painting to take the style from (white). Masks pair regions as in Gatys et al. 2017,
    "Controlling Perceptual Factors in Neural Style Transfer", section 4.
    """

    image: ImageLike
    share: float = 1.0
    mask: ImageLike | None = None
    region: ImageLike | None = None


@dataclass(frozen=True)
class Painting:
    """A decoded `Style`. counted: the mask, less what the photograph's alpha hides."""

    pixels: FloatArray
    share: float
    mask: FloatArray | None
    counted: FloatArray | None
    region: FloatArray | None


@dataclass(frozen=True)
class Inputs:
    """Everything decoded: the photograph at the result's size, the paintings at their own.

    margin: px of mirrored photograph around it on the canvas that is optimised, cut off at the end. begun: a picture to
    begin from, of the photograph's size, or None.
    """

    content: Picture
    paintings: list[Painting]
    preserve_color: str | None
    margin: int = 0
    begun: FloatArray | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.content.size

    @staticmethod
    def load(
        content: ImageLike,
        styles: ImageLike | Style | Sequence[ImageLike | Style],
        long_side: int,
        preserve_color: str | None,
        margin: float = 0.0,
        begun: ImageLike | None = None,
        style_scale: float = 1.0,
    ) -> Inputs:
        """style_scale: of what the paintings will be looked at with, from as many pixels as the result has."""
        picture = images.load(content, "content image", images.for_long_side(long_side))
        name = images.called(content, "content image")
        size = images.fit(picture.size, long_side)
        _check_side(name, picture.size, size)
        if picture.hidden:
            raise ImpastoError(f"{name} is wholly transparent: there is nothing to paint")
        picture = opaque_where_hidden(picture.resized(size))
        start = None if begun is None else _load_begun(begun, picture)
        several = styles if isinstance(styles, Sequence) and not isinstance(styles, (str, bytes)) else [styles]
        given = [style if isinstance(style, Style) else Style(style) for style in several]
        if not given:
            raise ImpastoError("at least one style image is needed")
        for style in given:
            check_number("share of a style", style.share, 0)
        total = sum(style.share for style in given)
        if total <= 0:
            raise ImpastoError("the shares of the styles must not all be 0")
        masks = _Masks(picture)
        area = size[0] * size[1] * style_scale**2
        paintings = [_load_painting(style, style.share / total, masks, area) for style in given]
        if preserve_color:
            adapt = color.match_luminance if preserve_color == "luminance" else color.match_color
            paintings = [replace(p, pixels=adapt(p.pixels, picture.pixels)) for p in paintings]
        return Inputs(picture, paintings, preserve_color, round(margin * long_side), start)

    @property
    def canvas_size(self) -> tuple[int, int]:
        """Width and height of the canvas, margin included."""
        return self.size[0] + 2 * self.margin, self.size[1] + 2 * self.margin

    @cached_property
    def pixels(self) -> FloatArray:
        """What is painted: the photograph, or its luminance, on the canvas."""
        return self._to_paint(self.content.pixels)

    @property
    def begun_pixels(self) -> FloatArray | None:
        """What is begun from, or its luminance, on the canvas; None where no picture is given."""
        return None if self.begun is None else self._to_paint(self.begun)

    def _to_paint(self, pixels: FloatArray) -> FloatArray:
        return self.on_canvas(color.gray(pixels) if self.preserve_color == "luminance" else pixels)

    def on_canvas(self, array: FloatArray) -> FloatArray:
        """(H, W) or (H, W, C) of the photograph, mirrored outward into the margin."""
        return np.pad(array, [(self.margin, self.margin)] * 2 + [(0, 0)] * (array.ndim - 2), mode="reflect")

    def margin_at(self, canvas_width: int) -> int:
        """The margin in px of a canvas resized to a width."""
        return round(self.margin * canvas_width / self.canvas_size[0])

    @property
    def coverage(self) -> FloatArray | None:
        """Where any style is wanted, (H, W) in [0, 1]; None for everywhere."""
        masks = [painting.mask for painting in self.paintings]
        if any(mask is None for mask in masks):
            return None
        different = {id(mask): mask for mask in masks if mask is not None}
        return np.clip(np.sum(list(different.values()), axis=0), 0, 1).astype(np.float32)

    def finish(self, pixels: FloatArray) -> Picture:
        """From a canvas to the picture: margin cut, colours, uncovered parts and alpha of the photograph restored."""
        margin = self.margin_at(pixels.shape[1])
        pixels = pixels[margin : pixels.shape[0] - margin, margin : pixels.shape[1] - margin]
        height, width = pixels.shape[:2]
        original = self.content.resized((width, height))
        if self.preserve_color == "luminance":
            pixels = color.with_luminance_of(original.pixels, pixels)
        if (coverage := self.coverage) is not None:
            shown = images.resize(coverage, (width, height))[..., None]
            pixels = pixels * shown + original.pixels * (1 - shown)
        return Picture(pixels.astype(np.float32), original.alpha, self.content.depth)


def _load_begun(begun: ImageLike, content: Picture) -> FloatArray:
    """A picture to begin from, at the photograph's size, which shows where that one is transparent."""
    picture = images.load(begun, "init picture", images.for_long_side(max(content.size)))
    name = images.called(begun, "init picture")
    (width, height), (wide, high) = content.size, picture.size
    # Rounding apart: by a pixel of the smaller one, or a fiftieth.
    apart = abs(wide * height - high * width)
    if apart > max(wide, high, width, height, wide * height / 50):
        raise ImpastoError(
            f"{name} of {wide}×{high} px has another shape than the result of {width}×{height} px: crop one of them"
        )
    if picture.hidden:
        raise ImpastoError(f"{name} is wholly transparent: there is nothing to begin from")
    picture = picture.resized(content.size)
    if picture.alpha is None:
        return picture.pixels
    shown = picture.alpha[..., None]
    return (picture.pixels * shown + content.pixels * (1 - shown)).astype(np.float32)


def _check_side(name: str, original: tuple[int, int], size: tuple[int, int]) -> None:
    if min(original) < MIN_SIDE or min(size) < MIN_SIDE:
        raise ImpastoError(
            f"{name} of {original[0]}×{original[1]} px is too small"
            + (f" or too narrow for {size[0]}×{size[1]} px" if min(original) >= MIN_SIDE else "")
            + f": at least {MIN_SIDE} px on each side are needed"
        )


def _load_painting(style: Style, share: float, masks: _Masks, area: float) -> Painting:
    """area: in px, of the painting as it is looked at."""
    picture = images.load(style.image, "style image", images.for_area(area))
    name = images.called(style.image, "style image")
    _check_side(name, picture.size, picture.size)
    if picture.hidden:
        raise ImpastoError(f"{name} is wholly transparent: it shows no style")
    picture = opaque_where_hidden(picture)
    mask = None if style.mask is None else masks.load(style.mask)
    region = None if style.region is None else load_mask(style.region, "style mask", picture.size)
    if picture.alpha is not None and picture.alpha.min() < 1:
        region = picture.alpha if region is None else region * picture.alpha
    return Painting(picture.pixels, share, mask, masks.counted(mask), region)


class _Masks:
    """The masks over one photograph. The same mask given twice is one array, so that its statistics are shared."""

    def __init__(self, content: Picture) -> None:
        self._size = content.size
        hides = content.alpha is not None and content.alpha.min() < 1
        self._alpha = content.alpha if hides else None
        self._loaded: dict[str | int, FloatArray] = {}
        self._counted: dict[int, FloatArray] = {}

    def load(self, mask: ImageLike) -> FloatArray:
        key = id(mask) if not isinstance(mask, str) else mask
        if key not in self._loaded:
            self._loaded[key] = load_mask(mask, "mask", self._size)
        return self._loaded[key]

    def counted(self, mask: FloatArray | None) -> FloatArray | None:
        """Hidden pixels have no say in the style, and need not match it."""
        if mask is None or self._alpha is None:
            return mask if self._alpha is None else self._alpha
        return self._counted.setdefault(id(mask), mask * self._alpha)
