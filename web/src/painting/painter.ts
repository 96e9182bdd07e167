/** A style model applied to a picture of any size, in tiles where it is large: impasto/stylizing/painting.py in the browser. */

import { matchColor, withLuminanceOf } from "./color";
import { LIMITS, type Limits, planSizes, planTiles, planWindows } from "./plan";
import { clip, crop, emptyPlanes, extend, place, type Planes, sameSize, type Size } from "./planes";
import { enlarged, mixed, photograph, type Picture, pixels, resized, type Source, strips, whole, widened } from "./sources";

/** The statistics of instance normalization that the tiles of a picture share. */
export type Statistics = Float32Array;

/** A style model, loaded. */
export interface Network {
  readonly smallest: number;
  /** Px by which its tiles overlap on each side. */
  readonly overlap: number;
  readonly adjustable: boolean;
  paint(image: Planes, strength: number): Promise<Planes>;
  measure(windows: readonly Planes[], strength: number): Promise<Statistics>;
  /** left, top: where in the picture the tile lies. */
  paintTile(tile: Planes, strength: number, statistics: Statistics, left: number, top: number): Promise<Planes>;
}

export type Colors = "painting" | "luminance" | "match";

/** strength: in [0, 1]. styleScale: of the strokes' size. colors: whose the result has. */
export interface Options {
  readonly strength: number;
  readonly styleScale: number;
  readonly colors: Colors;
}

/** progress: told the share that is done. signal: to stop between two tiles. */
export interface Watching {
  readonly progress?: (share: number) => void;
  readonly signal?: AbortSignal;
  readonly limits?: Limits;
}

/** The photograph's share of a stylized image at a strength. */
export const unpaintedShare = (strength: number): number => (1 - strength) ** 4;

/** Stylize a picture; the result has its size and its alpha. */
export async function paint(
  photo: Picture,
  options: Options,
  network: Network,
  watching: Watching = {},
): Promise<Picture> {
  const source = photograph(photo);
  const result: Picture = { width: photo.width, height: photo.height, bytes: new Uint8ClampedArray(photo.bytes) };
  const missing = {
    width: Math.max(0, network.smallest - photo.width),
    height: Math.max(0, network.smallest - photo.height),
  };
  const left = Math.floor(missing.width / 2);
  const top = Math.floor(missing.height / 2);
  const size = { width: photo.width + missing.width, height: photo.height + missing.height };
  const wide = sameSize(size, photo) ? source : widened(source, left, top, size);
  for await (const part of painted(wide, options, network, watching)) {
    const inside = within(part, left, top, photo);
    const { planes } = inside;
    const original = source.window(inside.left, inside.top, inside.left + planes.width, inside.top + planes.height);
    const faded = network.adjustable || options.strength === 1 ? planes : fade(planes, original, options.strength);
    quantize(result, options.colors === "luminance" ? withLuminanceOf(original, faded) : faded, inside.left, inside.top);
  }
  if (options.colors === "match") matchColor(result, source);
  return result;
}

interface Part {
  readonly planes: Planes;
  readonly left: number;
  readonly top: number;
}

/** The painting, part by part. */
async function* painted(photo: Source, options: Options, network: Network, watching: Watching): AsyncGenerator<Part> {
  const { strength, styleScale } = options;
  const { progress = () => {} } = watching;
  const sizes = planSizes(photo, styleScale, network.smallest);
  const total = sizes.reduce((sum, { width, height }) => sum + width * height, 0);
  const unpainted = network.adjustable ? unpaintedShare(strength) : 0;
  let done = 0;
  let small = sameSize(sizes[0]!, photo) ? photo : pixels(resized(photo, sizes[0]!));
  let source = small;
  for (const [index, size] of sizes.entries()) {
    const next = sizes[index + 1] ?? (sameSize(size, photo) ? undefined : photo);
    const kept = next && emptyPlanes(size);
    for await (const part of pass(source, strength, network, watching)) {
      const finished = index && unpainted ? withShare(part, unpainted, small, source) : part;
      if (kept) place(kept, finished.planes, finished.left, finished.top);
      else yield finished;
      done += part.planes.width * part.planes.height;
      progress(done / total);
    }
    if (!next) return;
    if (unpainted) {
      const before = whole(small);
      small = sameSize(next, photo) ? photo : pixels(resized(photo, next));
      source = enlarged(kept!, next, { share: unpainted, photo: small, before });
    } else {
      source = enlarged(kept!, next);
    }
  }
  for (const { left, top, right, bottom } of strips(photo)) {
    yield { planes: source.window(left, top, right, bottom), left, top };
  }
}

async function* pass(
  source: Source,
  strength: number,
  network: Network,
  { signal, limits = LIMITS }: Watching,
): AsyncGenerator<Part> {
  const { width, height } = source;
  signal?.throwIfAborted();
  const tiles = planTiles(source, limits.tile, network.overlap);
  if (width * height <= limits.untiled || tiles.length === 1) {
    yield { planes: clip(await network.paint(whole(source), strength)), left: 0, top: 0 };
    return;
  }
  const windows = planWindows(source, limits.windows).map((box) => source.window(box.left, box.top, box.right, box.bottom));
  const statistics = await network.measure(windows, strength);
  for (const { rows, columns } of tiles) {
    await breathe();
    signal?.throwIfAborted();
    const right = Math.min(columns.outerStop, width);
    const bottom = Math.min(rows.outerStop, height);
    const tile = extend(source.window(columns.outerStart, rows.outerStart, right, bottom), {
      width: columns.outerStop - columns.outerStart,
      height: rows.outerStop - rows.outerStart,
    });
    const found = clip(await network.paintTile(tile, strength, statistics, columns.outerStart, rows.outerStart));
    const planes = crop(
      found,
      columns.start - columns.outerStart,
      rows.start - rows.outerStart,
      Math.min(columns.stop, width) - columns.outerStart,
      Math.min(rows.stop, height) - rows.outerStart,
    );
    yield { planes, left: columns.start, top: rows.start };
  }
}

/** The photograph in place of what it was painted over: its share stays the same from pass to pass. */
function withShare({ planes, left, top }: Part, unpainted: number, photo: Source, source: Source): Part {
  const box = [left, top, left + planes.width, top + planes.height] as const;
  const change = mixed(photo.window(...box), source.window(...box), -1);
  return { planes: clip(mixed(planes, change, unpainted)), left, top };
}

/** What of a part lies in the picture that begins at (left, top). */
function within(part: Part, left: number, top: number, { width, height }: Size): Part {
  const from = { x: Math.max(0, left - part.left), y: Math.max(0, top - part.top) };
  const to = {
    x: Math.min(part.planes.width, left + width - part.left),
    y: Math.min(part.planes.height, top + height - part.top),
  };
  const planes = crop(part.planes, from.x, from.y, to.x, to.y);
  return { planes, left: part.left + from.x - left, top: part.top + from.y - top };
}

function fade(planes: Planes, original: Planes, strength: number): Planes {
  return mixed({ ...planes, data: planes.data.map((value) => strength * value) }, original, 1 - strength);
}

function quantize({ width, bytes }: Picture, { data, ...size }: Planes, left: number, top: number): void {
  const area = size.width * size.height;
  for (let y = 0, from = 0; y < size.height; y++) {
    let to = 4 * ((top + y) * width + left);
    for (let x = 0; x < size.width; x++, from++, to += 4) {
      // The array rounds, halves to even, as Python does.
      bytes[to] = 255 * data[from]!;
      bytes[to + 1] = 255 * data[area + from]!;
      bytes[to + 2] = 255 * data[2 * area + from]!;
    }
  }
}

/** Let messages in: that of a cancellation, for one. */
const breathe = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
