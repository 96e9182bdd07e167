"""Video files become upright sRGB pictures with exact times, whatever they are like."""

from __future__ import annotations

import shutil
import subprocess
import sys
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from clips import SIZE, flat_frame, make_clip, moving, quartered, yuv_of
from numpy.typing import NDArray
from PIL import Image
from ran import assert_raises_line

from impasto.video import Frame, hdr, open_film

COLORS = [(0.8, 0.2, 0.2), (0.2, 0.7, 0.3), (0.15, 0.25, 0.85), (0.5, 0.5, 0.5), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)]


def frames_of(path: Path) -> list[Frame]:
    with open_film(path) as film:
        return list(film.frames())


def off(picture: NDArray[np.uint8], frame: Frame) -> float:
    """Mean difference of 8-bit levels."""
    assert frame.picture.samples.shape == picture.shape
    return float(np.abs(frame.picture.pixels * 255 - picture.astype(float)).mean())


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt470bg", "bt2020nc"])
def test_colours_by_matrix_and_range(matrix: str, full_range: bool, tmp_path: Path) -> None:
    frames = [flat_frame(yuv_of(color, matrix, full_range), "yuv420p") for color in COLORS]
    path = make_clip(tmp_path / "a.mkv", frames, codec="ffv1", matrix=matrix, full_range=full_range)
    for color, frame in zip(COLORS, frames_of(path), strict=True):
        levels = frame.picture.samples.reshape(-1, 3)
        assert np.abs(levels - np.array(color) * 255).max() <= 2, (color, levels[0])


def test_yuvj_is_full_range(tmp_path: Path) -> None:
    frames = [flat_frame(yuv_of(color, "smpte170m", True), "yuvj420p") for color in COLORS]
    path = make_clip(tmp_path / "a.avi", frames, codec="mjpeg", pix_fmt="yuvj420p", options={"qmin": "1", "qmax": "1"})
    for color, frame in zip(COLORS, frames_of(path), strict=True):
        assert np.abs(frame.picture.samples.reshape(-1, 3) - np.array(color) * 255).max() <= 3


@pytest.mark.parametrize(("size", "matrix"), [((64, 48), "smpte170m"), ((64, 720), "bt709"), ((1280, 16), "bt709")])
def test_untagged_colours_go_by_the_size(size: tuple[int, int], matrix: str, tmp_path: Path) -> None:
    frames = [flat_frame(yuv_of(COLORS[1], matrix, False), "yuv420p", size)]
    (frame,) = frames_of(make_clip(tmp_path / "a.mkv", frames, codec="ffv1"))
    assert np.abs(frame.picture.samples.reshape(-1, 3) - np.array(COLORS[1]) * 255).max() <= 2


@pytest.mark.parametrize("bits", [10, 12])
def test_more_than_8_bits_are_kept(bits: int, tmp_path: Path) -> None:
    """A ramp finer than 8 bits has more levels than they have; white is 65535."""
    ramp = [*np.linspace(0.5, 0.51, 8), 1]
    frames = [flat_frame(yuv_of((value,) * 3, "bt709", False, bits), f"yuv420p{bits}le") for value in ramp]
    path = make_clip(tmp_path / "a.mkv", frames, codec="ffv1", pix_fmt=f"yuv420p{bits}le", matrix="bt709")
    with open_film(path) as film:
        assert film.about.depth == 16
        pictures = [frame.picture for frame in film.frames()]
    assert all(picture.samples.dtype == np.uint16 and picture.depth == 16 for picture in pictures)
    levels = [int(picture.samples[5, 5, 1]) for picture in pictures]
    assert len(set(levels)) > 6
    assert levels[0] == pytest.approx(0.5 * 65535, abs=40)
    assert levels[-1] == 65535


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_hdr_is_not_grey(transfer: str, tmp_path: Path) -> None:
    """White, mid grey and BT.709's red of 100 cd/m² on an HDR screen look as they do there."""
    red = np.linalg.inv(hdr.to_bt709("bt2020")) @ [1, 0, 0]
    light = [np.full(3, 203.0), np.full(3, 40.0), 100 * red]
    frames = []
    for nits in light:
        if transfer == "smpte2084":
            signal = hdr.nits_to_pq(nits)
        else:
            scene = nits / 1000 * (nits @ np.array([0.2627, 0.6780, 0.0593]) / 1000) ** (1 / 1.2 - 1)
            curve = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
            signal = np.where(scene <= 1 / 12, np.sqrt(3 * scene), curve)
        frames.append(flat_frame(yuv_of(tuple(signal), "bt2020nc", False, 10), "yuv420p10le"))
    path = make_clip(
        tmp_path / "a.mkv", frames, codec="ffv1", pix_fmt="yuv420p10le", matrix="bt2020nc", primaries="bt2020",
        transfer=transfer,
    )  # fmt: skip
    with open_film(path) as film:
        assert film.about.color.is_hdr
        white, grey, red_shown = (frame.picture.pixels[5, 5] * 255 for frame in film.frames())
    assert white.min() > 205
    assert 105 < grey.mean() < 135  # sRGB's value of 40 / 203 is 123
    assert red_shown[0] > 150
    assert red_shown[1:].max() < 20


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_frames_are_upright(rotation: int, flipped: bool, tmp_path: Path) -> None:
    """rotation: counter-clockwise, as the display matrix has it; a flip mirrors what was turned."""
    if not hasattr(av.VideoStream, "set_display_rotation"):
        pytest.skip("PyAV 17 writes no display matrix")
    picture = quartered()
    shown = np.rot90(picture, rotation // 90)
    shown = shown[:, ::-1] if flipped else shown
    path = make_clip(
        tmp_path / "a.mp4", [picture] * 2, rotation=rotation, hflip=flipped, pixel_aspect=Fraction(4, 3),
        options={"crf": "5"},
    )  # fmt: skip
    with open_film(path) as film:
        assert film.about.size == (shown.shape[1], shown.shape[0])
        assert film.about.pixel_aspect == (Fraction(3, 4) if rotation in (90, 270) else Fraction(4, 3))
        for frame in film.frames():
            assert off(shown, frame) < 8


TIMES = [0, 1, 5, 6, 7, 20, 21, 33, 34, 50]


def test_variable_frame_rates_are_exact(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", 10, times=TIMES, time_base=Fraction(1, 1200), options={"bf": "2"})
    frames = frames_of(path)
    assert [frame.time for frame in frames] == [Fraction(time, 1200) for time in TIMES]
    assert [frame.duration for frame in frames[:-1]] == [Fraction(b - a, 1200) for a, b in pairwise(TIMES)]
    assert frames[-1].duration > 0
    with open_film(path) as film:
        assert all((frame.time / film.about.time_base).denominator == 1 for frame in frames)


def test_ntsc_rates_are_exact(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", 5, rate=Fraction(30000, 1001))
    with open_film(path) as film:
        assert film.about.rate == Fraction(30000, 1001)
        assert [frame.time for frame in film.frames()] == [index * Fraction(1001, 30000) for index in range(5)]
        assert film.about.duration == 5 * Fraction(1001, 30000)
        assert film.about.frames == 5


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.mpg", "a.flv", "a.wmv"])
def test_ranges_lie_side_by_side(name: str, tmp_path: Path) -> None:
    """Every frame is in one range, pixel for pixel as in the whole film, however few keyframes there are."""
    codec = {"a.mpg": "mpeg2video", "a.wmv": "wmv2", "a.flv": "flv1", "a.avi": "mpeg4"}.get(name, "libx264")
    options = {"g": "23"} | ({"bf": "2"} if codec == "libx264" else {})
    path = make_clip(tmp_path / name, 50, rate=25, codec=codec, options=options)
    with open_film(path) as film:
        whole = list(film.frames())
        cuts = [None, Fraction(8, 25), Fraction(1, 3), Fraction(1), Fraction(161, 100), None]
        parts = [list(film.frames(start, stop)) for start, stop in pairwise(cuts)]
        assert film.damaged == 0
    assert len(whole) == 50
    assert [len(part) > 0 for part in parts] == [True] * 5
    joined = [frame for part in parts for frame in part]
    assert [frame.time for frame in joined] == [frame.time for frame in whole]
    for one, other in zip(joined, whole, strict=True):
        np.testing.assert_array_equal(one.picture.samples, other.picture.samples)
        assert one.duration == other.duration


@pytest.mark.parametrize(("name", "codec", "options"), [
    ("a.mpg", "mpeg2video", {"bf": "2", "g": "15"}), ("a.vob", "mpeg2video", {"g": "15"}),
    ("b.mpg", "mpeg1video", {"bf": "2", "g": "15"}), ("a.avi", "libx264", {"bf": "2", "g": "60"}),
    ("b.avi", "mpeg4", {"bf": "2", "g": "60"}), ("a.ts", "mpeg4", {"bf": "2", "g": "60"}),
    ("b.ts", "mpeg2video", {"bf": "2", "g": "15"}), ("c.ts", "libx264", {"bf": "2", "g": "60"}),
])  # fmt: skip
def test_a_range_is_what_is_there_in_the_whole(name: str, codec: str, options: dict[str, str], tmp_path: Path) -> None:
    """Where a container says little of times, or a decoder makes something of what it lacks half of, too."""
    path = make_clip(tmp_path / name, numbered(150), rate=25, codec=codec, options=options)
    with open_film(path) as film:
        whole = list(film.frames())
        for place in range(20, 149, 9):
            found = next(iter(film.frames(whole[place].time)))
            assert found.time == whole[place].time
            np.testing.assert_array_equal(found.picture.samples, whole[place].picture.samples)


def numbered(count: int) -> list[NDArray[np.uint8]]:
    """Pictures with their number in bars, which is never the same twice."""
    pictures = []
    for index in range(count):
        picture = np.full((48, 64, 3), 90, np.uint8)
        for bit in range(9):
            picture[:, bit * 7 : bit * 7 + 7] = 220 if index >> bit & 1 else 40
        pictures.append(picture)
    return pictures


def test_recordings_one_after_the_other(tmp_path: Path) -> None:
    """Each has a clock of its own; the film goes on a picture later, and so does a range of it."""
    one = make_clip(tmp_path / "one.ts", 50, rate=25, audio="aac")
    path = tmp_path / "a.ts"
    path.write_bytes(one.read_bytes() * 3)
    with open_film(path) as film:
        whole = [frame.time for frame in film.frames()]
        gaps = {round(float(b - a), 4) for a, b in pairwise(whole)}
        assert gaps == {0.04}
        assert 140 < len(whole) <= 150
    with open_film(path) as film:
        assert [frame.time for frame in film.frames(Fraction(3))] == [time for time in whole if time >= 3]


def test_a_film_starts_at_its_first_stream(tmp_path: Path) -> None:
    """Clocks start anywhere; where the sound comes first, the pictures do not start at 0."""
    path = make_clip(
        tmp_path / "a.mkv", 10, rate=25, audio="pcm_s16le", times=[index + 105 for index in range(10)], audio_start=4,
        audio_seconds=0.5,
    )  # fmt: skip
    with open_film(path) as film:
        assert film.about.origin == 4
        assert [frame.time for frame in film.frames()] == [Fraction(index + 5, 25) for index in range(10)]


@pytest.mark.parametrize(("name", "codec", "pix_fmt", "tolerance"), [
    ("a.mov", "prores_ks", "yuva444p10le", 2), ("a.webm", "libvpx-vp9", "yuva420p", 6),
    ("b.webm", "libvpx", "yuva420p", 6), ("b.mov", "qtrle", "argb", 0.5), ("c.mov", "png", "rgba", 0.5),
    ("a.mkv", "ffv1", "yuva420p", 2),
])  # fmt: skip
def test_alpha_is_kept(name: str, codec: str, pix_fmt: str, tolerance: float, tmp_path: Path) -> None:
    clear = np.full((48, 64, 1), 255, np.uint8)
    clear[:, :16], clear[:, 16:32] = 0, 128
    pictures = [np.dstack([picture, clear]) for picture in moving(4)]
    options = {"auto-alt-ref": "0", "crf": "10", "b": "0"} if codec == "libvpx-vp9" else {"auto-alt-ref": "0"}
    path = make_clip(
        tmp_path / name, pictures, codec=codec, pix_fmt=pix_fmt, options=options if "vpx" in codec else None
    )
    with open_film(path) as film:
        assert film.about.alpha
        frames = list(film.frames())
    assert len(frames) == 4
    for frame in frames:
        assert frame.picture.alpha is not None
        for columns, wanted in ((slice(2, 14), 0), (slice(18, 30), 128), (slice(34, 62), 255)):
            assert abs(frame.picture.alpha[:, columns] * 255 - wanted).mean() <= tolerance


def test_odd_sizes(tmp_path: Path) -> None:
    picture = quartered((63, 47))
    (frame,) = frames_of(make_clip(tmp_path / "a.mkv", [picture], codec="ffv1"))
    assert off(picture, frame) < 4


def noisy(count: int) -> list[NDArray[np.uint8]]:
    """Pictures that take more bytes than a file's header does."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (48, 64, 3)).astype(np.uint8) for _ in range(count)]


@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.mkv"])
def test_a_damaged_middle_is_passed_over(name: str, tmp_path: Path) -> None:
    path = make_clip(tmp_path / name, noisy(40), options={"g": "5"})
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(len(data) * 4 // 10, len(data) * 6 // 10, 400):
        data[place] ^= 0xFF
    path.write_bytes(data)
    with open_film(path) as film:
        frames = list(film.frames())
        if name == "a.mkv":  # whose demuxer passes over most in silence: what is lost is seen in the times
            assert max(b.time - a.time for a, b in pairwise(frames)) > Fraction(1, 12) or len(frames) < 40
        else:
            assert film.damaged > 0
            assert film.first_damage
        counted = film.damaged
        list(film.frames())
        assert film.damaged == counted
    assert 15 < len(frames) < 41
    assert frames[0].time == 0
    assert name == "a.mkv" or frames[-1].time > 3  # Matroska goes on at its next cluster, which may be 5 s away
    assert [frame.time for frame in frames] == sorted({frame.time for frame in frames})


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.avi"])
def test_a_film_that_ends_early_gives_what_there_is(name: str, tmp_path: Path) -> None:
    path = make_clip(tmp_path / name, noisy(40), codec="mpeg4" if name == "a.avi" else "libx264")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = frames_of(path)
    assert 5 < len(frames) < 40
    assert frames[-1].duration < 1


def test_a_cut_off_mp4(tmp_path: Path) -> None:
    """With its index in front it gives what there is; without one it is no film."""
    path = make_clip(tmp_path / "a.mp4", noisy(40))
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert_raises_line(lambda: open_film(cut), r"cut\.mp4 is not a film that can be read: it is damaged, or of another")
    front = tmp_path / "front.mp4"
    with av.open(str(path)) as source, av.open(str(front), "w", container_options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.pts is not None:
                packet.stream = stream
                target.mux(packet)
    front.write_bytes(front.read_bytes()[: front.stat().st_size * 2 // 3])
    frames = frames_of(front)
    assert 5 < len(frames) < 40
    assert frames[-1].duration < 1


def test_what_is_no_film_is_told_in_a_line(tmp_path: Path, photo: Image.Image) -> None:
    text, picture, disguised = tmp_path / "a.mp4", tmp_path / "a.jpg", tmp_path / "b.mp4"
    text.write_text("not a film at all\n" * 100)
    photo.save(picture)
    shutil.copy(picture, disguised)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "web.mp4").write_text("<!DOCTYPE html><html></html>")
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1\n/etc/passwd\n#EXT-X-ENDLIST\n")
    for name, told in {
        "a.mp4": "is not a film that can be read: it is damaged, or of another kind$",
        "b.mp4": "is not a film that can be read", "empty.mp4": "is not a film that can be read",
        "list.mp4": "is not a film that can be read", "web.mp4": r"\(it is a web page: download",
        "a.jpg": "a.jpg is a picture that does not move, not a film$", "none.mp4": "^no such film: ",
        ".": "is a folder: name its pictures by their number, as in .*%05d.png$",
    }.items():  # fmt: skip
        assert_raises_line(partial(open_film, tmp_path / name), told)


def test_sound_alone_is_no_film(tmp_path: Path, photo: Image.Image) -> None:
    """Nor with a cover."""
    clip = make_clip(tmp_path / "a.mkv", 12, audio="aac")
    photo.save(tmp_path / "cover.jpg")
    for name, cover in (("a.m4a", False), ("b.m4a", True)):
        with av.open(str(clip)) as source, av.open(str(tmp_path / name), "w", "mp4") as target:
            stream = target.add_stream_from_template(source.streams.audio[0])
            if cover:
                image = av.open(str(tmp_path / "cover.jpg"))
                picture = target.add_stream_from_template(image.streams.video[0], opaque=True)
                picture.disposition = av.stream.Disposition.attached_pic.value  # type: ignore[assignment]
                shown = next(image.demux(video=0))
                shown.stream = picture
                target.mux(shown)
            for packet in source.demux(source.streams.audio[0]):
                if packet.pts is not None:
                    packet.stream = stream
                    target.mux(packet)
        assert_raises_line(partial(open_film, tmp_path / name), r"is not a film: it has no video stream$")


def test_names_may_hold_anything(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", 3)
    odd = path.rename(tmp_path / "http:ü %5 'x'.mp4")
    assert len(frames_of(odd)) == 3


def test_what_is_known_of_a_film(tmp_path: Path) -> None:
    path = make_clip(
        tmp_path / "a.mkv", 24, audio="aac", subtitles=("subrip", [(0, 900, "hello")]),
        chapters=[(0, 1000, "one"), (1000, 2000, "two")], matrix="bt709", primaries="bt709", transfer="bt709",
    )  # fmt: skip
    with open_film(path) as film:
        about = film.about
    assert (about.size, about.frames, about.depth, about.alpha) == (SIZE, 24, 8, False)
    assert about.rate == 12
    assert float(about.duration) == pytest.approx(2, abs=0.05)
    assert [(track.codec, track.language) for track in about.audio] == [("aac", "deu")]
    assert [track.language for track in about.subtitles] == ["fra"]
    assert about.chapters == 2
    assert (about.color.matrix, about.color.primaries, about.color.transfer) == ("bt709",) * 3


_GROWN = """
import re, sys
from fractions import Fraction
from pathlib import Path
from impasto.video import open_film

def most():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

with open_film(sys.argv[1]) as film:
    assert sum(1 for _ in film.frames(None, Fraction(3))) == 90
    before = most()
    assert sum(1 for _ in film.frames()) == 300
print(most() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell a process's memory")
def test_memory_stays_flat(tmp_path: Path) -> None:
    """300 frames take no more than a few do; in a process of its own, which has not yet taken more for others."""
    path = make_clip(tmp_path / "a.mp4", 300, size=(320, 240), rate=30)
    told = subprocess.run([sys.executable, "-c", _GROWN, str(path)], check=True, capture_output=True, text=True)
    assert int(told.stdout) < 20_000  # KiB; all frames would be 66 MiB
