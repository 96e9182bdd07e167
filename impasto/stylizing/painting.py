"""A style model applied to a picture of any size, in tiles where it is large. Torch-free.

Two things are not as simple as one run of the network:

- **Tiles** share the statistics of instance normalization, measured once on windows spread over the picture (see
  `shared_statistics`), so that they fit without a seam and memory does not grow with the picture.
- **Strokes** have the size that the network learned, in px. A picture of many megapixels would get a fine grain instead
  of brush strokes; so it is painted small first, then enlarged by at most `STEP` and painted over, until it has its
  size: large strokes made of smaller ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from PIL import Image

from ..errors import ImpastoError, reason
from ..images import DType, FloatArray, Samples, as_samples, blocks, fit, floats, kept_type, resize
from ..images.strength import unpainted_share
from ..images.tiling import equal_spans
from ..styles.model import GRAIN, INPUT, STRENGTH, About, about_of, check_file, parse_about
from . import runtimes
from .runtimes import LoadedModel

STROKE_SIDE = 1024  # px: of the long side that a picture is painted at for strokes of scale 1, if it is larger
DIRECT = 1.5  # up to this times that size, it is painted in one go
ENLARGED = 64e6  # px at most that a smaller picture is enlarged to, for small strokes
STEP = 3.0  # px of a larger painting for each of the smaller one that it is painted over
ALIGNMENT = 16  # px: a multiple of what any network's input is cut into
TILE = 1024  # px a side, besides the overlap
UNTILED = 1536 * 1536  # px that are painted in one piece
WINDOW, WINDOWS = 768, 6  # px a side and about the number of the windows that statistics are measured on
FILM_WINDOWS = 2  # the same, of one frame of a film: others follow

if TYPE_CHECKING:
    import onnx

Progress = Callable[[float], object]


class Source(Protocol):
    """What is painted: pixels by request. size: width and height."""

    size: tuple[int, int]

    def window(self, left: int, top: int, right: int, bottom: int) -> FloatArray:
        """(bottom − top, right − left, 3) in [0, 1]."""
        ...


class Pixels:
    """An array of samples, (H, W, 3)."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self.size = samples.shape[1], samples.shape[0]

    def window(self, left: int, top: int, right: int, bottom: int) -> FloatArray:
        """See `Source`."""
        return floats(self._samples[top:bottom, left:right])


class Enlarged:
    """A painting at another size, mostly larger, and, where the strength is low, with the photograph's detail.

    What resizing loses of the unpainted share comes back from the photograph: at strength 0 this is the photograph.

    Args:
        small: (h, w, 3) samples, painted. size: wanted.
        photo: (H, W, 3) samples at that size. before: (h, w, 3) samples, the photograph that `small` was painted from.
        unpainted: the photograph's share of `small`, in [0, 1].
    """

    def __init__(
        self, small: Samples, size: tuple[int, int], photo: Samples, before: Samples, unpainted: float
    ) -> None:
        self.size, self._photo, self._unpainted = size, photo, unpainted
        self._channels = [Image.fromarray(_strokes(small[..., c], before[..., c], unpainted)) for c in range(3)]
        self._scale = small.shape[1] / size[0], small.shape[0] / size[1]

    def window(self, left: int, top: int, right: int, bottom: int) -> FloatArray:
        """See `Source`."""
        across, down = self._scale
        box, size = (left * across, top * down, right * across, bottom * down), (right - left, bottom - top)
        channels = [channel.resize(size, Image.Resampling.LANCZOS, box) for channel in self._channels]
        pixels = np.stack([np.asarray(channel, np.float32) for channel in channels], axis=2)
        if self._unpainted:
            pixels += self._unpainted * floats(self._photo[top:bottom, left:right])
        return np.clip(pixels, 0, 1, out=pixels)


def _strokes(painted: Samples, before: Samples, unpainted: float) -> FloatArray:
    """One channel, less the photograph's share of it."""
    values = floats(painted)
    return np.ascontiguousarray(values - unpainted * floats(before) if unpainted else values)


class Given(NamedTuple):
    """What one pass does not find out anew: the tiles of a picture share it, or the frames of a film.

    size: (width, height) that the pass paints. statistics: of instance normalization, None of a network without. grain:
    (1, 1, h, w) noise for the place of each cell of the picture and of what is mirrored around it; None for the style
    model's own. See `shared_statistics`.
    """

    size: tuple[int, int]
    statistics: FloatArray | None
    grain: FloatArray | None = None

    def feeds(self, own_grain: FloatArray | None) -> dict[str, FloatArray]:
        """Inputs of the model that `shared_statistics.applying` makes."""
        from .shared_statistics import STATISTICS

        grain = own_grain if self.grain is None else self.grain
        values = {STATISTICS: self.statistics, GRAIN: None if own_grain is None else grain}
        return {name: value for name, value in values.items() if value is not None}


class Painter:
    """A style model, loaded.

    Args:
        data: the file. what: what error messages call it. runtime, precision: see `runtimes.load`.

    Raises:
        ImpastoError: no style model, or no such runtime.
    """

    def __init__(self, data: bytes, what: str, runtime: str = "auto", precision: str = "auto") -> None:
        self._data, self._what, self._runtime, self._precision = data, what, runtime, precision
        check_file(data, what)
        try:
            self._model = runtimes.load(data, what, runtime, precision)
        except ImpastoError:
            about_of(data, what)  # says so, if it is a later version's
            raise
        self.about: About = parse_about(self._model.metadata, what)
        if INPUT not in self._model.inputs:
            raise ImpastoError(f"{what} is damaged: it takes no image")
        self._applied: LoadedModel | None = None
        self._measured: LoadedModel | None = None

    @property
    def runtime(self) -> str:
        """The runtime, and what it computes on or in."""
        return self._model.name

    def paint(
        self, photo: Samples, strength: float = 1.0, style_scale: float = 1.0, progress: Progress | None = None,
        given: Sequence[Given] | None = None,
    ) -> Samples:  # fmt: skip
        """Stylize (H, W, 3) samples; the result has their size. It is in floats, but of a large picture of their type.

        strength: in [0, 1]. style_scale: of the strokes' size. progress: told the share that is done. given: what
        each pass shares with those of other frames of a film, whose strokes' size is that of the passes.
        """
        wide, inside = self._wide_enough(photo)
        height, width = photo.shape[:2]
        sizes = self.sizes((width, height), style_scale) if given is None else [one.size for one in given]
        total = sum(width * height for width, height in sizes)
        areas = [width * height / total for width, height in sizes]

        def paint_pass(index: int, source: Source, kind: DType) -> Samples:
            told = _part_of(progress, sum(areas[:index]), areas[index])
            return self._pass(source, strength, kind, told, None if given is None else given[index])

        painted = self._paint_over(wide, sizes, strength, paint_pass)
        if not self.about.adjustable and strength < 1:
            for rows in blocks(painted):
                faded = strength * floats(painted[rows]) + (1 - strength) * floats(wide[rows])
                painted[rows] = as_samples(faded, painted.dtype)
        return painted[inside]

    def sizes(self, size: tuple[int, int], style_scale: float = 1.0, whole: bool = False) -> list[tuple[int, int]]:
        """(width, height) of each pass over a picture of a size. whole: see `plan_sizes`."""
        width, height = (max(side, self.about.smallest) for side in size)
        return plan_sizes((width, height), style_scale, self.about.smallest, whole)

    def measure(
        self, photo: Samples, sizes: Sequence[tuple[int, int]], strength: float = 1.0
    ) -> list[FloatArray | None]:
        """Statistics of instance normalization in each pass over (H, W, 3) samples; None without normalization.

        sizes: (width, height) of each pass.
        """
        wide, _ = self._wide_enough(photo)
        found: list[FloatArray | None] = []

        def measure_pass(index: int, source: Source, kind: DType) -> Samples:
            found.append(self._measure(self._measuring(), source, strength, FILM_WINDOWS))
            if index + 1 == len(sizes):
                return np.empty((source.size[1], source.size[0], 3), kind)  # nobody looks at it
            return self._pass(source, strength, kind, lambda _: None, Given(source.size, found[-1]))

        self._paint_over(wide, sizes, strength, measure_pass)
        return found

    def _wide_enough(self, photo: Samples) -> tuple[Samples, tuple[slice, slice]]:
        """A picture that is too narrow for the network with its mirror images beside it; and where it lies in that."""
        borders = [_halves(max(0, self.about.smallest - side)) for side in photo.shape[:2]]
        inside = tuple(slice(before, before + side) for (before, _), side in zip(borders, photo.shape, strict=False))
        wide = np.pad(photo, [*borders, (0, 0)], mode="symmetric") if any(map(any, borders)) else photo
        return wide, (inside[0], inside[1])

    def _paint_over(
        self, photo: Samples, sizes: Sequence[tuple[int, int]], strength: float,
        paint_pass: Callable[[int, Source, DType], Samples],
    ) -> Samples:  # fmt: skip
        """One pass over the other, the last at the picture's own size. paint_pass: (index, source, type of samples)."""
        size = photo.shape[1], photo.shape[0]
        unpainted = unpainted_share(strength) if self.about.adjustable else 0.0
        small = resize(photo, sizes[0]) if sizes[0] != size else photo
        source: Source = Pixels(small)
        for index, wanted in enumerate(sizes):
            painted = paint_pass(index, source, kept_type(photo, wanted))
            if index and unpainted:
                _keep_share(painted, unpainted, small, source)
            if index + 1 < len(sizes):
                larger = sizes[index + 1]
                after = photo if larger == size or not unpainted else resize(photo, larger)
                source = Enlarged(painted, larger, after, small, unpainted)
                small = after
                del painted  # of 100 megapixels, a quarter of a gigabyte that is not needed while the next is made
        if sizes[-1] != size:
            painted = Enlarged(painted, size, photo, small, unpainted).window(0, 0, *size)
        return painted

    def _pass(
        self, source: Source, strength: float, kind: DType, progress: Progress, given: Given | None = None
    ) -> Samples:
        """kind: of the samples that are made of tiles."""
        width, height = source.size
        if width * height > UNTILED:
            return self._in_tiles(source, strength, kind, progress, given)
        pixels = source.window(0, 0, width, height)
        if given is None:
            painted = self._run(self._model, pixels, strength)
        else:
            painted = self._run(self._applying(), pixels, strength, given.feeds(self.grain))
        progress(1.0)
        return painted

    def _in_tiles(
        self, source: Source, strength: float, kind: DType, progress: Progress, given: Given | None
    ) -> Samples:
        applying = self._applying()
        if given is None:  # a film's measuring model is kept; that of one picture, 0.9 GB, is let go before its tiles
            given = Given(source.size, self._measure(self._load_measuring(), source, strength, WINDOWS))
        feeds = given.feeds(self.grain)
        width, height = source.size
        result = np.empty((height, width, 3), kind)
        # One size for all tiles, at multiples of what the network cuts its input into: beyond the picture's right and
        # lower border, where they need it, its mirror image.
        even = [-(-side // ALIGNMENT) * ALIGNMENT for side in (height, width)]
        tiles = list(product(*(equal_spans(side, TILE, overlap(self.about), ALIGNMENT) for side in even)))
        grain = feeds.get(GRAIN)
        for index, (rows, columns) in enumerate(tiles):
            right, bottom = min(columns.outer_stop, width), min(rows.outer_stop, height)
            window = source.window(columns.outer_start, rows.outer_start, right, bottom)
            missing = (0, rows.outer_stop - bottom), (0, columns.outer_stop - right), (0, 0)
            window = np.pad(window, missing, mode="reflect") if rows.last or columns.last else window
            if grain is not None:
                moved = -rows.outer_start // self.about.grain_cell, -columns.outer_start // self.about.grain_cell
                feeds[GRAIN] = np.roll(grain, moved, (2, 3))
            painted = self._run(applying, window, strength, feeds)
            part = result[rows.start : rows.stop, columns.start : columns.stop]
            top, left = rows.start - rows.outer_start, columns.start - columns.outer_start
            part[:] = as_samples(painted[top : top + part.shape[0], left : left + part.shape[1]], kind)
            progress((index + 1) / len(tiles))
        return result

    def _measure(self, model: LoadedModel, source: Source, strength: float, count: int) -> FloatArray | None:
        """Statistics of about so many windows spread evenly over the picture; None without normalization."""
        width, height = source.size
        wide, high = min(WINDOW, width), min(WINDOW, height)
        across = max(1, min(math.ceil(width / wide), round(math.sqrt(count * width / height))))
        down = max(1, min(math.ceil(height / high), round(count / across)))
        windows = [
            source.window(left, top, left + wide, top + high)
            for left in _spread(width, wide, across)
            for top in _spread(height, high, down)
        ]
        found = self._outputs(model, self._feeds(model, np.stack(windows).transpose(0, 3, 1, 2), strength))
        return found[1] if len(found) > 1 else None

    # --- the model in other forms, made when they are first needed ---

    def _applying(self) -> LoadedModel:
        """With statistics, and the grain where there is one, as inputs."""
        if self._applied is None:
            from .shared_statistics import applying

            data = applying(self._graph(), self.grain).SerializeToString()
            self._applied = runtimes.load(data, self._what, self._runtime, self._precision)
        return self._applied

    def _measuring(self) -> LoadedModel:
        """With statistics as an output, kept for the next picture."""
        if self._measured is None:
            self._measured = self._load_measuring()
        return self._measured

    def _load_measuring(self) -> LoadedModel:
        from .shared_statistics import measuring

        # In full precision: there is little of it, and it decides the colours of all tiles.
        return runtimes.load(measuring(self._graph()).SerializeToString(), self._what, self._runtime, "float32")

    @cached_property
    def grain(self) -> FloatArray | None:
        """The map of noise, (1, 1, h, w), that strokes begin from, if there is any; see `networks.layers.Grain`."""
        from .shared_statistics import grain_of

        return grain_of(self._graph()) if self.about.grain_cell else None

    def _graph(self) -> onnx.ModelProto:
        import onnx

        return onnx.load_model_from_string(self._data)

    def _run(
        self, model: LoadedModel, pixels: FloatArray, strength: float, given: Mapping[str, FloatArray] | None = None
    ) -> FloatArray:
        feeds = self._feeds(model, pixels.transpose(2, 0, 1)[None], strength) | dict(given or {})
        painted = self._outputs(model, feeds)
        if not painted or painted[0].shape != feeds[INPUT].shape:
            raise ImpastoError(f"{self._what} is damaged: what it paints has another size than the image")
        if not math.isfinite(painted[0].sum()):
            raise ImpastoError(f"{self._what} is damaged: in {model.name}, what it paints are no colours")
        return np.clip(painted[0], 0, 1, out=painted[0])[0].transpose(1, 2, 0)

    def _outputs(self, model: LoadedModel, feeds: Mapping[str, FloatArray]) -> list[FloatArray]:
        try:
            return model.run(feeds)
        except Exception as error:  # each runtime has classes of its own
            height, width = feeds[INPUT].shape[2:]
            raise ImpastoError(
                f"{self._what} cannot paint {width}×{height} px in {model.name}: {reason(error)}"
            ) from None

    def _feeds(self, model: LoadedModel, image: FloatArray, strength: float) -> dict[str, FloatArray]:
        feeds: dict[str, FloatArray] = {INPUT: np.ascontiguousarray(image, np.float32)}
        if STRENGTH in model.inputs:
            feeds[STRENGTH] = np.array([strength], np.float32)
        return feeds


def overlap(about: About) -> int:
    """Px by which tiles overlap on each side: all that the network sees, on the grid that its input is cut into."""
    return -(-about.reach // ALIGNMENT) * ALIGNMENT


def _keep_share(painted: Samples, unpainted: float, photo: Samples, source: Source) -> None:
    """Put the photograph in place of what it was painted over: its share stays the same from pass to pass. In place."""
    width, height = source.size
    for rows in blocks(painted):
        before = source.window(0, rows.start, width, min(rows.stop, height))
        part = floats(painted[rows]) + unpainted * (floats(photo[rows]) - before)
        painted[rows] = as_samples(np.clip(part, 0, 1, out=part), painted.dtype)


def _part_of(progress: Progress | None, done: float, share: float) -> Progress:
    """What tells of one pass, as that share of the whole which comes after what is done."""
    return lambda part: progress(done + share * part) if progress else None


def _halves(length: int) -> tuple[int, int]:
    return length // 2, length - length // 2


def _spread(length: int, window: int, count: int) -> list[int]:
    """Where so many windows start whose centres divide the length evenly, as far as the ends let them."""
    centers = (np.arange(count) + 0.5) * length / count
    starts: list[int] = np.clip(centers - window / 2, 0, length - window).astype(int).tolist()
    return starts


def plan_sizes(
    size: tuple[int, int], style_scale: float, smallest: int, whole: bool = False
) -> list[tuple[int, int]]:
    """The sizes that a picture is painted at, one after the other. The last one is its own, or larger.

    size: of the picture. style_scale: of the strokes. smallest: short side that the network can paint. whole: each is
    a whole multiple of the one before, so that what is moved by so many pixels is so in all.
    """
    long = max(size)
    side = (STROKE_SIDE if long > DIRECT * STROKE_SIDE else long) / style_scale
    side = min(side, max(long, math.sqrt(ENLARGED * long / min(size))))
    side = max(side, smallest * long / min(size), smallest)
    if side >= long:
        return [_at_least(fit(size, round(side)), smallest)]
    passes = math.ceil(math.log(long / side, STEP) - 1e-9)
    factor = (long / side) ** (1 / passes)
    factor = max(2, round(factor)) if whole else factor
    sides = [long / factor ** (passes - index) for index in range(passes)]
    return [*(_at_least(fit(size, round(one)), smallest) for one in sides), size]


def _at_least(size: tuple[int, int], smallest: int) -> tuple[int, int]:
    return max(size[0], smallest), max(size[1], smallest)
