"""`impasto pack`: what it prints, what it writes, and how it fails."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image
from ran import Ran, Run, assert_refused


@pytest.fixture
def pack(run: Run) -> Run:
    """`impasto pack …` in this process."""
    return lambda *arguments: run("pack", *arguments)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photographs and a text."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(3):
        Image.new("RGB", (200, 150), (80 * index, 90, 90)).save(folder / f"{index}.jpg")
    (folder / "text.jpg").write_text("no picture")
    return folder


def test_it_says_what_it_has_written_and_skipped(pack: Run, photos: Path, tmp_path: Path) -> None:
    ran = pack(photos, tmp_path / "shards", "--size", 100)
    assert ran.code == 0
    assert ran.out == f"{tmp_path / 'shards'}  3 photographs, 1 skipped\n"
    assert ran.err == "packing 4/4\nskipped text.jpg: not an image that can be read\n"
    with tarfile.open(tmp_path / "shards" / "000000.tar") as shard:
        assert shard.getnames() == ["00000000.jpg", "00000001.jpg", "00000002.jpg"]
        file = shard.extractfile("00000001.jpg")
        assert file is not None
        with Image.open(file) as image:
            assert (image.format, image.size) == ("JPEG", (133, 100))


def test_json_is_one_object(pack: Run, photos: Path, tmp_path: Path) -> None:
    ran = pack(photos, photos / "0.jpg", tmp_path / "shards", "--json", "-q")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == {
        "output": str(tmp_path / "shards"), "photographs": 4, "skipped": {"text.jpg": "not an image that can be read"},
    }  # fmt: skip


def test_quiet_says_nothing(pack: Run, photos: Path, tmp_path: Path) -> None:
    assert pack(photos, tmp_path / "shards", "-q") == Ran(0, "", "")


def test_a_damaged_shard_does_not_spoil_the_count(pack: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "damaged.tar").write_bytes(b"no shard" * 100)
    ran = pack(photos, tmp_path / "shards", "--json", "-q")
    assert ran.code == 0
    told = json.loads(ran.out)
    assert told["photographs"] == 3
    assert set(told["skipped"]) == {"text.jpg", "damaged.tar"}


def test_quality_decides_the_size_of_the_files(pack: Run, photos: Path, tmp_path: Path) -> None:
    Image.effect_noise((200, 150), 90).save(photos / "noise.png")
    for quality in (30, 90):
        assert pack(photos, tmp_path / f"shards-{quality}", "--quality", quality, "-q").code == 0
    small, large = ((tmp_path / f"shards-{q}" / "000000.tar").stat().st_size for q in (30, 90))
    assert small < large


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photos"], "give a folder of photographs and a folder for the shards"),
        ([], "(?i)missing argument"),
        (["nowhere", "shards"], "no such content folder: nowhere"),
        (["photos", "photos"], "photos is not an empty folder"),
        (["void", "shards"], "no photographs in void"),
        (["photos", "shards", "--size", "63"], "size must be between 64 and 10000, not 63"),
        (["photos", "shards", "--quality", "0"], "--quality"),
        (["photos", "photos/0.jpg/shards"], "cannot write"),
    ],
)
def test_bad_input(
    pack: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    (tmp_path / "void").mkdir()
    monkeypatch.chdir(photos.parent)
    before = sorted(path for path in tmp_path.rglob("*"))
    assert_refused(pack(*arguments), message)
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_nothing_usable(pack: Run, photos: Path, tmp_path: Path) -> None:
    ran = pack(photos / "text.jpg", tmp_path / "shards", "-q")
    assert_refused(ran, "no usable photograph among 1: text.jpg is not an image")
    assert not (tmp_path / "shards").exists()
