/** Keeping the photograph's colours: Gatys et al. 2016, as in impasto/images/color.py. */

import type { Planes } from "./planes";
import { photograph, type Picture, type Source, strips } from "./sources";

type Matrix = readonly (readonly number[])[];

// NTSC YIQ: Y is luminance, I and Q are chrominance.
const RGB_TO_YIQ: Matrix = [
  [0.299, 0.587, 0.114],
  [0.595716, -0.274453, -0.321263],
  [0.211456, -0.522591, 0.311135],
];
const LUMINANCE = RGB_TO_YIQ[0]!;
const GRAY = luminanceDirection();

/** `photo`'s chrominance under `painted`'s luminance. */
export function withLuminanceOf(photo: Planes, painted: Planes): Planes {
  const area = photo.width * photo.height;
  const data = new Float32Array(3 * area);
  for (let index = 0; index < area; index++) {
    let change = 0;
    for (let channel = 0; channel < 3; channel++) {
      const at = channel * area + index;
      change += LUMINANCE[channel]! * (painted.data[at]! - photo.data[at]!);
    }
    for (let channel = 0; channel < 3; channel++) {
      const at = channel * area + index;
      data[at] = Math.min(Math.max(photo.data[at]! + change * GRAY[channel]!, 0), 1);
    }
  }
  return { ...photo, data };
}

/** Recolour `painted`, in place, so that its mean and covariance in RGB are the photograph's. */
export function matchColor(painted: Picture, photo: Source): void {
  const source = moments(photograph(painted));
  const wanted = moments(photo);
  const transform = product(root(wanted.covariance, 0.5), root(source.covariance, -0.5));
  const { bytes } = painted;
  for (let at = 0; at < bytes.length; at += 4) {
    const [r, g, b] = [0, 1, 2].map((k) => bytes[at + k]! / 255 - source.mean[k]!) as [number, number, number];
    for (let channel = 0; channel < 3; channel++) {
      const [x, y, z] = transform[channel] as readonly [number, number, number];
      bytes[at + channel] = 255 * (x * r + y * g + z * b + wanted.mean[channel]!);
    }
  }
}

interface Moments {
  readonly mean: readonly number[];
  readonly covariance: Matrix;
}

function moments(source: Source): Moments {
  const count = source.width * source.height;
  const sums = [0, 0, 0];
  const products = [0, 1, 2].map(() => [0, 0, 0]);
  for (const { left, top, right, bottom } of strips(source)) {
    const { data, width, height } = source.window(left, top, right, bottom);
    const area = width * height;
    for (let at = 0; at < area; at++) {
      for (let i = 0; i < 3; i++) {
        const value = data[i * area + at]!;
        sums[i]! += value;
        for (let j = 0; j <= i; j++) products[i]![j]! += value * data[j * area + at]!;
      }
    }
  }
  const mean = sums.map((sum) => sum / count);
  const freedom = Math.max(1, count - 1);
  const covariance = [0, 1, 2].map((i) =>
    [0, 1, 2].map((j) => {
      const sum = products[Math.max(i, j)]![Math.min(i, j)]!;
      return (sum - count * mean[i]! * mean[j]!) / freedom;
    }),
  );
  return { mean, covariance };
}

/** A power of a symmetric 3×3 matrix; the floor leaves alone what has no variance to stretch. */
export function root(matrix: Matrix, power: number): Matrix {
  const { values, vectors } = eigen(matrix);
  const scaled = vectors.map((row) => row.map((entry, k) => entry * Math.max(values[k]!, 1e-5) ** power));
  return product(scaled, transposed(vectors));
}

/** Jacobi's rotations: eigenvectors are the columns. */
function eigen(matrix: Matrix): { values: number[]; vectors: Matrix } {
  let a: Matrix = matrix;
  let vectors: Matrix = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  const pairs = [[0, 1], [0, 2], [1, 2]] as const;
  for (let sweep = 0; sweep < 16; sweep++) {
    for (const [p, q] of pairs) {
      if (a[p]![q] === 0) continue;
      const angle = 0.5 * Math.atan2(2 * a[p]![q]!, a[q]![q]! - a[p]![p]!);
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      const rotation = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
      rotation[p]![p] = c;
      rotation[q]![q] = c;
      rotation[p]![q] = s;
      rotation[q]![p] = -s;
      a = product(transposed(rotation), product(a, rotation));
      vectors = product(vectors, rotation);
    }
  }
  return { values: [0, 1, 2].map((k) => a[k]![k]!), vectors };
}

function product(one: Matrix, other: Matrix): Matrix {
  return one.map((row) => other[0]!.map((_, j) => row.reduce((sum, entry, k) => sum + entry * other[k]![j]!, 0)));
}

const transposed = (matrix: Matrix): Matrix => matrix[0]!.map((_, j) => matrix.map((row) => row[j]!));

/** What a unit of Y adds to red, green and blue: the first column of the inverse of RGB_TO_YIQ. */
function luminanceDirection(): readonly number[] {
  const [, i, q] = RGB_TO_YIQ as [number[], number[], number[]];
  const cross = [
    i[1]! * q[2]! - i[2]! * q[1]!,
    i[2]! * q[0]! - i[0]! * q[2]!,
    i[0]! * q[1]! - i[1]! * q[0]!,
  ];
  const scale = cross.reduce((sum, entry, k) => sum + entry * LUMINANCE[k]!, 0);
  return cross.map((entry) => entry / scale);
}
