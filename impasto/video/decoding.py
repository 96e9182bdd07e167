"""Video files by FFmpeg: MP4, QuickTime, Matroska, WebM, AVI, MPEG and others."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ImpastoError
from ..images.kinds import recognized
from .failures import told, why
from .film import About, Film, Frame, Track
from .pixels import color_of, depth_of, has_alpha, is_turned, peak_of, to_picture

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# FFmpeg's names of what is opened. Others are no films, or name files and addresses that would be read (playlists).
_FORMATS = (
    "mov matroska webm avi mpeg mpegts mpegvideo asf flv ogg nut mxf rm ivf wtv dv m4v h264 hevc obu av1 yuv4mpegpipe "
    "gxf vob swf dhav mp3 wav aac flac ac3 eac3 dts amr aiff w64 caf tta ape wv mjpeg"
)
_READING = {"format_whitelist": ",".join(_FORMATS.split()), "protocol_whitelist": "file"}
_GIVEN_UP = 100  # failures one after the other until the rest is taken for lost
_PLAUSIBLE = Fraction(1)  # seconds that the last picture may last where it is not known that it is the last one
_MILLISECOND = Fraction(1, 1000)
_BACK = (0, 1, 5, 30)  # seconds before a frame that are sought, until there is a keyframe before it
# FFmpeg's names of containers that are sought in. Others say the times of few packets, or none.
_SOUGHT = ("mov", "matroska", "mpegts", "flv", "asf", "avi", "nut", "ogg", "mxf", "ivf")
_UNTIMED = {"avi": ("h264", "hevc")}  # and what they hold without saying when it is shown, where that is another order
JUMP = Fraction(1)  # seconds by which times go back only where another recording starts


@dataclass
class _Progress:
    """How far a film has been read. whole: up to the last picture of its index."""

    whole: bool = False


class VideoFile(Film):
    """A video file; opened anew by each call of `frames`."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._sought: bool | None = None
        with told(f"cannot read film {path}"), opened(path) as container:
            stream = video_of(container, path)
            decoder = _decoder(stream)
            first = next(self._decoded(container, stream, decoder, _Progress()), None)
            if first is None:
                said = f": {self.first_damage}" if self.first_damage else ""
                raise ImpastoError(f"film {path} has no picture that can be decoded{said}")
            self._damages.clear()  # what is damaged is counted where it is read
            self._size, self._peak = (first.width, first.height), peak_of(first)
            self.about = _about(container, stream, first)
            self._end = _end_of(stream) - self.about.origin

    def frames(self, start: Fraction | None = None, stop: Fraction | None = None) -> Iterator[Frame]:
        from av.video.reformatter import VideoReformatter

        by = VideoReformatter()
        with told(f"cannot go on reading film {self._path}"):
            for frame, time, duration in self._timed(start, stop):
                yield Frame(to_picture(frame, self._size, self.about.alpha, by, self._peak), time, duration)

    def _timed(self, start: Fraction | None, stop: Fraction | None) -> Iterator[tuple[VideoFrame, Fraction, Fraction]]:
        """Those that are wanted, each with its time and duration."""
        before: tuple[VideoFrame, Fraction] | None = None
        gap, progress = 1 / self.about.rate, _Progress()
        for frame, time in self._from(start, progress):
            if before is not None:
                gap = time - before[1]
                if start is None or before[1] >= start:
                    yield (*before, gap)
            if stop is not None and time >= stop:
                return
            before = frame, time
        if before is not None and (start is None or before[1] >= start):
            yield (*before, self._last_duration(before[0], before[1], gap, progress.whole))

    def _last_duration(self, frame: VideoFrame, time: Fraction, gap: Fraction, whole: bool) -> Fraction:
        """Until where the stream says that it ends: what packets say is about the order they are decoded in."""
        left, own = self._end - time, frame.duration * self.about.time_base
        if left > 0 and (whole or left <= max(4 * gap, _PLAUSIBLE)):
            # Containers say it in milliseconds, where the packets' durations are exact.
            return next((one for one in (own, gap) if abs(one - left) <= _MILLISECOND), left)
        return own if own > 0 else gap

    def _from(self, start: Fraction | None, progress: _Progress) -> Iterator[tuple[VideoFrame, Fraction]]:
        """Frames with their times, from one on that is not after `start`, or from the first."""
        places = self._places(start) if start is not None else []
        for place in places:
            with contextlib.closing(self._all(place, progress)) as frames:
                first = next(frames, None)
                # Decoders make something of what follows a keyframe that they have not seen.
                if first is not None and first[1] <= (start or 0) and first[0].key_frame and first[0].pts is not None:
                    yield first
                    yield from frames
                    return
        yield from self._all(None, progress)

    def _places(self, start: Fraction) -> list[Fraction]:
        """Where to seek a frame of a time, the nearest first; nowhere where its time would not be known."""
        places = [start - back for back in _BACK if start > back]
        return places if places and self._may_seek() else []

    def _may_seek(self) -> bool:
        """Whether a frame's time is known after seeking."""
        if self._sought is None:
            with opened(self._path) as container:
                self._sought = _is_sought(container, video_of(container, self._path))
            self._sought = self._sought and not jumps_of(self._path)
        return self._sought

    def _all(self, seek: Fraction | None, progress: _Progress) -> Generator[tuple[VideoFrame, Fraction]]:
        tick, origin = self.about.time_base, self.about.origin
        with opened(self._path) as container:
            stream = video_of(container, self._path)
            if seek is not None:
                import av

                with contextlib.suppress(av.FFmpegError):  # the whole film is read where it cannot be sought in
                    container.seek(math.floor((seek + origin) / tick), stream=stream)
            last: Fraction | None = None
            gap, more = 1 / self.about.rate, Fraction(0)
            for frame in self._decoded(container, stream, _decoder(stream), progress):
                ticks = frame.pts if frame.pts is not None else frame.dts
                if ticks is not None:
                    time = ticks * tick - origin + more
                    if last is not None and time < last - JUMP:
                        more += last + _in_ticks(gap, tick) - time
                        time = last + _in_ticks(gap, tick)
                else:  # a whole number of ticks after the one before
                    time = Fraction(0) if last is None else last + _in_ticks(gap, tick)
                if last is not None:
                    time = max(time, last + tick)
                    gap = time - last
                yield frame, time
                last = time

    def _decoded(
        self, container: InputContainer, stream: VideoStream, decoder: VideoCodecContext, progress: _Progress
    ) -> Iterator[VideoFrame]:
        import av

        packets, failures, last = container.demux(stream), 0, _last_indexed(stream)
        while failures < _GIVEN_UP:
            packet = None
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                if packet.dts is not None:
                    progress.whole = packet.dts == last
                for frame in decoder.decode(packet):
                    if frame.is_corrupt:  # it is shown as well as it could be made
                        self._damages.setdefault(frame.pts, "a picture is damaged")
                    yield frame
                failures = 0
            except av.EOFError:
                return
            except av.FFmpegError as error:
                failures += 1
                place = (packet.pts, packet.dts, packet.pos) if packet is not None else f"after {failures}"
                self._damages.setdefault(place, why(error))
                if packet is None:
                    packets = container.demux(stream)
        with contextlib.suppress(av.FFmpegError):
            yield from decoder.decode(None)


def opened(path: Path) -> InputContainer:
    """A video file's container, to be closed.

    Raises:
        ImpastoError: it is none that can be read.
    """
    import av

    try:
        # Without "file:" a colon in a name would end the name of a protocol.
        return av.open(f"file:{path}", "r", container_options=_READING, metadata_errors="replace")
    except (av.InvalidDataError, av.ArgumentError, av.EOFError):
        with told(f"cannot read film {path}"), open(path, "rb") as file:
            kind = recognized(file.read(64))
        it_is = f" (it is {kind})" if kind and kind.one != "video" else ": it is damaged, or of another kind"
        raise ImpastoError(f"{path} is not a film that can be read{it_is}") from None
    except (av.FFmpegError, OSError) as error:
        raise ImpastoError(f"cannot read film {path}: {why(error)}") from None


def video_of(container: InputContainer, path: Path) -> VideoStream:
    """The stream of a film's pictures: the default one, else the first; a cover is none.

    Raises:
        ImpastoError: there is none that can be decoded.
    """
    streams = [stream for stream in container.streams.video if not is_cover(stream)]
    if not streams:
        raise ImpastoError(f"{path} is not a film: it has no video stream")
    usable = [stream for stream in streams if stream.codec_context is not None]
    if not usable:
        raise ImpastoError(f"film {path} is of a codec that this FFmpeg does not decode")
    return next((stream for stream in usable if stream.disposition.value & 1), usable[0])


def is_cover(stream: Any) -> bool:
    """Whether a video stream is a picture that goes with the file (attached_pic, timed_thumbnails)."""
    return bool(stream.disposition.value & (1 << 10 | 1 << 11))


def has_alpha_beside(stream: Any) -> bool:
    """Whether the alpha of a VP8 or VP9 stream lies beside its packets."""
    return any(name.lower() == "alpha_mode" and value == "1" for name, value in stream.metadata.items())


def origin_of(container: InputContainer, stream: VideoStream) -> Fraction:
    """`About.origin`: where the first of its streams starts, rounded down to the video's ticks.

    That is where players start. What lies before zero, as the silence that an audio encoder puts first, does not count.
    """
    tick = stream.time_base or Fraction(1, 90_000)
    first = (stream.start_time or 0) * tick
    others = [
        one.start_time * one.time_base
        for one in container.streams.audio
        if one.start_time is not None and one.time_base is not None
    ]
    start = first if first < 0 else max(Fraction(0), min([first, *others]))
    return math.floor(start / tick) * tick


def jumps_of(path: Path) -> list[Fraction]:
    """Where recordings were put one after the other, each with a clock of its own: seconds that are to be added.

    The first is for what follows the first jump back, and so on, so that each recording goes on one picture after the
    one before. Transport and program streams are read for it, as far as their pictures go; others do not jump.

    Raises:
        ImpastoError: it cannot be read.
    """
    import av

    found: list[Fraction] = []
    with told(f"cannot read film {path}"), opened(path) as container:
        if _container_of(container) not in ("mpegts", "mpeg"):
            return found
        stream = video_of(container, path)
        gap, last = 1 / _rate_of(stream), Fraction(0)
        decoded: Fraction | None = None
        with contextlib.suppress(av.FFmpegError):
            for packet in container.demux(stream):
                if packet.dts is None or packet.pts is None:
                    continue
                shown, before = packet.pts * packet.time_base, decoded
                decoded = packet.dts * packet.time_base
                if before is not None and decoded < before - JUMP:
                    found.append(last + gap - shown)
                last = max(last, shown + (found[-1] if found else 0))
    return found


def _decoder(stream: VideoStream) -> VideoCodecContext:
    """FFmpeg's own decoders of VP8 and VP9 know nothing of alpha; libvpx does."""
    import av

    context: Any = stream.codec_context
    libvpx = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(context.name)
    if libvpx and has_alpha_beside(stream):
        with contextlib.suppress(ValueError):  # this FFmpeg has none
            context = av.VideoCodecContext.create(libvpx, "r")
    context.thread_type = "AUTO"
    return context


def _rate_of(stream: VideoStream) -> Fraction:
    return next((one for one in (stream.average_rate, stream.guessed_rate, stream.base_rate) if one), Fraction(25))


def _in_ticks(gap: Fraction, tick: Fraction) -> Fraction:
    return max(1, round(gap / tick)) * tick


def _container_of(container: InputContainer) -> str:
    return container.format.name.split(",")[0]


def _is_sought(container: InputContainer, stream: VideoStream) -> bool:
    name = _container_of(container)
    return name in _SOUGHT and stream.codec_context.name not in _UNTIMED.get(name, ())


def _about(container: InputContainer, stream: VideoStream, first: VideoFrame) -> About:
    tick = stream.time_base or Fraction(1, 90_000)
    rate = _rate_of(stream)
    origin = origin_of(container, stream)
    duration = _end_of(stream) - (stream.start_time or 0) * tick
    if duration <= 0:
        duration = Fraction(container.duration or 0, 1_000_000)
    if abs(stream.frames / rate - duration) <= _MILLISECOND:
        duration = stream.frames / rate
    size, aspect = (first.width, first.height), stream.sample_aspect_ratio or Fraction(1)
    if is_turned(first):
        size, aspect = size[::-1], 1 / aspect
    tracks = [
        Track(one.type, one.codec_context.name if one.codec_context else "", _language(one))
        for one in (*container.streams.audio, *container.streams.subtitles)
    ]
    return About(
        size, rate, stream.frames or round(duration * rate), duration, tick, depth_of(first), has_alpha(first), aspect,
        color_of(first), origin, tuple(tracks), len(container.chapters()),
    )  # fmt: skip


def _end_of(stream: VideoStream) -> Fraction:
    """Seconds on the source's clock at which a video stream ends; 0 where that is not said."""
    if stream.duration:
        return ((stream.start_time or 0) + stream.duration) * (stream.time_base or Fraction(0))
    tag = next((value for name, value in stream.metadata.items() if name.upper() == "DURATION"), "")
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", tag)  # Matroska's
    return int(match[1]) * 3600 + int(match[2]) * 60 + Fraction(match[3]) if match else Fraction(0)


def _last_indexed(stream: VideoStream) -> int | None:
    """When the last picture is decoded of a file that has all in its index, as MP4 does."""
    entries = getattr(stream, "index_entries", ())
    return entries[len(entries) - 1].timestamp if len(entries) else None


def _language(stream: Any) -> str:
    return "" if stream.language in (None, "und") else stream.language
