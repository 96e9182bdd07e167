"""The fast method's second half: a style model and any image → a picture. Torch-free."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from . import color, images
from .errors import ImpastoError, check_integer, check_number, unknown
from .images import ImageLike, Picture
from .inputs import load_mask, opaque_where_hidden
from .painting import Painter, Progress
from .style_model import About, read_bytes
from .styles import find_style

PathLike = str | os.PathLike[str]
LARGEST_SIDE = 65_500  # px: what most formats can hold


class Stylizer:
    """A style, loaded once to stylize many images.

        paint = impasto.Stylizer("great-wave")
        paint("photo.jpg", strength=0.8).save("out.png")

    Args:
        style: the name of a style that comes with Impasto, a style model's file, or the bytes of one.
        runtime: "openvino", "onnxruntime", or "auto": the faster one of those that are installed.
        precision: "auto" (bfloat16 where the processor computes in it) or "float32".

    Raises:
        ImpastoError: no such style, no style model, or no such runtime.
    """

    def __init__(self, style: PathLike | bytes, *, runtime: str = "auto", precision: str = "auto") -> None:
        if isinstance(style, bytes):
            data, what = style, "the style model"
        else:
            file = find_style(style)
            data, what = read_bytes(file), str(file)
        self._painter = Painter(data, what, runtime, precision)

    @property
    def about(self) -> About:
        """What the style model says of itself."""
        return self._painter.about

    @property
    def runtime(self) -> str:
        """The runtime, and what it computes on or in."""
        return self._painter.runtime

    def __call__(
        self,
        image: ImageLike,
        *,
        strength: float = 1.0,
        style_scale: float = 1.0,
        size: int | None = None,
        preserve_color: str | None = None,
        mask: ImageLike | None = None,
        progress: Progress | None = None,
    ) -> Image.Image:
        """Stylize an image.

        Args:
            image: path, bytes of a file, Pillow image or array.
            strength: from 0, the photograph, to 1, the full style. The network paints differently at each strength (it
                was trained so): between them it is no fade, in which both would show through each other.
            style_scale: of the strokes. At 1 they have the size they were learned at up to some 1,500 px; in larger
                pictures they grow with the picture.
            size: long side of the result in px; the image's own by default.
            preserve_color: "luminance" (the photograph's colours under the painted light and dark), "match" (painted
                colours moved to the photograph's mean and covariance), or None.
            mask: grey image of any size: white where the style goes, black where the photograph stays.
            progress: told the share that is done, in [0, 1]; of a large picture several times.

        Returns:
            A Pillow image with 8 bits a channel, alpha as in the input.

        Raises:
            ImpastoError: no image, or an option out of its range.
        """
        return self.picture(
            image, strength=strength, style_scale=style_scale, size=size, preserve_color=preserve_color, mask=mask,
            progress=progress,
        ).to_pil()  # fmt: skip

    def picture(
        self,
        image: ImageLike,
        *,
        strength: float = 1.0,
        style_scale: float = 1.0,
        size: int | None = None,
        preserve_color: str | None = None,
        mask: ImageLike | None = None,
        progress: Progress | None = None,
    ) -> Picture:
        """The same in floating point, with the depth of the input: `impasto.images.save` writes it with 16 bits."""
        check_options(strength, style_scale, size, preserve_color)
        content = images.load(image)
        if size is not None:
            content = content.resized(images.fit(content.size, size))
        if content.alpha is not None and content.alpha.max() == 0:
            raise ImpastoError("the image is wholly transparent: there is nothing to paint")
        where = None if mask is None else load_mask(mask, "mask", content.size)
        photo = opaque_where_hidden(content).pixels
        painted = self._painter.paint(photo, strength, style_scale, progress)
        if preserve_color == "luminance":
            painted = color.with_luminance_of(photo, painted)
        elif preserve_color == "match":
            painted = color.match_color(painted, photo)
        if where is not None:
            painted = painted * where[..., None] + photo * (1 - where[..., None])
        return replace(content, pixels=painted.astype(np.float32, copy=False))


def stylize(
    image: ImageLike,
    style: PathLike | bytes,
    *,
    strength: float = 1.0,
    style_scale: float = 1.0,
    size: int | None = None,
    preserve_color: str | None = None,
    mask: ImageLike | None = None,
    runtime: str = "auto",
    precision: str = "auto",
) -> Image.Image:
    """Stylize one image; for many, load a `Stylizer` once. For arguments, result and errors see there."""
    check_options(strength, style_scale, size, preserve_color)
    return Stylizer(style, runtime=runtime, precision=precision)(
        image, strength=strength, style_scale=style_scale, size=size, preserve_color=preserve_color, mask=mask
    )


def check_options(strength: float, style_scale: float, size: int | None, preserve_color: str | None) -> None:
    """Raise `ImpastoError` for an option out of its range."""
    check_number("strength", strength, 0, 1)
    check_number("style scale", style_scale, 0.1, 10)
    if size is not None:
        check_integer("size", size, 1, LARGEST_SIDE)
    if preserve_color is not None and preserve_color not in color.PRESERVE_COLOR:
        raise unknown("way to preserve color", preserve_color, color.PRESERVE_COLOR)


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one of them does not exist
        return False


__all__ = ["ImpastoError", "Stylizer", "stylize"]
