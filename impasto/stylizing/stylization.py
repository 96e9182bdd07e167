"""The fast method's second half: a style model and any image → a picture. Torch-free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

from PIL import Image

from .. import images
from ..errors import ImpastoError, check_integer, check_number, unknown
from ..files import PathLike, read_file
from ..images import FloatArray, ImageLike, Picture, Samples, as_samples, color, floats
from ..images.masks import load_mask, opaque_where_hidden
from ..styles import find_style
from ..styles.model import About
from .painting import Painter, Progress

if TYPE_CHECKING:
    from typing_extensions import Unpack  # of Python 3.11

LARGEST_SIDE = 65_500  # px: what most formats can hold


class Options(TypedDict, total=False):
    """Keywords of `Stylizer.picture`, where they are described."""

    strength: float
    style_scale: float
    size: int | None
    preserve_color: str | None
    mask: ImageLike | None
    progress: Progress | None
    on_size: Callable[[tuple[int, int]], object] | None


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

    Attributes:
        painter: the style model, loaded.
    """

    def __init__(self, style: PathLike | bytes, *, runtime: str = "auto", precision: str = "auto") -> None:
        if isinstance(style, bytes):
            data, what = style, "the style model"
        else:
            file = find_style(style)
            data, what = read_file(file, "style model"), str(file)
        self.painter = Painter(data, what, runtime, precision)

    @property
    def about(self) -> About:
        """What the style model says of itself."""
        return self.painter.about

    @property
    def runtime(self) -> str:
        """The runtime, and what it computes on or in."""
        return self.painter.runtime

    def __call__(self, image: ImageLike, **options: Unpack[Options]) -> Image.Image:
        """Stylize an image: `picture`, with its options, as a Pillow image, alpha as in the input."""
        return self.picture(image, **options).to_pil()

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
        on_size: Callable[[tuple[int, int]], object] | None = None,
    ) -> Picture:
        """Stylize an image; the result has the depth of the input, so that `impasto.images.save` can write 16 bits.

        Args:
            image: path, bytes of a file, Pillow image or array.
            strength: from 0, the photograph, to 1, the full style. The network paints differently at each strength (it
                was trained so): between them it is no fade, in which both would show through each other.
            style_scale: of the strokes. At 1 they have the size they were learned at up to some 1,500 px; in larger
                pictures they grow with the picture.
            size: long side of the result in px; the image's own by default.
            preserve_color: "luminance" (the photograph's colours under the painted light and dark), "match" (painted
                colours moved to the photograph's mean and covariance), or None.
            mask: grey image of any size: white where the style goes, black or transparent where the photograph stays.
            progress: told the share that is done, in [0, 1]; of a large picture several times.
            on_size: told the result's (width, height) before anything is painted; what it raises ends the work.

        Raises:
            ImpastoError: no image, or an option out of its range.
        """
        check_options(strength, style_scale, size, preserve_color)
        strength, style_scale = float(strength), float(style_scale)  # NumPy's would make the pixels float64
        content = images.load(image, needed=None if size is None else images.for_long_side(size))
        wanted = content.size if size is None else images.fit(content.size, size)
        if on_size is not None:
            on_size(wanted)
        if size is not None and wanted[0] * wanted[1] > images.PIXEL_LIMIT:
            raise ImpastoError(f"size {size} means {wanted[0]}×{wanted[1]} px: choose a smaller one")
        content = content.resized(wanted)
        if content.hidden:
            raise ImpastoError(f"{images.called(image, 'image')} is wholly transparent: there is nothing to paint")
        where = None if mask is None else load_mask(mask, "mask", content.size)
        content = opaque_where_hidden(content)
        photo = content.samples
        painted = self.painter.paint(photo, strength, style_scale, progress)
        put_back(painted, photo, preserve_color, where)
        return replace(content, samples=painted)


def put_back(
    painted: Samples, photo: Samples, preserve_color: str | None, where: FloatArray | None,
    recolor: Callable[[FloatArray], FloatArray] | None = None,
) -> None:  # fmt: skip
    """Put back what is kept of the photograph. In place, in blocks: of a large picture, a copy is gigabytes.

    painted, photo: (H, W, 3). preserve_color: see `Stylizer.picture`. where: (H, W) share of the style. recolor: what
    matches colours, by default those of these two.
    """
    if preserve_color is None and where is None:
        return
    if preserve_color == "match" and recolor is None:
        recolor = color.matching(painted, photo)
    for rows in images.blocks(painted):
        part, before = floats(painted[rows]), floats(photo[rows])
        if preserve_color == "luminance":
            part = color.with_luminance_of(before, part)
        elif recolor is not None:
            part = recolor(part)
        if where is not None:
            share = where[rows, :, None]
            part = part * share + before * (1 - share)
        painted[rows] = as_samples(part, painted.dtype)


def stylize(
    image: ImageLike, style: PathLike | bytes, *, runtime: str = "auto", precision: str = "auto",
    **options: Unpack[Options],
) -> Image.Image:
    """Stylize one image; for many, load a `Stylizer` once. style, runtime, precision: its arguments. options: those of
    `Stylizer.picture`, where the errors are listed, too."""
    check_options(**options)  # before a style is loaded
    return Stylizer(style, runtime=runtime, precision=precision)(image, **options)


def check_options(
    strength: float = 1.0,
    style_scale: float = 1.0,
    size: int | None = None,
    preserve_color: str | None = None,
    mask: ImageLike | None = None,  # noqa: ARG001  # checked when it is loaded
    progress: Progress | None = None,  # noqa: ARG001
    on_size: Callable[[tuple[int, int]], object] | None = None,  # noqa: ARG001
) -> None:
    """Raise `ImpastoError` for an option of `Stylizer.picture` out of its range."""
    check_number("strength", strength, 0, 1)
    check_number("style scale", style_scale, 0.1, 10)
    if size is not None:
        check_integer("size", size, 1, LARGEST_SIDE)
    if preserve_color is not None and preserve_color not in color.PRESERVE_COLOR:
        raise unknown("way to preserve color", preserve_color, color.PRESERVE_COLOR)

