export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Red, green and blue, one whole plane after the other, in [0, 1]: the order that networks take. */
export interface Planes extends Size {
  readonly data: Float32Array;
}

export const CHANNELS = 3;

export const sameSize = (one: Size, other: Size): boolean => one.width === other.width && one.height === other.height;

export function emptyPlanes({ width, height }: Size): Planes {
  return { width, height, data: new Float32Array(CHANNELS * width * height) };
}

/** Copy `part` into `target` so that its upper left corner comes to lie there; what sticks out is left off. */
export function place(target: Planes, part: Planes, left: number, top: number): void {
  const width = Math.min(part.width, target.width - left);
  const height = Math.min(part.height, target.height - top);
  for (let channel = 0; channel < CHANNELS; channel++) {
    for (let row = 0; row < height; row++) {
      const from = (channel * part.height + row) * part.width;
      const to = (channel * target.height + top + row) * target.width + left;
      target.data.set(part.data.subarray(from, from + width), to);
    }
  }
}

export function crop(planes: Planes, left: number, top: number, right: number, bottom: number): Planes {
  if (left === 0 && top === 0 && right === planes.width && bottom === planes.height) return planes;
  return gather(planes, right - left, bottom - top, (x) => x + left, (y) => y + top);
}

/** Mirror images beyond the right and lower border, the border itself not repeated (numpy's "reflect"). */
export function extend(planes: Planes, { width, height }: Size): Planes {
  if (sameSize(planes, { width, height })) return planes;
  return gather(planes, width, height, reflected(planes.width), reflected(planes.height));
}

/** Mirror images around, the border repeated (numpy's "symmetric"). */
export function surround(planes: Planes, left: number, top: number, { width, height }: Size): Planes {
  const across = mirrored(planes.width);
  const down = mirrored(planes.height);
  return gather(planes, width, height, (x) => across(x - left), (y) => down(y - top));
}

export function clip(planes: Planes): Planes {
  const { data } = planes;
  for (let index = 0; index < data.length; index++) {
    const value = data[index]!;
    data[index] = value < 0 ? 0 : value > 1 ? 1 : value;
  }
  return planes;
}

function gather(
  planes: Planes,
  width: number,
  height: number,
  across: (x: number) => number,
  down: (y: number) => number,
): Planes {
  const result = emptyPlanes({ width, height });
  const columns = Int32Array.from({ length: width }, (_, x) => across(x));
  let to = 0;
  for (let channel = 0; channel < CHANNELS; channel++) {
    for (let y = 0; y < height; y++) {
      const row = (channel * planes.height + down(y)) * planes.width;
      for (let x = 0; x < width; x++) result.data[to++] = planes.data[row + columns[x]!]!;
    }
  }
  return result;
}

function reflected(length: number): (index: number) => number {
  const period = Math.max(1, 2 * length - 2);
  return (index) => {
    const within = index % period;
    return within < length ? within : period - within;
  };
}

function mirrored(length: number): (index: number) => number {
  const period = 2 * length;
  return (index) => {
    const within = ((index % period) + period) % period;
    return within < length ? within : period - 1 - within;
  };
}
