"""Codecs of video: which a kind of file holds, what they are asked for, so that no loss is seen and no run differs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImpastoError, check_integer, unknown

if TYPE_CHECKING:
    from av.video.stream import VideoStream

DEFAULT_QUALITY = 90  # of 1 to 100: no loss is seen
# Encoders divide their work by threads, and what they write depends on how many: the same on every machine.
THREADS = 4
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}  # FFmpeg's muxers


@dataclass(frozen=True)
class Codec:
    """encoder: FFmpeg's. pix_fmts: its pixel formats of 8 bits, of more, and of both with alpha; "" where it has none.

    scale: its own measure of quality at 100, at `DEFAULT_QUALITY` and at 1; None where it has none. settings: its
    options. suffixes: of files that hold it.
    """

    name: str
    encoder: str
    pix_fmts: tuple[str, str, str, str]
    suffixes: tuple[str, ...]
    scale: tuple[int, int, int] | None = None
    settings: dict[str, str] = field(default_factory=dict, hash=False)


_420 = ("yuv420p", "yuv420p10le", "", "")
CODECS = {
    codec.name: codec
    for codec in (
        Codec("h264", "libx264", _420, (".mp4", ".m4v", ".mov", ".mkv"), (8, 17, 45), {"preset": "medium"}),
        Codec("h265", "libx265", _420, (".mp4", ".m4v", ".mov", ".mkv"), (8, 19, 47), {
            "preset": "medium", "x265-params": f"open-gop=0:frame-threads=2:pools={THREADS}:log-level=none",
        }),
        Codec("av1", "libsvtav1", _420, (".mp4", ".m4v", ".mkv", ".webm"), (10, 24, 60), {
            "preset": "6", "svtav1-params": f"lp={THREADS}",
        }),
        Codec("vp9", "libvpx-vp9", ("yuv420p", "yuv420p10le", "yuva420p", "yuva420p"), (".webm", ".mkv", ".mp4"),
              (8, 22, 60), {"b": "0", "deadline": "good", "cpu-used": "3", "row-mt": "1", "tile-columns": "1"}),
        Codec("prores", "prores_ks", ("yuv422p10le", "yuv422p10le", "yuva444p10le", "yuva444p10le"), (".mov", ".mkv"),
              None, {"vendor": "apl0"}),
        Codec("ffv1", "ffv1", ("bgr0", "gbrp16le", "bgra", "gbrap16le"), (".mkv",), None, {
            "level": "3", "coder": "range_def", "slices": str(THREADS), "slicecrc": "1", "g": "1",
        }),
    )
}  # fmt: skip
# What is taken where nothing else is asked for: what plays nearly everywhere; and, of a film with alpha, what keeps it.
_AUTO = {".mp4": "h264", ".m4v": "h264", ".mov": "h264", ".mkv": "h264", ".webm": "vp9"}
# Hardly anything plays H.264 of 10 bits, and libvpx is mostly built for 8.
_AUTO_DEEP = {".mp4": "h265", ".m4v": "h265", ".mov": "h265", ".mkv": "h265", ".webm": "av1"}
_AUTO_ALPHA = _AUTO | {".mov": "prores", ".mkv": "ffv1"}
_PRORES = ((40, "proxy"), (60, "lt"), (80, "standard"), (100, "hq"))  # up to a quality


@dataclass(frozen=True)
class Encoding:
    """How a film is encoded; equal ones make segments that can be joined. quality: 1 to 100."""

    codec: str
    pix_fmt: str
    quality: int = DEFAULT_QUALITY

    @property
    def alpha(self) -> bool:
        return self.pix_fmt in CODECS[self.codec].pix_fmts[2:]

    @property
    def rgb(self) -> bool:
        """Whether it holds RGB itself, of full range, not luma and chroma of limited."""
        return self.codec == "ffv1"


def choose_encoding(
    target: Path, codec: str = "auto", quality: int = DEFAULT_QUALITY, depth: int = 8, alpha: bool = False
) -> Encoding:
    """How a film is encoded for a file of this name.

    By default as H.264, as VP9 in WebM; with a depth of 16 as H.265, as AV1 in WebM; with alpha as ProRes 4444 in .mov,
    as VP9 in WebM, as FFV1 in .mkv. A depth of 16 is kept as 10 bits (FFV1: all) where the encoder can, and alpha;
    where it has none, the film is laid over white.

    Raises:
        ImpastoError: no such codec, not in such a file, a quality out of range, or this FFmpeg has no encoder for it.
    """
    check_integer("quality", quality, 1, 100)
    suffix = target.suffix.lower()
    if suffix not in CONTAINERS:
        raise ImpastoError(f"cannot write '{target.name}': a film's name must end with one of {', '.join(CONTAINERS)}")
    if codec == "auto":
        one = CODECS[(_AUTO_ALPHA if alpha else _AUTO_DEEP if depth == 16 else _AUTO)[suffix]]
    elif codec in CODECS:
        one = CODECS[codec]
    else:
        raise unknown("codec", codec, ("auto", *CODECS))
    if suffix not in one.suffixes:
        others = ", ".join(name for name, other in CODECS.items() if suffix in other.suffixes)
        raise ImpastoError(
            f"{suffix} does not hold {one.name}: name the film with {' or '.join(one.suffixes)}, "
            f"or choose of its codecs ({others})"
        )
    known = _known_to_encoder(one)
    shallow, deep, alpha8, alpha16 = one.pix_fmts
    deep = deep if depth == 16 and deep in known else shallow
    with_alpha = "" if suffix == ".mp4" else alpha16 if depth == 16 else alpha8
    return Encoding(one.name, (with_alpha if alpha else "") or deep, quality)


def _known_to_encoder(codec: Codec) -> set[str]:
    """The pixel formats that this FFmpeg's encoder takes: libvpx, for one, is often built for 8 bits alone."""
    import av

    try:
        return {one.name for one in av.Codec(codec.encoder, "w").video_formats or ()}
    except ValueError:  # PyAV's UnknownCodecError
        raise ImpastoError(
            f"this FFmpeg cannot encode {codec.name} (it has no {codec.encoder}): choose another codec, "
            "or PyAV's own build: pip install --force-reinstall --only-binary av av"
        ) from None


def set_up(stream: VideoStream, encoding: Encoding) -> None:
    """Set a stream's encoder to what an encoding asks for."""
    codec, context = CODECS[encoding.codec], stream.codec_context
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 tells its settings on stderr otherwise
    options = dict(codec.settings)
    if codec.scale is not None:
        options["crf"] = str(_on_scale(encoding.quality, codec.scale))
    if encoding.codec == "prores":
        name = next(name for up_to, name in _PRORES if encoding.quality <= up_to)
        options["profile"] = "4444" if encoding.alpha else name
        if encoding.alpha:
            options["alpha_bits"] = "16"
    if encoding.codec == "vp9" and encoding.alpha:
        options["auto-alt-ref"] = "0"  # libvpx has it hidden frames, which its alpha would not have
    context.options = options
    context.pix_fmt = encoding.pix_fmt
    context.thread_count = THREADS
    context.color_primaries = context.color_trc = 1  # BT.709's
    context.colorspace, context.color_range = (0, 2) if encoding.rgb else (1, 1)


def _on_scale(quality: int, scale: tuple[int, int, int]) -> int:
    best, usual, worst = scale
    if quality >= DEFAULT_QUALITY:
        return round(usual + (best - usual) * (quality - DEFAULT_QUALITY) / (100 - DEFAULT_QUALITY))
    return round(usual + (worst - usual) * (DEFAULT_QUALITY - quality) / (DEFAULT_QUALITY - 1))
