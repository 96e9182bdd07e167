"""Walking through folders. Writing is tested by the commands that write."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto.files import walk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    (folder / "real" / "deep").mkdir(parents=True)
    (folder / "real" / "deep" / "one").touch()
    (tmp_path / "beside").touch()
    return folder


def found(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in walk(folder))


@pytest.mark.parametrize("name", ["a", "b", "c", "f", "best", "zz"])  # some come before what they link to
def test_a_link_does_not_hide_the_folder_that_it_leads_to(name: str, folder: Path) -> None:
    (folder / name).symlink_to(folder / "real" / "deep")
    assert found(folder) == sorted([f"{name}/one", "real/deep/one"])


@pytest.mark.parametrize("target", [".", "real", "real/deep", "..", "/"])
def test_no_link_leads_back_up(target: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "real" / "deep" / "back").symlink_to((folder / target).resolve())
    assert found(folder) == ["real/deep/one"]
    monkeypatch.chdir(folder)
    assert found(Path()) == ["real/deep/one"]
    (folder.parent / "way in").symlink_to(folder)
    assert found(folder.parent / "way in") == ["real/deep/one"]


def test_two_links_to_each_other_end(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "two").touch()
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    (folder / "out").symlink_to(tmp_path / "elsewhere")
    assert found(folder) == ["out/two", "real/deep/one"]


def test_hidden_folders_are_not_entered(folder: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "folder" / ".hidden"
    hidden.mkdir()
    (hidden / "three").touch()
    (folder / "real" / ".four").touch()
    assert found(folder) == ["real/deep/one"]
    assert found(hidden) == ["three"]


def test_a_folder_that_cannot_be_read_is_found_itself(folder: Path, unreadable: Callable[[str], None]) -> None:
    (folder / "private").mkdir()
    (folder / "private" / "three").touch()
    unreadable("private")
    assert found(folder) == ["private", "real/deep/one"]
    with pytest.raises(PermissionError):
        list(walk(folder / "private"))


def test_files_that_cannot_be_told_from_others_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a folder that may be listed but not entered; what is no file is not, nor is a link to nothing."""
    os.mkfifo(folder / "pipe")
    (folder / "nowhere").symlink_to("nothing")
    assert found(folder) == ["real/deep/one"]
    look = Path.stat

    def refuse(path: Path, **options: bool) -> os.stat_result:
        if path.name == "one":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    assert found(folder) == ["real/deep/one"]


def test_the_working_folder_is_not_above_what_lies_beside_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "two").touch()
    (folder / "more").symlink_to(tmp_path / "album")
    monkeypatch.chdir(tmp_path / "album")
    assert found(Path("../folder")) == ["more/two", "real/deep/one"]


def test_a_way_back_behind_a_link(folder: Path, tmp_path: Path) -> None:
    """`..` after a link is not the folder that the link is in."""
    (folder / "real" / "deep" / "back").symlink_to("..")
    (tmp_path / "link").symlink_to(folder / "real" / "deep")
    assert [path.name for path in walk(tmp_path / "link" / ".." / "deep")] == ["one"]
