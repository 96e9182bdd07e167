from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto import images
from impasto.errors import ImpastoError
from impasto.images import ImageLike, Picture
from impasto.images.masks import load_mask
from impasto.optimizing.inputs import MIN_SIDE, Inputs, Style

GRAY = np.full((40, 60, 3), 128, np.uint8)


def _half(height: int, width: int, left: int = 255, right: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    mask = np.full((height, width), right, np.uint8)
    mask[:, : width // 2] = left
    return mask


# --- a picture to begin from ---


def test_a_picture_to_begin_from_is_scaled_to_the_photographs_size(photo: Image.Image, portrait: Image.Image) -> None:
    start = portrait.resize((24, 16))
    inputs = Inputs.load(photo, GRAY, 48, None, 0.1, begun=start)
    assert inputs.begun is not None
    assert inputs.begun.shape == (32, 48, 3)
    np.testing.assert_allclose(inputs.begun, images.load(start).resized((48, 32)).pixels)
    begun = inputs.begun_pixels
    assert begun is not None
    np.testing.assert_array_equal(begun, inputs.on_canvas(inputs.begun))
    assert begun.shape[1::-1] == inputs.canvas_size
    plain = Inputs.load(photo, GRAY, 48, None)
    assert plain.begun is plain.begun_pixels is None
    assert plain.preserve_color is None


def test_the_photograph_shows_where_a_picture_to_begin_from_is_transparent(photo: Image.Image) -> None:
    half = np.zeros((64, 96, 4), np.uint8)
    half[:, :48, 3] = 255
    inputs = Inputs.load(photo, GRAY, 96, None, begun=half)
    assert inputs.begun is not None
    assert inputs.begun[:, :48].max() == 0
    np.testing.assert_array_equal(inputs.begun[:, 48:], inputs.content.pixels[:, 48:])


def test_a_picture_to_begin_from_is_grey_where_only_luminance_is_painted(photo: Image.Image) -> None:
    begun = Inputs.load(photo, GRAY, 96, "luminance", begun=photo).begun_pixels
    assert begun is not None
    np.testing.assert_array_equal(begun[..., 0], begun[..., 2])


@pytest.mark.parametrize("size", [(96, 64), (48, 32), (50, 33), (33, 22), (192, 128), (17, 11), (95, 64)])
def test_shapes_that_differ_by_rounding_are_the_same(size: tuple[int, int]) -> None:
    wide, upright = np.zeros((64, 96, 3), np.uint8), np.zeros((96, 64, 3), np.uint8)
    start = np.zeros((*size[::-1], 3), np.uint8)
    assert Inputs.load(wide, GRAY, 96, None, begun=start).begun is not None
    assert Inputs.load(upright, GRAY, 96, None, begun=start.transpose(1, 0, 2)).begun is not None


def test_pictures_that_cannot_be_begun_from() -> None:
    wide = np.zeros((64, 96, 3), np.uint8)
    for start, message in (
        (np.zeros((96, 64, 3), np.uint8), "^the init picture of 64×96 px has another shape than the result of 96×64 "),
        (np.zeros((64, 90, 3), np.uint8), "another shape"),
        (np.zeros((64, 96, 4), np.uint8), "^the init picture is wholly transparent: there is nothing to begin from$"),
        (Path("missing.png"), r"^no such init picture: missing\.png$"),
    ):
        with pytest.raises(ImpastoError, match=message):
            Inputs.load(wide, GRAY, 96, None, begun=start)


# --- the photograph ---


def test_photograph_is_scaled_to_the_long_side(photo: Image.Image) -> None:
    inputs = Inputs.load(photo, GRAY, 48, None)
    assert inputs.size == (48, 32)
    assert inputs.content.pixels.shape == (32, 48, 3)
    assert np.array_equal(inputs.pixels, inputs.content.pixels)
    assert inputs.coverage is None


@pytest.mark.parametrize("shape", [(1, 1, 3), (MIN_SIDE - 1, 100, 3), (100, MIN_SIDE - 1, 3)])
def test_too_small_images_are_refused(shape: tuple[int, int, int]) -> None:
    tiny = np.zeros(shape, np.uint8)
    size = f"{shape[1]}×{shape[0]} px is too small: at least {MIN_SIDE} px on each side"
    with pytest.raises(ImpastoError, match=f"^the content image of {size}"):
        Inputs.load(tiny, GRAY, 64, None)
    with pytest.raises(ImpastoError, match=f"^the style image of {size}"):
        Inputs.load(GRAY, tiny, 64, None)


def test_smallest_images_are_accepted() -> None:
    smallest = np.zeros((MIN_SIDE, MIN_SIDE, 3), np.uint8)
    assert Inputs.load(smallest, smallest, MIN_SIDE, None).size == (MIN_SIDE, MIN_SIDE)


def test_a_photograph_too_narrow_for_the_size_is_refused_with_both_sizes() -> None:
    narrow = np.zeros((20, 400, 3), np.uint8)
    with pytest.raises(ImpastoError, match=r"400×20 px is too small or too narrow for 200×10 px"):
        Inputs.load(narrow, GRAY, 200, None)
    assert Inputs.load(narrow, GRAY, 400, None).size == (400, 20)


def test_narrow_paintings_are_kept_whole() -> None:
    narrow = np.zeros((MIN_SIDE, 400, 3), np.uint8)
    assert Inputs.load(GRAY, narrow, 60, None).paintings[0].pixels.shape == (MIN_SIDE, 400, 3)


def test_hidden_pixels_take_the_mean_of_the_visible() -> None:
    rgba = np.zeros((32, 32, 4), np.uint8)
    rgba[:, :16] = (200, 100, 50, 255)
    rgba[:, 16:] = (0, 255, 0, 0)
    content = Inputs.load(rgba, GRAY, 32, None).content
    assert np.allclose(content.pixels, np.array([200, 100, 50]) / 255, atol=1e-5)
    assert content.alpha is not None
    assert set(np.unique(content.alpha)) == {0.0, 1.0}


def test_paintings_lose_what_their_alpha_hides() -> None:
    rgba = np.zeros((32, 32, 4), np.uint8)
    rgba[:8] = (10, 20, 30, 255)
    rgba[8:] = (255, 0, 255, 0)
    assert np.allclose(Inputs.load(GRAY, rgba, 60, None).paintings[0].pixels, np.array([10, 20, 30]) / 255, atol=1e-5)


def test_alpha_is_a_mask() -> None:
    rgba = np.dstack([GRAY, _half(40, 60)])
    inputs = Inputs.load(rgba, [GRAY, GRAY], 60, None)
    first, second = (painting.counted for painting in inputs.paintings)
    assert first is not None
    assert first is second
    assert inputs.coverage is None
    assert np.array_equal(first, _half(40, 60) / 255)


def test_opaque_alpha_is_no_mask() -> None:
    rgba = np.dstack([GRAY, np.full((40, 60), 255, np.uint8)])
    assert Inputs.load(rgba, GRAY, 60, None).coverage is None


# --- styles and shares ---


@pytest.mark.parametrize("wrap", [list, tuple])
def test_styles_may_be_one_or_several(wrap: type) -> None:
    assert len(Inputs.load(GRAY, GRAY, 60, None).paintings) == 1
    assert len(Inputs.load(GRAY, Style(GRAY), 60, None).paintings) == 1
    assert len(Inputs.load(GRAY, wrap([GRAY, Style(GRAY)]), 60, None).paintings) == 2


def test_a_path_is_one_style(files: Path) -> None:
    assert len(Inputs.load(GRAY, str(files / "painting.jpg"), 60, None).paintings) == 1
    assert len(Inputs.load(GRAY, (files / "painting.jpg").read_bytes(), 60, None).paintings) == 1


def test_shares_are_normalised() -> None:
    paintings = Inputs.load(GRAY, [Style(GRAY, 3), Style(GRAY, 1), Style(GRAY, 0)], 60, None).paintings
    assert [painting.share for painting in paintings] == [0.75, 0.25, 0]


@pytest.mark.parametrize(
    ("styles", "message"),
    [
        ([], "at least one style image is needed"),
        ([Style(GRAY, 0), Style(GRAY, 0)], "must not all be 0"),
        ([Style(GRAY, -1)], "share of a style must be at least 0, not -1"),
        ([Style(GRAY, float("nan"))], "share of a style must be a number, not nan"),
        ("missing.jpg", r"^no such style image: missing\.jpg$"),
        ([Style(GRAY, mask="missing.png")], r"^no such mask: missing\.png$"),
        ([Style(GRAY, region="missing.png")], r"^no such style mask: missing\.png$"),
        (None, "the style image is no path, Pillow image or array but NoneType"),
    ],
)
def test_bad_styles(styles: ImageLike, message: str) -> None:
    with pytest.raises(ImpastoError, match=message):
        Inputs.load(GRAY, styles, 60, None)


# --- masks ---


def test_masks_are_scaled_to_the_picture() -> None:
    mask = Inputs.load(GRAY, Style(GRAY, mask=_half(200, 300)), 30, None).paintings[0].mask
    assert mask is not None
    assert mask.shape == (20, 30)
    assert mask[:, :13].min() > 0.99
    assert mask[:, 17:].max() < 0.01


@pytest.mark.parametrize(("white", "alpha"), [(255, 255), (255, 102), (102, 255), (255, 0)])
def test_what_is_transparent_in_a_mask_is_black(white: int, alpha: int) -> None:
    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[:, :30] = 255
    pixels[:, 30:] = (white, white, white, alpha)
    mask = load_mask(pixels, "mask", (60, 40))
    assert np.allclose(mask[:, :30], 1)
    assert np.allclose(mask[:, 30:], white / 255 * alpha / 255, atol=1e-6)
    small = Inputs.load(GRAY, Style(GRAY, mask=pixels), 30, None).paintings[0].mask
    assert small is not None
    assert np.allclose(small[:, 18:], white / 255 * alpha / 255, atol=0.02)


def test_a_mask_that_is_clear_where_it_is_white_is_refused() -> None:
    pixels = np.full((40, 60, 4), 255, np.uint8)
    pixels[..., 3] = 0
    with pytest.raises(ImpastoError, match="mask has no white in it"):
        load_mask(pixels, "mask", (60, 40))


def test_a_coloured_mask_counts_by_its_luminance() -> None:
    colours = np.zeros((40, 60, 3), np.uint8)
    colours[:, :20] = 255
    colours[:, 20:40, 1] = 255
    mask = Inputs.load(GRAY, Style(GRAY, mask=colours), 60, None).paintings[0].mask
    assert mask is not None
    assert np.allclose(mask[:, [5, 30, 55]], [1, 0.587, 0], atol=1e-3)


BLACK = np.zeros((40, 60), np.uint8)


@pytest.mark.parametrize("style", [Style(GRAY, mask=BLACK), Style(GRAY, region=BLACK)])
def test_a_black_mask_is_refused(style: Style) -> None:
    with pytest.raises(ImpastoError, match="mask has no white in it"):
        Inputs.load(GRAY, style, 60, None)


def test_large_jpegs_are_decoded_as_small_as_is_enough(photo: Image.Image) -> None:
    """Photograph, painting and mask; a painting by how many of its pixels are looked at."""
    buffer = io.BytesIO()
    photo.resize((960, 640)).save(buffer, "JPEG", quality=95)
    data = buffer.getvalue()
    inputs = Inputs.load(data, Style(data, mask=data), 48, None)
    assert inputs.size == (48, 32)
    assert np.abs(inputs.content.pixels - images.load(photo).resized((48, 32)).pixels).mean() < 0.02
    assert inputs.paintings[0].pixels.shape == (80, 120, 3)
    assert inputs.paintings[0].mask is not None
    assert inputs.paintings[0].mask.shape == (32, 48)
    assert Inputs.load(data, data, 48, None, style_scale=4).paintings[0].pixels.shape == (320, 480, 3)
    narrow = io.BytesIO()
    photo.resize((4000, 80)).save(narrow, "JPEG")
    assert min(Inputs.load(data, narrow.getvalue(), 48, None).paintings[0].pixels.shape[:2]) >= 64


def test_the_same_mask_is_loaded_once(files: Path) -> None:
    path = str(files / "mask.png")
    array = _half(40, 60)
    for mask in (path, array):
        first, second = (p.mask for p in Inputs.load(GRAY, [Style(GRAY, 1, mask)] * 2, 60, None).paintings)
        assert first is not None
        assert first is second
    given: list[ImageLike | Style] = [Style(GRAY, 1, array), Style(GRAY, 1, 255 - array)]
    different = Inputs.load(GRAY, given, 60, None).paintings
    assert different[0].mask is not different[1].mask


def test_a_region_is_scaled_to_its_painting(painting: Image.Image) -> None:
    region = Inputs.load(GRAY, Style(painting, region=_half(10, 10)), 60, None).paintings[0].region
    assert region is not None
    assert region.shape == (96, 96)
    assert region[:, :40].min() > 0.95
    assert region[:, 56:].max() < 0.05


def test_coverage_is_the_union_of_the_masks() -> None:
    left, third = _half(40, 60), np.zeros((40, 60), np.uint8)
    third[:, 20:40] = 255
    coverage = Inputs.load(GRAY, [Style(GRAY, 1, left), Style(GRAY, 1, third)], 60, None).coverage
    assert coverage is not None
    assert coverage.dtype == np.float32
    assert np.array_equal(coverage[0], np.arange(60) < 40)


def test_one_unmasked_style_covers_everything() -> None:
    assert Inputs.load(GRAY, [Style(GRAY, 1, _half(40, 60)), Style(GRAY)], 60, None).coverage is None


# --- from pixels to the picture ---


def test_finish_restores_what_is_not_covered(photo: Image.Image) -> None:
    inputs = Inputs.load(photo, Style(GRAY, mask=_half(64, 96)), 96, None)
    painted = np.zeros((64, 96, 3), np.float32)
    finished = inputs.finish(painted)
    assert np.array_equal(finished.pixels[:, 48:], inputs.content.pixels[:, 48:])
    assert finished.pixels[:, :48].max() == 0


def test_finish_restores_alpha_and_depth() -> None:
    alpha = _half(40, 60, 65535 // 257, 51)
    rgba = np.dstack([GRAY, alpha]).astype(np.uint16) * 257
    finished = Inputs.load(rgba, GRAY, 60, None).finish(np.ones((40, 60, 3), np.float32))
    assert finished.depth == 16
    assert finished.alpha is not None
    assert np.allclose(finished.alpha, alpha / 255)


def test_finish_works_at_the_size_of_an_early_stage(photo: Image.Image) -> None:
    inputs = Inputs.load(photo, Style(GRAY, mask=_half(64, 96)), 96, "luminance")
    assert inputs.finish(np.ones((32, 48, 3), np.float32)).size == (48, 32)


def test_luminance_paints_in_gray_and_restores_colours(photo: Image.Image, painting: Image.Image) -> None:
    inputs = Inputs.load(photo, painting, 96, "luminance")
    for pixels in (inputs.pixels, inputs.paintings[0].pixels):
        assert np.ptp(pixels, axis=2).max() < 1e-6
    # The painting's greys take the photograph's mean and deviation, up to what clipping costs.
    assert inputs.paintings[0].pixels.mean() == pytest.approx(inputs.pixels.mean(), abs=0.02)
    assert np.allclose(inputs.finish(inputs.pixels).pixels, inputs.content.pixels, atol=2e-3)


def test_match_gives_the_painting_the_photographs_colours(photo: Image.Image, painting: Image.Image) -> None:
    inputs = Inputs.load(photo, painting, 96, "match")
    recoloured, wanted = inputs.paintings[0].pixels.reshape(-1, 3), inputs.content.pixels.reshape(-1, 3)
    before = np.asarray(painting).reshape(-1, 3) / 255
    assert np.abs(recoloured.mean(0) - wanted.mean(0)).max() < 0.1 * np.abs(before.mean(0) - wanted.mean(0)).max()
    covariances = [np.cov(x.T) for x in (before, recoloured, wanted)]
    assert np.linalg.norm(covariances[1] - covariances[2]) < 0.5 * np.linalg.norm(covariances[0] - covariances[2])


def test_a_picture_is_taken_as_it_is() -> None:
    picture = Picture(np.full((40, 60, 3), 0.25, np.float32))
    assert Inputs.load(picture, GRAY, 60, None).content is picture
