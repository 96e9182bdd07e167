"""A film, whatever holds it: what is known of it, and its frames one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from ..images import Picture


@dataclass(frozen=True)
class Frame:
    """One picture of a film, upright.

    picture: uint8 samples, or uint16 with a depth of 16 where the film has more than 8 bits; alpha where it has it.
    time: seconds since the film's start, a whole number of ticks of its time base: see `About`. duration: seconds
    until the next frame's time.
    """

    picture: Picture
    time: Fraction
    duration: Fraction


@dataclass(frozen=True)
class Track:
    """A stream beside the film's pictures. kind: audio or subtitle. language: as tagged ("deu"), or ""."""

    kind: str
    codec: str
    language: str = ""


@dataclass(frozen=True)
class Color:
    """How a video's numbers are meant, by FFmpeg's names ("bt709", "smpte2084"): "" where it is not said."""

    primaries: str = ""
    transfer: str = ""
    matrix: str = ""
    full_range: bool = False

    @property
    def is_hdr(self) -> bool:
        """Whether its brightness goes beyond a white page's."""
        return self.transfer in ("smpte2084", "arib-std-b67")


@dataclass(frozen=True)
class About:
    """What is known of a film before it is decoded.

    size: (width, height) in px, upright. rate: frames a second, on average. frames: how many, by estimate; 0 where
    that is not known. duration: seconds. depth: bits a channel, 8 or 16, of its pictures. alpha: whether they have it.
    time_base: seconds that each frame's time is a multiple of. pixel_aspect: a pixel's width by its height. color: of
    its source; the pictures are sRGB. origin: seconds on the source's own clock at which the film starts, a multiple
    of the time base too: there its first stream does. loops: how often an animation is played; 0 for ever, which is
    also said of a film that is none.
    """

    size: tuple[int, int]
    rate: Fraction
    frames: int
    duration: Fraction
    time_base: Fraction
    depth: int = 8
    alpha: bool = False
    pixel_aspect: Fraction = Fraction(1)
    color: Color = Color()
    origin: Fraction = Fraction(0)
    tracks: tuple[Track, ...] = ()
    chapters: int = 0
    loops: int = 0

    @property
    def audio(self) -> tuple[Track, ...]:
        return tuple(track for track in self.tracks if track.kind == "audio")

    @property
    def subtitles(self) -> tuple[Track, ...]:
        return tuple(track for track in self.tracks if track.kind == "subtitle")


class Film(ABC):
    """An opened film; a context manager. damages: what could not be decoded, each place once."""

    about: About

    def __init__(self) -> None:
        self._damages: dict[object, str] = {}

    @abstractmethod
    def frames(self, start: Fraction | None = None, stop: Fraction | None = None) -> Iterator[Frame]:
        """Its frames whose times are in [start, stop), in seconds since its start; each call starts anew.

        Ranges that lie side by side share no frame and miss none. What is damaged is passed over and counted.

        Raises:
            ImpastoError: the film can no longer be read.
        """

    @property
    def damaged(self) -> int:
        """How many places could not be decoded, or not wholly, so far."""
        return len(self._damages)

    @property
    def first_damage(self) -> str:
        """What is wrong with the first of them, or ""."""
        return next(iter(self._damages.values()), "")

    def close(self) -> None:  # noqa: B027, of most films nothing stays open
        """Let go of the file."""

    def __enter__(self) -> Film:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FilmWriter(ABC):
    """Writes a film frame by frame; a context manager: an exception leaves nothing behind."""

    @abstractmethod
    def write(self, frame: Frame) -> None:
        """Add the next frame: each of the same size as the first, and later than the one before.

        Raises:
            ImpastoError: it cannot be encoded or written.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish the film, which is there from then on.

        Raises:
            ImpastoError: it cannot be written.
        """

    @abstractmethod
    def abandon(self) -> None:
        """Leave nothing behind."""

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()
