import { range } from "./numbers";

/** One axis of a tile: the network sees [outerStart, outerStop), and [start, stop) of it is kept. */
export interface Span {
  readonly outerStart: number;
  readonly start: number;
  readonly stop: number;
  readonly outerStop: number;
}

/** Windows that are all equally long, at multiples of `step`. length, tile, halo: multiples of it, too. */
export function equalSpans(length: number, tile: number, halo: number, step: number): Span[] {
  const outer = tile + 2 * halo;
  if (length <= outer) return [{ outerStart: 0, start: 0, stop: length, outerStop: length }];
  const count = Math.ceil((length - 2 * halo) / tile);
  const starts = range(count).map(
    (index) => Math.floor((index * (length - outer)) / (count - 1) / step + 0.5) * step,
  );
  const edges = [0, ...starts.slice(1).map((start) => start + halo), length];
  return starts.map((start, index) => ({
    outerStart: start,
    start: edges[index]!,
    stop: edges[index + 1]!,
    outerStop: start + outer,
  }));
}
