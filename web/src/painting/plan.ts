/** The sizes, tiles and windows of impasto/stylizing/painting.py, which says why they are so. */

import { clamp, range, roundHalfEven } from "./numbers";
import type { Size } from "./planes";
import { equalSpans, type Span } from "./spans";

export const STROKE_SIDE = 1024;
const DIRECT = 1.5;
const STEP = 3;
const ALIGNMENT = 16;
const WINDOW = 256;

/** What fits into memory. tile: px a side, besides the overlap. untiled: px in one piece. windows: to measure. */
export interface Limits {
  readonly tile: number;
  readonly untiled: number;
  readonly windows: number;
}

export const LIMITS: Limits = { tile: 1024, untiled: 1536 * 1536, windows: 48 };

/** Less, where those were too much; undefined where less would be no picture any more. */
export function smaller({ tile, windows }: Limits): Limits | undefined {
  if (tile <= 128) return undefined;
  return { tile: tile / 2, untiled: (tile / 2) ** 2, windows: Math.max(12, windows / 2) };
}

export function fit({ width, height }: Size, longSide: number): Size {
  const scale = longSide / Math.max(width, height);
  return {
    width: Math.max(1, roundHalfEven(width * scale)),
    height: Math.max(1, roundHalfEven(height * scale)),
  };
}

/** The sizes that a picture is painted at, one after the other. The last one is its own, or larger. */
export function planSizes(size: Size, styleScale: number, smallest: number): Size[] {
  const long = Math.max(size.width, size.height);
  const short = Math.min(size.width, size.height);
  const wanted = (long > DIRECT * STROKE_SIDE ? STROKE_SIDE : long) / styleScale;
  const side = Math.max(wanted, (smallest * long) / short, smallest);
  const sized = (one: number): Size => atLeast(fit(size, roundHalfEven(one)), smallest);
  if (side >= long) return [sized(side)];
  const passes = Math.ceil(Math.log(long / side) / Math.log(STEP) - 1e-9);
  return [...range(passes).map((index) => sized(side * (long / side) ** (index / passes))), size];
}

export interface Tile {
  readonly rows: Span;
  readonly columns: Span;
}

/** overlap: px on each side. */
export function planTiles({ width, height }: Size, tile: number, overlap: number): Tile[] {
  const [down, across] = [height, width].map((side) =>
    equalSpans(Math.ceil(side / ALIGNMENT) * ALIGNMENT, tile, overlap, ALIGNMENT),
  ) as [Span[], Span[]];
  return down.flatMap((rows) => across.map((columns) => ({ rows, columns })));
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Windows spread evenly over a picture, about as many as wanted, for the statistics that all tiles share. */
export function planWindows({ width, height }: Size, windows: number): Box[] {
  const wide = Math.min(WINDOW, width);
  const high = Math.min(WINDOW, height);
  const across = clamp(roundHalfEven(Math.sqrt((windows * width) / height)), 1, Math.ceil(width / wide));
  const down = clamp(roundHalfEven(windows / across), 1, Math.ceil(height / high));
  return spread(width, wide, across).flatMap((left) =>
    spread(height, high, down).map((top) => ({ left, top, right: left + wide, bottom: top + high })),
  );
}

/** Where so many windows start whose centres divide the length evenly, as far as the ends let them. */
export function spread(length: number, window: number, count: number): number[] {
  return range(count).map((index) =>
    Math.trunc(clamp(((index + 0.5) * length) / count - window / 2, 0, length - window)),
  );
}

function atLeast({ width, height }: Size, smallest: number): Size {
  return { width: Math.max(width, smallest), height: Math.max(height, smallest) };
}
