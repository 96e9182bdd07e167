"""Windows cover an image exactly once, and their counted parts agree between the image and each window."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from impasto.images.tiling import ALIGNMENT, equal_spans, spans, windows

quick = settings(max_examples=150, database=None)
lengths = st.integers(1, 2500)
aligned = st.integers(1, 20).map(lambda n: n * ALIGNMENT)
halos = st.integers(0, 6).map(lambda n: n * ALIGNMENT)
offsets = st.integers(0, 40).map(lambda n: n * ALIGNMENT)
STRIDES = (1, 2, 4, 8, 16, 32)


@quick
@given(length=lengths, tile=aligned, halo=halos, offset=offsets)
def test_spans_follow_one_another_without_gap(length: int, tile: int, halo: int, offset: int) -> None:
    cut = spans(length, tile, halo, offset)
    assert cut[0].start == 0
    assert cut[-1].stop == length
    assert all(a.stop == b.start for a, b in pairwise(cut))
    assert all(span.start < span.stop for span in cut)
    assert [span.last for span in cut] == [False] * (len(cut) - 1) + [True]


@quick
@given(length=lengths, tile=aligned, halo=halos, offset=offsets)
def test_spans_are_aligned_to_every_stride_and_surrounded_by_the_halo(
    length: int, tile: int, halo: int, offset: int
) -> None:
    for span in spans(length, tile, halo, offset):
        assert span.start % ALIGNMENT == span.outer_start % ALIGNMENT == 0
        assert span.outer_start == max(0, span.start - halo)
        assert span.outer_stop == min(length, span.stop + halo)


@quick
@given(length=lengths, tile=aligned, offset=offsets)
@example(length=1888, tile=992, offset=448)  # both ends are shorter than half a tile
@example(length=992, tile=992, offset=512)
def test_counted_parts_are_at_most_one_and_a_half_tiles(length: int, tile: int, offset: int) -> None:
    """The memory estimate counts on the upper bound."""
    parts = [span.stop - span.start for span in spans(length, tile, 0, offset)]
    assert max(parts) <= 1.5 * tile
    assert len(parts) == 1 or sum(part < tile // 2 for part in parts) <= 1


@quick
@given(length=lengths, tile=aligned, halo=halos, offset=offsets, stride=st.sampled_from(STRIDES))
def test_counted_features_cover_the_feature_map_once(
    length: int, tile: int, halo: int, offset: int, stride: int
) -> None:
    """A feature map has floor(length / stride) positions, of the image and of each window."""
    positions = torch.arange(length // stride)
    found = []
    for span in spans(length, tile, halo, offset):
        within = torch.arange((span.outer_stop - span.outer_start) // stride)[span.counted_within(stride)]
        assert torch.equal(positions[span.counted(stride)], within + span.outer_start // stride)
        found.append(positions[span.counted(stride)])
    assert torch.equal(torch.cat(found), positions)


@quick
@given(
    step=st.sampled_from([1, 4, 16]), length=st.integers(1, 500), tile=st.integers(1, 70), halo=st.integers(0, 10),
)  # fmt: skip
@example(step=16, length=2 * 72 + 1, tile=64, halo=4)  # two windows that overlap by nearly all
def test_equal_spans_are_equally_long_aligned_and_count_everything_once(
    step: int, length: int, tile: int, halo: int
) -> None:
    length, tile, halo = length * step, tile * step, halo * step
    cut = equal_spans(length, tile, halo, step)
    outer = min(length, tile + 2 * halo)
    assert {span.outer_stop - span.outer_start for span in cut} == {outer}
    assert all(span.outer_start % step == span.start % step == 0 for span in cut)
    assert cut[0].outer_start == cut[0].start == 0
    assert cut[-1].outer_stop == cut[-1].stop == length
    assert all(a.stop == b.start for a, b in pairwise(cut))
    assert all(span.start < span.stop for span in cut)
    assert [span.last for span in cut] == [False] * (len(cut) - 1) + [True]
    for before, after in pairwise(cut):
        assert before.outer_stop - before.stop >= halo
        assert after.start - after.outer_start >= halo
    fewest = -(-(length - 2 * halo) // tile)
    assert len(cut) == (1 if length <= outer else fewest)


@settings(max_examples=40, database=None)
@given(
    size=st.tuples(st.integers(1, 500), st.integers(1, 500)), tile=aligned, halo=halos,
    offset=st.tuples(offsets, offsets),
)  # fmt: skip
def test_windows_count_every_pixel_exactly_once(
    size: tuple[int, int], tile: int, halo: int, offset: tuple[int, int]
) -> None:
    count = torch.zeros(size)
    for window in windows(*size, tile, halo, offset):
        count[window.counted(1)] += 1
    assert torch.equal(count, torch.ones(size))


@pytest.mark.parametrize("stride", STRIDES)
def test_a_window_counts_the_same_features_of_the_image_and_of_its_own(stride: int) -> None:
    height, width = 301, 423
    image = torch.arange(height * width, dtype=torch.float64).reshape(1, 1, height, width)
    whole = image[..., ::stride, ::stride][..., : height // stride, : width // stride]
    for window in windows(height, width, 96, 32, (32, 64)):
        own = image[(..., *window.outer)]
        features = own[..., ::stride, ::stride][..., : own.shape[2] // stride, : own.shape[3] // stride]
        assert torch.equal(whole[(..., *window.counted(stride))], features[(..., *window.counted_within(stride))])


def test_no_tile_is_one_window_of_the_whole() -> None:
    (window,) = windows(70, 50, None, 64)
    assert window.outer == (slice(0, 70), slice(0, 50))
    features = torch.rand(35, 25)
    assert torch.equal(features[window.counted_within(2)], features)
    assert torch.equal(features[window.counted(2)], features)
