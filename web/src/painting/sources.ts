/** What is painted: pixels by request, so that a large picture is never held in floats. */

import { lanczosTaps, resampleColumns, resampleRows } from "./lanczos";
import { range } from "./numbers";
import { CHANNELS, clip, crop, emptyPlanes, type Planes, sameSize, type Size, surround } from "./planes";
import type { Box } from "./plan";

export interface Source extends Size {
  window(left: number, top: number, right: number, bottom: number): Planes;
}

export const whole = (source: Source): Planes => source.window(0, 0, source.width, source.height);

export function pixels(planes: Planes): Source {
  const { width, height } = planes;
  return { width, height, window: (left, top, right, bottom) => crop(planes, left, top, right, bottom) };
}

/** A decoded picture: red, green, blue and alpha of each pixel, 0 to 255. */
export interface Picture extends Size {
  readonly bytes: Uint8ClampedArray<ArrayBuffer>;
}

/** A photograph. What alpha hides may hold anything: it gets the mean of the visible, so that none shows up. */
export function photograph({ width, height, bytes }: Picture): Source {
  const mean = visibleMean(bytes);
  return {
    width,
    height,
    window(left, top, right, bottom) {
      const planes = emptyPlanes({ width: right - left, height: bottom - top });
      const area = planes.width * planes.height;
      let to = 0;
      for (let y = top; y < bottom; y++) {
        let from = 4 * (y * width + left);
        for (let x = left; x < right; x++, from += 4, to++) {
          const seen = !mean || bytes[from + 3]! > 0;
          for (let channel = 0; channel < CHANNELS; channel++) {
            planes.data[channel * area + to] = seen ? bytes[from + channel]! / 255 : mean[channel]!;
          }
        }
      }
      return planes;
    },
  };
}

/** With its mirror images around, for a network that cannot paint pictures this narrow. */
export function widened(source: Source, left: number, top: number, size: Size): Source {
  return pixels(surround(whole(source), left, top, size));
}

/** All of a source, a few rows at a time. */
export function strips({ width, height }: Size): Box[] {
  const rows = Math.max(1, Math.floor(2 ** 20 / width));
  return range(Math.ceil(height / rows)).map((index) => ({
    left: 0,
    top: index * rows,
    right: width,
    bottom: Math.min((index + 1) * rows, height),
  }));
}

/** The source at another size, Lanczos-filtered, in strips: of its width only a few rows are in memory at once. */
export function resized(source: Source, size: Size): Planes {
  if (sameSize(source, size)) return whole(source);
  const across = lanczosTaps(source.width, 0, source.width, size.width);
  const down = lanczosTaps(source.height, 0, source.height, size.height);
  const narrow = emptyPlanes({ width: size.width, height: source.height });
  for (const { left, top, right, bottom } of strips(source)) {
    const part = source.window(left, top, right, bottom);
    for (let channel = 0; channel < CHANNELS; channel++) {
      const rows = part.width === size.width ? plane(part, channel)
        : resampleRows(plane(part, channel), part.width, part.height, across);
      narrow.data.set(rows, (channel * source.height + top) * size.width);
    }
  }
  if (source.height === size.height) return clip(narrow);
  const result = emptyPlanes(size);
  for (let channel = 0; channel < CHANNELS; channel++) {
    const columns = resampleColumns(plane(narrow, channel), size.width, 0, down);
    result.data.set(columns, channel * size.width * size.height);
  }
  return clip(result);
}

/** The photograph's share of a painting. photo: at the size wanted. before: what was painted. */
export interface Unpainted {
  readonly share: number;
  readonly photo: Source;
  readonly before: Planes;
}

/** A painting at another size, mostly larger, and, where the strength is low, with the photograph's detail. */
export function enlarged(painted: Planes, { width, height }: Size, unpainted?: Unpainted): Source {
  const strokes = unpainted ? mixed(painted, unpainted.before, -unpainted.share) : painted;
  const scale = { across: painted.width / width, down: painted.height / height };
  return {
    width,
    height,
    window(left, top, right, bottom) {
      const size = { width: right - left, height: bottom - top };
      const across = lanczosTaps(painted.width, left * scale.across, right * scale.across, size.width);
      const down = lanczosTaps(painted.height, top * scale.down, bottom * scale.down, size.height);
      const first = down.starts[0]!;
      const last = down.starts[size.height - 1]! + down.counts[size.height - 1]!;
      const planes = emptyPlanes(size);
      for (let channel = 0; channel < CHANNELS; channel++) {
        const rows = plane(strokes, channel).subarray(first * painted.width, last * painted.width);
        const narrow = resampleRows(rows, painted.width, last - first, across);
        planes.data.set(resampleColumns(narrow, size.width, first, down), channel * size.width * size.height);
      }
      if (!unpainted) return clip(planes);
      return clip(mixed(planes, unpainted.photo.window(left, top, right, bottom), unpainted.share));
    },
  };
}

/** one + share · other */
export function mixed(one: Planes, other: Planes, share: number): Planes {
  const data = new Float32Array(one.data.length);
  for (let index = 0; index < data.length; index++) data[index] = one.data[index]! + share * other.data[index]!;
  return { ...one, data };
}

function plane({ data, width, height }: Planes, channel: number): Float32Array {
  return data.subarray(channel * width * height, (channel + 1) * width * height);
}

/** Undefined where alpha hides nothing. */
function visibleMean(bytes: Uint8ClampedArray): number[] | undefined {
  const sums = [0, 0, 0];
  let weight = 0;
  let hidden = false;
  for (let index = 0; index < bytes.length; index += 4) {
    const alpha = bytes[index + 3]!;
    hidden ||= alpha === 0;
    weight += alpha;
    for (let channel = 0; channel < CHANNELS; channel++) sums[channel]! += alpha * bytes[index + channel]!;
  }
  if (weight === 0) throw new Error("The picture is wholly transparent: there is nothing to paint.");
  return hidden ? sums.map((sum) => sum / weight / 255) : undefined;
}
