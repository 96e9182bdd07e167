"""Films from file to file: what is kept, what goes on after an interruption, and what is refused."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import make_clip, moving, packets_of
from PIL import Image
from ran import assert_raises_line

from impasto import stylize_frames, stylize_video
from impasto.images import Picture
from impasto.video import open_film
from impasto.video import stylization as module
from impasto.video.film import Frame
from impasto.video.painting import FilmPainter
from impasto.video.parts import folder_of
from impasto.video.segments import SegmentWriter
from impasto.video.steadiness import KEY, Steadiness
from impasto.video.stylization import FilmResult, FilmStep

FRAMES = 2 * KEY + 6
EXACT: dict[str, Any] = {"precision": "float32"}


class Stop(Exception):  # noqa: N818
    """As if the process ended."""


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART", KEY)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A film of 30 frames with sound and a cut after the 20th."""
    pictures = moving(FRAMES)
    pictures[20:] = [255 - picture for picture in pictures[20:]]
    tags = {"title": "A clip"}
    return make_clip(tmp_path / "clip.mp4", pictures, audio="aac", chapters=[(0, 1000, "One")], tags=tags)


def read(path: Path) -> list[Frame]:
    with open_film(path) as film:
        return list(film.frames())


def pixels(frames: Sequence[Frame]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.stack([frame.picture.pixels for frame in frames])


def ending_after(count: int, how: Callable[[], object]) -> Callable[[FilmStep], None]:
    def told(step: FilmStep) -> None:
        if step.frames == count:
            how()

    return told


def end() -> None:
    raise Stop


def interrupt() -> None:
    raise KeyboardInterrupt


# --- the way of a film -------------------------------------------------------------------------------------


def test_a_film_is_painted_with_its_sound(clip: Path, style_model: Path, tmp_path: Path) -> None:
    steps: list[FilmStep] = []
    result = stylize_video(clip, style_model, tmp_path / "out.mp4", callback=steps.append, **EXACT)
    assert (result.output, result.size, result.frames, result.reused) == (tmp_path / "out.mp4", (64, 48), FRAMES, 0)
    assert result.complete
    assert (result.damaged, result.notes) == (0, ())
    source, painted = read(clip), read(result.output)
    assert [frame.time for frame in painted] == [frame.time for frame in source]
    assert packets_of(result.output) == packets_of(clip)
    with av.open(str(result.output)) as container:
        assert container.metadata["title"] == "A clip"
        assert [one["metadata"]["title"] for one in container.chapters()] == ["One"]
        assert container.streams.video[0].codec_context.name == "h264"
    assert np.abs(pixels(painted) - pixels(source)).mean() > 0.05
    assert [step.frames for step in steps] == list(range(1, FRAMES + 1))
    assert steps[-1].done == pytest.approx(steps[-1].total) == pytest.approx(FRAMES / 12)
    assert steps[-1].remaining == pytest.approx(0, abs=1e-6)
    assert not folder_of(result.output).exists()


def test_what_is_painted_is_what_frames_are(clip: Path, style_model: Path, tmp_path: Path) -> None:
    """Lossless, it is to the bit what `stylize_frames` gives."""
    stylize_video(clip, style_model, tmp_path / "out.mkv", codec="ffv1", **EXACT)
    pictures = [frame.picture.quantized(8) for frame in read(clip)]
    wanted = list(stylize_frames(pictures, style_model, **EXACT))
    assert all(isinstance(picture, Picture) for picture in wanted)
    for frame, picture in zip(read(tmp_path / "out.mkv"), wanted, strict=True):
        assert np.array_equal(frame.picture.quantized(8), picture.quantized(8))


def test_a_range_with_its_part_of_the_sound(clip: Path, style_model: Path, tmp_path: Path) -> None:
    result = stylize_video(clip, style_model, tmp_path / "out.mp4", start=0.5, stop=1.5, **EXACT)
    assert result.frames == 12
    painted = read(result.output)
    assert [frame.time for frame in painted] == [Fraction(index, 12) for index in range(12)]
    sound = packets_of(result.output)
    assert 0.9 < float(sound[-1][0] - sound[0][0]) < 1.1
    assert {data for _, data in sound} <= {data for _, data in packets_of(clip)}


def test_times_are_kept_as_they_are(style_model: Path, tmp_path: Path) -> None:
    ticks = [0, 40, 90, 91, 200, 333, 350, 600]
    clip = make_clip(tmp_path / "vfr.mkv", 8, times=ticks, time_base=Fraction(1, 1000))
    result = stylize_video(clip, style_model, tmp_path / "out.mkv", **EXACT)
    assert [frame.time for frame in read(result.output)] == [Fraction(tick, 1000) for tick in ticks]


def test_options_of_pictures(clip: Path, style_model: Path, tmp_path: Path) -> None:
    mask = np.zeros((48, 64), np.uint8)
    mask[:, :32] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    result = stylize_video(
        clip, style_model, tmp_path / "out.mkv", codec="ffv1", size=96, preserve_color="luminance",
        mask=tmp_path / "mask.png", strength=0.8, stop=0.5, **EXACT,
    )  # fmt: skip
    assert result.size == (96, 72)
    for one, other in zip(read(result.output), read(clip), strict=False):
        photo = other.picture.resized((96, 72)).pixels
        assert np.abs(one.picture.pixels - photo)[:, 56:].max() < 0.01
        assert np.abs(one.picture.pixels - photo)[:, :40].mean() > 0.01


def test_matched_colours_do_not_jump(clip: Path, style_model: Path, tmp_path: Path) -> None:
    result = stylize_video(
        clip, style_model, tmp_path / "out.mkv", codec="ffv1", preserve_color="match", stop=1.5, **EXACT
    )
    painted, source = read(result.output), read(clip)
    for one, other in zip(painted, source, strict=False):
        assert np.abs(one.picture.pixels.mean((0, 1)) - other.picture.pixels.mean((0, 1))).max() < 0.06


def test_nothing_is_held_still_if_nobody_wants_it(clip: Path, style_model: Path, tmp_path: Path) -> None:
    from impasto import Stylizer

    loose = Steadiness(False, False, False, 0.0)
    stylize_video(clip, style_model, tmp_path / "out.mkv", codec="ffv1", steadiness=loose, stop=0.3, **EXACT)
    stylizer = Stylizer(style_model, **EXACT)
    for one, other in zip(read(tmp_path / "out.mkv"), read(clip), strict=False):
        assert np.abs(one.picture.pixels - stylizer.picture(other.picture.to_pil()).pixels).max() < 0.01


# --- animations and numbered pictures ----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_animations(suffix: str, style_model: Path, tmp_path: Path) -> None:
    pictures = [Image.fromarray(picture) for picture in moving(5)]
    durations = [40, 120, 80, 200, 60]
    source = tmp_path / f"a{suffix}"
    pictures[0].save(source, save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    result = stylize_video(source, style_model, tmp_path / f"out{suffix}", **EXACT)
    assert result.frames == 5
    with Image.open(result.output) as image:
        assert image.n_frames == 5  # type: ignore[attr-defined]
        found = []
        for index in range(5):
            image.seek(index)
            image.load()
            found.append(image.info["duration"])
    assert found == durations
    assert not folder_of(result.output).exists()


def test_an_animation_becomes_a_video_and_keeps_what_is_clear(style_model: Path, tmp_path: Path) -> None:
    pictures = [np.dstack([picture, np.full((48, 64), 255, np.uint8)]) for picture in moving(4)]
    for picture in pictures:
        picture[:16, :, 3] = 0
    images = [Image.fromarray(picture) for picture in pictures]
    images[0].save(tmp_path / "a.webp", save_all=True, append_images=images[1:], duration=80, lossless=True)
    for name in ("out.webm", "out.webp", "out.mov"):
        result = stylize_video(tmp_path / "a.webp", style_model, tmp_path / name, **EXACT)
        for frame in read(result.output):
            assert frame.picture.alpha is not None
            assert frame.picture.alpha[:12].max() < 0.1
            assert frame.picture.alpha[20:].min() > 0.9


def test_numbered_pictures_in_and_out(style_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for index, picture in enumerate(moving(5)):
        Image.fromarray(picture).save(tmp_path / "in" / f"{index + 7:04}.png")
    (tmp_path / "in" / "0008.png").unlink()
    result = stylize_video(tmp_path / "in" / "%04d.png", style_model, tmp_path / "new" / "%03d.png", rate=25, **EXACT)
    assert result.frames == 4
    names = [path.name for path in (tmp_path / "new").iterdir()]
    assert sorted(names) == ["007.png", "009.png", "010.png", "011.png"]
    video = stylize_video(tmp_path / "in" / "%04d.png", style_model, tmp_path / "out.mp4", rate=25, **EXACT)
    assert [frame.time for frame in read(video.output)] == [Fraction(index, 25) for index in (0, 2, 3, 4)]
    assert_raises_line(
        lambda: stylize_video(tmp_path / "in" / "%04d.png", style_model, tmp_path / "in" / "%04d.png"), "overwrite"
    )


def test_ten_bits_stay_ten_bits(style_model: Path, tmp_path: Path) -> None:
    quiet = {"x265-params": "log-level=none"}
    clip = make_clip(tmp_path / "deep.mkv", 4, codec="libx265", pix_fmt="yuv420p10le", options=quiet)
    result = stylize_video(clip, style_model, tmp_path / "out.mkv", **EXACT)
    with av.open(str(result.output)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p10le"


def test_frames_that_are_wholly_clear(style_model: Path, tmp_path: Path) -> None:
    images = [Image.fromarray(np.zeros((48, 64, 4), np.uint8)), Image.fromarray(np.full((48, 64, 4), 255, np.uint8))]
    images[0].save(tmp_path / "a.webp", save_all=True, append_images=images[1:], duration=80, lossless=True)
    assert stylize_video(tmp_path / "a.webp", style_model, tmp_path / "out.webp", **EXACT).frames == 2


# --- interruptions -----------------------------------------------------------------------------------------


@pytest.fixture
def whole(clip: Path, style_model: Path, tmp_path: Path) -> bytes:
    """What comes of an uninterrupted call."""
    return stylize_video(clip, style_model, tmp_path / "whole.mp4", **EXACT).output.read_bytes()


@pytest.mark.parametrize(("count", "reused"), [(5, 0), (KEY, 0), (KEY + 1, KEY), (20, KEY), (21, 20), (FRAMES, 20)])
def test_it_goes_on_where_it_ended(
    count: int, reused: int, clip: Path, style_model: Path, tmp_path: Path, whole: bytes
) -> None:
    target = tmp_path / "out.mp4"
    with pytest.raises(Stop):
        stylize_video(clip, style_model, target, callback=ending_after(count, end), **EXACT)
    assert not target.exists()
    result = stylize_video(clip, style_model, target, **EXACT)
    assert result.complete
    assert result.frames == FRAMES
    assert result.reused == reused
    assert target.read_bytes() == whole


def test_killed_at_any_moment(clip: Path, style_model: Path, tmp_path: Path, whole: bytes) -> None:
    code = """
import os, signal, sys
from impasto.video import stylization
stylization.PART = int(sys.argv[4])
def told(step):
    if step.frames == int(sys.argv[5]):
        os.kill(os.getpid(), signal.SIGKILL)
stylization.stylize_video(sys.argv[1], sys.argv[2], sys.argv[3], precision="float32", callback=told)
"""
    target = tmp_path / "out.mp4"
    for count in (14, 9):
        command = [sys.executable, "-c", code, str(clip), str(style_model), str(target), str(KEY), str(count)]
        killed = subprocess.run(command, capture_output=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"})
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not target.exists()
    result = stylize_video(clip, style_model, target, **EXACT)
    assert result.reused == 20
    assert target.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("count", [3, KEY + 3])
def test_what_is_painted_plays_after_an_interruption(
    count: int, clip: Path, style_model: Path, tmp_path: Path, whole: bytes
) -> None:
    target = tmp_path / "out.mp4"
    result = stylize_video(clip, style_model, target, callback=ending_after(count, interrupt), **EXACT)
    assert not result.complete
    assert result.frames == count
    assert len(read(target)) == count
    sound = packets_of(target)
    assert float(sound[-1][0]) == pytest.approx(count / 12, abs=0.06)
    again = stylize_video(clip, style_model, target, **EXACT)
    assert again.complete
    assert target.read_bytes() == whole


def test_an_interruption_before_the_first_frame(
    clip: Path, style_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FilmPainter, "paint", lambda *_: interrupt())
    with pytest.raises(KeyboardInterrupt):
        stylize_video(clip, style_model, tmp_path / "out.mp4", **EXACT)
    assert not (tmp_path / "out.mp4").exists()


def interrupted(clip: Path, style: Path, target: Path, **options: Any) -> None:
    with pytest.raises(Stop):
        stylize_video(clip, style, target, callback=ending_after(KEY + 2, end), **options, **EXACT)


@pytest.mark.parametrize("options", [{"strength": 0.5}, {"size": 80}, {"quality": 50}, {"start": 0.1}])
def test_parts_of_another_film_are_not_used(
    options: dict[str, Any], clip: Path, style_model: Path, tmp_path: Path
) -> None:
    interrupted(clip, style_model, tmp_path / "out.mp4")
    result = stylize_video(clip, style_model, tmp_path / "out.mp4", **options, **EXACT)
    assert result.reused == 0


def test_parts_of_a_source_that_was_written_anew_are_not_used(clip: Path, style_model: Path, tmp_path: Path) -> None:
    interrupted(clip, style_model, tmp_path / "out.mp4")
    make_clip(clip, FRAMES)
    assert stylize_video(clip, style_model, tmp_path / "out.mp4", **EXACT).reused == 0


def test_damaged_parts_are_made_again(clip: Path, style_model: Path, tmp_path: Path, whole: bytes) -> None:
    target = tmp_path / "out.mp4"
    interrupted(clip, style_model, target)
    (state,) = folder_of(target).glob("*.npz")
    state.write_bytes(state.read_bytes()[:100])
    result = stylize_video(clip, style_model, target, **EXACT)
    assert result.reused == 0
    assert target.read_bytes() == whole


def test_a_whole_film_is_spared_by_an_interruption(
    clip: Path, style_model: Path, tmp_path: Path, whole: bytes
) -> None:
    target = tmp_path / "out.mp4"
    stylize_video(clip, style_model, target, **EXACT)
    result = stylize_video(clip, style_model, target, strength=0.5, callback=ending_after(4, interrupt), **EXACT)
    assert not result.complete
    assert "left as it was" in result.notes[0]
    assert target.read_bytes() == whole
    assert stylize_video(clip, style_model, target, strength=0.5, **EXACT).complete
    assert target.read_bytes() != whole


def test_an_interruption_with_a_range_ends_where_it_was(clip: Path, style_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    stylize_video(clip, style_model, target, stop=2.4, callback=ending_after(6, interrupt), **EXACT)
    with av.open(str(target)) as container:
        for stream in container.streams:
            assert stream.duration is not None
            assert stream.time_base is not None
            assert float(stream.duration * stream.time_base) == pytest.approx(0.5, abs=0.06)


def test_ctrl_c_waits_for_the_frame(clip: Path, style_model: Path, tmp_path: Path, whole: bytes) -> None:
    """A signal as a terminal sends it, in the middle of a frame."""
    target = tmp_path / "out.mp4"
    write = SegmentWriter.write
    written = 0

    def pressed(self: Any, frame: Frame) -> None:
        nonlocal written
        written += 1
        if written == 4:
            os.kill(os.getpid(), signal.SIGINT)
        write(self, frame)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SegmentWriter, "write", pressed)
        result = stylize_video(clip, style_model, target, **EXACT)
    assert (result.complete, result.frames) == (False, 4)
    assert len(read(target)) == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    stylize_video(clip, style_model, target, **EXACT)
    assert target.read_bytes() == whole


def test_two_runs_do_not_mix(clip: Path, style_model: Path, tmp_path: Path) -> None:
    def other(step: FilmStep) -> None:
        if step.frames == 3:
            assert_raises_line(
                lambda: stylize_video(clip, style_model, tmp_path / "out.mp4", strength=0.2, **EXACT), "another run"
            )

    assert stylize_video(clip, style_model, tmp_path / "out.mp4", callback=other, **EXACT).complete


def test_damage_is_told_of_after_an_interruption(style_model: Path, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", moving(FRAMES), options={"g": "6"})
    data = bytearray(clip.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 40] = bytes(40)
    clip.write_bytes(data)
    told = stylize_video(clip, style_model, tmp_path / "whole.mkv", **EXACT)
    with pytest.raises(Stop):
        stylize_video(clip, style_model, tmp_path / "out.mkv", callback=ending_after(told.frames - 1, end), **EXACT)
    again = stylize_video(clip, style_model, tmp_path / "out.mkv", **EXACT)
    assert again.reused > 0
    assert (again.frames, again.damaged > 0) == (told.frames, told.damaged > 0)


# --- what is refused ---------------------------------------------------------------------------------------


def test_what_is_refused(clip: Path, style_model: Path, tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "still.png")
    (tmp_path / "noise.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(range(256)))

    def call(source: Path = clip, target: str = "out.mp4", **options: Any) -> Callable[[], FilmResult]:
        return lambda: stylize_video(source, style_model, tmp_path / target, **options)

    assert_raises_line(call(tmp_path / "none.mp4"), "no such film")
    assert_raises_line(call(tmp_path / "still.png"), "does not move")
    assert_raises_line(call(tmp_path / "noise.mp4"), "noise.mp4")
    assert_raises_line(call(target="clip.mp4"), "overwrite the input")
    assert_raises_line(call(target="out.avi"), "cannot write 'out.avi'.*mp4")
    assert_raises_line(call(target="none/out.mp4"), "folder of the output")
    assert_raises_line(call(start=2.0, stop=1.0), "would end before it starts")
    assert_raises_line(call(start=-1.0), "start")
    assert_raises_line(call(start=1e6), "no frames in that range")
    assert_raises_line(call(codec="h266"), "unknown codec")
    assert_raises_line(call(target="out.webm", codec="h264"), "does not hold h264")
    assert_raises_line(call(target="out.gif", codec="h264"), "codec h264 is for video files")
    assert_raises_line(call(target="clip.mp4/x/%05d.png"), "folder")
    assert_raises_line(call(steadiness=Steadiness), "steadiness")
    assert_raises_line(call(quality=0), "quality")
    assert_raises_line(call(strength=2.0), "strength")
    assert_raises_line(call(size=0), "size")
    assert_raises_line(call(size=40_000), "size")
    assert_raises_line(call(mask=tmp_path / "none.png"), "mask")
    assert_raises_line(lambda: stylize_video(clip, "no-style", tmp_path / "out.mp4"), "no-style")
    assert list(stylize_frames([], style_model)) == []
    assert not list(tmp_path.glob(".*"))


def test_a_full_disk_is_a_line_and_nothing_is_lost(
    clip: Path, style_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes
) -> None:
    from impasto.errors import ImpastoError

    def full(*_: object, **__: object) -> None:
        raise ImpastoError("cannot write out.mp4: no space left on the disk")

    with monkeypatch.context() as patch:
        patch.setattr(module, "join", full)
        assert_raises_line(lambda: stylize_video(clip, style_model, tmp_path / "out.mp4", **EXACT), "no space left")
    result = stylize_video(clip, style_model, tmp_path / "out.mp4", **EXACT)
    assert result.reused == FRAMES
    assert result.output.read_bytes() == whole


def test_many_frames_in_flat_memory(style_model: Path, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    process = psutil.Process()
    clip = make_clip(tmp_path / "long.mp4", moving(1000, (96, 64)), rate=30)
    used = {}

    def told(step: FilmStep) -> None:
        if step.frames in (300, 990):
            gc.collect()
            used[step.frames] = process.memory_info().rss

    result = stylize_video(clip, style_model, tmp_path / "out.mp4", callback=told, **EXACT)
    assert result.frames == 1000
    assert used[990] - used[300] < 10e6  # one copy of each frame, of 8 bits, would be 12.7 MB
