"""Films for the tests, made with PyAV: tiny, and of every kind that the reader should know."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

SIZE = (64, 48)
SPC = {"bt709": 1, "bt470bg": 5, "smpte170m": 6, "bt2020nc": 9}
PRI = {"": 2, "bt709": 1, "smpte170m": 6, "bt2020": 9, "smpte432": 12}
TRC = {"": 2, "bt709": 1, "smpte2084": 16, "arib-std-b67": 18}
_LUMA = {
    "bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt470bg": (0.299, 0.114), "bt2020nc": (0.2627, 0.0593),
}  # fmt: skip


def moving(count: int, size: tuple[int, int] = SIZE) -> list[NDArray[np.uint8]]:
    """Pictures of a gradient over which a bright square moves: each is told from the others."""
    width, height = size
    pictures = []
    for index in range(count):
        picture = np.empty((height, width, 3), np.uint8)
        picture[..., 0] = np.linspace(40, 160, width)
        picture[..., 1] = np.linspace(60, 140, height)[:, None]
        picture[..., 2] = 90
        left = index * max(1, (width - 12) // max(1, count)) % (width - 12)
        picture[8:20, left : left + 12] = 235
        pictures.append(picture)
    return pictures


def quartered(size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Red, green, blue and white quarters, from the top left, row by row: what is up and left is seen."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    colors = ((200, 40, 40), (40, 200, 40), (40, 40, 200), (220, 220, 220))
    for index, color in enumerate(colors):
        rows = slice(0, height // 2) if index < 2 else slice(height // 2, height)
        columns = slice(0, width // 2) if index % 2 == 0 else slice(width // 2, width)
        picture[rows, columns] = color
    return picture


def yuv_of(rgb: Sequence[float], matrix: str, full_range: bool, bits: int = 8) -> tuple[int, int, int]:
    """A colour of [0, 1] as luma and chroma, by ITU-T H.273's formulas."""
    red, blue = _LUMA[matrix]
    r, g, b = rgb
    y = red * r + (1 - red - blue) * g + blue * b
    chroma = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    if full_range:
        top = 2**bits - 1
        values = (top * y, *(top * one + 2 ** (bits - 1) for one in chroma))
    else:
        scale = 2 ** (bits - 8)
        values = (scale * (219 * y + 16), *(scale * (224 * one + 128) for one in chroma))
    return tuple(round(value) for value in values)


def flat_frame(values: Sequence[int], pix_fmt: str, size: tuple[int, int] = SIZE) -> Any:
    """A frame whose planes each have one value."""
    frame = av.VideoFrame(*size, pix_fmt)
    for plane, value in zip(frame.planes, values, strict=False):
        sample = struct.pack("<H", value) if frame.format.components[0].bits > 8 else bytes([value])
        plane.update(sample * (plane.buffer_size // len(sample)))
    return frame


def make_clip(
    path: Path,
    frames: int | Sequence[Any] = 12,
    rate: int | Fraction = 12,
    size: tuple[int, int] = SIZE,
    *,
    audio: str | None = None,
    rotation: int = 0,
    hflip: bool = False,
    times: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    matrix: str = "",
    full_range: bool | None = None,
    primaries: str = "",
    transfer: str = "",
    pixel_aspect: Fraction = Fraction(1),
    options: dict[str, str] | None = None,
    subtitles: tuple[str, Sequence[tuple[int, int, str]]] | None = None,
    chapters: Sequence[tuple[int, int, str]] = (),
    tags: dict[str, str] | None = None,
    audio_start: float = 0.0,
    audio_seconds: float | None = None,
) -> Path:
    """Write a film.

    frames: how many of `moving`, or pictures ((H, W, 3 or 4) uint8 or uint16), or PyAV's frames. audio: an encoder's
    name, of a tone tagged as German. times: of the frames, in ticks of `time_base`. subtitles: a codec, and texts with
    their start and end in ms. chapters: the same. Colour tags: by FFmpeg's names; none by default.
    """
    pictures = moving(frames, size) if isinstance(frames, int) else frames
    tick = time_base or 1 / Fraction(rate)
    with av.open(str(path), "w") as container:
        container.metadata.update(tags or {})
        stream: Any = container.add_stream(codec, rate=Fraction(rate))
        context = stream.codec_context
        context.options = ({"preset": "veryfast"} if codec == "libx264" else {}) | (options or {})
        context.pix_fmt, context.time_base, context.thread_count = pix_fmt, tick, 1
        context.sample_aspect_ratio = pixel_aspect
        if isinstance(pictures[0], av.VideoFrame):
            context.width, context.height = pictures[0].width, pictures[0].height
        else:
            context.height, context.width = pictures[0].shape[:2]
        if matrix:
            context.colorspace = SPC[matrix]
        if full_range is not None:
            context.color_range = 2 if full_range else 1
        context.color_primaries, context.color_trc = PRI[primaries], TRC[transfer]
        if rotation or hflip:
            stream.set_display_rotation(rotation, hflip=hflip)
        if codec.startswith("libvpx") and pix_fmt == "yuva420p":
            stream.metadata["alpha_mode"] = "1"
        sound = None
        if audio is not None:
            sound = container.add_stream(audio, 48_000, layout="mono")
            sound.metadata["language"] = "deu"
        texts: Any = None
        if subtitles is not None:
            texts = container.add_mux_stream(subtitles[0])
            texts.time_base = Fraction(1, 1000)
            texts.metadata["language"] = "fra"
        if chapters:
            container.set_chapters([
                {"id": index, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}
                for index, (start, end, title) in enumerate(chapters)
            ])  # fmt: skip
        for index, picture in enumerate(pictures):
            frame = picture if isinstance(picture, av.VideoFrame) else _frame(picture, pix_fmt, matrix, full_range)
            frame.pts, frame.time_base = index if times is None else times[index], tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for start, end, text in subtitles[1] if subtitles is not None else ():
            data = text.encode()
            is_mp4s = subtitles is not None and subtitles[0] == "mov_text"
            packet: Any = av.Packet(struct.pack(">H", len(data)) + data if is_mp4s else data)
            packet.stream, packet.time_base = texts, Fraction(1, 1000)
            packet.pts = packet.dts = start
            packet.duration, packet.is_keyframe = end - start, True
            container.mux(packet)
        if sound is not None:
            seconds = audio_seconds if audio_seconds is not None else float(len(pictures) / Fraction(rate))
            for packet in _tone(sound, seconds, audio_start):
                container.mux(packet)
    return path


def _frame(picture: NDArray[Any], pix_fmt: str, matrix: str, full_range: bool | None) -> Any:
    names = {(3, 1): "rgb24", (4, 1): "rgba", (3, 2): "rgb48le", (4, 2): "rgba64le"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), names[picture.shape[2], picture.itemsize])
    return frame.reformat(
        format=pix_fmt, dst_colorspace=5 if matrix in ("", "smpte170m", "bt470bg") else SPC[matrix],
        dst_color_range=2 if full_range else 1, interpolation=0x4 | 0x2000 | 0x40000,
    )  # fmt: skip


def _tone(stream: Any, seconds: float, start: float) -> Any:
    count = round(seconds * 48_000)
    wave = (np.sin(np.arange(count) * 2 * np.pi * 440 / 48_000) * 8000).astype(np.int16)
    for place in range(0, count, 4800):
        part = wave[None, place : place + 4800]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, place + round(start * 48_000), Fraction(1, 48_000)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def packets_of(path: Path, kind: str = "audio") -> list[tuple[Fraction, bytes]]:
    """The packets of a file's first stream of a kind: their times in seconds, and their bytes."""
    with av.open(str(path)) as container:
        stream = next(one for one in container.streams if one.type == kind)
        packets: Any = (packet for packet in container.demux(stream) if packet.pts is not None)
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in packets]
