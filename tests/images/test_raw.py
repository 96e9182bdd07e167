"""Raw photographs, and other files whose first image is not the picture."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from made import dng, page, png, sensor, srgb, tiff
from numpy.typing import NDArray
from PIL import Image
from ran import Run, assert_refused

from impasto import images
from impasto.errors import ImpastoError

THUMBNAIL = np.full((12, 18, 3), 99, np.int64)
PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3))
NEEDS = r"is a raw photograph, which needs: pip install 'impasto\[formats\]'$"


@pytest.fixture(scope="module")
def light() -> NDArray[np.float64]:
    """A scene in linear sRGB, 96×64: dark, red, grey, white; a line of it as light as the sensor sees."""
    scene = np.zeros((64, 96, 3))
    scene[:32, :48], scene[:32, 48:] = 0.18, (0.5, 0.1, 0.1)
    scene[32:, :48], scene[32:, 48:] = (0.02, 0.03, 0.04), (0.9, 0.9, 0.9)
    scene[:2] = 1
    return scene


def _assert_scene(picture: images.Picture, light: NDArray[np.float64]) -> None:
    """The colours within its quarters: on edges it depends on how mosaics are filled."""
    assert picture.depth == 16
    assert picture.alpha is None
    for rows, columns in ((slice(8, 26), slice(6, 42)), (slice(8, 26), slice(54, 90)),
                          (slice(38, 58), slice(6, 42)), (slice(38, 58), slice(54, 90))):  # fmt: skip
        assert np.abs(picture.pixels[rows, columns] - srgb(light[rows, columns])).max() < 0.006


# --- raw photographs, with the extra ---


def test_a_raw_photograph_is_as_light_and_as_white_as_it_was(light: NDArray[np.float64]) -> None:
    data = dng(light)
    _assert_scene(images.load(data), light)
    assert images.size_of(data) == (96, 64)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_raw_photograph_is_turned_upright(orientation: int, light: NDArray[np.float64]) -> None:
    data = dng(light, orientation)
    picture = images.load(data)
    turned = {3: 2, 6: 1, 8: 3}[orientation]  # quarters, to turn it back
    assert images.size_of(data) == picture.size == ((96, 64) if orientation == 3 else (64, 96))
    _assert_scene(images.Picture(np.rot90(picture.pixels, turned), depth=picture.depth), light)


def test_more_than_eight_bits_are_kept() -> None:
    ramp = np.linspace(0.2, 0.25, 96)[None, :, None].repeat(64, 0).repeat(3, 2)
    ramp[:2] = 1
    row = images.load(dng(ramp)).pixels[30, 8:88, 1]
    assert len(np.unique(row)) > 3 * len(np.unique(np.rint(row * 255)))


@pytest.mark.parametrize("where", ["after", "below"])
def test_the_sensor_counts_and_not_the_thumbnail(where: str, light: NDArray[np.float64], tmp_path: Path) -> None:
    data = tiff(page(THUMBNAIL, 8, 2, (254, "I", [1])), sensor(light), below=where == "below")
    for name in ("shot.nef", "shot.tif", "shot"):
        (tmp_path / name).write_bytes(data)
        assert images.load(tmp_path / name).size == (96, 64)
    _assert_scene(images.load(data), light)


def test_half_the_size_where_that_is_enough(light: NDArray[np.float64]) -> None:
    data = dng(light)
    assert images.load(data, needed=lambda _: (49, 32)).size == (96, 64)
    small = images.load(data, needed=lambda size: (size[0] // 2, size[1] // 2))
    assert small.size == images.size_of(data, needed=lambda _: (48, 32)) == (48, 32)
    assert np.abs(small.pixels[6:12, 6:18] - srgb(np.array(0.18))).max() < 0.006


@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_a_raw_photograph_that_is_cut_off(
    share: float, light: NDArray[np.float64], capfd: pytest.CaptureFixture[str]
) -> None:
    """LibRaw says so on stderr as well."""
    data = dng(light)
    pixels = 64 * 96 * 2
    moved = data[8 : 8 + pixels]  # put behind the directory, where cameras have them
    head = bytearray(data[8 + pixels :])
    shift = -pixels
    whole = _with_pixels_last(bytes(data[:8]), bytes(head), moved, shift)
    _assert_scene(images.load(whole), light)
    capfd.readouterr()
    with pytest.raises(ImpastoError, match=r"^the image is damaged: [^\n]+$"):
        images.load(whole[: len(whole) - round(pixels * (1 - share))])
    assert capfd.readouterr() == ("", "")


def _with_pixels_last(head: bytes, rest: bytes, pixels: bytes, shift: int) -> bytes:
    """The file with its one directory before its pixels: all places in it are moved."""
    moved = bytearray(rest)
    count = struct.unpack_from("<H", moved)[0]
    for entry in range(2, 2 + 12 * count, 12):
        tag, kind, values, place = struct.unpack_from("<HHII", moved, entry)
        size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8}[kind] * values
        if tag == 273:
            struct.pack_into("<I", moved, entry + 8, 8 + len(rest))
        elif size > 4:
            struct.pack_into("<I", moved, entry + 8, place + shift)
    return head[:4] + struct.pack("<I", 8) + bytes(moved) + pixels


@pytest.mark.parametrize(
    "data",
    [
        b"II*\0\x10\0\0\0CR\2\0" + bytes(60),  # Canon
        b"II\x1a\0\0\0HEAPCCDR\2\0\1\0" + bytes(60),
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(60),
        b"FUJIFILMCCD-RAW 0201FF000000" + bytes(200),
        b"\0MRM\0\0\0\x40" + bytes(60),  # Minolta
        b"FOVb" + bytes(60),  # Sigma
        b"IIU\0\x08\0\0\0" + bytes(60),  # Panasonic
        b"IIRO\x08\0\0\0" + bytes(60),  # Olympus
        b"MMOR\0\0\0\x08" + bytes(60),
        b"II*\0\x08\0\0\0IIII" + bytes(60),  # Phase One
    ],
)
def test_raw_photographs_are_known_by_their_first_bytes(data: bytes, installed: str) -> None:
    told = NEEDS if installed == "base" else r"is (damaged|a raw photograph of a kind that LibRaw cannot develop)"
    for read in (images.load, images.size_of):
        with pytest.raises(ImpastoError, match=told):
            read(data)


@pytest.mark.parametrize("suffix", [".nef", ".CR2", ".arw", ".dng", ".kdc"])
def test_raw_photographs_are_known_by_their_names(
    suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Some makers' files look like any TIFF: nothing but their thumbnail could be painted."""
    path = tmp_path / f"shot{suffix}"
    path.write_bytes(tiff(page(THUMBNAIL, 8, 2)))
    with pytest.raises(ImpastoError, match=r"is (a raw photograph of a kind that LibRaw cannot develop|damaged)"):
        images.load(path)
    assert capfd.readouterr() == ("", "")
    assert suffix.lower() in images.SUFFIXES


def test_a_png_may_be_named_like_a_raw_photograph(tmp_path: Path) -> None:
    (tmp_path / "x.nef").write_bytes(png(PICTURE.astype(np.uint8)))
    assert images.load(tmp_path / "x.nef").size == (60, 40)


# --- without it ---


def test_without_the_extra_one_line_says_what_to_install(
    light: NDArray[np.float64], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    below = tiff(page(THUMBNAIL, 8, 2, (254, "I", [1])), sensor(light), below=True)
    for data in (dng(light), below):
        for read in (images.load, images.size_of):
            with pytest.raises(ImpastoError, match=f"^the image {NEEDS}"):
                read(data)
    (tmp_path / "shot.kdc").write_bytes(tiff(page(THUMBNAIL, 8, 2)))
    with pytest.raises(ImpastoError, match=rf"^content image .*shot\.kdc {NEEDS}"):
        images.load(tmp_path / "shot.kdc", "content image")


# --- TIFFs with a thumbnail ---


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mark", [(254, "I", [1]), (254, "I", [4]), (255, "H", [2])])
def test_a_picture_behind_its_thumbnail(
    mark: tuple[int, str, list[int]], order: str, below: bool, bits: int, installed: str
) -> None:
    values = PICTURE * (257 if bits == 16 else 1)
    data = tiff(
        page(THUMBNAIL, 8, 2, mark, (274, "H", [6]), order=order), page(values, bits, 2, order=order),
        order=order, below=below,
    )  # fmt: skip
    picture = images.load(data)
    assert picture.size == (40, 60)  # turned as its thumbnail says, where it says nothing itself
    assert np.abs(np.rot90(picture.pixels) - PICTURE / 255).max() < 1 / 250
    assert picture.depth == (16 if bits == 16 and installed == "formats" else 8)
    assert sorted(images.size_of(data)) == [40, 60]


def test_the_first_of_several_pages_that_are_no_thumbnails(installed: str) -> None:
    assert installed
    data = tiff(page(PICTURE, 8, 2, (254, "I", [2])), page(THUMBNAIL, 8, 2), page(THUMBNAIL, 8, 2, (254, "I", [1])))
    assert np.array_equal(images.load(data).pixels, images.load(PICTURE.astype(np.uint8)).pixels)


def test_nothing_but_a_thumbnail(installed: str) -> None:
    assert installed
    data = tiff(page(THUMBNAIL, 8, 2, (254, "I", [1])))
    for read in (images.load, images.size_of):
        with pytest.raises(ImpastoError, match=r"^the image is a TIFF that says it holds nothing but a thumbnail$"):
            read(data)


# --- by the command line ---


def test_a_raw_photograph_is_painted_with_its_sixteen_bits(
    light: NDArray[np.float64], style_model: Path, run: Run, work: Path
) -> None:
    (work / "shot.dng").write_bytes(dng(light))
    ran = run("stylize", "shot.dng", "--style", style_model)
    assert (ran.code, ran.err) == (0, "")
    assert [path.name for path in work.iterdir() if path.suffix == ".png"] == ["shot-great-wave.png"]
    painted = images.load(work / "shot-great-wave.png")
    assert (painted.size, painted.depth) == ((96, 64), 16)


def test_without_the_extra_nothing_is_written(
    light: NDArray[np.float64], style_model: Path, run: Run, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    (work / "shot.nef").write_bytes(tiff(page(THUMBNAIL, 8, 2, (254, "I", [1])), sensor(light), below=True))
    assert_refused(run("stylize", "shot.nef", "--style", style_model), r"shot\.nef is a raw photograph, which needs")
    assert [path.name for path in work.iterdir()] == ["shot.nef"]


def test_an_image_object_of_a_raw_file_is_left_as_pillow_has_it(light: NDArray[np.float64], tmp_path: Path) -> None:
    """Whoever opens it with Pillow has chosen what Pillow sees."""
    path = tmp_path / "shot.nef"
    path.write_bytes(tiff(page(THUMBNAIL, 8, 2, (254, "I", [1])), sensor(light), below=True))
    with Image.open(path) as image:
        assert images.load(image).size == (18, 12)
