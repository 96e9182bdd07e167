"""What holds still in a painted film, and what does not stay."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from impasto.images import FloatArray, Samples
from impasto.stylizing import painting
from impasto.stylizing.painting import Given, Painter
from impasto.video import steadiness
from impasto.video.flow import view
from impasto.video.steadiness import KEY, Steadiness, Steady, SteadyPainter, is_cut

SIZE = (128, 96)
LOOSE = Steadiness(False, False, False, 0.0)


@dataclass(frozen=True)
class Shown:
    samples: Samples


@pytest.fixture(scope="module")
def painter(style_model: Path) -> Painter:
    return Painter(style_model.read_bytes(), "great-wave", precision="float32")


def _photo() -> Samples:
    photo: Samples = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    return photo


def seen(left: float = 150, top: float = 40, size: tuple[int, int] = SIZE) -> Samples:
    """What a camera sees of a photograph from a place on."""
    where = np.array([[1, 0, -left], [0, 1, -top]], np.float32)
    return cv2.warpAffine(_photo(), where, size, flags=cv2.INTER_CUBIC)


def noisy(count: int) -> list[Samples]:
    random = np.random.default_rng(3)
    return [np.clip(seen() + random.normal(0, 3, (*SIZE[::-1], 3)), 0, 255).astype(np.uint8) for _ in range(count)]


def paint(
    painter: Painter, frames: Sequence[Samples], steady: Steadiness | None = None, scale: float = 1.0
) -> list[FloatArray]:
    size = frames[0].shape[1], frames[0].shape[0]
    work = SteadyPainter(painter, size, steady, style_scale=scale)
    return [one.painted for one in work.paint(map(Shown, frames))]


def flicker(painted: Sequence[FloatArray]) -> float:
    """Mean squared difference between neighbours of a scene that stands still."""
    return float(np.mean([np.square(one - other).mean() for one, other in pairwise(painted)]))


def test_nothing_held_still_is_frame_by_frame(painter: Painter) -> None:
    frames = [seen(150 + 5 * index) for index in range(3)]
    for one, frame in zip(paint(painter, frames, LOOSE), frames, strict=True):
        assert np.allclose(one, painter.paint(frame), atol=1e-5)


def test_the_first_frame_is_painted_like_a_photograph(painter: Painter) -> None:
    """In the middle of a view that is 16 px larger, of its mirror image."""
    (one,) = paint(painter, [seen()])
    (statistics,) = painter.measure(seen(), [SIZE])
    view_of_it = np.pad(seen(), ((8, 8), (8, 8), (0, 0)), mode="symmetric")
    larger = painter.paint(view_of_it, given=[Given((SIZE[0] + 16, SIZE[1] + 16), statistics)])
    assert np.abs(one - larger[8:-8, 8:-8]).max() < 1e-3


def test_a_still_is_the_same_in_every_frame(painter: Painter) -> None:
    painted = paint(painter, [seen()] * (2 * KEY + 3))
    assert len(painted) == 2 * KEY + 3
    for one in painted[1:]:
        assert np.abs(one - painted[0]).max() < 2e-3


def test_a_still_with_camera_noise_holds_still(painter: Painter) -> None:
    frames = noisy(KEY + 4)
    assert flicker(paint(painter, frames)) < 0.4 * flicker(paint(painter, frames, LOOSE))


@pytest.mark.parametrize("step", [(3, 0), (-2, 1)])
def test_a_pan_moves_the_painting(painter: Painter, step: tuple[int, int]) -> None:
    """Strokes go along with what they lie on: nearly as if one large painting were panned over."""
    frames = [seen(150 + step[0] * index, 40 + step[1] * index) for index in range(8)]

    def unlike(painted: Sequence[FloatArray]) -> float:
        far = 24  # px: borders are other ones
        total = 0.0
        for one, other in pairwise(painted):
            back = np.roll(one, (-step[1], -step[0]), (0, 1))
            total += float(np.square(back - other)[far:-far, far:-far].mean())
        return total

    assert unlike(paint(painter, frames)) < 0.25 * unlike(paint(painter, frames, LOOSE))


def test_after_a_cut_nothing_is_left_of_what_was_before(painter: Painter) -> None:
    before, after = [seen()] * 5, [255 - seen(60, 160)] * 4
    assert is_cut(view(before[-1]), view(after[0]))
    painted = paint(painter, [*before, *after])
    for one, alone in zip(painted[5:], paint(painter, after), strict=True):
        assert np.array_equal(one, alone)


@pytest.mark.parametrize("size", [(640, 180), (90, 320), (400, 100), (64, 33)])
def test_a_cut_in_narrow_films(size: tuple[int, int]) -> None:
    assert is_cut(view(seen(60, 40, size)), view(255 - seen(60, 160, size)))


def test_at_strength_nothing_it_is_the_photograph(painter: Painter) -> None:
    frames = [seen(150 + 3 * index) for index in range(4)]
    for one, frame in zip(SteadyPainter(painter, SIZE, strength=0.0).paint(map(Shown, frames)), frames, strict=True):
        assert np.abs(one.painted - frame / 255).max() < 1e-3


def test_motion_is_no_cut() -> None:
    assert not is_cut(view(seen()), view(seen(158, 46)))
    assert not is_cut(view(seen()), view(noisy(1)[0]))
    assert not is_cut(view(seen()), view((seen() * 0.9).astype(np.uint8)))


def test_colours_do_not_pump(painter: Painter) -> None:
    """The light falls for a frame: frame by frame, normalization lifts it as if nothing were."""
    frames = [seen() for _ in range(7)]
    frames[3] = (frames[3] * 0.93).astype(np.uint8)
    statistics = Steadiness(True, False, False, 0.0)
    means = [one.mean() for one in paint(painter, frames, statistics)]
    loose = [one.mean() for one in paint(painter, frames, LOOSE)]
    assert np.ptp(means) > np.ptp(loose)
    assert means[2] == pytest.approx(means[4], abs=1e-4)


def test_the_last_painting_fades(painter: Painter) -> None:
    """A square of light passes over; five frames later, nothing tells where it was."""
    frames = [seen() for _ in range(10)]
    frames[2] = frames[2].copy()
    frames[2][30:60, 30:70] = 255
    painted, without = paint(painter, frames), paint(painter, [seen()] * 10)
    assert np.abs(painted[8] - without[8]).mean() < 0.01


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_it_goes_on_from_its_state(painter: Painter, scale: float) -> None:
    """As a file holds it; at scale 2 in two passes."""
    frames = [seen(150 + 1.3 * index, 40 + 0.7 * index) for index in range(2 * KEY + 5)]
    whole = paint(painter, frames, scale=scale)
    first = SteadyPainter(painter, SIZE, style_scale=scale)
    done = 0
    for one in first.paint(map(Shown, frames)):
        done += 1
        if one.rests and done > KEY:
            break
    assert done == 2 * KEY
    file = io.BytesIO()
    np.savez(file, **first.state)  # type: ignore[arg-type]
    file.seek(0)
    second = SteadyPainter(painter, SIZE, style_scale=scale)
    with np.load(file) as state:
        second.state = dict(state)
    rest = [one.painted for one in second.paint(map(Shown, frames[done:]))]
    for found, wanted in zip(rest, whole[done:], strict=True):
        assert np.array_equal(found, wanted)


def test_frames_that_rest_and_that_end_shots(painter: Painter) -> None:
    frames = [seen()] * (KEY + 2) + [255 - seen(60, 160)] * 3
    painted = list(SteadyPainter(painter, SIZE).paint(map(Shown, frames)))
    assert [place for place, one in enumerate(painted) if one.rests] == [KEY - 1, KEY + 1, KEY + 4]
    assert [place for place, one in enumerate(painted) if one.ends] == [KEY + 1, KEY + 4]
    assert [place for place, one in enumerate(painted) if one.motion is None] == [0, KEY + 2]


def test_no_more_frames_are_asked_for_than_it_says(painter: Painter) -> None:
    asked = 0

    def frames() -> Iterator[Shown]:
        nonlocal asked
        for index in range(3 * KEY):
            asked += 1
            yield Shown(seen(150 + index))

    given = 0
    for _ in SteadyPainter(painter, SIZE).paint(frames()):
        assert asked - given <= KEY + 1
        given += 1
    assert given == 3 * KEY


def test_large_frames_in_passes_and_tiles(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pass is a whole multiple of the one before: what is moved by whole cells is so in all."""
    for name, value in (("STROKE_SIDE", 60), ("UNTILED", 100 * 100), ("TILE", 64), ("WINDOW", 96)):
        monkeypatch.setattr(painting, name, value)
    fresh = Painter(painter._data, "great-wave", precision="float32")
    frames = [seen(100 + 2 * index, 40, (160, 120)) for index in range(4)]
    painted = paint(fresh, frames)
    assert all(one.shape == (120, 160, 3) for one in painted)
    far = 40
    moved = np.roll(painted[2], -2, 1)
    assert np.square(moved - painted[3])[far:-far, far:-far].mean() < 0.02


@pytest.mark.parametrize("size", [(20, 12), (200, 9), (33, 47)])
def test_frames_of_any_size(painter: Painter, size: tuple[int, int]) -> None:
    frames = [seen(150 + index, 40, size) for index in range(3)]
    assert [one.shape for one in paint(painter, frames)] == [(size[1], size[0], 3)] * 3


def test_sixteen_bits(painter: Painter) -> None:
    deep = [seen(150 + index).astype(np.uint16) * 257 for index in range(3)]
    plain = [seen(150 + index) for index in range(3)]
    for one, other in zip(paint(painter, deep), paint(painter, plain), strict=True):
        assert np.abs(one - other).max() < 1e-3


def test_a_network_without_noise(fading_model: Path) -> None:
    painter = Painter(fading_model.read_bytes(), "fading", precision="float32")
    frames = noisy(4)
    assert flicker(paint(painter, frames)) < 0.5 * flicker(paint(painter, frames, LOOSE))


def test_camera_is_what_most_of_a_frame_does() -> None:
    from impasto.video.flow import motion

    found = motion(view(seen(150, 40)), view(seen(153, 38)))
    assert steadiness.camera(found) == pytest.approx([3, -2], abs=0.2)


def test_steady_is_what_it_was_given(painter: Painter) -> None:
    frame = Shown(seen())
    (one,) = SteadyPainter(painter, SIZE).paint([frame])
    assert isinstance(one, Steady)
    assert one.frame is frame
