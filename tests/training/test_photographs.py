"""Photographs for training: what is found, what is skipped, which crops there are, and shards of them."""

from __future__ import annotations

import errno
import io
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms
from ran import assert_raises_line
from tiny import noise, save_photos

from impasto import images
from impasto.errors import ImpastoError
from impasto.images import kinds
from impasto.training import pack, photographs
from impasto.training.photographs import Crops, Entry, Photographs


def save_flat(folder: Path, count: int) -> Path:
    """Grey pictures, each of its own brightness, 0000.png …: a crop tells which one it comes from."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.new("RGB", (70, 64), (8 * index + 4,) * 3).save(folder / f"{index:04}.png")
    return folder


def index_of(crop: NDArray[np.uint8]) -> int:
    assert crop.min() == crop.max()
    return int(crop[0, 0, 0]) // 8


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def save_shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as shard:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            shard.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Six good photographs, and every kind of bad one among them."""
    folder = tmp_path / "mixed"
    (folder / "below").mkdir(parents=True)
    for index in range(5):
        noise(index).save(folder / f"good{index}.jpg")
    noise(5).save(folder / "below" / "good5.PNG")
    whole = jpeg(noise(9, 300, 300), quality=95)
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture")
    (folder / "random.png").write_bytes(np.random.default_rng(0).bytes(2000))
    noise(10, 63, 400).save(folder / "tiny.jpg")
    (folder / "readme.txt").write_text("no picture, and not taken for one")
    return folder


BAD = {"cut.jpg", "empty.jpg", "text.jpg", "random.png", "tiny.jpg"}

# --- what is found -----------------------------------------------------------------------------------------


def test_folders_are_searched_and_sorted(mixed: Path) -> None:
    names = [entry.name for entry in Photographs(mixed).entries]
    assert names == sorted(names)
    assert set(names) == BAD | {f"good{index}.jpg" for index in range(5)} | {"below/good5.PNG"}
    assert Photographs(str(mixed)).fingerprint == Photographs([mixed]).fingerprint


def test_shards_files_and_folders_together(tmp_path: Path) -> None:
    shard = save_shard(
        tmp_path / "0.tar", {"b.jpg": jpeg(noise(0)), "a.json": b"{}", "a.jpg": jpeg(noise(1)), "b.txt": b"b"}
    )
    folder = save_flat(tmp_path / "folder", 2)
    single = tmp_path / "single.jpg"
    noise(2).save(single)
    found = Photographs([shard, folder, single])
    assert [entry.name for entry in found.entries] == [
        "0.tar/b.jpg", "0.tar/a.jpg", "0000.png", "0001.png", "single.jpg"
    ]  # fmt: skip
    assert found.entries[1].read() == jpeg(noise(1))
    assert found.entries[4].read() == single.read_bytes()
    assert all(found.load(index, 64) is not None for index in range(5))
    assert len(Photographs(tmp_path)) == 5  # a shard inside a folder


def test_nothing_there(tmp_path: Path, mixed: Path) -> None:
    (tmp_path / "void").mkdir()
    for sources, message in (
        (tmp_path / "nowhere", "no such content folder"),
        (tmp_path / "void", "no photographs in"),
        (mixed / "readme.txt", "no photographs in"),
        ([], "no content folder is given"),
    ):
        with pytest.raises(ImpastoError, match=message) as error:
            Photographs(sources)
        assert "\n" not in str(error.value)


def test_only_bad_files(mixed: Path) -> None:
    found = Photographs([mixed / name for name in sorted(BAD)])
    with pytest.raises(ImpastoError, match=r"^no usable photograph among 5: \w+\.\w+ is ") as error:
        Crops(found, 0, 1.0, 16)
    assert "\n" not in str(error.value)


def test_the_fingerprint_tells_other_photographs(tmp_path: Path) -> None:
    folder = save_photos(tmp_path / "photos", ("coffee", "chelsea"))
    before = Photographs(folder).fingerprint
    assert Photographs(folder).fingerprint == before
    (folder / "notes.txt").write_text("no matter")
    assert Photographs(folder).fingerprint == before
    noise(0).save(folder / "more.jpg")
    more = Photographs(folder).fingerprint
    (folder / "more.jpg").rename(folder / "other.jpg")
    assert len({before, more, Photographs(folder).fingerprint}) == 3


def test_names_need_not_be_utf8(tmp_path: Path) -> None:
    folder = save_photos(tmp_path / "photos", ("coffee", "chelsea"))
    name = os.fsdecode(b"M\xfcll.jpg")
    try:
        (folder / "coffee.jpg").rename(folder / name)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    photographs = Photographs(folder)
    assert len(photographs.fingerprint) == 64
    assert name in [entry.name for entry in photographs.entries]


# --- what is skipped ---------------------------------------------------------------------------------------


def test_bad_files_are_skipped_and_named_with_a_reason(mixed: Path) -> None:
    found = Photographs(mixed)
    crops = Crops(found, 0, 1.0, 16)
    for position in range(len(found)):
        assert crops.at(position, 64).shape == (64, 64, 3)
    assert set(found.skipped) == BAD
    assert found.skipped["tiny.jpg"] == "smaller than 64 px"
    assert found.skipped["cut.jpg"].startswith("damaged")
    for name in ("text.jpg", "empty.jpg", "random.png"):
        assert found.skipped[name] == "not an image that can be read"


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "jif", "JFIF"])
def test_other_names_of_jpeg_files(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"photo.{suffix}").write_bytes(jpeg(noise(0)))
    found = Photographs(tmp_path)
    assert len(found) == 1
    assert found.load(0, 64) is not None


def test_a_wholly_transparent_picture_is_no_photograph(tmp_path: Path) -> None:
    Image.new("RGBA", (100, 100), (90, 90, 90, 0)).save(tmp_path / "clear.png")
    noise(0).save(tmp_path / "good.jpg")
    found = Photographs(tmp_path)
    assert [found.load(index, 64) is None for index in range(2)] == [True, False]
    assert found.skipped == {"clear.png": "wholly transparent"}


def test_what_looks_like_a_picture_is_skipped_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_has_rawpy", lambda: False)
    noise(0).save(tmp_path / "good.jpg")
    for name in ("shot.nef", "layers.psd", "notes.txt"):
        (tmp_path / name).touch()
    save_shard(tmp_path / "0.tar", {"b.jpg": jpeg(noise(0)), "b.mp4": b"", "b.json": b"{}"})
    with tarfile.open(tmp_path / "more.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "good.jpg")
    shutil.copy(tmp_path / "more.tar.gz", tmp_path / "more.tar")
    found = Photographs(tmp_path)
    unpack = "an archive: unpack it, and give the folder"
    assert found.skipped == {
        "0.tar/b.mp4": str(kinds.VIDEO), "layers.psd": "a Photoshop document: save it as PNG or TIFF",
        "more.tar": unpack,
        "more.tar.gz": unpack, "shot.nef": "a raw photograph: raw needs: pip install 'impasto[formats]'",
    }  # fmt: skip
    assert (len(found), found.considered) == (2, 7)
    Image.new("RGB", (9, 9)).save(tmp_path / "small.png")
    found = Photographs(tmp_path)
    assert [found.load(index, 64) is None for index in range(3)] == [False, False, True]
    assert (len(found.skipped), found.considered) == (6, 8)


@pytest.mark.parametrize("name", ["photos.zip", "photos.tar.gz", "photos.tgz", "photos.tar.bz2", "photos.7z"])
def test_an_archive_is_to_be_unpacked(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    message = rf"^content .*{name} is an archive: unpack it, and give the folder$"
    assert_raises_line(lambda: Photographs(tmp_path / name), message)
    assert_raises_line(lambda: pack(tmp_path / name, tmp_path / "shards"), message)
    assert not (tmp_path / "shards").exists()


def test_a_web_address_is_to_be_downloaded(tmp_path: Path) -> None:
    message = r"^content folder https://example\.com/photos\.zip is a web address: download it, "
    assert_raises_line(lambda: Photographs("https://example.com/photos.zip"), message)
    assert_raises_line(lambda: pack(["https://example.com/photos.zip"], tmp_path / "shards"), message)


def test_a_file_that_vanishes_is_skipped(tmp_path: Path) -> None:
    found = Photographs(save_flat(tmp_path, 3))
    (tmp_path / "0001.png").unlink()
    assert [found.load(index, 64) is None for index in range(3)] == [False, True, False]
    assert list(found.skipped) == ["0001.png"]


def test_a_file_that_cannot_be_read_for_a_while_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Photographs(save_photos(tmp_path / "photos"))
    crops = Crops(found, 0, 1.0, 1)
    before = crops.at(0, 64)

    def away(_: Entry) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as drive:
        drive.setattr(Entry, "read", away)
        assert_raises_line(lambda: crops.at(0, 64), "the photographs cannot be read any more: .* is Input/output error")
    assert len(found.skipped) == len(found) - 1  # the one that is held out was not asked for
    assert found.state()["unusable"] == []
    np.testing.assert_array_equal(crops.at(0, 64), before)


def test_whatever_a_decoder_raises_the_file_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Photographs(save_photos(tmp_path / "photos"))

    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(images, "load", broken)
    assert found.load(0, 64) is None
    assert list(found.skipped.values()) == ["not an image that can be read (ZeroDivisionError: division by zero)"]


def test_links_are_followed_but_not_in_a_circle(tmp_path: Path) -> None:
    save_photos(tmp_path / "elsewhere", ("astronaut", "chelsea"))
    save_photos(tmp_path / "photos", ("coffee",))
    (tmp_path / "photos" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "photos")
    names = [entry.name for entry in Photographs(tmp_path / "photos").entries]
    assert names == ["coffee.jpg", "more/astronaut.jpg", "more/chelsea.jpg"]


def test_a_name_that_is_too_long_is_refused_in_a_line(tmp_path: Path) -> None:
    assert_raises_line(lambda: Photographs(tmp_path / ("x" * 300)), "no such content folder")


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, unreadable: Callable[[str], None]) -> None:
    save_flat(tmp_path / "good", 1)
    save_flat(tmp_path / "private", 1)
    unreadable("private")
    found = Photographs(tmp_path)
    assert [entry.name for entry in found.entries] == ["good/0000.png"]
    assert found.skipped == {"private": "a folder that cannot be read"}
    assert_raises_line(lambda: Photographs(tmp_path / "private"), "cannot read content folder")


def test_a_bad_file_does_not_hide_its_namesake_in_another_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_flat(tmp_path / name, 1)
    (tmp_path / "one" / "0000.png").write_text("no picture")
    found = Photographs([tmp_path / "one", tmp_path / "two"])
    assert [found.load(index, 64) is None for index in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("member", "offset", "whole"), [(2, 400, 2), (2, -300, 2), (2, -512, 2), (1, 10, 1), (2, 10**4, 3)]
)
def test_a_truncated_shard_gives_what_is_whole(tmp_path: Path, member: int, offset: int, whole: int) -> None:
    """Cut in a photograph, in a header, between the two, and in nothing but the padding at the end."""
    shard = save_shard(tmp_path / "0.tar", {f"{index}.jpg": jpeg(noise(index)) for index in range(3)})
    shard.write_bytes(shard.read_bytes()[: Photographs(shard).entries[member].offset + offset])
    noise(7).save(tmp_path / "good.jpg")
    found = Photographs(tmp_path)
    usable = [entry.name for index, entry in enumerate(found.entries) if found.load(index, 64) is not None]
    assert usable == [*(f"0.tar/{index}.jpg" for index in range(whole)), "good.jpg"]
    assert bool(found.skipped) == (whole < 3)


@pytest.mark.parametrize("data", [b"", b"no shard", bytes(5000)])
def test_what_is_no_shard(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "0.tar").write_bytes(data)
    with pytest.raises(ImpastoError, match="no photographs in") as error:
        Photographs(tmp_path)
    assert "\n" not in str(error.value)
    noise(0).save(tmp_path / "good.jpg")
    assert len(Photographs(tmp_path)) == 1


# --- crops -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_photos(tmp_path_factory.mktemp("photos"))


@pytest.mark.parametrize("side", [64, 100])
def test_a_crop_depends_on_seed_and_position_alone(photos: Path, side: int) -> None:
    positions = [0, 3, 11, 5, 1000, 7, 0]
    forward, fresh = (Crops(Photographs(photos), 5, 1.5, 16) for _ in range(2))
    crops = {position: forward.at(position, side) for position in positions}
    for position in reversed(positions):
        assert np.array_equal(fresh.at(position, side), crops[position])
    assert all(crop.shape == (side, side, 3) and crop.dtype == np.uint8 for crop in crops.values())
    assert len({crop.tobytes() for crop in crops.values()}) == len(crops)
    other = Crops(Photographs(photos), 6, 1.5, 16)
    assert not any(np.array_equal(other.at(position, side), crop) for position, crop in crops.items())


@settings(max_examples=20)
@given(seed=st.integers(0, 2**40), epoch=st.integers(0, 50), held_out=st.integers(1, 20))
def test_every_photograph_once_an_epoch_and_none_held_out(
    tmp_path_factory: pytest.TempPathFactory, seed: int, epoch: int, held_out: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "flat"
    if not folder.exists():
        save_flat(folder, 23)
    crops = Crops(Photographs(folder), seed, 2.0, held_out)
    held = set(crops.held_out)
    assert len(held) == min(held_out, 4)  # a fifth at most
    length = 23 - len(held)
    seen = [index_of(crops.at(position, 16)) for position in range(epoch * length, (epoch + 1) * length)]
    assert sorted(seen) == sorted(set(range(23)) - held)
    assert {index_of(middle) for middle in crops.validation(32)} == held


def test_small_crops_of_large_photographs(tmp_path: Path) -> None:
    """A JPEG file is decoded at a fraction of its size where that is enough, and is no smaller for it."""
    noise(0, 400, 300).save(tmp_path / "photo.jpg")
    found = Photographs(tmp_path)
    assert Crops(found, 0, 1.0, 1).at(0, 32).shape == (32, 32, 3)
    assert found.skipped == {}


def test_epochs_have_different_orders(tmp_path: Path) -> None:
    crops = Crops(Photographs(save_flat(tmp_path, 20)), 0, 1.0, 2)
    orders = [tuple(index_of(crops.at(18 * epoch + place, 16)) for place in range(18)) for epoch in range(3)]
    assert len(set(orders)) == 3


def test_the_next_usable_photograph_stands_in_for_a_bad_one(tmp_path: Path) -> None:
    good = Crops(Photographs(save_flat(tmp_path, 20)), 3, 1.0, 4)
    order = [index_of(good.at(position, 16)) for position in range(16)]
    for place in (4, 5, 9):
        (tmp_path / f"{order[place]:04}.png").write_text("no picture")
    found = Photographs(tmp_path)
    crops = Crops(found, 3, 1.0, 4)
    expected = list(order)
    expected[4] = expected[5] = order[6]
    expected[9] = order[10]
    assert [index_of(crops.at(position, 16)) for position in range(16)] == expected
    assert len(found.skipped) == 3


def test_bad_files_are_not_held_out(tmp_path: Path) -> None:
    save_flat(tmp_path, 10)
    for index in range(0, 10, 2):
        (tmp_path / f"{index:04}.png").write_text("no picture")
    for seed in range(5):
        crops = Crops(Photographs(tmp_path), seed, 1.0, 16)
        assert len(crops.validation(64)) == 2
        assert all(index % 2 for index in crops.held_out)


def test_one_photograph_serves_for_both(photos: Path) -> None:
    crops = Crops(Photographs(photos / "coffee.jpg"), 0, 2.0, 16)
    assert crops.validation(96).shape == (1, 96, 96, 3)
    (sample,) = crops.samples(4, 100)
    assert sample.size == (100, 67)
    assert len({crops.at(position, 48).tobytes() for position in range(10)}) == 10


@pytest.mark.parametrize("bad", [1, 5])
def test_one_usable_photograph_serves_for_both(tmp_path: Path, bad: int) -> None:
    noise(0).save(tmp_path / "good.jpg")
    for index in range(bad):
        (tmp_path / f"bad{index}.jpg").write_text("no picture")
    crops = Crops(Photographs(tmp_path), 0, 1.0, 16)
    assert crops.at(0, 64).shape == (64, 64, 3)


def test_crops_come_from_all_over_the_photograph_and_its_mirror_image(tmp_path: Path) -> None:
    """Left to right, red rises; top to bottom, green."""
    ramp = np.zeros((200, 300, 3), np.uint8)
    ramp[..., 0] = np.linspace(0, 255, 300)
    ramp[..., 1] = np.linspace(0, 255, 200)[:, None]
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    crops = Crops(Photographs(tmp_path), 0, 2.0, 1)
    found = np.stack([crops.at(position, 32) for position in range(60)]).astype(float)
    red, green = found[..., 0].mean((1, 2)), found[..., 1].mean((1, 2))
    assert red.max() - red.min() > 75
    assert green.max() - green.min() > 45
    assert (found[:, 0, 0, 1] <= found[:, -1, 0, 1]).all()  # never upside down
    mirrored = found[:, 0, 0, 0] > found[:, 0, -1, 0]
    assert 15 < mirrored.sum() < 45
    heights = found[:, -1, 0, 1] - found[:, 0, 0, 1]  # share of the short side: a half to all of it
    assert 110 < heights.min() < 150
    assert 210 < heights.max() <= 255


def test_small_grey_and_transparent_photographs_give_crops(tmp_path: Path) -> None:
    noise(0, 64, 90).convert("L").save(tmp_path / "grey.png")
    noise(1, 65, 64).convert("RGBA").save(tmp_path / "clear.png")
    noise(2, 2000, 64).save(tmp_path / "wide.jpg")
    crops = Crops(Photographs(tmp_path), 0, 2.0, 1)
    for position in range(6):
        assert crops.at(position, 128).shape == (128, 128, 3)
    assert crops.validation(256).shape == (1, 256, 256, 3)


# --- packing -----------------------------------------------------------------------------------------------


def members(folder: Path) -> list[tuple[str, Image.Image]]:
    """What Python's own tarfile finds in all shards, in order."""
    found: list[tuple[str, Image.Image]] = []
    for path in sorted(folder.iterdir()):
        with tarfile.open(path) as shard:
            for member in shard:
                file = shard.extractfile(member)
                assert file is not None
                image = Image.open(io.BytesIO(file.read()))
                image.load()
                found.append((f"{path.name}/{member.name}", image))
    return found


def test_shards_are_plain_tar_files_of_scaled_photographs(tmp_path: Path) -> None:
    source = tmp_path / "photos"
    save_photos(source, ("chelsea", "rocket"), 400)
    noise(0, 90, 70).save(source / "small.png")
    calls: list[tuple[int, int]] = []
    read = pack(source, tmp_path / "a" / "shards", 100, progress=lambda done, of: calls.append((done, of)))
    assert (len(read), read.skipped) == (3, {})
    found = members(tmp_path / "a" / "shards")
    assert [name for name, _ in found] == [f"000000.tar/{index:08}.jpg" for index in range(3)]
    assert [image.format for _, image in found] == ["JPEG"] * 3
    assert [min(image.size) for _, image in found] == [100, 100, 70]
    assert found[2][1].size == (90, 70)
    assert found[0][1].size == (150, 100)
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_many_photographs_make_several_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photographs, "SHARD_LENGTH", 3)
    save_flat(tmp_path / "photos", 7)
    (tmp_path / "photos" / "0002b.png").write_text("no picture")
    read = pack(tmp_path / "photos", tmp_path / "shards")
    assert list(read.skipped) == ["0002b.png"]
    assert sorted(path.name for path in (tmp_path / "shards").iterdir()) == ["000000.tar", "000001.tar", "000002.tar"]
    found = members(tmp_path / "shards")
    assert [name.split("/")[0] for name, _ in found] == ["000000.tar"] * 3 + ["000001.tar"] * 3 + ["000002.tar"]
    brightness = [float(np.asarray(image).mean()) for _, image in found]
    assert brightness == pytest.approx([8 * index + 4 for index in range(7)], abs=1)
    assert len(Photographs(tmp_path / "shards")) == 7


def test_orientation_is_applied_and_left_behind(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    (tmp_path / "turned.jpg").write_bytes(jpeg(noise(0, 120, 80), exif=exif))
    pack(tmp_path / "turned.jpg", tmp_path / "shards")
    ((_, image),) = members(tmp_path / "shards")
    assert image.size == (80, 120)
    assert image.getexif().get(0x0112, 1) == 1


def test_small_jpeg_files_are_taken_as_they_are(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    files = {
        "a.jpg": jpeg(noise(0, 90, 70)), "b.jpg": jpeg(noise(1, 190, 170)), "c.jpg": jpeg(noise(2).convert("L")),
        "d.jpg": jpeg(noise(3, 90, 70), icc_profile=profile),
    }  # fmt: skip
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    pack([tmp_path / name for name in files], tmp_path / "shards", 100)
    read = [entry.read() for entry in Photographs(tmp_path / "shards").entries]
    assert [data == given for data, given in zip(read, files.values(), strict=True)] == [True, False, False, False]
    for data in read:
        with Image.open(io.BytesIO(data)) as image:
            assert (image.mode, "icc_profile" in image.info, min(image.size) <= 100) == ("RGB", False, True)


def test_crops_from_shards_are_those_from_the_folder(tmp_path: Path) -> None:
    source = save_photos(tmp_path / "photos", ("astronaut", "chelsea", "coffee", "rocket"), 400)
    pack(source, tmp_path / "shards", 192, 95)
    folder, shards = (Crops(Photographs(path), 1, 1.5, 1) for path in (source, tmp_path / "shards"))
    for position in range(6):
        difference = folder.at(position, 64).astype(float) - shards.at(position, 64)
        assert np.abs(difference).mean() < 6


@pytest.mark.parametrize("kind", ["full", "file"])
def test_only_empty_folders_are_packed_into(tmp_path: Path, kind: str) -> None:
    source, target = save_flat(tmp_path / "photos", 1), tmp_path / "shards"
    if kind == "full":
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    else:
        target.write_text("mine")
    with pytest.raises(ImpastoError, match="is not an empty folder"):
        pack(source, target)
    assert not list(tmp_path.rglob("*.tar*"))


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    pack(save_flat(tmp_path / "photos", 1), tmp_path / "shards")
    assert len(members(tmp_path / "shards")) == 1


def test_interrupted_packing_leaves_no_shard_that_looks_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photographs, "SHARD_LENGTH", 2)

    def interrupt(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(save_flat(tmp_path / "photos", 5), tmp_path / "shards", progress=interrupt)
    (whole,) = (tmp_path / "shards").glob("*.tar")
    with tarfile.open(whole) as shard:
        assert len(shard.getnames()) == 2


@pytest.mark.parametrize(("name", "value"), [("short_side", 63), ("short_side", 1.5), ("quality", 0), ("quality", 101)])
def test_packing_refuses_odd_numbers(tmp_path: Path, name: str, value: Any) -> None:
    source = save_flat(tmp_path / "photos", 1)
    with pytest.raises(ImpastoError, match="must be"):
        pack(source, tmp_path / "shards", **{name: value})
    assert not (tmp_path / "shards").exists()


def test_nothing_usable_to_pack(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    with pytest.raises(ImpastoError, match=r"no usable photograph among 1: bad\.jpg is not an image"):
        pack(tmp_path / "bad.jpg", tmp_path / "shards")
    assert not list(tmp_path.rglob("*.tar*"))
