"""Parts of a film, and what an interruption leaves of them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from impasto.errors import ImpastoError
from impasto.video.parts import Part, Parts, folder_of


def add(parts: Parts, shot: int, number: int, ends: bool) -> Part:
    first = Fraction(4 * shot + number)
    part = Part(shot, number, 8, first + Fraction(7, 8), first + 1, ends)
    parts.video(shot, number).write_bytes(b"pictures")
    parts.finish(part, {"index": np.array(8 * (number + 1))})
    return part


def test_what_was_left_is_found_by_whoever_makes_the_same(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    parts = Parts(target, {"strength": 1})
    made = [add(parts, 0, 0, False), add(parts, 0, 1, True), add(parts, 1, 0, False)]
    parts.release()
    for again in (Parts(target, {"strength": 1}), Parts(target)):
        done, state = again.left()
        assert done == made
        assert state is not None
        assert state["index"] == 8
    assert Parts(target, {"strength": 0.5}).left() == ([], None)
    assert not made[0].ends


def test_of_one_shot_and_behind_a_gap(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "film.mp4", {})
    last = [add(parts, 2, 0, False), add(parts, 2, 1, True)]
    first = add(parts, 0, 0, True)
    add(parts, 3, 0, True)
    assert parts.left() == ([first], None)
    assert parts.left(2) == (last, None)
    assert parts.left(0) == ([first], None)
    assert parts.left(1) == ([], None)


def test_a_shot_whose_state_is_lost_is_painted_again(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "film.mp4", {})
    whole, begun = add(parts, 0, 0, True), add(parts, 1, 0, False)
    (parts.folder / "000001-0000.npz").write_bytes(b"half of it")
    assert parts.left() == ([whole], None)
    assert parts.left(1) == ([], None)
    assert not begun.ends


def test_a_folder_that_another_machine_should_have_made(tmp_path: Path) -> None:
    with pytest.raises(ImpastoError, match=r"^no such folder of parts: .*\.film\.mp4\.impasto$"):
        Parts(tmp_path / "film.mp4")
    assert not folder_of(tmp_path / "film.mp4").exists()
