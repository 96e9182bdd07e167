"""What files are, by their names and by their first bytes."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from pathlib import Path, PurePath

import pytest
from PIL import Image
from ran import assert_raises_line

from impasto import images
from impasto.images import kinds

MOVIE = struct.pack(">I4s4sI", 24, b"ftyp", b"isom", 512) + b"isommp41" + bytes(100)
HEIC = struct.pack(">I4s4sI", 24, b"ftyp", b"heic", 0) + b"mif1heic" + bytes(100)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("photo.jpg", b"")
    return buffer.getvalue()


def jpeg2000() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, "JPEG2000")
    return buffer.getvalue()


FOREIGN = {
    "a Photoshop document: save it as PNG or TIFF": b"8BPS\0\1" + bytes(100),
    "a JPEG 2000 image: save it as PNG or TIFF": jpeg2000(),
    "a JPEG XL image: save it as PNG or TIFF": b"\xff\x0a" + bytes(100),
    "an OpenEXR image: save it as PNG or TIFF": b"v/1\x01" + bytes(100),
    "a drawing: save it as PNG or TIFF": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "a video: impasto stylize paints it, with: pip install 'impasto[video]'": MOVIE,
    "an archive: unpack it, and give the folder": zipped(),
    "a web page: download the picture itself": b"\n<!DOCTYPE html><html><body>404</body></html>",
    "a PDF document: save its page as PNG": b"%PDF-1.7\n",
    "a Git LFS pointer: fetch the file itself: git lfs pull": b"version https://git-lfs.github.com/spec/v1\n",
}


@pytest.mark.parametrize("told", FOREIGN)
def test_a_file_that_is_something_else_is_called_what_it_is(told: str, tmp_path: Path) -> None:
    """Whatever its name, and where it has none, as in an upload."""
    path = tmp_path / "x.jpg"
    path.write_bytes(FOREIGN[told])
    pattern = rf"is not an image that can be read \(it is {re.escape(told)}\)$"
    assert_raises_line(lambda: images.load(path), rf"x\.jpg {pattern}")
    for read in (images.load, images.size_of):
        assert_raises_line(
            lambda read=read: read(FOREIGN[told]),  # type: ignore[misc]
            f"^the image {pattern}",
        )


def test_heic_without_its_package_is_known_by_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "register_heif", lambda: False)
    told = r"it is a HEIC photograph: HEIC needs: pip install 'impasto\[formats\]'"
    monkeypatch.setattr(images.decoding, "READABLE", ("JPEG", "PNG"))
    assert_raises_line(lambda: images.size_of(HEIC), told)
    monkeypatch.setattr(kinds, "register_heif", lambda: True)
    assert_raises_line(lambda: images.size_of(HEIC), r"^the image is not an image that can be read$")


@pytest.mark.parametrize("has_extra", [True, False])
def test_names(has_extra: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for check in ("register_heif", "_has_rawpy"):
        monkeypatch.setattr(kinds, check, lambda: has_extra)
    always = ("a.jpg", "a.JFIF", "a.jpe", "a.jif", "a.hdr.png", "a.tiff", "a.pnm", "a.avif")
    optional = ("a.heic", "a.HIF", "a.nef", "a.CR3", "a.dng")
    unread = ("a.psd", "a.jp2", "a.mov", "a.MP4", "a.svg", "a.exr", "a.jxl")
    neither = ("a.txt", "a", ".jpg", "a.zip", "a.onnx", "a.json")
    for name in (*always, *optional, *unread, *neither):
        readable = name in always or (has_extra and name in optional)
        assert images.is_readable(PurePath(name)) == readable, name
        looks_so = name in unread or (not has_extra and name in optional)
        assert (images.unusable(PurePath(name)) is not None) == looks_so, name


def test_films_are_known_by_their_names() -> None:
    for name in ("a.mp4", "a.MOV", "a.mkv", "a.webm", "a.m2ts", "a.ts", "a.ogv", "a.3gp"):
        assert images.is_film(PurePath(name)), name
        assert not images.is_readable(PurePath(name)), name
    for name in ("a.gif", "a.webp", "a.jpg", "a.mp3", "mp4", "a.psd"):
        assert not images.is_film(PurePath(name)), name


def test_the_summary_counts_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_has_rawpy", lambda: False)
    names = [PurePath(name) for name in ("a.nef", "b.mov", "c.arw", "d.txt")]
    assert images.summary(names) == (
        "2 raw photographs (raw needs: pip install 'impasto[formats]'): a.nef, c.arw; 1 video "
        "(impasto stylize paints it, with: pip install 'impasto[video]'): b.mov"
    )
    assert images.summary([]) == ""
    many = images.summary([PurePath(f"{index}.psd") for index in range(25)])
    assert many.startswith("25 Photoshop documents (save it as PNG or TIFF): 0.psd, 1.psd, ")
    assert many.endswith("19.psd and 5 more")
