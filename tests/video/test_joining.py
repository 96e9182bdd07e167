"""Segments become one film again, with everything of their source that is not pictures."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import make_clip, moving, packets_of
from PIL import Image
from ran import assert_raises_line

from impasto.images import Picture
from impasto.video import Encoding, Frame, choose_encoding, join, joining, open_film, write_segment

TEXTS = [(0, 900, "hello"), (1000, 1900, "bye")]
CHAPTERS = [(0, 1000, "one"), (1000, 2000, "two")]


def segments(source: Path, cuts: Sequence[Fraction | int | None], encoding: Encoding | None = None) -> list[Path]:
    """The film's ranges between cuts, each encoded by itself beside it."""
    made = []
    with open_film(source) as film:
        for index, (start, stop) in enumerate(pairwise(cuts)):
            path = source.with_name(f"{source.stem}-{index}.nut")
            with write_segment(path, film.about, encoding or choose_encoding(Path("a.mp4"))) as writer:
                for frame in film.frames(*(None if cut is None else Fraction(cut) for cut in (start, stop))):
                    writer.write(frame)
            made.append(path)
    return made


def times(path: Path) -> list[Fraction]:
    with open_film(path) as film:
        return [frame.time for frame in film.frames()]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
@pytest.mark.parametrize("audio", ["aac", "libmp3lame", "ac3", "flac"])
def test_sound_is_copied_bit_for_bit(audio: str, name: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", 24, audio=audio)
    target = tmp_path / name
    notes = join(segments(source, [None, 1, None]), source, target)
    if name == "a.mov" and audio == "flac":  # which QuickTime does not hold
        assert notes == ["audio (flac) is encoded anew as aac: mov does not hold it"]
        return
    assert notes == []
    one, other = packets_of(source), packets_of(target)
    assert [data for _, data in one] == [data for _, data in other]
    shifts = {round(float(b[0] - a[0]), 3) for a, b in zip(one, other, strict=True)}
    assert max(shifts) - min(shifts) <= 0.002  # Matroska's clock has milliseconds
    with open_film(target) as film, open_film(source) as before:
        assert film.about.audio[0].language == ("ger" if name == "a.mov" else "deu")  # two codes of one language
        assert len(list(film.frames())) == 24
        starts = [packets_of(path)[0][0] - one.about.origin for path, one in ((source, before), (target, film))]
    assert abs(starts[0] - starts[1]) < 0.0015


def test_a_range_has_its_own_sound(tmp_path: Path) -> None:
    """Pictures and sound are moved by the same time, to the tick."""
    source = make_clip(tmp_path / "in.mp4", 48, audio="aac")
    start, stop = Fraction(13, 12), Fraction(37, 12)
    target = tmp_path / "out.mp4"
    join(segments(source, [start, 2, stop]), source, target, start, stop)
    assert times(target) == [time - start for time in times(source) if start <= time < stop]
    inside = [(time, data) for time, data in packets_of(source) if start <= time < stop]
    found = packets_of(target)
    assert [data for _, data in found] == [data for _, data in inside]
    off = [abs(time - start - new) for (time, _), (new, _) in zip(inside, found, strict=True)]
    assert max(off) < Fraction(1, 24_000)
    with av.open(str(target)) as container:
        ends = [(stream.duration or 0) * (stream.time_base or 0) for stream in container.streams]
    assert float(ends[0]) == pytest.approx(2, abs=0.001)
    assert float(ends[1]) == pytest.approx(2, abs=0.05)


def test_a_range_from_between_frames(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 24, audio="aac", rate=Fraction(30000, 1001))
    start = Fraction(1, 7)
    target = tmp_path / "out.mp4"
    join(segments(source, [start, None]), source, target, start)
    first = next(time for time in times(source) if time >= start)
    with open_film(target) as film:  # whose sound starts before its pictures
        assert abs(times(target)[0] + film.about.origin - (first - start)) < Fraction(1, 30_000)
    assert [b - a for a, b in pairwise(times(target))] == [Fraction(1001, 30000)] * (len(times(target)) - 1)


def test_an_interrupted_film_has_sound_as_far_as_it_goes(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 48, audio="aac")
    made = segments(source, [None, 1, 2, None])
    target = tmp_path / "out.mp4"
    join(made[:2], source, target)
    assert len(times(target)) == 24
    found = packets_of(target)
    assert 1.95 < found[-1][0] < 2
    assert [data for _, data in found] == [data for _, data in packets_of(source)[: len(found)]]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_decoding_times_rise_over_joints_with_b_frames(codec: str, tmp_path: Path) -> None:
    ticks = np.cumsum(np.random.default_rng(0).integers(1, 120, 60)).tolist()
    source = make_clip(tmp_path / "in.mp4", 60, times=ticks, time_base=Fraction(1, 1200))
    whole = times(source)
    cuts = [None, whole[7], whole[8], whole[31], None]
    made = segments(source, cuts, choose_encoding(Path("a.mp4"), codec))
    for name in ("a.mp4", "a.mov"):
        join(made, source, tmp_path / name)
        with av.open(str(tmp_path / name)) as container:
            packets: list[Any] = [packet for packet in container.demux(video=0) if packet.pts is not None]
        decoded, shown = [packet.dts for packet in packets], [packet.pts for packet in packets]
        assert any(b < a for a, b in pairwise(shown))  # there are B-frames
        assert all(a < b for a, b in pairwise(decoded))
        assert all(d <= s for d, s in zip(decoded, shown, strict=True))
        assert times(tmp_path / name) == whole
        keys = [packet.pts for packet in packets if packet.is_keyframe]
        assert {whole.index(cut) for cut in cuts if cut is not None} <= {sorted(shown).index(key) for key in keys}


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_long_pauses_keep_their_times(codec: str, tmp_path: Path) -> None:
    """A segment that starts with long pauses reaches far back with what is decoded first."""
    gaps = [3000, 3000, 3000, *[10] * 200, 3000, 3000, 3000, *[10] * 200]
    ticks = [0, *np.cumsum(gaps).tolist()]
    source = make_clip(tmp_path / "in.mp4", len(ticks), times=ticks, time_base=Fraction(1, 1000), audio="aac")
    whole = times(source)
    made = segments(source, [None, whole[203], None], choose_encoding(Path("a.mp4"), codec))
    join(made, source, tmp_path / "out.mp4")
    with open_film(source) as film, open_film(tmp_path / "out.mp4") as other:
        assert other.about.origin == film.about.origin
    assert times(tmp_path / "out.mp4") == whole


@pytest.mark.parametrize("codec", ["h264", "av1", "vp9", "ffv1"])
def test_segments_in_matroska(codec: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 24, rate=24)
    target = tmp_path / "a.mkv"
    join(segments(source, [None, Fraction(1, 2), None], choose_encoding(target, codec)), source, target)
    assert [float(time) for time in times(target)] == pytest.approx([index / 24 for index in range(24)], abs=0.0006)


@pytest.mark.parametrize(("suffix", "text"), [(".mkv", "subrip"), (".mp4", "mov_text")])
def test_subtitles_chapters_and_tags_are_copied(suffix: str, text: str, tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / f"in{suffix}", 24, audio="aac", subtitles=(text, TEXTS), chapters=CHAPTERS, tags={"title": "Tea"}
    )
    target = tmp_path / f"out{suffix}"
    assert join(segments(source, [None, None]), source, target) == []
    texts = [(time, data) for time, data in packets_of(target, "subtitle") if b"hello" in data or b"bye" in data]
    assert [(float(time), b"hello" in data) for time, data in texts] == [(0, True), (1, False)]
    with av.open(str(target)) as container:
        assert container.metadata["title"] == "Tea"
        assert [stream.language for stream in container.streams.subtitles] == ["fra"]
        chapters = container.chapters()
    found = [(one["start"] * (one["time_base"] or 1), one["metadata"]["title"]) for one in chapters]
    assert found == [(0, "one"), (1, "two")]


def test_a_range_cuts_subtitles_and_chapters(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", 24, subtitles=("subrip", TEXTS), chapters=CHAPTERS)
    start, stop = Fraction(1, 2), Fraction(3, 2)
    target = tmp_path / "out.mkv"
    join(segments(source, [start, stop]), source, target, start, stop)
    with av.open(str(target)) as container:
        stream = container.streams.subtitles[0]
        texts = [
            (float(packet.pts * packet.time_base), float((packet.duration or 0) * packet.time_base), bytes(packet))
            for packet in container.demux(stream) if packet.pts is not None
        ]  # fmt: skip
        chapters = [
            (float(one["start"] * (one["time_base"] or 1)), float(one["end"] * (one["time_base"] or 1)))
            for one in container.chapters()
        ]
    assert texts == [(0, 0.4, b"hello"), (0.5, 0.5, b"bye")]
    assert chapters == [(0, 0.5), (0.5, 1)]


def test_what_a_file_does_not_hold_is_told(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", 24, audio="aac", subtitles=("subrip", TEXTS))
    made = segments(source, [None, None], choose_encoding(Path("a.webm")))
    assert join(made, source, tmp_path / "a.webm") == [
        "audio (aac) is encoded anew as libopus: webm does not hold it",
        "subtitles (srt) are left out: webm does not hold them",
    ]
    with av.open(str(tmp_path / "a.webm")) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        assert container.streams.audio[0].language == "deu"
    sound = np.concatenate(frames, axis=1)
    assert sound.shape[1] / 48_000 == pytest.approx(2, abs=0.05)
    assert 0.1 < np.abs(sound).max() < 0.4
    made = segments(source, [None, None])
    assert join(made, source, tmp_path / "a.mp4") == ["subtitles (srt) are left out: mp4 does not hold them"]


@pytest.mark.parametrize("rate", [Fraction(12), Fraction(30000, 1001)])
def test_encoded_anew_sound_stays_in_time(rate: Fraction, tmp_path: Path) -> None:
    """A click in the middle of a range is heard where it was."""
    source = tmp_path / "in.mkv"
    click = np.zeros((1, 96_000), np.int16)
    click[0, 60_000:60_100] = 30_000
    with av.open(str(source), "w") as container:
        video: Any = container.add_stream("libx264", rate=rate)
        video.width, video.height = 64, 48
        sound: Any = container.add_stream("pcm_s16le", 48_000, layout="mono")
        for index, picture in enumerate(moving(int(2 * rate))):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for place in range(0, 96_000, 4800):
            part = av.AudioFrame.from_ndarray(np.ascontiguousarray(click[:, place : place + 4800]), "s16", "mono")
            part.sample_rate, part.pts, part.time_base = 48_000, place, Fraction(1, 48_000)
            container.mux(sound.encode(part))
    start = Fraction(1, 2)
    target = tmp_path / "out.webm"
    join(segments(source, [start, None], choose_encoding(target)), source, target, start)
    heard = []
    with av.open(str(target)) as container:
        for one in container.decode(audio=0):
            levels = np.abs(one.to_ndarray()).max(axis=0)
            heard += [float((one.time or 0) + place / 48_000) for place in np.flatnonzero(levels > 0.2)]
    assert heard[0] == pytest.approx(60_000 / 48_000 - 0.5, abs=0.012)


def test_dispositions_and_several_tracks(tmp_path: Path) -> None:
    one = make_clip(tmp_path / "one.mkv", 24, audio="aac")
    source = tmp_path / "in.mkv"
    with av.open(str(one)) as container, av.open(str(source), "w") as out:
        video = out.add_stream_from_template(container.streams.video[0], opaque=True)
        sounds = [out.add_stream_from_template(container.streams.audio[0]) for _ in range(2)]
        for sound, language, title in zip(sounds, ("eng", "deu"), ("Film", "Comment"), strict=True):
            sound.metadata.update({"language": language, "title": title})
        sounds[1].disposition = av.stream.Disposition.comment.value  # type: ignore[assignment]
        for packet in container.demux(video=0, audio=0):
            if packet.pts is not None:
                packets = [(packet, video)] if packet.stream.type == "video" else [(packet, sounds[0])]
                for each, stream in packets:
                    each.stream = stream
                    out.mux(each)
                if packet.stream.type == "audio":
                    packet.stream = sounds[1]
                    out.mux(packet)
    target = tmp_path / "out.mkv"
    assert join(segments(source, [None, None]), source, target) == []
    with av.open(str(target)) as container:
        found = [(stream.language, stream.metadata.get("title")) for stream in container.streams.audio]
        assert found == [("eng", "Film"), ("deu", "Comment")]
        assert container.streams.audio[1].disposition & av.stream.Disposition.comment
        assert not container.streams.audio[0].disposition & av.stream.Disposition.comment


def test_the_last_frame_lasts(tmp_path: Path) -> None:
    """As long as in the source, or until it is told; the sound beyond it is there unless the range ends before."""
    source = make_clip(tmp_path / "in.mp4", 6, audio="aac", audio_seconds=3)
    made = segments(source, [None, None])
    for name, options, lasts, sound in (
        ("a.mp4", {}, Fraction(1, 12), 3.0), ("b.mp4", {"end": Fraction(5, 2)}, Fraction(25, 12), 3.0),
        ("c.mp4", {"stop": Fraction(5, 2)}, Fraction(1, 12), 2.5),
        ("d.mp4", {"stop": Fraction(5, 2), "end": Fraction(1)}, Fraction(7, 12), 2.5),
        ("e.mp4", {"stop": Fraction(1), "end": Fraction(2)}, Fraction(7, 12), 1.0),
        ("a.mkv", {}, Fraction(83, 1000), 3.0),
    ):  # fmt: skip
        join(made, source, tmp_path / name, **options)
        with open_film(tmp_path / name) as film:
            assert abs(list(film.frames())[-1].duration - lasts) <= Fraction(name == "a.mkv", 1000)
        assert float(packets_of(tmp_path / name)[-1][0]) == pytest.approx(sound, abs=0.05)
    assert packets_of(tmp_path / "a.mp4") == packets_of(source)


def test_a_source_of_pictures_alone(tmp_path: Path) -> None:
    images = [Image.fromarray(picture) for picture in moving(3)]
    images[0].save(tmp_path / "in.webp", save_all=True, append_images=images[1:], duration=[100, 50, 700])
    made = segments(tmp_path / "in.webp", [None, None])
    assert join(made, tmp_path / "in.webp", tmp_path / "out.mp4", end=Fraction(17, 20)) == []
    assert times(tmp_path / "out.mp4") == [0, Fraction(1, 10), Fraction(3, 20)]


def test_a_stop_within_the_film_is_where_the_last_picture_ends(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 24, times=[*range(23), 40], time_base=Fraction(1, 12))
    made = segments(source, [None, Fraction(23, 12)])
    join(made, source, tmp_path / "a.mp4", None, Fraction(29, 12))
    with open_film(tmp_path / "a.mp4") as film:
        assert list(film.frames())[-1].duration == Fraction(7, 12)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("start", [None, Fraction(5, 2)])
def test_sound_before_the_first_picture(start: Fraction | None, suffix: str, tmp_path: Path) -> None:
    """Seeking goes by the pictures, and finds none of what lies before them."""
    late = [index + 24 for index in range(24)]
    source = make_clip(tmp_path / f"in{suffix}", 24, times=late, audio="aac", audio_seconds=4)
    target = tmp_path / "out.mp4"
    join(segments(source, [start, None]), source, target, start)
    inside = [data for time, data in packets_of(source) if start is None or time >= start]
    assert [data for _, data in packets_of(target)] == inside


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_whose_times_do_not_rise(suffix: str, tmp_path: Path) -> None:
    def change(packet: Any, count: int) -> None:
        if 20 <= count < 24:
            packet.pts -= 100 * (count - 19)
            packet.dts = packet.pts

    source = make_clip(tmp_path / "in.mkv", 24, audio="aac")
    made = segments(source, [None, None])
    target = tmp_path / f"out{suffix}"
    unchanged = joining._Join._packets

    def packets(self: Any, film: Any, indexes: Any) -> Any:
        for count, packet in enumerate(unchanged(self, film, indexes)):
            if packet.pts is not None:
                change(packet, count)
            yield packet

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining._Join, "_packets", packets)
        join(made, source, target)
    assert len(packets_of(target)) == len(packets_of(source))
    assert len(times(target)) == 24


def test_damaged_sound_is_told_and_the_rest_is_there(tmp_path: Path) -> None:
    """In a transport stream whose bytes are damaged."""
    source = make_clip(tmp_path / "in.ts", 48, audio="aac", rate=24)
    made = segments(source, [None, None])
    data = bytearray(source.read_bytes())
    rng = np.random.default_rng(0)
    for place in range(len(data) // 3, len(data) * 2 // 3):
        if rng.random() < 0.02 and place % 188 > 3:
            data[place] ^= 0xFF
    source.write_bytes(data)
    for suffix in (".mp4", ".mkv"):
        target = tmp_path / f"out{suffix}"
        assert len(join(made, source, target)) <= 1
        assert len(times(target)) == 48
        assert packets_of(target)[-1][0] > 1.8


@pytest.mark.parametrize("name", ["out.webm", "out.mov"])
def test_sound_that_changes_its_channels(name: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", 24, audio="ac3" if name == "out.webm" else "flac")
    target = tmp_path / name
    encoding = choose_encoding(target)
    made = segments(source, [None, None], encoding)
    decode = av.Packet.decode

    class Changing:
        """A packet that becomes stereo half way."""

        def __init__(self, packet: Any) -> None:
            self._packet = packet

        def __getattr__(self, name: str) -> Any:
            return getattr(self._packet, name)

        def decode(self) -> list[Any]:
            frames = []
            for frame in decode(self._packet):
                if frame.time is not None and frame.time >= 1:
                    both = av.AudioResampler("s16", "stereo", 44_100)
                    frames += both.resample(frame)
                else:
                    frames.append(frame)
            return frames

    packets = joining._Join._packets
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining._Join, "_packets", lambda *given: map(Changing, packets(*given)))
        join(made, source, target)
    with av.open(str(target)) as container:
        heard: list[Any] = list(container.decode(audio=0))
    assert heard[-1].time + heard[-1].samples / heard[-1].sample_rate == pytest.approx(2, abs=0.06)


def test_pcm_in_mp4_is_encoded_anew(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", 24, audio="pcm_s16le")
    made = segments(source, [None, None])
    assert join(made, source, tmp_path / "a.mp4") == ["audio (pcm_s16le) is encoded anew as aac: few play it in mp4"]
    assert join(made, source, tmp_path / "a.mov") == []
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


def test_a_long_subtitle_goes_on_in_a_range(tmp_path: Path) -> None:
    texts = [(0, 28_000, "long"), (29_000, 29_500, "short")]
    source = make_clip(tmp_path / "in.mkv", 150, rate=5, subtitles=("subrip", texts), options={"g": "5"})
    target = tmp_path / "out.mkv"
    join(segments(source, [Fraction(25), None]), source, target, Fraction(25))
    assert [(float(time), data) for time, data in packets_of(target, "subtitle")] == [(0, b"long"), (4, b"short")]


def test_sound_encoded_anew_lasts_up_to_the_stop(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", 48, audio="flac")
    target, stop = tmp_path / "out.mov", Fraction(2)
    join(segments(source, [None, stop]), source, target, None, stop)
    with av.open(str(target)) as container:
        last = list(container.decode(audio=0))[-1]
    assert last.time is not None
    assert 2 <= last.time + last.samples / 48_000 < 2.1  # the frame of the source that lies at its end is whole


def test_what_lies_after_a_range_is_not_read(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", 240, audio="aac", subtitles=("subrip", TEXTS))
    made = segments(source, [None, 1])
    read: list[Any] = []
    unchanged = joining._Join._packets

    def packets(*given: Any) -> Any:
        for packet in unchanged(*given):
            read.append(packet)
            yield packet

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining._Join, "_packets", packets)
        join(made, source, tmp_path / "out.mkv", None, Fraction(1))
    assert max(float(one.pts * one.time_base) for one in read if one.pts is not None) < 4


def test_a_timecode_is_of_the_films_start(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mov", 50, rate=25, tags={"timecode": "01:00:00:00"})
    for start, codes in ((None, {"01:00:00:00"}), (Fraction(1), set())):
        assert join(segments(source, [start, None]), source, tmp_path / "out.mov", start) == []
        with av.open(str(tmp_path / "out.mov")) as container:
            found = {one.metadata.get("timecode") for one in container.streams} | {container.metadata.get("timecode")}
        assert found - {None} == codes


@pytest.mark.parametrize("start", [None, Fraction(3)])
def test_sound_of_recordings_one_after_the_other(start: Fraction | None, tmp_path: Path) -> None:
    one = make_clip(tmp_path / "one.ts", 50, rate=25, audio="aac")
    source = tmp_path / "in.ts"
    source.write_bytes(one.read_bytes() * 2)
    target = tmp_path / "out.mp4"
    assert join(segments(source, [start, None]), source, target, start) == []
    sound = [time for time, _ in packets_of(target)]
    assert float(sound[-1]) == pytest.approx(4 - (start or 0), abs=0.1)
    assert max(float(b - a) for a, b in pairwise(sound)) < 0.07
    assert float(times(target)[-1]) == pytest.approx(4 - (start or 0), abs=0.1)


def test_segments_that_do_not_fit(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 24)
    one, two = segments(source, [None, 1, None])
    other = source.with_name("other.nut")
    with open_film(source) as film:
        pictures = [Picture(picture) for picture in moving(3, (32, 32))]
        with write_segment(other, film.about, choose_encoding(Path("a.mp4"))) as writer:
            for index, picture in enumerate(pictures):
                writer.write(Frame(picture, Fraction(30 + index, 12), Fraction(1, 12)))
    target = tmp_path / "out.mp4"
    broken = tmp_path / "broken.nut"
    broken.write_bytes(b"nothing" * 100)
    cut = tmp_path / "cut.nut"
    cut.write_bytes(one.read_bytes()[:100])
    for parts, told in (
        ([], "there are no segments to join"), ([two, one], "overlap"), ([one, one], "overlap"),
        ([one, other], "are not encoded alike"),
        ([one, broken], r"segment .*broken\.nut cannot be read \(.*\): delete it"),
        ([one, tmp_path / "none.nut"], r"segment .*none\.nut cannot be read"), ([one, source], "it is no segment"),
        ([cut], r"segment .*cut\.nut "),
    ):  # fmt: skip
        assert_raises_line(partial(join, parts, source, target), told)
    assert not target.exists()
    assert_raises_line(lambda: join([one], source, tmp_path / "none" / "a.mp4"), r"cannot write .*a\.mp4: No such file")
    assert_raises_line(lambda: join([one], tmp_path / "none.mp4", target), r"^cannot read film .*none\.mp4: No such")


def test_the_same_segments_are_the_same_film(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 24, audio="aac")
    made = segments(source, [None, 1, None])
    for name in ("1.mp4", "2.mp4", "1.mkv", "2.mkv"):
        join(made, source, tmp_path / name)
    for suffix in (".mp4", ".mkv"):
        assert (tmp_path / f"1{suffix}").read_bytes() == (tmp_path / f"2{suffix}").read_bytes()


def test_a_film_that_starts_late(tmp_path: Path) -> None:
    """Where the source's clock starts at 4 s, the target's starts at 0; sound and pictures stay together."""
    source = make_clip(
        tmp_path / "in.mkv", 12, audio="pcm_s16le", times=[index + 50 for index in range(12)], audio_start=4,
        audio_seconds=1,
    )  # fmt: skip
    target = tmp_path / "out.mkv"
    join(segments(source, [None, None]), source, target)
    assert times(target)[0] == times(source)[0]
    assert packets_of(target)[0][0] == 0


@pytest.mark.parametrize("even", [False, True])
def test_what_is_not_told_is_not_guessed(even: bool, tmp_path: Path) -> None:
    """Frames that come unevenly have no rate in Matroska's header, others have."""
    ticks = [0, 1, 2, 3] if even else [0, 1, 5, 6]
    source = make_clip(tmp_path / "in.mp4", 4, times=ticks, time_base=Fraction(1, 12))
    join(segments(source, [None, None]), None, tmp_path / "out.mkv")
    # DefaultDuration of Matroska's specification, of 4 bytes, in ns
    assert (b"\x23\xe3\x83\x84" + round(1e9 / 12).to_bytes(4, "big") in (tmp_path / "out.mkv").read_bytes()) == even
    assert (b"\x23\xe3\x83" in (tmp_path / "out.mkv").read_bytes()) == even
    with open_film(tmp_path / "out.mkv") as film:
        frames = list(film.frames())
    exact = [Fraction(round(Fraction(tick * 1000, 12)), 1000) for tick in ticks]
    assert [frame.time for frame in frames] == exact
    assert frames[0].duration == Fraction(83, 1000)
