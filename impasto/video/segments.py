"""Segments: parts of a film's pictures, each encoded by itself, so that a film is made piece by piece and joined.

A segment is a NUT file, which holds nearly every codec at every time base, or else one that holds its codec. Its first
picture needs none before it.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImpastoError
from ..files import part_of
from .codecs import CODECS, Codec, Encoding, set_up
from .failures import told, why
from .film import About, FilmWriter, Frame
from .pixels import even_size, to_frame

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

BITEXACT = 0x400  # AVFMT_FLAG_BITEXACT: nothing of the day and of the library's version
# Of what may hold a segment: NUT has no name for ProRes, and loses VP9's alpha, for which milliseconds will do: it ends
# up in Matroska or WebM, which know no less.
_READING = {"format_whitelist": "nut,mov,matroska,webm"}
_WRITING = {"mov": {"movflags": "use_metadata_tags"}}
# Tags of a segment: seconds a tick has, for containers divide them as they like; the tick of its first picture, for
# they move all times until what is decoded first is not below zero; and the shape of its pixels, which not every
# container holds.
_TICK, _FIRST, _ASPECT = "impasto_tick", "impasto_first", "impasto_pixel_aspect"


class SegmentWriter(FilmWriter):
    """Encodes frames to a segment, which is there once it is closed."""

    def __init__(self, path: Path, about: About, encoding: Encoding, called: Path | None = None) -> None:
        """about: of the film that is written: its rate, its time base and the shape of its pixels are used.

        called: what errors call it, by default its path.
        """
        from av.video.reformatter import VideoReformatter

        self._by = VideoReformatter()
        self._called, self._about, self._encoding = called or path, about, encoding
        self._stack = contextlib.ExitStack()
        self._size: tuple[int, int] | None = None
        self._last: int | None = None
        with told(f"cannot write {self._called}"):
            self._part = self._stack.enter_context(part_of(path))

    def write(self, frame: Frame) -> None:
        with told(f"cannot write {self._called}"):
            if self._size is None:
                self._open(frame)
            if frame.picture.size != self._size:
                raise ImpastoError(f"cannot write {self._called}: its pictures are of several sizes")
            picture = frame.picture if self._encoding.alpha else frame.picture.over_white()
            one = to_frame(picture, self._encoding.pix_fmt, self._by)
            ticks = round(frame.time / self._about.time_base)
            if self._last is not None and ticks <= self._last:
                raise ImpastoError(f"cannot write {self._called}: its frames' times do not rise")
            one.pts, one.time_base, self._last = ticks - self._first, self._about.time_base, ticks
            self._container.mux(self._stream.encode(one))

    def _open(self, frame: Frame) -> None:
        import av

        self._size, about, codec = frame.picture.size, self._about, CODECS[self._encoding.codec]
        alpha_beside = codec.name == "vp9" and self._encoding.alpha
        held = "mov" if codec.name == "prores" else "matroska" if alpha_beside else "nut"
        self._container: OutputContainer = av.open(str(self._part), "w", held, container_options=_WRITING.get(held))
        self._stack.callback(self._container.close)
        self._container.flags |= BITEXACT
        stream = self._container.add_stream(codec.encoder, _rate_for(codec, about))
        self._stream: VideoStream = stream  # type: ignore[assignment]
        context = self._stream.codec_context
        context.width, context.height = even_size(self._size, self._encoding.pix_fmt)
        context.time_base = about.time_base
        context.sample_aspect_ratio = about.pixel_aspect
        set_up(self._stream, self._encoding)
        self._first = round(frame.time / about.time_base)
        self._container.metadata.update({
            _TICK: str(about.time_base), _FIRST: str(self._first), _ASPECT: str(about.pixel_aspect)
        })  # fmt: skip

    def close(self) -> None:
        """Finish the segment.

        Raises:
            ImpastoError: it cannot be written, or it has no frame.
        """
        if self._size is None:
            self.abandon()
            raise ImpastoError(f"cannot write {self._called}: there is no frame")
        with told(f"cannot write {self._called}"), self._stack:
            self._container.mux(self._stream.encode(None))

    def abandon(self) -> None:
        stack = self._stack.pop_all()
        with contextlib.suppress(Exception):
            stack.__exit__(ImpastoError, ImpastoError(), None)


def _rate_for(codec: Codec, about: About) -> Fraction:
    """The rate by which an encoder reckons. SVT-AV1 knows no higher one than 240, whatever the frames' times are."""
    rate = about.rate.limit_denominator(1 << 16)
    return min(rate, Fraction(240)) if codec.name == "av1" else rate


class Segment:
    """A segment that has been written. times: of its pictures in ticks, in the order they are shown in.

    time_base: seconds a tick has. delay: by how many pictures the order they are decoded in runs ahead, at most.
    pixel_aspect: a pixel's width by its height. alpha: whether its pictures have it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self.opened() as stream:
            context = stream.codec_context
            size = context.width, context.height, self.pixel_aspect
            self.made = (context.name, context.pix_fmt, size, context.extradata)
            self.alpha, decoded = False, array("q")
            for ticks, packet in self._packets(stream):
                self.alpha = self.alpha or packet.has_sidedata("matroska_block_additional")
                decoded.append(ticks)
        self._shift = self._first - min(decoded, default=0)
        decoded = array("q", (ticks + self._shift for ticks in decoded))
        self.times = array("q", sorted(decoded))
        ranks = {time: rank for rank, time in enumerate(self.times)}
        self.delay = max((place - ranks[time] for place, time in enumerate(decoded)), default=0)

    @contextlib.contextmanager
    def opened(self) -> Iterator[VideoStream]:
        """Its stream, to copy from.

        Raises:
            ImpastoError: it is missing or damaged.
        """
        import av

        try:
            container = av.open(f"file:{self._path}", "r", container_options=_READING)
        except (av.FFmpegError, OSError) as error:
            raise self._damaged(why(error)) from None
        with container:
            stream = next(iter(container.streams.video), None)
            tags = {name.lower(): value for name, value in container.metadata.items()}
            if stream is None or not {_TICK, _FIRST, _ASPECT} <= set(tags):
                raise self._damaged("it is no segment")
            self.time_base, self._first = Fraction(tags[_TICK]), int(tags[_FIRST])
            self.pixel_aspect = Fraction(tags[_ASPECT])
            yield stream

    def packets(self) -> Iterator[tuple[int, Packet[VideoStream]]]:
        """Its packets in the order they are decoded in, each with its picture's time in ticks."""
        with self.opened() as stream:
            yield from ((ticks + self._shift, packet) for ticks, packet in self._packets(stream))

    def _packets(self, stream: VideoStream) -> Iterator[tuple[int, Packet[VideoStream]]]:
        """Each with the ticks that the container says."""
        import av

        container: InputContainer = stream.container  # type: ignore[assignment]
        try:
            for packet in container.demux(stream):
                if packet.pts is not None:
                    yield round(packet.pts * packet.time_base / self.time_base), packet
        except av.FFmpegError as error:
            raise self._damaged(why(error)) from None

    def _damaged(self, reason: str) -> ImpastoError:
        return ImpastoError(f"segment {self._path} cannot be read ({reason}): delete it, and run the command again")
