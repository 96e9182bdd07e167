/** Lanczos resampling as Pillow does it for floats: the same taps in double precision, rounded after each axis. */

export interface Taps {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly stride: number;
  readonly weights: Float64Array;
}

const SUPPORT = 3;

/** What each of `length` values is mixed of, where [from, to) of a line of `available` values becomes them. */
export function lanczosTaps(available: number, from: number, to: number, length: number): Taps {
  const [low, high] = [Math.fround(from), Math.fround(to)];
  const scale = Math.fround(high - low) / length;
  const stretch = Math.max(scale, 1);
  const support = SUPPORT * stretch;
  const stride = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(length);
  const counts = new Int32Array(length);
  const weights = new Float64Array(length * stride);
  for (let index = 0; index < length; index++) {
    const center = low + (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(available, Math.trunc(center + support + 0.5)) - first;
    let sum = 0;
    for (let tap = 0; tap < count; tap++) {
      const weight = lanczos((tap + first - center + 0.5) / stretch);
      weights[index * stride + tap] = weight;
      sum += weight;
    }
    for (let tap = 0; sum !== 0 && tap < count; tap++) weights[index * stride + tap]! /= sum;
    starts[index] = first;
    counts[index] = count;
  }
  return { starts, counts, stride, weights };
}

/** Rows of `width` values, each resampled. */
export function resampleRows(input: Float32Array, width: number, rows: number, taps: Taps): Float32Array {
  const { starts, counts, stride, weights } = taps;
  const length = starts.length;
  const output = new Float32Array(rows * length);
  for (let x = 0; x < length; x++) {
    const [start, count, offset] = [starts[x]!, counts[x]!, x * stride];
    for (let row = 0; row < rows; row++) {
      const from = row * width + start;
      let sum = 0;
      for (let tap = 0; tap < count; tap++) sum += input[from + tap]! * weights[offset + tap]!;
      output[row * length + x] = sum;
    }
  }
  return output;
}

/** Columns resampled: rows of `width` values become as many rows as there are taps. first: the row that input begins with. */
export function resampleColumns(input: Float32Array, width: number, first: number, taps: Taps): Float32Array {
  const { starts, counts, stride, weights } = taps;
  const output = new Float32Array(starts.length * width);
  const sums = new Float64Array(width);
  for (let y = 0; y < starts.length; y++) {
    sums.fill(0);
    for (let tap = 0; tap < counts[y]!; tap++) {
      const weight = weights[y * stride + tap]!;
      const from = (starts[y]! + tap - first) * width;
      for (let x = 0; x < width; x++) sums[x]! += input[from + x]! * weight;
    }
    output.set(sums, y * width);
  }
  return output;
}

function lanczos(x: number): number {
  return -SUPPORT <= x && x < SUPPORT ? sinc(x) * sinc(x / SUPPORT) : 0;
}

function sinc(x: number): number {
  if (x === 0) return 1;
  const angle = x * Math.PI;
  return Math.sin(angle) / angle;
}
