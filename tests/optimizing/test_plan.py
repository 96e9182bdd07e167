"""Memory, tiles and sizes, known before a run."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.errors import ImpastoError
from impasto.images.tiling import ALIGNMENT
from impasto.optimizing.plan import HALO, MIN_TILE, Plan, choose_tile, memory_needed, stage_size
from impasto.optimizing.presets import Stage

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1")
GB = 10**9
quick = settings(max_examples=60, database=None)
sides = st.integers(16, 8000)


def tile_for(
    size: tuple[int, int], available: int, dtype: torch.dtype = torch.float32, optimizer: str = "adam"
) -> tuple[int | None, int]:
    return choose_tile(size, available, LAYERS, "vgg19", dtype, optimizer)


def need(pixels: int, window: int, dtype: torch.dtype = torch.float32, optimizer: str = "adam") -> int:
    return memory_needed(pixels, window, LAYERS, "vgg19", dtype, optimizer)


def test_tile_and_halo_are_aligned() -> None:
    assert HALO % ALIGNMENT == MIN_TILE % ALIGNMENT == 0


def test_memory_grows_with_pixels_window_depth_precision_and_optimizer() -> None:
    base = need(10**6, 10**6)
    assert need(2 * 10**6, 10**6) > base
    assert need(10**6, 2 * 10**6) > base
    assert need(10**6, 10**6, optimizer="lbfgs") > base
    assert need(10**6, 10**6, torch.bfloat16) < base
    assert memory_needed(10**6, 10**6, ["relu3_1"], "vgg19", torch.float32, "adam") < base
    assert memory_needed(10**6, 10**6, LAYERS, "vgg16", torch.float32, "adam") < base


def test_memory_holds_at_least_what_the_gradient_keeps() -> None:
    """VGG-19 to relu1_1 keeps 64 float32 values a pixel."""
    more = [memory_needed(10**6, window, ["relu1_1"], "vgg19", torch.float32, "adam") for window in (10**5, 10**6)]
    assert more[1] - more[0] >= 64 * 4 * (10**6 - 10**5)


def test_much_memory_needs_no_tiles() -> None:
    tile, memory = tile_for((1024, 768), 500 * GB)
    assert tile is None
    assert memory == need(1024 * 768, 1024 * 768)


@quick
@given(width=sides, height=sides, available=st.integers(GB, 60 * GB), half=st.booleans())
def test_what_is_chosen_fits(width: int, height: int, available: int, half: bool) -> None:
    dtype = torch.bfloat16 if half else torch.float32
    try:
        tile, memory = tile_for((width, height), available, dtype)
    except ImpastoError:
        assert need(width * height, MIN_TILE**2, dtype) > 0.5 * available
        return
    assert memory <= 0.9 * available
    if tile is not None:
        assert tile >= MIN_TILE
        assert tile % ALIGNMENT == 0
        assert need(width * height, width * height, dtype) > 0.9 * available


@quick
@given(width=sides, height=sides, less=st.integers(GB, 60 * GB), more=st.integers(0, 60 * GB))
def test_more_memory_never_gives_smaller_tiles(width: int, height: int, less: int, more: int) -> None:
    try:
        small, _ = tile_for((width, height), less)
    except ImpastoError:
        return
    large, _ = tile_for((width, height), less + more)
    assert (large or 10**9) >= (small or 10**9)


def test_tile_shrinks_with_memory() -> None:
    tiles = [tile_for((6000, 4000), gigabytes * GB)[0] for gigabytes in (32, 16, 10)]
    assert None not in tiles
    assert len(set(tiles)) == 3
    assert tiles == sorted(tiles, key=lambda tile: -(tile or 0))


def test_too_little_memory_is_told_with_both_numbers() -> None:
    with pytest.raises(ImpastoError, match=r"this size needs at least \d+\.\d GB .* only 2\.0 GB .* smaller --size"):
        tile_for((6000, 4000), 2 * GB)


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [((1000, 500), 500, (500, 250)), ((300, 900), 300, (100, 300)), ((1000, 3), 128, (128, 1)),
     ((640, 480), 640, (640, 480)), ((641, 480), 1024, (641, 480))],
)  # fmt: skip
def test_stage_size_keeps_the_shape(size: tuple[int, int], long_side: int, expected: tuple[int, int]) -> None:
    assert stage_size(size, Stage(long_side, 10)) == expected


def plan(tile: int | None) -> Plan:
    stages = (Stage(128, 80), Stage(256, 60), Stage(512, 20))
    return Plan((512, 384), (538, 410), stages, 1_234_000_000, 8_000_000_000, tile, "cpu", "bfloat16")


def test_plan_in_a_line() -> None:
    line = plan(None).describe()
    assert plan(None).iterations == 160
    for part in ("512×384 px", "160 iterations", "cpu", "bfloat16", "1.2 GB of 8.0 GB"):
        assert part in line
    assert "tile" not in line
    assert "tiles of 512 px" in plan(512).describe()
    assert "\n" not in line
