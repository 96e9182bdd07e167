"""Pictures of any size: the plan of sizes, tiles without seams, strokes in proportion, the strength's two ends."""

from __future__ import annotations

import weakref
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import example, given, settings
from hypothesis import strategies as st

from impasto.errors import ImpastoError
from impasto.images import FloatArray, as_samples, load, resize, samples
from impasto.images.tiling import Span, equal_spans
from impasto.stylizing import painting, runtimes
from impasto.stylizing.painting import ALIGNMENT, DIRECT, STEP, STROKE_SIDE, WINDOWS, Painter, overlap, plan_sizes

SMALL_TILE = 64

# --- the plan ----------------------------------------------------------------------------------------------


@settings(max_examples=300, database=None)
@given(
    size=st.tuples(st.integers(1, 30_000), st.integers(1, 30_000)), style_scale=st.floats(0.1, 10),
    smallest=st.sampled_from([12, 36, 44]),
)  # fmt: skip
@example(size=(1, 1), style_scale=1.0, smallest=36)
@example(size=(1, 500), style_scale=1.0, smallest=36)
@example(size=(40, 3000), style_scale=1.0, smallest=36)
@example(size=(1024, 1024), style_scale=10.0, smallest=36)
def test_sizes(size: tuple[int, int], style_scale: float, smallest: int) -> None:
    sizes = plan_sizes(size, style_scale, smallest)
    assert all(min(one) >= smallest for one in sizes)
    assert all(a[0] <= b[0] and a[1] <= b[1] and a != b for a, b in pairwise(sizes))
    last = sizes[-1]
    assert last == size or (len(sizes) == 1 and last[0] >= size[0] and last[1] >= size[1])
    for one in sizes:
        scale = max(one) / max(size)
        assert one == pytest.approx((size[0] * scale, size[1] * scale), abs=1)
    for before, after in pairwise(sizes):
        assert max(after) <= STEP * (max(before) + 0.5) + 0.5  # sides are whole numbers


@pytest.mark.parametrize(
    ("size", "style_scale", "expected"),
    [
        ((640, 480), 1.0, [(640, 480)]),
        ((round(DIRECT * STROKE_SIDE), 300), 1.0, [(1536, 300)]),
        ((3000, 2000), 1.0, [(1024, 683), (3000, 2000)]),
        ((2000, 6000), 1.0, [(341, 1024), (826, 2479), (2000, 6000)]),
        ((640, 480), 2.0, [(320, 240), (640, 480)]),
        ((640, 480), 0.5, [(1280, 960)]),
        ((3000, 2000), 0.5, [(2048, 1365), (3000, 2000)]),
        ((10, 20), 1.0, [(36, 72)]),
        ((1200, 1200), 0.1, [(8000, 8000)]),  # not 12,000: memory
        ((9000, 9000), 0.1, [(9000, 9000)]),
    ],
)
def test_plans(size: tuple[int, int], style_scale: float, expected: list[tuple[int, int]]) -> None:
    assert plan_sizes(size, style_scale, 36) == expected


# --- tiles -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def picture() -> FloatArray:
    """A cat, 240×320, dark on its left and bright on its right: tiles by themselves would differ."""
    cat = load(skimage.data.chelsea()).resized((320, 240)).pixels  # type: ignore[no-untyped-call]
    return (cat * np.linspace(0.25, 1, 320)[None, :, None]).astype(np.float32)


@pytest.fixture(scope="module")
def painter(style_model: Path) -> Painter:
    return Painter(style_model.read_bytes(), "it", precision="float32")


@pytest.fixture(scope="module")
def fading(fading_model: Path) -> Painter:
    return Painter(fading_model.read_bytes(), "it", precision="float32")


def set_small_tiles(monkeypatch: pytest.MonkeyPatch, untiled: int = 100 * 100) -> None:
    monkeypatch.setattr(painting, "UNTILED", untiled)
    monkeypatch.setattr(painting, "TILE", SMALL_TILE)


def set_small_strokes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cat of 320 px is painted at 64, 143 and 320 px."""
    monkeypatch.setattr(painting, "STROKE_SIDE", 64)


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    set_small_tiles(monkeypatch)


def tiles_of(painter: Painter, height: int, width: int) -> tuple[list[Span], list[Span]]:
    rows, columns = (
        equal_spans(-(-side // ALIGNMENT) * ALIGNMENT, SMALL_TILE, overlap(painter.about), ALIGNMENT)
        for side in (height, width)
    )
    return rows, columns


def apart(one: FloatArray, other: FloatArray) -> tuple[float, float]:
    """Largest and mean difference in 255ths."""
    assert one.shape == other.shape
    difference = np.abs(one - other) * 255
    return float(difference.max()), float(difference.mean())


def paint_each_tile_by_itself(painter: Painter, picture: FloatArray) -> FloatArray:
    result = np.empty_like(picture)
    for rows, columns in product(*tiles_of(painter, *picture.shape[:2])):
        tile = picture[rows.outer_start : rows.outer_stop, columns.outer_start : columns.outer_stop]
        painted = painter.paint(tile)
        top, left = rows.start - rows.outer_start, columns.start - columns.outer_start
        part = result[rows.start : rows.stop, columns.start : columns.stop]
        part[:] = painted[top : top + part.shape[0], left : left + part.shape[1]]
    return result


def test_tiles_under_the_whole_pictures_statistics_are_the_whole_picture(
    painter: Painter, picture: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = painter.paint(picture)
    set_small_tiles(monkeypatch)
    monkeypatch.setattr(painting, "WINDOW", 1000)  # one window, of everything
    assert apart(painter.paint(picture), whole)[0] < 0.1
    # Other sizes are mirrored to multiples of the alignment, which differs from the untiled picture at that border.
    odd = picture[:237, :313]
    tiled = painter.paint(odd)
    inner = np.s_[: 237 - painter.about.reach, : 313 - painter.about.reach]
    monkeypatch.setattr(painting, "UNTILED", 10**9)
    whole = painter.paint(odd)
    assert apart(tiled[inner], whole[inner])[1] < 1  # its statistics hold the mirrored part
    assert apart(tiled, whole)[1] < 3


def test_tiles_with_measured_statistics_show_no_seam_where_their_own_would(
    painter: Painter, picture: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = painter.paint(picture)
    by_themselves = paint_each_tile_by_itself(painter, picture)
    set_small_tiles(monkeypatch)
    monkeypatch.setattr(painting, "WINDOW", 96)
    tiled = painter.paint(picture)
    rows, columns = tiles_of(painter, 240, 320)
    assert len(rows) * len(columns) == 12
    monkeypatch.setattr(painting, "TILE", 1000)
    assert apart(tiled, painter.paint(picture))[0] < 0.1  # in one tile under these statistics, there is no seam
    # An untrained network throws small differences wide; a trained one's tiles are closer.
    assert apart(tiled, whole)[1] < 20
    assert apart(by_themselves, whole)[1] > 30


def test_tiles_overlap_by_what_the_network_sees_and_no_more(
    style_model: Path, picture: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_small_tiles(monkeypatch)
    painted = {}
    for reach in (31, 47, 64):
        painter = Painter(style_model.read_bytes(), "it", precision="float32")
        assert painter.about.reach == 47
        painter.about = replace(painter.about, reach=reach)
        assert overlap(painter.about) == {31: 32, 47: 48, 64: 64}[reach]
        painted[reach] = painter.paint(picture)
    assert apart(painted[47], painted[64])[0] < 0.1
    assert apart(painted[31], painted[64])[0] > 5


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(("height", "width"), [(60, 400), (400, 60), (237, 101), (129, 130)])
def test_tiled_pictures_keep_their_size(height: int, width: int, painter: Painter, fading: Painter) -> None:
    photo = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    for one in (painter, fading):
        painted = one.paint(photo)
        assert painted.shape == photo.shape
        assert painted.dtype == np.float32
        assert np.isfinite(painted).all()
        assert 0 <= painted.min() < painted.max() <= 1


@pytest.mark.parametrize("size", [(2000, 1500), (500, 6000), (20_000, 400), (1536, 1600), (3000, 300)])
def test_statistics_are_measured_all_over_the_picture(
    size: tuple[int, int], painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of panoramas, whose windows lie in one row or two."""
    taken: list[tuple[int, int, int, int]] = []

    class Told:
        def __init__(self) -> None:
            self.size = size

        def window(self, *box: int) -> FloatArray:
            taken.append((box[0], box[1], box[2], box[3]))
            return np.zeros((1, 1, 3), np.float32)

    class Nothing:
        inputs: list[str] = []  # noqa: RUF012
        metadata: dict[str, str] = {}  # noqa: RUF012
        name = ""

        def run(self, feeds: object) -> list[FloatArray]:  # noqa: ARG002
            return []

    monkeypatch.setattr(runtimes, "load", lambda *_: Nothing())
    painter._measure(Nothing(), Told(), 1.0, WINDOWS)
    assert 4 <= len(set(taken)) <= 20
    for left, top, right, bottom in taken:
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
    for axis in (0, 1):
        middle = np.mean([(box[axis] + box[axis + 2]) / 2 for box in taken])
        assert middle == pytest.approx(size[axis] / 2, abs=2)


@pytest.mark.usefixtures("small_tiles")
def test_what_measures_statistics_is_let_go(
    style_model: Path, picture: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its memory would be kept while tiles are painted: almost a gigabyte."""
    loaded: list[weakref.ref[object]] = []
    load_model = runtimes.load

    def told(*arguments: str) -> runtimes.LoadedModel:
        model = load_model(*arguments)  # type: ignore[arg-type]
        loaded.append(weakref.ref(model))
        return model

    monkeypatch.setattr(runtimes, "load", told)
    painter = Painter(style_model.read_bytes(), "it", precision="float32")
    painter.paint(picture)
    assert len(loaded) == 3  # for small pictures, for tiles, and for their statistics
    assert len([model for model in loaded if model() is not None]) == 2


# --- strokes -----------------------------------------------------------------------------------------------


def test_larger_strokes_are_an_enlarged_smaller_painting_painted_over(
    painter: Painter, picture: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = painter.paint(resize(picture, (160, 120)))
    over = painter.paint(resize(small, (320, 240)))
    assert apart(painter.paint(picture, style_scale=2), over)[1] < 0.5
    monkeypatch.setattr(painting, "STROKE_SIDE", 160)
    assert apart(painter.paint(picture), over)[1] < 0.5
    assert apart(painter.paint(picture, style_scale=0.5), painter.paint(picture, style_scale=2))[1] > 20


def test_smaller_strokes_are_a_larger_painting_reduced(painter: Painter, picture: FloatArray) -> None:
    small = picture[:60, :80]
    expected = resize(painter.paint(resize(small, (160, 120))), (80, 60))
    assert apart(painter.paint(small, style_scale=0.5), expected)[1] < 0.5


def test_an_enlarged_painting_is_painted_over_in_tiles(
    painter: Painter, picture: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = painter.paint(picture, style_scale=4)
    monkeypatch.setattr(painting, "WINDOW", 1000)
    set_small_tiles(monkeypatch, untiled=160 * 120)
    assert apart(painter.paint(picture, style_scale=4), whole)[1] < 0.5


@pytest.mark.parametrize("strength", [1.0, 0.5])
@pytest.mark.parametrize("fades", [False, True])
def test_of_a_large_picture_the_painting_has_the_photographs_integers(
    fades: bool, strength: float, painter: Painter, fading: Painter, picture: FloatArray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """They are the nearest to the floats that it has otherwise, but for a level where several passes round."""
    painter = fading if fades else painter
    set_small_tiles(monkeypatch)
    set_small_strokes(monkeypatch)
    photo = as_samples(picture, np.dtype(np.uint8))
    expected = painter.paint(photo, strength)
    assert expected.dtype == np.float32
    monkeypatch.setattr(samples, "LARGE", 320 * 240 - 1)
    found = painter.paint(photo, strength)
    assert found.dtype == np.uint8
    assert np.abs(found / 255 - expected).max() < 1.01 / 255
    assert painter.paint(picture, strength).dtype == np.float32


# --- strength ----------------------------------------------------------------------------------------------

PATHS = pytest.mark.parametrize(
    "style_scale",
    [((), 1.0), ((), 0.5), ((), 2.0), ((set_small_tiles,), 1.0), ((set_small_strokes,), 1.0),
     ((set_small_strokes, set_small_tiles), 1.0)],
    ids=["direct", "reduced", "enlarged", "tiled", "enlarged twice", "enlarged twice in tiles"],
    indirect=True,
)  # fmt: skip


@pytest.fixture
def style_scale(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """The style scale that, with the tiles and strokes set here, leads a painting along one of the PATHS."""
    set_all, scale = request.param
    for set_one in set_all:
        set_one(monkeypatch)
    return scale


@PATHS
@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_strength_0_is_the_photograph(
    style_scale: float, precision: str, style_model: Path, picture: FloatArray
) -> None:
    painter = Painter(style_model.read_bytes(), "it", precision=precision)
    assert apart(painter.paint(picture, 0.0, style_scale), picture)[0] < 0.5


@PATHS
def test_the_strength_is_continuous(style_scale: float, painter: Painter, picture: FloatArray) -> None:
    for strength in (0.0, 0.4):
        one, other = (painter.paint(picture, value, style_scale) for value in (strength, strength + 0.0002))
        assert 0 < apart(one, other)[1] < 0.4


def test_the_stronger_the_farther_from_the_photograph(painter: Painter, picture: FloatArray) -> None:
    distances = [apart(painter.paint(picture, strength), picture)[1] for strength in (0.0, 0.1, 0.2, 0.4, 1.0)]
    assert distances == sorted(distances)
    assert distances[-1] > distances[1] + 20


@PATHS
def test_models_without_a_strength_fade(style_scale: float, fading: Painter, picture: FloatArray) -> None:
    full = fading.paint(picture, 1.0, style_scale)
    assert apart(full, picture)[1] > 20
    assert apart(fading.paint(picture, 0.3, style_scale), 0.3 * full + 0.7 * picture)[0] < 0.1
    assert apart(fading.paint(picture, 0.0, style_scale), picture)[0] < 1e-4


# --- odd pictures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 60), (150, 1), (3000, 40), (35, 37), (2, 3)])
def test_tiny_and_thin_pictures_keep_their_size(height: int, width: int, painter: Painter, fading: Painter) -> None:
    photo = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    for one in (painter, fading):
        painted = one.paint(photo)
        assert painted.shape == photo.shape
        assert np.isfinite(painted).all()
        assert 0 <= painted.min() <= painted.max() <= 1
        if height * width < 2000:
            assert apart(one.paint(photo, 0.0), photo)[0] < 0.5


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_pictures(value: float, painter: Painter) -> None:
    painted = painter.paint(np.full((64, 64, 3), value, np.float32))
    assert np.isfinite(painted).all()


# --- the rest ----------------------------------------------------------------------------------------------


@PATHS
def test_progress_rises_to_1(style_scale: float, painter: Painter, picture: FloatArray) -> None:
    told: list[float] = []
    painter.paint(picture, style_scale=style_scale, progress=told.append)
    assert all(a < b for a, b in pairwise(told))
    assert 0 < told[0] <= told[-1] == pytest.approx(1)
    assert len(told) >= (6 if painting.TILE == SMALL_TILE else 1)
    assert len(told) >= len(plan_sizes((320, 240), style_scale, 36))


def test_the_photograph_is_not_changed(painter: Painter, fading: Painter, picture: FloatArray) -> None:
    before = picture.copy()
    for one in (painter, fading):
        for strength in (0.0, 0.5, 1.0):
            painted = one.paint(picture, strength)
            painted += 1
    np.testing.assert_array_equal(picture, before)


def test_a_painter_paints_the_same_again(painter: Painter, picture: FloatArray) -> None:
    first = painter.paint(picture)
    painter.paint(picture[:100, :90], 0.3)
    np.testing.assert_array_equal(painter.paint(picture), first)


def test_graphs_that_are_no_style_model() -> None:
    from graphs import identity

    from impasto.styles.model import About, set_metadata

    model = identity(ends=("x", "y"))
    set_metadata(model, About("a"), {}, set())
    with pytest.raises(ImpastoError, match=r"^it is damaged: it takes no image$"):
        Painter(model.SerializeToString(), "it")
    del model.metadata_props[:]
    with pytest.raises(ImpastoError, match=r"^it is no style model of Impasto: it has no metadata of ours$"):
        Painter(model.SerializeToString(), "it")
