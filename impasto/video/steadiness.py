"""Holding a painted film still: what would differ from frame to frame for no reason that the eye sees.

Painted frame by frame, a film flickers for four reasons, each mended where it begins:

1. **Colours pump**: each frame is normalized by its own statistics. Here they are measured on a frame in `KEY`, move
   slowly from one to the next, and begin anew where the film is cut.
2. **Strokes stay on the screen** while the picture moves: the noise that they begin from is fixed. Here it moves along
   (`moving_grain`).
3. **Strokes are cut out anew by the network's grid**: it decides at a sixteenth of the resolution where they lie, so a
   picture that has moved by half a cell is painted otherwise. Here the grid moves along with the camera: the frame is
   placed in the network's view so that what most of it shows keeps its place in a cell.
4. **What is left**: the last painting, moved along the optical flow, is mixed in where the flow can be trusted. Its
   share is limited, so that it fades within a few frames and cannot drift.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import check_number
from ..images import FloatArray, Samples, fit, floats
from ..images.strength import unpainted_share
from ..stylizing.painting import ALIGNMENT, Given, Painter
from .flow import SMALLEST, Motion, View, enlarged, motion, moved, view
from .moving_grain import MovingGrain

KEY = 12  # frames
PACE = 0.5  # of the way to a key frame's statistics that is gone by then
CUT = 0.1  # of 1: mean difference of colours, after what moved has been moved, from which the film is cut
# Px a frame below which the grid stays where it is: strokes change by and by then, where the one pixel that it would
# be moved by now and then would be seen.
SLOW = 0.5
TOGETHER = 0.5  # px within which two places move alike
FORM = 160  # of the long side, what is a form and no stroke
GHOST = 0.2  # of 1: a difference of a form's colour that halves what is mixed in
CUT_SIDE = 96  # px of the long side that cuts are looked for at


@dataclass(frozen=True)
class Steadiness:
    """What is done, by the numbers of the four reasons; the second and third only with the first.

    statistics: whether they move slowly. grain: whether it moves along. anchor: whether the grid does. blend: share of
    the last painting, in [0, 1).
    """

    statistics: bool = True
    grain: bool = True
    anchor: bool = True
    blend: float = 0.5

    def __post_init__(self) -> None:
        check_number("blend", self.blend, 0, 0.95)


class HasSamples(Protocol):
    """A frame: (H, W, 3) samples."""

    @property
    def samples(self) -> Samples:
        """See `Picture.samples`."""
        ...


FrameType = TypeVar("FrameType", bound=HasSamples)
State = Mapping[str, NDArray[Any]]  # of a `SteadyPainter`, as a file can hold it


class Steady(NamedTuple, Generic[FrameType]):
    """A frame, painted.

    frame: what was given. painted: (H, W, 3) samples. motion: from the frame before; None where a shot begins.
    rests: whether `SteadyPainter.state` holds all that the next frame needs. ends: whether it is the last of its shot.
    """

    frame: FrameType
    painted: Samples
    motion: Motion | None
    rests: bool
    ends: bool


class _Shot:
    """What a shot remembers from frame to frame.

    index: of the next frame in it. statistics: of each pass, at the last key frame. grains: for each pass. drift:
    (columns, rows) in px that the camera has moved, but for what it does slowly. painted: (H, W, 3) uint16, the last
    painting. seen: the last frame.
    """

    def __init__(self) -> None:
        self.index = 0
        self.statistics: list[FloatArray | None] | None = None
        self.grains: list[MovingGrain] = []
        self.drift = np.zeros(2)
        self.painted: Samples | None = None
        self.seen: View | None = None


class SteadyPainter:
    """Paints the frames of a film, one after the other.

    Args:
        painter: a style model. size: (width, height) of all frames. steadiness: what is done. strength, style_scale:
            see `Painter.paint`.
    """

    def __init__(
        self, painter: Painter, size: tuple[int, int], steadiness: Steadiness | None = None, strength: float = 1.0,
        style_scale: float = 1.0,
    ) -> None:  # fmt: skip
        self._painter, self._steadiness = painter, Steadiness() if steadiness is None else steadiness
        self._strength, self._scale, self._size = strength, style_scale, size
        self._period = self._find_period()
        self._passes = self._sizes(self._period)
        self._shot = _Shot()

    def paint(self, frames: Iterable[FrameType]) -> Iterator[Steady[FrameType]]:
        """Paint frames of one size. Up to `KEY` of them are asked for ahead of what is given."""
        waiting = deque[tuple[FrameType, View]]()  # since the last key frame
        last, index = self._shot.seen, self._shot.index
        for frame in frames:
            seen = view(frame.samples)
            if last is not None and is_cut(last, seen):
                yield from self._interval(waiting, None)
                self._shot, index = _Shot(), 0
            elif index % KEY == 0 and waiting:
                yield from self._interval(waiting, frame.samples)
            waiting.append((frame, seen))
            last, index = seen, index + 1
        yield from self._interval(waiting, None)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """What is remembered after a frame that `rests`."""
        shot = self._shot
        values: dict[str, Any] = {"index": np.array(shot.index), "drift": shot.drift, "painted": shot.painted}
        if shot.seen is not None:
            values |= {"gray": shot.seen.gray, "color": shot.seen.color}
        for place, one in enumerate(shot.statistics or ()):
            values[f"statistics.{place}"] = one
        for place, grain in enumerate(shot.grains):
            values |= {f"shift.{place}": grain.shift, f"offset.{place}": np.array(grain.offset)}
        return {name: value for name, value in values.items() if value is not None}

    @state.setter
    def state(self, values: State) -> None:
        shot = _Shot()
        shot.index, shot.drift, shot.painted = int(values["index"]), values["drift"], values.get("painted")
        if "gray" in values:
            shot.seen = View(values["gray"], values["color"])
        if shot.index and self._steadiness.statistics:
            shot.statistics = [values.get(f"statistics.{place}") for place in range(len(self._passes))]
        if "shift.0" in values:
            shot.grains = self._grains((0, 0))
            for place, grain in enumerate(shot.grains):
                across, down = values[f"offset.{place}"].tolist()
                grain.shift, grain.offset = values[f"shift.{place}"], (across, down)
        self._shot = shot

    # --- a frame ---

    def _interval(
        self, waiting: deque[tuple[FrameType, View]], next_key: Samples | None
    ) -> Iterator[Steady[FrameType]]:
        """Paint what waits: a key frame and those up to the next, or up to the end of the shot."""
        if not waiting:
            return
        shot = self._shot
        if shot.statistics is None:
            shot.statistics = self._measure(waiting[0][0].samples)
        here = there = shot.statistics
        if next_key is not None:
            there = [_between(a, b, PACE) for a, b in zip(here, self._measure(next_key), strict=True)]
        count = len(waiting)
        for step in range(count):
            frame, seen = waiting.popleft()
            statistics = [_between(a, b, step / KEY) for a, b in zip(here, there, strict=True)]
            rests = step + 1 == count
            if rests:
                shot.statistics = there
            yield self._paint(frame, seen, statistics, rests, rests and next_key is None)

    def _paint(
        self, frame: FrameType, seen: View, statistics: Sequence[FloatArray | None], rests: bool, ends: bool
    ) -> Steady[FrameType]:
        # At a low strength much of what is mixed would be the photograph.
        shot, blend = self._shot, self._steadiness.blend * (1 - unpainted_share(self._strength))
        found = None if shot.seen is None else motion(shot.seen, seen)
        if found is not None:
            step = camera(found) * (self._size[0] / found.back.shape[1])
            shot.drift = shot.drift + np.where(np.abs(step) < SLOW, 0, step)
        offset = self._offset()
        photo, inside = self._placed(frame.samples, offset)
        given = self._given(statistics, found, offset)
        painted = self._painter.paint(photo, self._strength, self._scale, given=given)[inside]
        if blend:
            if found is not None and shot.painted is not None:
                painted = mixed(floats(painted), shot.painted, enlarged(found, self._size), blend)
            # 16 bits are half the memory of floats, and read from a file it is the same.
            shot.painted = np.rint(np.clip(painted, 0, 1) * 65535).astype(np.uint16)
        shot.seen = seen
        shot.index += 1
        return Steady(frame, painted, found, rests, ends)

    def _measure(self, photo: Samples) -> list[FloatArray | None]:
        if not self._steadiness.statistics:
            return []
        return self._painter.measure(photo, self._frame_sizes(), self._strength)

    def _given(
        self, statistics: Sequence[FloatArray | None], found: Motion | None, offset: tuple[int, int]
    ) -> list[Given] | None:
        wanted, shot = self._steadiness, self._shot
        if not wanted.statistics:
            return None
        if not wanted.grain or self._painter.grain is None:
            return [Given(size, one) for size, one in zip(self._passes, statistics, strict=True)]
        if not shot.grains:
            shot.grains = self._grains(offset)
        elif found is not None:
            for grain, of_pass in zip(shot.grains, self._offsets(offset), strict=True):
                grain.move(found, of_pass)
        maps = (grain.map() for grain in shot.grains)
        return [Given(*one) for one in zip(self._passes, statistics, maps, strict=True)]

    def _grains(self, offset: tuple[int, int]) -> list[MovingGrain]:
        about, own = self._painter.about, self._painter.grain
        assert own is not None
        return [
            MovingGrain(own, size, frame, about, of_pass)
            for size, frame, of_pass in zip(self._passes, self._frame_sizes(), self._offsets(offset), strict=True)
        ]

    # --- the place of a frame in the network's view ---

    def _find_period(self) -> int:
        """Px that the frame can be moved by in the network's view: after so many, all passes' grids are as before."""
        if not (self._steadiness.statistics and self._steadiness.anchor):
            return 0
        sizes = self._sizes(0)
        if sizes[-1] != self._size:  # enlarged for fine strokes: the grid is another one
            return 0
        period = ALIGNMENT * max(1, round(self._size[0] / sizes[0][0]))
        return period if min(self._size) > 2 * period else 0

    def _sizes(self, period: int) -> list[tuple[int, int]]:
        width, height = (side + period for side in self._size)
        return self._painter.sizes((width, height), self._scale, whole=True)

    def _frame_sizes(self) -> list[tuple[int, int]]:
        """(width, height) of a frame itself in each pass."""
        if not self._period:
            return self._passes
        shares = (size[0] / self._passes[-1][0] for size in self._passes)
        smallest = self._painter.about.smallest
        return [
            (max(smallest, round(self._size[0] * share)), max(smallest, round(self._size[1] * share)))
            for share in shares
        ]

    def _offset(self) -> tuple[int, int]:
        """(columns, rows) from the view's left and upper border to the frame."""
        if not self._period:
            return 0, 0
        across, down = ((np.rint(self._shot.drift).astype(int) + self._period // 2) % self._period).tolist()
        return across, down

    def _offsets(self, offset: tuple[int, int]) -> list[tuple[float, float]]:
        """The same in each pass."""
        shares = (size[0] / self._passes[-1][0] for size in self._passes)
        return [(offset[0] * share, offset[1] * share) for share in shares]

    def _placed(self, photo: Samples, offset: tuple[int, int]) -> tuple[Samples, tuple[slice, slice]]:
        """A frame in the network's view, with its mirror image around it; and where it lies there."""
        if not self._period:
            return photo, (slice(None), slice(None))
        columns, rows = offset
        border = (rows, self._period - rows), (columns, self._period - columns), (0, 0)
        inside = slice(rows, rows + photo.shape[0]), slice(columns, columns + photo.shape[1])
        return np.pad(photo, border, mode="symmetric"), inside


def is_cut(before: View, now: View) -> bool:
    """Whether another shot begins: even what a coarse motion could explain looks otherwise."""
    height, width = now.gray.shape
    across, down = fit((width, height), CUT_SIDE)
    size = max(across, SMALLEST), max(down, SMALLEST)
    one, other = (view(cv2.resize(frame.color, size, interpolation=cv2.INTER_AREA)) for frame in (before, now))
    if _difference(one.color, other.color) < CUT:
        return False
    return _difference(moved(one.color, motion(one, other).back), other.color) > CUT


def camera(found: Motion) -> NDArray[np.float64]:
    """The camera's motion: what most of a frame does, (columns, rows) in px of the flow's image.

    None where much of it stands still: a face that fills the frame is no camera.
    """
    trusted = found.back[found.trust > 0.5]
    if not len(trusted):
        return np.zeros(2)
    most = np.median(trusted, axis=0).astype(np.float64)
    along, still = (np.mean(np.abs(trusted - one).max(1) < TOGETHER) for one in (most, np.zeros(2)))
    return most if along > 2 * still else np.zeros(2)


def mixed(now: FloatArray, before: Samples, found: Motion, share: float) -> FloatArray:
    """(H, W, 3) `now` with a share of `before`, moved, as far as the motion can be trusted.

    And as far as the two are alike but for their strokes: where a form is painted otherwise than before, half of each
    would be a ghost.
    """
    was = np.clip(floats(moved(before, found.back, cv2.INTER_CUBIC)), 0, 1)
    change = was - now
    coarse = np.abs(cv2.GaussianBlur(change, (0, 0), max(2.0, max(now.shape) / FORM))).mean(2)
    alike = 1 / (1 + (coarse / GHOST) ** 4)
    return now + (share * found.trust * alike)[..., None] * change


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(np.float32) - other).mean() / 255)


def _between(one: FloatArray | None, other: FloatArray | None, share: float) -> FloatArray | None:
    """Statistics on the way from one to another: means in a straight line, scales geometrically."""
    if one is None or other is None or one is other:
        return one
    mean = one[0] + share * (other[0] - one[0])
    scale = one[1] ** (1 - share) * other[1] ** share
    return np.stack([mean, scale]).astype(np.float32)
