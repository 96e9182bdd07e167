"""Films are written with the colours, the times, the depth and the alpha that they are given."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import make_clip, moving
from numpy.typing import NDArray
from ran import assert_raises_line

from impasto.images import Picture
from impasto.video import (
    About,
    Encoding,
    Frame,
    check_film_output,
    choose_encoding,
    join,
    open_film,
    open_writer,
    write_segment,
)

TICK = Fraction(1, 12_000)


def about(size: tuple[int, int] = (64, 48), **more: Any) -> About:
    return About(size, Fraction(12), 12, Fraction(1), TICK, **more)


def frames(pictures: Sequence[NDArray[Any]], alpha: NDArray[np.float32] | None = None) -> list[Frame]:
    """A twelfth of a second each."""
    duration = Fraction(1, 12)
    return [
        Frame(Picture(one, alpha, 16 if one.dtype == np.uint16 else 8), index * duration, duration)
        for index, one in enumerate(pictures)
    ]


def write(target: Path, given: Sequence[Frame], known: About | None = None, **options: Any) -> Path:
    with open_writer(target, known or about(), **options) as writer:
        for frame in given:
            writer.write(frame)
    return target


def read(path: Path) -> list[Frame]:
    with open_film(path) as film:
        return list(film.frames())


COLORS = np.array([
    (200, 30, 30), (30, 180, 60), (40, 60, 210), (128, 128, 128), (255, 255, 255), (0, 0, 0), (230, 200, 40),
    (20, 160, 170),
])  # fmt: skip
EVERY = [
    (".mp4", "h264"), (".mov", "h265"), (".mkv", "av1"), (".webm", "vp9"), (".mov", "prores"), (".mkv", "ffv1"),
    (".m4v", "auto"), (".mp4", "av1"), (".mp4", "vp9"),
]  # fmt: skip


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(("suffix", "codec"), EVERY)
def test_flat_colours_come_back(suffix: str, codec: str, depth: int, tmp_path: Path) -> None:
    kind = np.uint16 if depth == 16 else np.uint8
    pictures = [np.full((48, 64, 3), color * (257 if depth == 16 else 1)).astype(kind) for color in COLORS]
    path = write(tmp_path / f"a{suffix}", frames(pictures), about(depth=depth), codec=codec)
    found = read(path)
    assert [frame.time for frame in found] == [round(Fraction(i, 12) / t) * t for i, t in enumerate([tick(path)] * 8)]
    for color, frame in zip(COLORS, found, strict=True):
        error = np.abs(frame.picture.pixels * 255 - color)
        assert error.mean() <= (1.6 if codec != "ffv1" else 0)
    chosen = choose_encoding(path, codec, depth=depth)
    wide = depth == 16 and (chosen.rgb or "10" in chosen.pix_fmt)
    with av.open(str(path)) as container:
        context: Any = container.streams.video[0].codec_context
        assert (max(one.bits for one in context.format.components) > 8) == (wide or codec == "prores")
        rgb = codec == "ffv1"
        assert (context.color_primaries, context.color_trc) == (1, 1)
        assert context.colorspace == (0 if rgb else 1)
        # FFmpeg 8.0 says nothing of ProRes's range, which is always limited.
        assert context.color_range == (2 if rgb else 1) or (codec == "prores" and context.color_range == 0)


def tick(path: Path) -> Fraction:
    with open_film(path) as film:
        return film.about.time_base


def test_white_of_16_bits_is_white(tmp_path: Path) -> None:
    """swscale takes it for more than white."""
    white = np.full((48, 64, 3), 65535, np.uint16)
    path = write(tmp_path / "a.mkv", frames([white] * 2), about(depth=16), codec="h265")
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert abs(int(np.frombuffer(bytes(frame.planes[0]), np.uint16)[0]) - 940) <= 1
    assert read(path)[0].picture.samples.min() > 65535 - 130


def test_10_bits_are_finer_than_8(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(30_000, 32_000, 64).astype(np.uint16)[None, :, None], 48, 0).repeat(3, 2)
    path = write(tmp_path / "a.mp4", frames([ramp] * 4), about(depth=16), codec="h265", quality=100)
    picture = read(path)[1].picture
    assert picture.depth == 16
    assert len(np.unique(picture.samples[24, :, 1])) > 12
    assert np.abs(picture.samples.astype(int) - ramp).mean() < 150


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(("suffix", "codec"), [(".mov", "prores"), (".webm", "vp9"), (".mkv", "ffv1")])
def test_alpha_is_kept_by_default(suffix: str, codec: str, depth: int, tmp_path: Path) -> None:
    alpha = np.ones((48, 64), np.float32)
    alpha[:, :16], alpha[:, 16:32] = 0, 0.5
    known = about(alpha=True, depth=depth)
    pictures = [one.astype(np.uint16) * 257 if depth == 16 else one for one in moving(4)]
    found = read(write(tmp_path / f"a{suffix}", frames(pictures, alpha), known))
    assert len(found) == 4
    for frame in found:
        assert frame.picture.alpha is not None
        assert np.abs(frame.picture.alpha - alpha).mean() < 0.02
        assert frame.picture.alpha[:, 40:].min() > 0.98
    assert choose_encoding(Path("a" + suffix), depth=depth, alpha=True).codec == codec


def test_what_holds_no_alpha_is_over_white(tmp_path: Path) -> None:
    alpha = np.ones((48, 64), np.float32)
    alpha[:, :32] = 0
    dark = np.full((48, 64, 3), 20, np.uint8)
    for name, codec in (("a.mp4", "auto"), ("a.mov", "h264"), ("b.mp4", "vp9")):
        picture = read(write(tmp_path / name, frames([dark] * 3, alpha), about(alpha=True), codec=codec))[1].picture
        assert picture.alpha is None
        assert picture.samples[:, :28].min() > 245
        assert picture.samples[:, 36:].max() < 32


@pytest.mark.parametrize("name", ["h264.mp4", "prores.mov", "vp9.webm", "ffv1.mkv"])
def test_odd_sides_gain_a_pixel_where_they_must(name: str, tmp_path: Path) -> None:
    picture, codec = moving(1, (63, 47))[0], Path(name).stem
    found = read(write(tmp_path / name, frames([picture] * 2), about((63, 47)), codec=codec))[0].picture
    assert found.size == {"ffv1": (63, 47), "prores": (64, 47)}.get(codec, (64, 48))
    assert np.abs(found.pixels[:47, :63] * 255 - picture).mean() < 4


def test_times_are_kept_to_the_tick(tmp_path: Path) -> None:
    times = [0, 100, 1100, 1113, 1500, 5000, 5017, 9000]
    given = [
        Frame(Picture(one), time * TICK, (after - time) * TICK)
        for one, time, after in zip(moving(8), times, [*times[1:], 12_345], strict=True)
    ]
    for codec in ("h264", "h265", "av1", "vp9"):
        found = read(write(tmp_path / f"{codec}.mp4", given, codec=codec))
        assert [(one.time, one.duration) for one in found] == [(one.time, one.duration) for one in given], codec
    found = read(write(tmp_path / "a.mov", given, codec="prores"))
    assert [(frame.time, frame.duration) for frame in found] == [(frame.time, frame.duration) for frame in given]
    found = read(write(tmp_path / "a.mkv", given, codec="h264"))  # whose ticks are milliseconds
    assert [frame.time for frame in found] == [Fraction(round(time * TICK * 1000), 1000) for time in times]


def test_a_pixels_shape_is_kept(tmp_path: Path) -> None:
    wide, narrow = Fraction(3, 2), Fraction(3, 4)
    for name, aspect in (("a.mp4", wide), ("a.mkv", wide), ("a.webm", narrow), ("b.webm", Fraction(1))):
        with open_film(write(tmp_path / name, frames(moving(20)), about(pixel_aspect=aspect))) as film:
            assert film.about.pixel_aspect == aspect
            assert len(list(film.frames())) == 20
            assert next(film.frames(Fraction(3, 2))).time == Fraction(3, 2)


@pytest.mark.parametrize("name", ["h264.mp4", "h265.mp4", "av1.webm", "vp9.webm", "prores.mov", "ffv1.mkv"])
def test_the_same_frames_are_the_same_bytes(name: str, tmp_path: Path) -> None:
    codec = Path(name).stem
    first, second = tmp_path / "1", tmp_path / "2"
    for folder in (first, second):
        folder.mkdir()
        write(folder / name, frames(moving(30)), codec=codec)
    assert (first / name).read_bytes() == (second / name).read_bytes()


def test_quality_is_worth_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (48, 64, 3)).astype(np.uint8) for _ in range(6)]
    for name in ("h264.mp4", "vp9.webm", "av1.mkv", "h265.mov"):
        codec = Path(name).stem
        sizes = [
            write(tmp_path / name, frames(pictures), codec=codec, quality=quality).stat().st_size
            for quality in (10, 60, 90, 100)
        ]
        assert sizes == sorted(set(sizes)), name


def test_players_find_what_they_look_for(tmp_path: Path) -> None:
    """H.265 is called hvc1, as Apple's players want, and the index comes first, as the web does."""
    path = write(tmp_path / "a.mp4", frames(moving(3)), codec="h265")
    data = path.read_bytes()
    assert b"hvc1" in data
    assert b"hev1" not in data
    assert data.index(b"moov") < data.index(b"mdat")
    clear = frames(moving(3), np.ones((48, 64), np.float32))
    with av.open(str(write(tmp_path / "a.mov", clear, about(alpha=True)))) as film:
        assert film.streams.video[0].codec_context.codec_tag == "ap4h"


def test_what_cannot_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, options, told in (
        ("a.avi", {}, r"cannot write 'a\.avi': a film's name must end with one of \.mp4, "),
        ("a.webm", {"codec": "h264"}, r"\.webm does not hold h264: .* with \.mp4 or .* of its codecs \(av1, vp9\)"),
        ("a.mp4", {"codec": "hevc"}, r"unknown codec 'hevc': "),
        ("a.mp4", {"quality": 0}, "quality must be between 1 and 100"),
    ):  # fmt: skip
        assert_raises_line(partial(choose_encoding, Path(name), **options), told)
    assert_raises_line(lambda: check_film_output(tmp_path / "a.xyz"), r"must end with one of .*, or hold a %05d")
    assert_raises_line(lambda: check_film_output(tmp_path / "none" / "a.mp4"), "folder of the output does not exist")

    def none_there(name: str, _: str) -> None:
        raise av.codec.codec.UnknownCodecError(name)

    monkeypatch.setattr(av, "Codec", none_there)
    assert_raises_line(lambda: choose_encoding(Path("a.mp4")), r"cannot encode h264 \(it has no libx264\): choose")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    segment = tmp_path / "a.nut"
    encoding = choose_encoding(Path("a.mp4"))
    one, other = frames(moving(2))

    def writing(*given: Frame) -> None:
        with write_segment(segment, about(), encoding) as writer:
            for frame in given:
                writer.write(frame)

    small = replace(other, picture=Picture(moving(1, (32, 32))[0]))
    assert_raises_line(writing, r"a\.nut: there is no frame")
    assert_raises_line(lambda: writing(one, small), "of several sizes")
    assert_raises_line(lambda: writing(other, one), "times do not rise")
    with contextlib.suppress(KeyError), write_segment(segment, about(), encoding) as writer:
        writer.write(one)
        raise KeyError
    assert not list(tmp_path.iterdir())
    segment = tmp_path / "none" / "a.nut"
    assert_raises_line(lambda: writing(one), r"^cannot write .*none/a\.nut: No such file or directory$")


@contextlib.contextmanager
def full_disk(room: int) -> Iterator[None]:
    """As good as one: no file grows beyond so many bytes. Python ignores the signal, and the error is told."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_in_a_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = frames([rng.integers(0, 256, (192, 256, 3)).astype(np.uint8) for _ in range(8)])
    known = about((256, 192))
    target = tmp_path / "a.mp4"
    target.write_bytes(b"before")
    with full_disk(50_000):
        assert_raises_line(lambda: write(target, noise, known), "^cannot write .*File too large$")
    assert target.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    segment = tmp_path / "segment.nut"
    with write_segment(segment, known, choose_encoding(target)) as writer:
        for frame in noise:
            writer.write(frame)
    with full_disk(segment.stat().st_size // 2):
        assert_raises_line(lambda: join([segment], None, target), r"^cannot write .*a\.mp4: File too large$")
        webp = tmp_path / "a.webp"
        assert_raises_line(lambda: write(webp, noise, known), r"^cannot write .*a\.webp: File too large$")
    assert target.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "segment.nut"]


def test_what_fails_is_named_as_the_target(tmp_path: Path) -> None:
    given = frames([*moving(1), *moving(1, (32, 32))])
    for name in ("a.mp4", "a.webp"):
        assert_raises_line(partial(write, tmp_path / name, given), f"^cannot write .*/{name}: ")


def test_av1_of_many_frames_a_second(tmp_path: Path) -> None:
    """SVT-AV1 takes 240 at most; slow motion of telephones has a little more."""
    known = replace(about(), rate=Fraction(2401, 10))
    given = [Frame(Picture(one), index * 50 * TICK, 50 * TICK) for index, one in enumerate(moving(12))]
    found = read(write(tmp_path / "a.mp4", given, known, codec="av1"))
    assert [frame.time for frame in found] == [frame.time for frame in given]


def test_equal_encodings_are_equal() -> None:
    assert choose_encoding(Path("a.mp4")) == choose_encoding(Path("b.MOV")) == Encoding("h264", "yuv420p", 90)


_GROWN = """
import re, sys
from fractions import Fraction
from pathlib import Path
from clips import moving
from impasto.images import Picture
from impasto.video import About, Frame, choose_encoding, write_segment

def most():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

known = About((320, 240), Fraction(12), 12, Fraction(1), Fraction(1, 12_000))
pictures, reached = moving(12, (320, 240)), []
for count in (90, 400):
    with write_segment(Path(sys.argv[1]), known, choose_encoding(Path("a.mp4"))) as writer:
        for index in range(count):
            writer.write(Frame(Picture(pictures[index % 12].copy()), Fraction(index, 12), Fraction(1, 12)))
    reached.append(most())
print(reached[1] - reached[0])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell a process's memory")
def test_memory_stays_flat(tmp_path: Path) -> None:
    """400 frames take no more than 90 do; in a process of its own, which has not yet taken more for others."""
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    told = subprocess.run(
        [sys.executable, "-c", _GROWN, str(tmp_path / "a.nut")], check=True, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )  # fmt: skip
    assert int(told.stdout) < 30_000  # KiB; all frames would be 88 MiB


def test_a_clip_is_written_again(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 20, audio="aac", rate=Fraction(30000, 1001))
    with open_film(source) as film, open_writer(tmp_path / "out.mp4", film.about, source) as writer:
        for frame in film.frames():
            writer.write(frame)
    with open_film(source) as one, open_film(tmp_path / "out.mp4") as other:
        assert [frame.time for frame in one.frames()] == [frame.time for frame in other.frames()]
        assert other.about.rate == one.about.rate
        assert other.about.audio == one.about.audio


def test_nothing_is_imported_before_a_film_is_opened() -> None:
    code = "import impasto.video, sys; sys.exit(bool({'av', 'cv2', 'torch'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
