"""A film through a style model, from file to file.

It is painted in parts that are kept, so that whoever is interrupted goes on (`parts`), and at last these are joined
with the source's sound. What is in a part depends on the source and the settings alone: not on who paints it, when, or
at which attempt.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from .. import images
from ..errors import ImpastoError, check_number, reason
from ..files import PathLike, read_file, same_file
from ..images import ImageLike, Picture
from ..images.masks import load_mask
from ..styles import find_style
from ..stylizing.runtimes import choose_runtime
from ..stylizing.stylization import LARGEST_SIDE, Stylizer, check_options
from ..version import __version__
from .codecs import CONTAINERS, DEFAULT_QUALITY, Encoding, choose_encoding
from .film import About, Film, Frame
from .joining import join
from .naming import default_target
from .opening import open_film
from .painting import FilmPainter, FilmStyle
from .parts import Part, Parts, folder_of
from .segments import Segment, SegmentWriter
from .sequences import is_pattern, numbered
from .steadiness import Steadiness
from .writing import check_film_output, open_writer

PART = 96  # frames of a shot after which a part ends: what an interruption may cost

Seconds = float | Fraction


@dataclass(frozen=True)
class FilmStep:
    """How a film gets on.

    done, total: seconds of the film; a total of 0 is not known. frames: painted by this call. seconds: that it took.
    remaining: seconds that are still to go, as far as one can tell. picture: the frame that was painted last, if it was
    painted here.
    """

    done: float
    total: float
    frames: int
    seconds: float
    remaining: float
    picture: Picture | None = None

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / max(self.seconds, 1e-9)


@dataclass(frozen=True)
class FilmResult:
    """A film that was painted.

    output: where. size: (width, height). frames: in it. reused: of these, what an earlier call had painted. seconds:
    that this call took. damaged: places of the source that could not be decoded. notes: what else is not as in the
    source, a line each. complete: whether nothing interrupted it.
    """

    output: Path
    size: tuple[int, int]
    frames: int
    reused: int
    seconds: float
    damaged: int
    notes: tuple[str, ...]
    complete: bool


@dataclass(frozen=True)
class FilmTask:
    """A film to be painted: what, where to and how. It can be sent to another machine.

    start, stop: seconds of the source. rate: frames a second of numbered pictures. codec, quality: see
    `codecs.choose_encoding`. model: the style model's bytes. mask: a mask's.
    """

    source: Path
    target: Path
    model: bytes
    style: FilmStyle
    mask: bytes | None = None
    start: Fraction | None = None
    stop: Fraction | None = None
    rate: Fraction | None = None
    codec: str = "auto"
    quality: int = DEFAULT_QUALITY
    runtime: str = "auto"
    precision: str = "auto"

    def open(self) -> Film:
        """The source."""
        return open_film(self.source, self.rate)

    def about(self, source: About) -> About:
        """What is painted of it."""
        return replace(source, size=self.style.size_of(source.size))

    @property
    def is_video(self) -> bool:
        """Whether the target is a video file, not an animation or numbered pictures."""
        return self.target.suffix.lower() in CONTAINERS and not is_pattern(self.target)

    def encoding(self, about: About) -> Encoding:
        """Of the parts; lossless for what is no video file in the end."""
        if self.is_video:
            return choose_encoding(self.target, self.codec, self.quality, about.depth, about.alpha)
        return choose_encoding(Path("part.mkv"), "ffv1", self.quality, about.depth, about.alpha)

    def parts(self, about: About) -> Parts:
        """Where they lie."""
        return Parts(self.target, {
            "impasto": __version__, "source": str(self.source.absolute()), "film": asdict(about),
            "written": _written(self.source), "model": _digest(self.model), "mask": _digest(self.mask or b""),
            "style": asdict(self.style), "range": [self.start, self.stop], "encoding": asdict(self.encoding(about)),
            "runtime": choose_runtime(self.runtime), "precision": self.precision,
        })  # fmt: skip

    def painter(self, about: About) -> FilmPainter:
        """For the source's frames."""
        size = self.style.size_of(about.size)
        where = None if self.mask is None else load_mask(self.mask, "mask", size)
        loaded = Stylizer(self.model, runtime=self.runtime, precision=self.precision).painter
        return FilmPainter(loaded, about.size, self.style, where)


def stylize_video(
    source: PathLike,
    style: PathLike | bytes,
    target: PathLike | None = None,
    *,
    strength: float = 1.0,
    style_scale: float = 1.0,
    size: int | None = None,
    preserve_color: str | None = None,
    mask: ImageLike | None = None,
    start: Seconds | None = None,
    stop: Seconds | None = None,
    rate: Seconds | None = None,
    codec: str = "auto",
    quality: int = DEFAULT_QUALITY,
    steadiness: Steadiness | None = None,
    runtime: str = "auto",
    precision: str = "auto",
    callback: Callable[[FilmStep], object] | None = None,
) -> FilmResult:
    """Paint a film; sound, subtitles, chapters and tags are the source's.

    A call that was interrupted, even by a power cut, leaves its parts in a folder beside the target; the same call goes
    on with them, and what comes of it is the same. Ctrl-C (`KeyboardInterrupt`) leaves a film of what is painted by
    then, and a result that is not `complete`.

    Args:
        source: a video file, an animated GIF, WebP or PNG, or numbered pictures (frames/%05d.png).
        style: see `Stylizer`.
        target: of these the same, in the working folder by default: NAME-STYLE.
        strength, style_scale, size, preserve_color, mask: see `Stylizer.picture`.
        start, stop: seconds of the source between which it is painted; all of it by default.
        rate: frames a second of numbered pictures, 24 by default.
        codec: h264, h265, av1, vp9, prores, ffv1, or "auto": what plays wherever such a file does.
        quality: 1 to 100; the default loses nothing that is seen.
        steadiness: how the film is held still.
        runtime, precision: see `Stylizer`.
        callback: told of each frame.

    Raises:
        ImpastoError: no film, a file that cannot be written, or an option out of its range.
    """
    began = time.perf_counter()
    if steadiness is not None and not isinstance(steadiness, Steadiness):
        raise ImpastoError(f"steadiness must be a Steadiness, not {steadiness!r}")
    task = film_task(
        source, style, target, start=start, stop=stop, rate=rate, mask=mask, codec=codec, quality=quality,
        runtime=runtime, precision=precision, strength=strength, style_scale=style_scale, size=size,
        preserve_color=preserve_color, steadiness=steadiness,
    )  # fmt: skip
    with task.open() as film, _Work(task, film, began, callback) as work:
        return work.finish(work.paint())


def stylize_frames(
    frames: Iterable[ImageLike], style: PathLike | bytes, *, strength: float = 1.0, style_scale: float = 1.0,
    size: int | None = None, preserve_color: str | None = None, mask: ImageLike | None = None,
    steadiness: Steadiness | None = None, runtime: str = "auto", precision: str = "auto",
) -> Iterator[Picture]:  # fmt: skip
    """Paint the frames of a film, for those who decode and encode it themselves.

    Up to `steadiness.KEY` frames are asked for ahead of the one that is given.

    Args:
        frames: arrays, Pillow images or files, of one size; see `Stylizer.picture`. The others: see `stylize_video`.

    Yields:
        A picture for each; its `quantized(8)` is an array.

    Raises:
        ImpastoError: no image, or an option out of its range.
    """
    check_options(strength, style_scale, size, preserve_color)
    stylizer = Stylizer(style, runtime=runtime, precision=precision)
    given = (images.load(frame) for frame in frames)
    first = next(given, None)
    if first is None:
        return
    wanted = FilmStyle(float(strength), float(style_scale), size, preserve_color, steadiness or Steadiness())
    where = None if mask is None else load_mask(mask, "mask", wanted.size_of(first.size))
    painter = FilmPainter(stylizer.painter, first.size, wanted, where)
    for painted in painter.paint(Frame(one, Fraction(0), Fraction(0)) for one in _chain(first, given)):
        yield painted.frame.picture


def film_task(
    source: PathLike, style: PathLike | bytes, target: PathLike | None = None, *, start: Seconds | None = None,
    stop: Seconds | None = None, rate: Seconds | None = None, mask: ImageLike | None = None, codec: str = "auto",
    quality: int = DEFAULT_QUALITY, runtime: str = "auto", precision: str = "auto", **options: Any,
) -> FilmTask:  # fmt: skip
    """What `stylize_video` is asked for. options: fields of `FilmStyle`; None for their default.

    Raises:
        ImpastoError: what can be told to be wrong before any work is done.
    """
    wanted = FilmStyle(**{name: value for name, value in options.items() if value is not None})
    check_options(wanted.strength, wanted.style_scale, wanted.size, wanted.preserve_color)
    first, last, each = _seconds("start", start), _seconds("stop", stop), _rate(rate)
    if last is not None and last <= (first or 0):
        raise ImpastoError(f"the film would end before it starts: from {float(first or 0):g} to {float(last):g} s")
    model, name = (style, "stylized") if isinstance(style, bytes) else _read_style(style)
    given = Path(source)
    to = check_film_output(default_target(given, name) if target is None else target)
    if same_file(given, to) or given.absolute() == to.absolute():
        raise ImpastoError(f"output {to} would overwrite the input")
    if codec != "auto" and (is_pattern(to) or to.suffix.lower() not in CONTAINERS):
        raise ImpastoError(f"codec {codec} is for video files ({', '.join(CONTAINERS)}), not for {to.name}")
    data = mask if mask is None or isinstance(mask, bytes) else _bytes_of(mask)
    return FilmTask(given, to, model, wanted, data, first, last, each, codec, quality, runtime, precision)


# --- the work ----------------------------------------------------------------------------------------------


class _Work:
    """A task, and how far it has come."""

    def __init__(
        self, task: FilmTask, film: Film, began: float, callback: Callable[[FilmStep], object] | None
    ) -> None:
        self._task, self._film, self._began, self._callback = task, film, began, callback
        # A film that is there, whole, is replaced by a whole one only.
        self._spared = task.target.exists() and not folder_of(task.target).exists()
        self._about, self._encoding, self._parts = begun(task, film)
        self._first = task.start or Fraction(0)
        self._total = film.about.duration if task.stop is None else min(task.stop, film.about.duration or task.stop)
        self._done, self._state = self._parts.left()
        self._frames, self._reused = 0, 0
        self._end = self._resumed = self._done[-1].end if self._done else self._first

    def paint(self) -> bool:
        """Paint what is not there yet; whether nothing interrupted it."""
        self._reused = sum(part.frames for part in self._done)
        after = self._done[-1].last + self._film.about.time_base if self._done else self._task.start
        frames = self._film.frames(after, self._task.stop)
        first = next(frames, None)
        if first is None:
            if not self._done:
                self._parts.remove()
                raise ImpastoError(f"film {self._task.source} has no frames in that range")
            return True
        painter = self._task.painter(self._film.about)
        if self._state is not None:
            painter.state = self._state
        try:
            with _interruptions_after_frames() as interrupted:

                def tell(frame: Frame) -> None:
                    self._tell(frame)
                    if interrupted:
                        raise KeyboardInterrupt

                for part in paint_parts(
                    painter, _chain(first, frames), self._parts, self._about, self._encoding, self._next, self._film,
                    tell,
                ):  # fmt: skip
                    self._done.append(part)
        except KeyboardInterrupt:
            return False
        return True

    def __enter__(self) -> _Work:
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.release()

    def finish(self, complete: bool) -> FilmResult:
        """Join the parts; complete: or what there is of them."""
        segments = [self._parts.video(part.shot, part.number) for part in self._done]
        frames = sum(part.frames for part in self._done)
        end = self._done[-1].end if self._done else None
        if not complete:
            rest = self._parts.video(*self._next)
            if rest.is_file():
                segments.append(rest)
                frames, end = max(frames, self._reused + self._frames), self._end
            if not segments:
                raise KeyboardInterrupt
        if complete or not self._spared:
            notes = assemble(self._task, self._about, segments, end, complete)
        else:
            notes = ["the film that was there is left as it was until the new one is whole"]
        if complete:
            self._parts.remove()
        return FilmResult(
            self._task.target, self._about.size, frames, self._reused, time.perf_counter() - self._began,
            max(self._film.damaged, sum(part.damaged for part in self._done)), tuple(notes), complete,
        )  # fmt: skip

    @property
    def _next(self) -> tuple[int, int]:
        return self._done[-1].following if self._done else (0, 0)

    def _tell(self, frame: Frame) -> None:
        self._frames += 1
        self._end = frame.time + frame.duration
        if self._callback is None:
            return
        total = max(self._total - self._first, self._end - self._first) if self._total else Fraction(0)
        seconds = time.perf_counter() - self._began
        each = seconds / max(float(self._end - self._resumed), 1e-9)
        left = each * max(0.0, float(total - (self._end - self._first)))
        done = float(self._end - self._first)
        self._callback(FilmStep(done, float(total), self._frames, seconds, left, frame.picture))


@contextlib.contextmanager
def _interruptions_after_frames() -> Iterator[list[int]]:
    """What is given fills when Ctrl-C is pressed: an encoder is not left in the middle of a frame. Again, and it ends
    at once."""
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def press(number: int, _: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def begun(task: FilmTask, film: Film) -> tuple[About, Encoding, Parts]:
    """What is painted of a film, how its parts are encoded, and where they lie; film: `task.open()`.

    Raises:
        ImpastoError: it cannot be encoded so, is too large, or nothing can be written there.
    """
    about = task.about(film.about)
    encoding = task.encoding(about)
    largest = LARGEST_SIDE if encoding.codec == "ffv1" else 16_384
    if max(about.size) > largest:
        raise ImpastoError(f"size {max(about.size)} is more than {largest} px: choose a smaller one")
    if is_pattern(task.target):
        try:
            task.target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImpastoError(f"cannot make the folder {task.target.parent}: {reason(error)}") from None
    return about, encoding, task.parts(about)


def paint_parts(
    painter: FilmPainter, frames: Iterable[Frame], parts: Parts, about: About, encoding: Encoding,
    place: tuple[int, int], film: Film, told: Callable[[Frame], object],
) -> Iterator[Part]:  # fmt: skip
    """Paint a film's frames into parts, from one on. about: of what is painted. told: of each frame.

    When it is interrupted (`KeyboardInterrupt`), what is painted of a part lies in its place, though it is not done.
    """
    writer: SegmentWriter | None = None
    count, damaged = 0, 0
    try:
        for painted in painter.paint(frames):
            if writer is None:
                writer, count = SegmentWriter(parts.video(*place), about, encoding), 0
            frame = painted.frame
            writer.write(frame)
            count += 1
            told(frame)
            if painted.ends or (painted.rests and count >= PART):
                writer.close()
                writer = None
                new, damaged = film.damaged - damaged, film.damaged
                part = Part(*place, count, frame.time, frame.time + frame.duration, painted.ends, new)
                parts.finish(part, painter.state)
                place = part.following
                yield part
    except KeyboardInterrupt:
        if writer is not None:
            writer.close()
            writer = None
        raise
    finally:
        if writer is not None:
            writer.abandon()


def assemble(
    task: FilmTask, about: About, segments: Sequence[Path], end: Fraction | None, complete: bool = True
) -> list[str]:
    """Write the target of segments. end: seconds of the source at which their last frame does. complete: whether they
    are all of it.

    Returns:
        What is not as in the source, a line each.
    """
    if task.is_video:
        return join(segments, task.source, task.target, task.start, task.stop if complete else end, end)
    frames = _frames_of(segments, end)
    if is_pattern(task.target) and is_pattern(task.source):  # they keep their numbers
        first = min(numbered(task.source))
        for frame in frames:
            number = first + round(frame.time / about.time_base)
            images.save(frame.picture, task.target.with_name(task.target.name % number), task.quality)
        return []
    with open_writer(task.target, about, quality=task.quality) as writer:
        for frame in frames:
            writer.write(replace(frame, time=frame.time - (task.start or 0)))
    return []


def _frames_of(segments: Sequence[Path], end: Fraction | None) -> Iterator[Frame]:
    """What lossless segments hold."""
    last: Frame | None = None
    for path in segments:
        segment = Segment(path)
        with open_film(path) as film:
            for frame, tick in zip(film.frames(), segment.times, strict=True):
                time = tick * segment.time_base
                if last is not None:
                    yield replace(last, duration=time - last.time)
                last = replace(frame, time=time)
    if last is not None:
        yield last if end is None else replace(last, duration=end - last.time)


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _seconds(name: str, value: Seconds | None) -> Fraction | None:
    if value is None:
        return None
    if not isinstance(value, Fraction):
        check_number(name, value, 0)
        value = Fraction(str(float(value)))
    if value < 0:
        raise ImpastoError(f"{name} must be at least 0, not {float(value):g}")
    return value


def _rate(value: Seconds | None) -> Fraction | None:
    """Frames a second, of few enough digits for any file."""
    if value is None:
        return None
    check_number("rate", float(value), 0.001, 1000)
    return Fraction(value).limit_denominator(1_001_000)


def _read_style(style: PathLike) -> tuple[bytes, str]:
    file = find_style(style)
    return read_file(file, "style model"), Path(style).stem


def _bytes_of(mask: ImageLike) -> bytes:
    """A mask that can be sent to other machines."""
    if isinstance(mask, (str, os.PathLike)):
        return read_file(mask, "mask")
    return images.encode(images.load(mask, "mask"), "PNG")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _written(source: Path) -> object:
    """What changes when a source is written anew."""
    try:
        found = sorted(numbered(source).values()) if is_pattern(source) else [source]
        return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in found if file.is_file()]
    except OSError as error:
        raise ImpastoError(f"cannot read film {source}: {reason(error)}") from None
