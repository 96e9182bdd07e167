"""Films: how still they hold, what that costs in style, time and memory, and pictures to look at.

    pip install '.[video,train]' scikit-image
    python benchmarks/video.py steadiness DATA [--style NAME …] [--frames 48] [--side 480] [--peer PYTHON]
    python benchmarks/video.py style DATA [--weights DATA/vgg16-caffe.safetensors]
    python benchmarks/video.py pictures DATA [--clip NAME …]
    python benchmarks/video.py speed [--frames 72] [--rounds 5]
    python benchmarks/video.py memory [--minutes 1]

DATA holds `video/` (clips) and `style/` (paintings). Besides its clips there are pans and zooms over still photographs,
whose motion is known exactly, with a camera's noise (deviation 2 of 255).

`steadiness`: the warping error of Lai et al. 2018 (`impasto.video.flicker`), between neighbours and between frames nine
apart, of the clips themselves, painted frame by frame, with each remedy alone, and with all (`video.steadiness`). In
films the motion is found between the two frames as they were before they were painted; nine apart less of it can be
trusted, which the column `counted` tells. --peer: a Python that has styletransfer-lite[video], whose own video mode is
measured too, with its first style: its error is of another painting, so compare its shares. Its frames are taken before
they are encoded, as ours are.

`style`: relative distance of the painted frames from the painting and from the photograph, as in fidelity.py; by the
VGG-16 of --weights, which no style was trained with, or else by VGG-19. Without torch it is left out.

`pictures`: into OUTPUT, for each clip and style: CLIP-STYLE-strip.png (frames in a row: the film, frame by frame,
steady), -slice.png (one row of pixels over all frames, time going down, in the same order) and -change.png (what
differs from the moved frame before, four times as strong; black where that is not known).

`speed`: frames a second at three sizes, decoding, encoding and the loading of the style included, frame by frame and
steady in turns: medians, and the median of the ratios within a round.

`memory`: resident memory of a process that paints a film of so many minutes, 320×180 px: its peak in the second
quarter of the time, and in the last.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import mean, median
from typing import Any

import cv2
import moving
import numpy as np
from moving import Clip, Pixels

from impasto import images
from impasto.images import Picture
from impasto.video.flicker import squared_error
from impasto.video.preview import FRAME_BY_FRAME
from impasto.video.steadiness import Steadiness
from impasto.video.stylization import stylize_frames, stylize_video

STYLES = ("great-wave", "starry-night")
WAYS = {
    "frame by frame": FRAME_BY_FRAME,
    "statistics": Steadiness(grain=False, anchor=False, blend=0.0),
    "statistics and grain": Steadiness(anchor=False, blend=0.0),
    "statistics and anchor": Steadiness(grain=False, blend=0.0),
    "statistics, grain and anchor": Steadiness(blend=0.0),
    "blend": Steadiness(statistics=False, grain=False, anchor=False),
    "all": Steadiness(),
}
APART = 1, 9  # frames
SPEEDS = (640, 360), (1280, 720), (1920, 1080)
SMOOTH = 0.0, 0.5, 0.8  # of the peer
# Its own video mode, but for the file that it writes: frames as they are, one after the other.
PEER = """
import sys
import cv2
from styletransfer_lite.video import stylize_video

class Writer:
    def __init__(self, path, *_):
        self.file = open(path, "wb")
    def isOpened(self):
        return True
    def write(self, frame):
        self.file.write(frame[..., ::-1].tobytes())
    def release(self):
        self.file.close()

cv2.VideoWriter = Writer
source, target, side, smooth = sys.argv[1:]
stylize_video(source, target, style=0, max_size=int(side), smooth=float(smooth))
"""
CHILD = """
import sys
from impasto.video.stylization import stylize_video
stylize_video(sys.argv[1], sys.argv[2], sys.argv[3])
"""


def clips_of(data: Path, wanted: argparse.Namespace) -> Iterator[Clip]:
    """Those of DATA, then the synthetic ones; of all, those that are asked for."""
    asked: list[str] = wanted.clips
    for path in sorted((data / "video").iterdir()):
        if path.suffix == ".mp4" and (not asked or path.stem in asked):
            yield moving.of_film(path, wanted.frames, wanted.side, wanted.start)
    for clip in moving.synthetic(wanted.frames):
        if not asked or clip.name in asked:
            yield clip


def paint(clip: Clip, style: str, steadiness: Steadiness) -> list[Pixels]:
    """Quantized, as a film holds it."""
    return [one.quantized(8) for one in stylize_frames(clip.frames, style, steadiness=steadiness)]


# --- how still it holds ---


def errors_of(clip: Clip, painted: Sequence[Pixels]) -> dict[int, tuple[float, float]]:
    """By how many frames they lie apart: mean error, and share of pixels that it is of."""
    found = {}
    for apart in APART:
        errors, shares = [], []
        for now in range(apart, len(painted)):
            error, counts = squared_error(painted[now - apart], painted[now], clip.back(now, now - apart))
            shares.append(float(counts.mean()))
            if counts.any():
                errors.append(float(error[counts].mean()))
        found[apart] = mean(errors) if errors else math.nan, mean(shares) if shares else math.nan
    return found


def peer(python: Path, clip: Clip, smooth: float) -> list[Pixels]:
    """Frames by styletransfer-lite, at the clip's size."""
    height, width = clip.frames[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        source = moving.write(Path(folder, "clip.mkv"), clip.frames, (width, height), codec="ffv1")
        target = Path(folder, "painted.raw")
        command = [python, "-c", PEER, source, target, max(width, height), smooth]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
        frames = np.fromfile(target, np.uint8).reshape(-1, height, width, 3)
    return list(frames)


def steadiness(wanted: argparse.Namespace) -> None:
    print("Mean squared differences of channels in [0, 1], times 1000.\n")
    heads = [head for apart in APART for head in (f"{apart} apart", "of frame by frame", "counted")]
    print(f"| clip | style | way | {' | '.join(heads)} |")
    print("|---" * (len(heads) + 3) + "|")
    shares: dict[tuple[str, int], list[float]] = {}
    for clip in clips_of(wanted.data, wanted):
        row(clip.name, "", "the clip itself", errors_of(clip, clip.frames), None)
        for style in wanted.styles:
            alone = None
            for way, one in WAYS.items():
                found = errors_of(clip, paint(clip, style, one))
                alone = alone or found
                row(clip.name, style, way, found, alone)
                for apart in APART:
                    shares.setdefault((way, apart), []).append(found[apart][0] / alone[apart][0])
        if wanted.peer:
            alone = None
            for smooth in SMOOTH:
                found = errors_of(clip, peer(wanted.peer, clip, smooth))
                alone = alone or found
                row(clip.name, "the peer's first", f"styletransfer-lite, smooth {smooth:g}", found, alone)
                for apart in APART:
                    key = f"styletransfer-lite, smooth {smooth:g}", apart
                    shares.setdefault(key, []).append(found[apart][0] / alone[apart][0])
    if not wanted.peer:
        print("\nstyletransfer-lite is left out: --peer names no Python that has it.")
    print(f"\n| way | {' | '.join(f'{apart} apart, of frame by frame, median (range)' for apart in APART)} |")
    print("|---" * (len(APART) + 1) + "|")
    for way in dict.fromkeys(way for way, _ in shares):
        known = [[one for one in shares[way, apart] if not math.isnan(one)] for apart in APART]
        cells = [f"{median(of):.3f} ({min(of):.3f}-{max(of):.3f})" if of else "-" for of in known]
        print(f"| {way} | {' | '.join(cells)} |")


def row(
    clip: str, style: str, way: str, found: dict[int, tuple[float, float]], alone: dict[int, tuple[float, float]] | None
) -> None:
    cells = []
    for apart, (error, counted) in found.items():
        share = f"{error / alone[apart][0]:.3f}" if alone else ""
        cells.append(f"{error * 1e3:.3f} | {share} | {counted:.2f}")
    print(f"| {clip} | {style} | {way} | {' | '.join(cells)} |", flush=True)


# --- what is left of the style ---


def style(wanted: argparse.Namespace) -> None:
    try:
        import torch
        from fidelity import APART as DISTANCES
        from fidelity import evaluate, to_tensor
        from shipped import SHIPPED

        from impasto.perception.loss_network import LossNetwork
        from impasto.perception.weights import load_weights
        from impasto.training.perceptual import PerceptualLoss
    except ImportError as error:
        print(f"The style distance is left out: {error}")
        return
    torch.set_num_threads(2)
    name, pooling = ("vgg16", "max") if wanted.weights else ("vgg19", "avg")
    network = LossNetwork(load_weights(name, wanted.weights), pooling)
    print("| clip | style | way | style distance | of frame by frame | content distance |\n|---|---|---|---|---|---|")
    for clip in clips_of(wanted.data, wanted):
        for shown in wanted.styles:
            painting = SHIPPED[shown].picture(wanted.data)
            side = max(clip.frames[0].shape)
            loss = PerceptualLoss(network, DISTANCES, to_tensor(painting.resized(images.fit(painting.size, side))))
            alone = None
            for way, one in WAYS.items():
                frames = paint(clip, shown, one)
                # Where what is mixed in has settled, and statistics have moved.
                places = np.linspace(min(8, len(frames) - 1), len(frames) - 1, wanted.measured).astype(int).tolist()
                found = [evaluate(loss, Picture(clip.frames[at]), Picture(frames[at])) for at in places]
                distance, content = (mean(getattr(each, kind) for each in found) for kind in ("style", "content"))
                alone = alone or distance
                print(
                    f"| {clip.name} | {shown} | {way} | {distance:.4f} | {distance / alone:.3f} | {content:.3f} |",
                    flush=True,
                )


# --- pictures ---


def pictures(wanted: argparse.Namespace) -> None:
    wanted.output.mkdir(parents=True, exist_ok=True)
    for clip in clips_of(wanted.data, wanted):
        for shown in wanted.styles:
            rows = [clip.frames, paint(clip, shown, FRAME_BY_FRAME), paint(clip, shown, Steadiness())]
            height = clip.frames[0].shape[0]
            at = round(height * wanted.row)
            name = f"{clip.name.replace(', ', '-')}-{shown}"
            made = {"strip": strip(rows, wanted.strip), "slice": through_time(rows, at), "change": changes(clip, rows)}
            for kind, picture in made.items():
                file = wanted.output / f"{name}-{kind}.png"
                images.save(Picture(picture), file)
                print(file, flush=True)


def strip(rows: Sequence[Sequence[Pixels]], count: int) -> Pixels:
    """Neighbours from the middle of the clip, a row for each way."""
    first = max(0, (len(rows[0]) - count) // 2)
    return np.concatenate([np.concatenate(list(one[first : first + count]), axis=1) for one in rows])


def through_time(rows: Sequence[Sequence[Pixels]], at: int) -> Pixels:
    """A row of pixels over all frames, twice as large; for each way, a white line between them."""
    slices = []
    for frames in rows:
        lines = np.stack([frame[at] for frame in frames])
        slices += [np.kron(lines, np.ones((2, 2, 1), np.uint8)), np.full((6, 2 * lines.shape[1], 3), 255, np.uint8)]
    return np.concatenate(slices[:-1])


def changes(clip: Clip, rows: Sequence[Sequence[Pixels]]) -> Pixels:
    """Of three frames: what differs from the moved one before."""
    across = []
    for now in np.linspace(1, len(rows[0]) - 1, 5).astype(int).tolist()[1:4]:
        down = []
        for frames in rows:
            error, counts = squared_error(frames[now - 1], frames[now], clip.back(now, now - 1))
            gray = np.where(counts, np.clip(np.sqrt(error) * 4 * 255, 0, 255), 0).astype(np.uint8)
            down.append(cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB))
        across.append(np.concatenate(down))
    return np.concatenate(across, axis=1).astype(np.uint8)


# --- time and memory ---


def speed(wanted: argparse.Namespace) -> None:
    ways = {"frame by frame": FRAME_BY_FRAME, "steady": Steadiness()}
    print("| size | style | frame by frame, frames/s | steady, frames/s | steady takes, median of rounds (range) |")
    print("|---|---|---|---|---|")
    for size in SPEEDS:
        if wanted.sizes and f"{size[0]}x{size[1]}" not in wanted.sizes:
            continue
        with tempfile.TemporaryDirectory() as folder:
            source = moving.write(Path(folder, "film.mp4"), islice(moving.endless(size), wanted.frames), size)
            for shown in wanted.styles:
                seconds: dict[str, list[float]] = {way: [] for way in ways}
                for round_ in range(wanted.rounds + 1):  # the first warms up, with a second of the film
                    for way, one in ways.items():
                        start = time.perf_counter()
                        stop = None if round_ else 1.0
                        stylize_video(source, shown, Path(folder, "out.mp4"), steadiness=one, stop=stop)
                        if round_:
                            seconds[way].append(time.perf_counter() - start)
                alone, steady = seconds.values()
                ratios = [b / a for a, b in zip(alone, steady, strict=True)]
                rates = [f"{wanted.frames / median(of):.2f}" for of in (alone, steady)]
                print(
                    f"| {size[0]} × {size[1]} | {shown} | {' | '.join(rates)} "
                    f"| {median(ratios):.2f} times ({min(ratios):.2f}-{max(ratios):.2f}) |", flush=True,
                )  # fmt: skip


def memory(wanted: argparse.Namespace) -> None:
    import psutil

    size, count = (320, 180), round(wanted.minutes * 60 * moving.RATE)
    print("| style | frames | seconds | peak MB, 2nd quarter | last quarter | last / 2nd |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        source = moving.write(Path(folder, "film.mp4"), islice(moving.endless(size), count), size)
        for shown in wanted.styles:
            start, samples = time.perf_counter(), []
            process = subprocess.Popen([sys.executable, "-c", CHILD, source, shown, Path(folder, "out.mp4")])
            while process.poll() is None:
                try:
                    rss = psutil.Process(process.pid).memory_info().rss
                except psutil.Error:
                    break
                samples.append((time.perf_counter() - start, rss / 1e6))
                time.sleep(0.2)
            if process.wait():
                sys.exit("the film could not be painted")
            total = time.perf_counter() - start
            second, last = (
                max((rss for at, rss in samples if low <= at / total < high), default=math.nan)
                for low, high in ((0.25, 0.5), (0.75, 1.0))
            )
            print(f"| {shown} | {count} | {total:.0f} | {second:.0f} | {last:.0f} | {last / second:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True, metavar="PART")
    for part in (steadiness, style, pictures, speed, memory):
        one: Any = parts.add_parser(part.__name__)
        one.set_defaults(part=part)
        one.add_argument("--style", dest="styles", nargs="+", default=list(STYLES))
        if part in (speed, memory):
            continue
        one.add_argument("data", type=Path)
        one.add_argument("--clip", dest="clips", nargs="+", default=[], help="bigbuckbunny, 'coffee, pan', …; else all")
        one.add_argument("--frames", type=int, default=48)
        one.add_argument("--start", type=float, default=0.0, help="second of a film that they are taken from")
        one.add_argument("--side", type=int, default=480, help="long side of films in px, at most")
        if part is steadiness:
            one.add_argument("--peer", type=Path, help="a Python that has styletransfer-lite[video]")
        if part is style:
            one.add_argument("--weights", type=Path, help="of VGG-16")
            one.add_argument("--measured", type=int, default=4, help="frames of each clip")
        if part is pictures:
            one.add_argument("--row", type=float, default=0.5, help="of pixels, as a share of the height")
            one.add_argument("--strip", type=int, default=3, help="frames beside each other")
            one.add_argument("--output", type=Path, default=Path("runs/video"))
    speed_parser, memory_parser = parts.choices["speed"], parts.choices["memory"]
    speed_parser.add_argument("--frames", type=int, default=72)
    speed_parser.add_argument("--rounds", type=int, default=5)
    speed_parser.add_argument("--size", dest="sizes", nargs="+", default=[], help="640x360, …; else all")
    memory_parser.add_argument("--minutes", type=float, default=1.0)
    wanted = parser.parse_args()
    wanted.part(wanted)


if __name__ == "__main__":
    main()
