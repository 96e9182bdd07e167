"""Segments joined to a film, with what else their source holds: sound, subtitles, chapters, names and dates."""

from __future__ import annotations

import contextlib
import heapq
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ImpastoError
from ..files import part_of
from . import matroska
from .codecs import CONTAINERS
from .decoding import JUMP, is_cover, jumps_of, opened, origin_of, video_of
from .failures import told
from .opening import is_animated
from .segments import BITEXACT, Segment
from .sequences import is_pattern

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

# What FFmpeg calls experimental in MP4 is copied, too.
_STRICT = {"strict": "experimental"}
# What audio becomes that a container does not hold, with its bit rate a channel.
_SPARE_AUDIO = {"webm": ("libopus", 64_000)}
_USUAL_AUDIO = ("aac", 96_000)
# Tags that are of a file and not of a film start with one of these.
_OF_A_FILE = (
    "major_brand", "minor_version", "compatible_brands", "encoder", "rotate", "vendor_id", "duration", "bps",
    "number_of_", "_statistics", "alpha_mode", "source_id",
)  # fmt: skip
# QuickTime knows languages by ISO 639-2's other codes, where there are two.
_QUICKTIME_LANGUAGES = {
    "ces": "cze", "deu": "ger", "ell": "gre", "eus": "baq", "fas": "per", "fra": "fre", "hye": "arm", "isl": "ice",
    "kat": "geo", "mkd": "mac", "mya": "bur", "nld": "dut", "ron": "rum", "slk": "slo", "sqi": "alb", "zho": "chi",
}  # fmt: skip
_PRORES_TAGS = ("apco", "apcs", "apcn", "apch", "ap4h", "ap4x")
_NEVER = Fraction(1 << 40)  # seconds
# Seconds before a range at which reading starts, and after it at which it ends: streams lie side by side only roughly.
_AROUND = 2
_SHOWN = 30  # seconds that subtitles may be shown for: so long before a range reading starts where there are some
_GIVEN_UP = 100  # failures one after the other until the rest is taken for lost
_DAMAGED = "what goes with the pictures is damaged in places: something of it is left out"
_Timed = tuple[Fraction, "Packet[Any]"]


def join(
    segments: Sequence[Path],
    source: Path | None,
    target: Path,
    start: Fraction | None = None,
    stop: Fraction | None = None,
    end: Fraction | None = None,
) -> list[str]:
    """Join a film's segments and copy what else its source holds; nothing is encoded anew that need not be.

    All audio, subtitles, attached fonts, chapters and tags are copied for the range; audio of a codec that the target
    does not hold is encoded anew, what else it does not hold is left out. Where the segments are only the first of a
    film's, the audio ends where their pictures do; with the film's last picture all of it is there.

    Args:
        segments: in their order; of one film and one encoding.
        source: the film that they were made of; None, or one of pictures only, where nothing is to be copied.
        target: ending in .mp4, .m4v, .mov, .mkv or .webm. It is there at the end, or what was there before is.
        start: seconds since the source's start that become the target's start.
        stop: seconds since the source's start at which the range ends, and with it the sound and the last picture,
            unless that ends before.
        end: seconds since the source's start at which the last picture ends, where that is known: a frame's time and
            duration. By default it lasts as long as in the source or else as long as the one before.

    Returns:
        What could not be copied as it is, a line each.

    Raises:
        ImpastoError: no segments, or some that do not fit each other; source or target cannot be read or written.
    """
    parts = [Segment(path) for path in segments]
    _check(parts, segments)
    if source is not None and (is_pattern(source) or is_animated(source)):
        source = None  # which has nothing but pictures
    with told(f"cannot write {target}"), contextlib.ExitStack() as stack:
        film = None if source is None else stack.enter_context(opened(source))
        jumps = [] if source is None else jumps_of(source)
        origin = Fraction(0) if film is None else origin_of(film, video_of(film, Path(str(source))))
        tick = parts[0].time_base
        shift = math.floor((start or Fraction(0)) / tick)  # ticks: the audio is moved by as much, to the tick
        lasts, is_whole = _last_of(film, parts[-1].times[-1] * tick + origin, tick)
        last = _end(parts, lasts, stop if end is None and not is_whole else end, tick)
        if stop is not None:
            last = max(parts[-1].times[-1] + 1, min(last, round(stop / tick)))
        is_whole = is_whole and not jumps  # of such a film it is not known
        sound_ends = stop if is_whole else last * tick
        until = None if sound_ends is None else sound_ends + origin
        part = stack.enter_context(part_of(target))
        return _Join(target, part, parts, film, origin, jumps, shift, last, until, start is not None).run()


def _check(parts: Sequence[Segment], paths: Sequence[Path]) -> None:
    if not parts:
        raise ImpastoError("there are no segments to join")
    for part, path in zip(parts, paths, strict=True):
        if not part.times:
            raise ImpastoError(f"segment {path} holds no picture: delete it")
        if part.made != parts[0].made or part.time_base != parts[0].time_base:
            raise ImpastoError(f"segments {paths[0]} and {path} are not encoded alike: delete one of them")
    for (one, path), (other, next_path) in pairwise(zip(parts, paths, strict=True)):
        if one.times[-1] >= other.times[0]:
            raise ImpastoError(f"segments {path} and {next_path} overlap")


def _end(parts: Sequence[Segment], lasts: int, end: Fraction | None, tick: Fraction) -> int:
    """The tick at which the last picture ends. lasts: ticks of it in the source, or 0. end: seconds, where told."""
    times = [time for part in parts[-2:] for time in part.times[-2:]][-2:]
    if end is not None and end > times[-1] * tick:
        return max(times[-1] + 1, round(end / tick))
    gap = times[1] - times[0] if len(times) > 1 else max(1, round(Fraction(1, 25) / tick))
    return times[-1] + (lasts or gap)


def _last_of(film: InputContainer | None, time: Fraction, tick: Fraction) -> tuple[int, bool]:
    """Of the source's picture of a time on its clock: its ticks, or 0, and whether it is the last one."""
    import av

    if film is None:
        return 0, True
    stream = video_of(film, Path(film.name))
    wanted, lasts = round(time / (stream.time_base or tick)), 0
    with contextlib.suppress(av.FFmpegError):
        film.seek(wanted, stream=stream)
        for packet in film.demux(stream):
            if packet.pts is not None and packet.pts > wanted:
                return lasts, False
            if packet.pts == wanted and packet.duration:
                lasts = round(packet.duration * packet.time_base / tick)
    return lasts, True


class _Join:
    """One film that is being joined.

    jumps: see `jumps_of`. shift, end: ticks of the source's pictures. until: seconds on the source's clock from which
    on nothing is copied.
    """

    def __init__(
        self, target: Path, part: Path, parts: Sequence[Segment], film: InputContainer | None, origin: Fraction,
        jumps: Sequence[Fraction], shift: int, end: int, until: Fraction | None, from_start: bool,
    ) -> None:  # fmt: skip
        import av

        self._part, self._parts, self._film = part, parts, film
        self._tick = parts[0].time_base
        self._shift, self._end, self._cut = shift, end, from_start
        self._begin = shift * self._tick + origin  # on the source's clock
        self._until = until if until is not None else _NEVER
        self._format, self._suffix = CONTAINERS[target.suffix.lower()], target.suffix.lower().removeprefix(".")
        self._jumps = jumps
        self._notes: list[str] = []
        self._encoders: list[Any] = []  # of audio that is encoded anew
        options = _STRICT.copy()
        if self._format in ("matroska", "webm"):
            options |= matroska.OPTIONS
        if self._format in ("mp4", "mov"):
            options |= {"movflags": "+faststart", "movie_timescale": str(_clock(self._tick))}
        self._out: OutputContainer = av.open(str(part), "w", self._format, container_options=options)
        self._out.flags |= BITEXACT

    def run(self) -> list[str]:
        with self._out:
            self._add_video()
            copied = self._add_others()
            others = self._others(copied) if copied else iter(())
            for _, packet in heapq.merge(self._video(), others, key=lambda one: one[0]):
                self._write(packet)
        if self._format in ("matroska", "webm") and self._pixel_aspect != 1:
            matroska.set_pixel_aspect(self._part, self._pixel_aspect)
        return self._notes

    def _write(self, packet: Packet[Any]) -> None:
        import av

        try:
            self._out.mux(packet)
        except av.FFmpegError as error:  # a packet that its container cannot make sense of
            if packet.stream is self._stream or isinstance(error, OSError):  # but a full disk is one
                raise
            self._note_damage()

    def _note_damage(self) -> None:
        if _DAMAGED not in self._notes:
            self._notes.append(_DAMAGED)

    def _add_video(self) -> None:
        first = self._parts[0]
        with first.opened() as template:
            # As it is, `opaque`: an encoder need not be there to copy.
            stream = self._stream = self._out.add_stream_from_template(template, opaque=True)
            stream.time_base = self._tick
            context, rgb = stream.codec_context, (template.codec_context.pix_fmt or "").startswith(("gbr", "bgr"))
            context.sample_aspect_ratio = self._pixel_aspect = first.pixel_aspect
            context.color_primaries = context.color_trc = 1
            context.colorspace, context.color_range = (0, 2) if rgb else (1, 1)
            if template.codec_context.name == "hevc" and self._format in ("mp4", "mov"):
                context.codec_tag = "hvc1"  # Apple's players know no other
            if template.codec_context.name == "prores":
                context.codec_tag = _prores_tag(template)
            if self._format in ("webm", "matroska") and first.alpha:
                stream.metadata["alpha_mode"] = "1"
        gaps = {next_ - one for one, next_ in pairwise(chain.from_iterable(part.times for part in self._parts))}
        # Matroska writes it down; of frames that come unevenly there is none.
        context.framerate = 1 / (gaps.pop() * self._tick) if len(gaps) == 1 else Fraction(0)
        if self._film is not None:
            source = video_of(self._film, Path(self._film.name))
            stream.metadata.update(self._kept(source.metadata))

    def _add_others(self) -> dict[int, Callable[[Packet[Any]], Iterator[Packet[Any]]]]:
        """What becomes of the packets of the source's streams: by their index."""
        if self._film is None:
            return {}
        self._out.metadata.update(self._kept(self._film.metadata))
        self._out.set_chapters(self._chapters())
        chosen, handled = video_of(self._film, Path(self._film.name)), {}
        streams: Any = self._film.streams
        for stream in streams:
            if stream.index == chosen.index:
                continue
            if stream.type == "attachment" and self._format == "matroska":
                self._out.add_stream_from_template(stream)
            elif stream.type in ("audio", "subtitle") and self._holds(stream):
                handled[stream.index] = self._copied(self._tagged(
                    self._out.add_stream_from_template(stream, opaque=True), stream
                ))  # fmt: skip
            elif stream.type == "audio" and stream.codec_context is not None:
                handled[stream.index] = self._encoded(stream)
            elif not (stream.type == "data" and (self._film.chapters() or "timecode" in stream.metadata)):
                self._leave_out(stream)  # QuickTime's chapters and its timecode are streams, too
        return handled

    def _holds(self, stream: Any) -> bool:
        """Whether the target holds a stream as it is, by trying."""
        import av

        if stream.codec_context is None or self._is_odd(stream):
            return False
        try:
            with av.open(io.BytesIO(), "w", self._format, container_options=_STRICT) as trial:
                trial.add_stream_from_template(stream, opaque=True)
                trial.start_encoding()
        except (av.FFmpegError, ValueError):
            return False
        return True

    def _is_odd(self, stream: Any) -> bool:
        """Whether hardly any player knows it in such a file: PCM in MP4, which loses its gaps there besides."""
        return self._format == "mp4" and stream.codec_context.name.startswith("pcm_")

    def _leave_out(self, stream: Any) -> None:
        if stream.type == "video":
            self._notes.append(f"{'the cover' if is_cover(stream) else 'a further video stream'} is left out")
            return
        name = stream.codec_context.name if stream.codec_context is not None else getattr(stream, "name", None)
        what = f"{stream.type if stream.type != 'subtitle' else 'subtitles'}{f' ({name})' if name else ''}"
        verb, it = ("are", "them") if stream.type == "subtitle" else ("is", "it")
        self._notes.append(f"{what} {verb} left out: {self._suffix} does not hold {it}")

    def _tagged(self, out: Any, stream: Any) -> Any:
        tags = self._kept(stream.metadata)
        if self._format == "mov" and "language" in tags:
            tags["language"] = _QUICKTIME_LANGUAGES.get(tags["language"], tags["language"])
        out.metadata.update(tags)
        out.disposition = stream.disposition.value
        return out

    def _kept(self, tags: dict[str, str]) -> dict[str, str]:
        """Of tags those of the film; where it is cut, its timecode says no longer when it starts."""
        dropped = (*_OF_A_FILE, "timecode") if self._shift else _OF_A_FILE
        return {name: value for name, value in tags.items() if not name.lower().startswith(dropped)}

    def _chapters(self) -> list[Any]:
        """The source's chapters in the range, on the target's clock."""
        found: list[Any] = []
        for chapter in self._film.chapters() if self._film is not None else []:
            unit = chapter["time_base"] or Fraction(1)
            first, last = chapter["start"] * unit, chapter["end"] * unit
            if first < self._until and last > self._begin:
                first, last = max(first, self._begin) - self._begin, min(last, self._until) - self._begin
                milliseconds = {"start": round(first * 1000), "end": round(last * 1000), "time_base": Fraction(1, 1000)}
                found.append(chapter | milliseconds)
        return found

    def _video(self) -> Iterator[_Timed]:
        """Packets of the segments, each with when it is decoded.

        That is when the picture is shown that comes as many pictures earlier as the order of decoding runs ahead: it
        rises from packet to packet, over the joints and at any frame rate, and is never after its own picture's time.
        """
        delay = max(part.delay for part in self._parts)
        first, count = self._parts[0].times[0], sum(len(part.times) for part in self._parts)
        step = self._parts[0].times[1] - first if len(self._parts[0].times) > 1 else 1
        shown = chain.from_iterable(part.times for part in self._parts)
        before = (first - (delay - place) * step for place in range(delay))
        decoded = pairwise(chain(islice(chain(before, shown), count), (self._end - delay * step,)))
        firsts = [part.times[0] for part in self._parts[1:]]
        for part, after in zip(self._parts, (*firsts, self._end), strict=True):
            lasts = {one: next_ - one for one, next_ in pairwise(chain(part.times, (after,)))}
            for time, packet in part.packets():
                dts, next_dts = next(decoded)
                packet.time_base = self._tick
                packet.pts, packet.dts = time - self._shift, dts - self._shift
                # MP4 counts from one that is decoded to the next one; its tracks end where the last of them does.
                if self._format in ("mp4", "mov"):
                    count -= 1
                    packet.duration = max(1, next_dts - dts) if count else self._end - time
                else:
                    packet.duration = lasts[time]
                packet.stream = self._stream
                yield packet.dts * self._tick, packet

    def _others(self, handled: dict[int, Callable[[Packet[Any]], Iterator[Packet[Any]]]]) -> Iterator[_Timed]:
        """Packets of the source's other streams, each with its time."""
        with self._read(handled) as film:
            kinds = {index: film.streams[index].type for index in handled}
            lasting = {index for index, kind in kinds.items() if kind == "audio"} or set(handled)
            clocks = {index: _Clock(self._jumps) for index in handled}
            for packet in self._packets(film, list(handled)):
                clocks[packet.stream.index].set(packet)
                time = packet.dts if packet.dts is not None else packet.pts
                if time is not None and time * packet.time_base >= self._until + _AROUND:
                    lasting.discard(packet.stream.index)
                    if not lasting:
                        break
                yield from map(_timed, handled[packet.stream.index](packet))
        for encoder in self._encoders:
            yield from map(_timed, encoder.encode(None))

    @contextlib.contextmanager
    def _read(self, handled: Iterable[int]) -> Iterator[InputContainer]:
        """The source, at what is there as the range begins.

        It is opened anew: what lies before the first picture is not found by seeking, which goes by the pictures.
        """
        import av

        assert self._film is not None
        path = _path_of(self._film)
        with opened(path) as film:
            first = video_of(film, path)
            before = _SHOWN if any(film.streams[index].type == "subtitle" for index in handled) else _AROUND
            place = self._begin - before
            if self._cut and not self._jumps and place > (first.start_time or 0) * (first.time_base or 0):
                with contextlib.suppress(av.FFmpegError):  # it is read from the start where it cannot be sought in
                    film.seek(math.floor(place * 1_000_000))
            yield film

    def _packets(self, film: InputContainer, indexes: Sequence[int]) -> Iterator[Packet[Any]]:
        """Packets of streams, on beyond what is damaged."""
        import av

        streams, failures = [film.streams[index] for index in indexes], 0
        packets = film.demux(streams)
        while failures < _GIVEN_UP:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                self._note_damage()
                packets, failures = film.demux(streams), failures + 1
                continue
            if packet is None:
                return
            failures = 0
            yield packet

    def _copied(self, out: Stream) -> Callable[[Packet[Any]], Iterator[Packet[Any]]]:
        """Packets of the range as they are, on the target's clock."""
        last: int | None = None
        rise = 1 if self._format in ("mp4", "mov") else 0  # Matroska holds several of one time

        def handle(packet: Packet[Any]) -> Iterator[Packet[Any]]:
            nonlocal last
            if packet.pts is None or packet.size == 0:
                return
            unit = packet.time_base
            begin, until = self._begin / unit, self._until / unit
            if out.type == "subtitle" and packet.duration:  # what is shown as the range begins is shown from there
                stops = min(packet.pts + packet.duration, math.floor(until))
                first = max(packet.pts, math.ceil(begin)) if self._cut else packet.pts
                if first >= stops:
                    return
                packet.pts = packet.dts = first
                packet.duration = stops - first
            elif packet.pts >= until or (self._cut and packet.pts < begin):
                return
            shift = round(begin)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            if last is not None and packet.dts < last + rise:  # damaged: containers take only times that rise
                packet.dts, packet.pts = last + rise, max(packet.pts, last + rise)
            last = packet.dts
            packet.stream = out
            yield packet

        return handle

    def _encoded(self, stream: Any) -> Callable[[Packet[Any]], Iterator[Packet[Any]]]:
        """Audio of the range, encoded anew, on the target's clock."""
        import av

        name, bit_rate = _SPARE_AUDIO.get(self._format, _USUAL_AUDIO)
        rates = av.Codec(name, "w").audio_rates
        rate = stream.rate if rates is None or stream.rate in rates else 48_000
        layout = "mono" if stream.layout.nb_channels == 1 else "5.1" if stream.layout.nb_channels >= 6 else "stereo"
        channels = av.AudioLayout(layout).nb_channels
        out: Any = self._out.add_stream(name, rate, layout=layout, bit_rate=bit_rate * channels)
        self._tagged(out, stream)
        why = f"{self._suffix} does not hold it" if not self._is_odd(stream) else f"few play it in {self._suffix}"
        self._notes.append(f"audio ({stream.codec_context.name}) is encoded anew as {name}: {why}")
        self._encoders.append(out)
        fitted = _fitted_to(out.codec_context)

        def handle(packet: Packet[Any]) -> Iterator[Packet[Any]]:
            try:
                frames: list[Any] = packet.decode()
            except av.FFmpegError:  # a damaged one is a gap
                self._note_damage()
                return
            for frame in frames:
                if frame.pts is None:
                    continue
                time = frame.pts * frame.time_base
                if time < self._until and not (self._cut and time < self._begin):
                    frame.pts = round((time - self._begin) * frame.sample_rate)
                    frame.time_base = Fraction(1, frame.sample_rate)
                    try:
                        yield from (packet for one in fitted(frame) for packet in out.encode(one))
                    except av.FFmpegError:
                        self._note_damage()

        return handle


class _Clock:
    """A stream's clock, which goes on where another recording starts: see `jumps_of`."""

    def __init__(self, jumps: Sequence[Fraction]) -> None:
        self._jumps = list(jumps)
        self._more = Fraction(0)
        self._last: Fraction | None = None

    def set(self, packet: Packet[Any]) -> None:
        """Set a packet's times, the next one's in the order of the file."""
        ticks = packet.dts if packet.dts is not None else packet.pts
        if ticks is None:
            return
        time, last = ticks * packet.time_base, self._last
        self._last = time
        if self._jumps and last is not None and time < last - JUMP:
            self._more = self._jumps.pop(0)
        more = round(self._more / packet.time_base)
        packet.pts = packet.pts + more if packet.pts is not None else None
        packet.dts = packet.dts + more if packet.dts is not None else None


def _path_of(film: InputContainer) -> Path:
    return Path(film.name.removeprefix("file:"))


def _timed(packet: Packet[Any]) -> _Timed:
    when = packet.dts if packet.dts is not None else packet.pts
    return (when or 0) * packet.time_base, packet


def _fitted_to(context: Any) -> Callable[[Any], list[Any]]:
    """Makes audio frames an encoder's; those of a broadcast change their channels from programme to programme."""
    import av

    known: Any = None
    resampler: Any = None

    def fitted(frame: Any) -> list[Any]:
        nonlocal known, resampler
        made = frame.format.name, frame.layout.name, frame.sample_rate
        before: list[Any] = []
        if made != known:
            before = resampler.resample(None) if resampler is not None else []
            known, resampler = made, av.AudioResampler(context.format.name, context.layout.name, context.sample_rate)
        return before + resampler.resample(frame)

    return fitted


def _clock(tick: Fraction) -> int:
    """Ticks a second by which MP4 says where tracks start and end: its usual milliseconds would move the pictures."""
    return tick.denominator * math.ceil(1000 / tick.denominator) if tick.denominator <= 1_000_000 else 1_000_000


def _prores_tag(stream: Any) -> str:
    tag = stream.codec_context.codec_tag.lower()
    return tag if tag in _PRORES_TAGS else "ap4h" if "444" in stream.codec_context.pix_fmt else "apch"
