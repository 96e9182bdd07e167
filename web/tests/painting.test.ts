/** The port against numbers that the Python code computed (write_fixtures.py). */

import { describe, expect, it } from "vitest";

import { matchColor, withLuminanceOf } from "../src/painting/color";
import { rolled } from "../src/painting/grain";
import { type Network, paint, unpaintedShare } from "../src/painting/painter";
import { LIMITS, planSizes, planWindows, smaller, spread } from "../src/painting/plan";
import { emptyPlanes, extend, type Planes, surround } from "../src/painting/planes";
import { enlarged, photograph, type Picture, resized } from "../src/painting/sources";
import { equalSpans } from "../src/painting/spans";
import fixtures from "./fixtures.json";

const planes = (data: number[], width: number, height: number): Planes => ({
  width,
  height,
  data: Float32Array.from(data),
});

function picture(rgb: number[], width: number, height: number, alpha = 255): Picture {
  const bytes = new Uint8ClampedArray(4 * width * height).fill(alpha);
  rgb.forEach((value, index) => (bytes[4 * Math.floor(index / 3) + (index % 3)] = value));
  return { width, height, bytes };
}

const rgb = ({ bytes }: Picture): number[] => [...bytes].filter((_, index) => index % 4 < 3);

function expectClose(found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  expect(found.length).toBe(wanted.length);
  let largest = 0;
  for (let index = 0; index < found.length; index++) {
    largest = Math.max(largest, Math.abs(found[index]! - wanted[index]!));
  }
  expect(largest).toBeLessThanOrEqual(tolerance);
}

describe("the plan", () => {
  it.each(fixtures.plans)("of $size at $scale", ({ size, scale, smallest, sizes }) => {
    const found = planSizes({ width: size[0]!, height: size[1]! }, scale, smallest);
    expect(found.map(({ width, height }) => [width, height])).toEqual(sizes);
  });

  it.each(fixtures.spans)("cuts $length px into tiles of $tile px", ({ length, tile, spans }) => {
    const wanted = spans.map((span) => [span.outer_start, span.start, span.stop, span.outer_stop]);
    const found = equalSpans(length, tile, 64, 16).map((one) => [one.outerStart, one.start, one.stop, one.outerStop]);
    expect(found).toEqual(wanted);
  });

  it.each(fixtures.spreads)("spreads $count windows over $length px", ({ length, window, count, starts }) => {
    expect(spread(length, window, count)).toEqual(starts);
  });

  it("measures windows inside the picture", () => {
    const found = planWindows({ width: 1700, height: 300 }, 48);
    expect(found.length).toBe(14);
    expect(found.every(({ left, top, right, bottom }) => left >= 0 && top >= 0 && right <= 1700 && bottom <= 300)).toBe(true);
  });

  it("gets smaller until there is nothing left to cut", () => {
    let limits = LIMITS;
    for (let next = smaller(limits); next; next = smaller(limits)) {
      expect(next.tile).toBeLessThan(limits.tile);
      expect(next.untiled).toBeLessThan(limits.untiled);
      limits = next;
    }
    expect(limits).toEqual({ tile: 128, untiled: 128 ** 2, windows: 12 });
  });

  it.each(fixtures.unpainted)("keeps $share of the photograph at $strength", ({ strength, share }) => {
    expect(unpaintedShare(strength)).toBeCloseTo(share, 12);
  });
});

describe("pixels", () => {
  it.each(fixtures.resized)("resized to $wanted as Pillow does", ({ bytes, size, wanted, planes: expected }) => {
    const source = photograph(picture(bytes, size[0]!, size[1]!));
    expectClose(resized(source, { width: wanted[0]!, height: wanted[1]! }).data, expected, 1e-6);
  });

  it.each(fixtures.enlarged)("enlarged, $box with $share of the photograph", (given) => {
    const [small, before] = [planes(given.small, 13, 9), planes(given.before, 13, 9)];
    const photo = photograph(picture(given.photo, 31, 22));
    const unpainted = given.share ? { share: given.share, photo, before } : undefined;
    const [left, top, right, bottom] = given.box as [number, number, number, number];
    expectClose(enlarged(small, photo, unpainted).window(left, top, right, bottom).data, given.planes, 1e-6);
  });

  it("mirrored beyond the border", () => {
    const small = planes(fixtures.luminance.photo, 13, 9);
    expectClose(extend(small, { width: 18, height: 13 }).data, fixtures.reflected, 1e-6);
    expectClose(surround(small, 2, 12, { width: 18, height: 32 }).data, fixtures.surrounded, 1e-6);
  });

  it("hidden by alpha are seen as the mean of the visible", () => {
    const photo = picture([255, 0, 0, 9, 9, 9, 0, 0, 255, 1, 2, 3], 2, 2);
    photo.bytes[7] = 0;
    photo.bytes[15] = 0;
    const { data } = photograph(photo).window(1, 0, 2, 2);
    expectClose(data, [0.5, 0.5, 0, 0, 0.5, 0.5], 1e-6);
    expect(() => photograph(picture([1, 2, 3], 1, 1, 0))).toThrow("transparent");
  });

  it("rolled as numpy does", () => {
    expect([...rolled(Float32Array.from({ length: 36 }, (_, index) => index), 6, 4, 9)]).toEqual(fixtures.rolled);
  });
});

describe("colours", () => {
  it("of the photograph under the painted luminance", () => {
    const { photo, painted, planes: expected } = fixtures.luminance;
    expectClose(withLuminanceOf(planes(photo, 13, 9), planes(painted, 13, 9)).data, expected, 1e-5);
  });

  it("moved to the photograph's mean and covariance", () => {
    const painted = picture(fixtures.match.painted, 13, 9);
    matchColor(painted, photograph(picture(fixtures.match.photo, 13, 9)));
    expectClose(rgb(painted), fixtures.match.bytes, 1);
  });
});

describe("painting", () => {
  /** A network that gives back what it is given: whatever differs then, the tiles did. */
  function copying(calls: string[]): Network {
    return {
      smallest: 36,
      overlap: 48,
      adjustable: true,
      paint: async (image) => (calls.push("paint"), { ...image, data: image.data.slice() }),
      measure: async (windows) => (calls.push(`measure ${windows.length}`), new Float32Array(2)),
      paintTile: async (tile) => (calls.push("tile"), { ...tile, data: tile.data.slice() }),
    };
  }

  function gradient(width: number, height: number): Picture {
    const bytes = new Uint8ClampedArray(4 * width * height);
    for (let at = 0; at < bytes.length; at += 4) {
      const [x, y] = [(at / 4) % width, Math.floor(at / 4 / width)];
      bytes.set([(255 * x) / width, (255 * y) / height, 128, 255 - (x % 2)], at);
    }
    return { width, height, bytes };
  }

  const options = { strength: 1, styleScale: 1, colors: "painting" } as const;
  const limits = { tile: 128, untiled: 128 ** 2, windows: 12 };

  it("in tiles covers every pixel once and keeps alpha", async () => {
    const calls: string[] = [];
    const photo = gradient(611, 407);
    const shares: number[] = [];
    const result = await paint(photo, options, copying(calls), { limits, progress: (share) => shares.push(share) });
    expectClose(result.bytes, photo.bytes, 1);
    expect(calls[0]).toBe("measure 6");
    expect(calls.filter((call) => call === "tile").length).toBeGreaterThan(4);
    expect(shares.at(-1)).toBeCloseTo(1);
    expect(shares).toEqual([...shares].sort((one, other) => one - other));
  });

  it("at low strength over several sizes brings the photograph's detail back", async () => {
    const photo = gradient(400, 300);
    for (let at = 0; at < photo.bytes.length; at += 4) photo.bytes[at + 2] = 255 * ((at / 4) % 2);
    const weak = await paint(photo, { strength: 0, styleScale: 2, colors: "painting" }, copying([]));
    expectClose(weak.bytes, photo.bytes, 1);
  });

  it("of a picture that is too small for the network", async () => {
    const photo = gradient(9, 50);
    expectClose((await paint(photo, options, copying([]))).bytes, photo.bytes, 1);
  });

  it("larger than the picture, for small strokes, comes back at its size", async () => {
    const photo = gradient(120, 90);
    const result = await paint(photo, { ...options, styleScale: 0.5 }, copying([]));
    expectClose(result.bytes, photo.bytes, 3);
  });

  it("stops between two tiles", async () => {
    const controller = new AbortController();
    const calls: string[] = [];
    const progress = (): void => controller.abort();
    const painting = paint(gradient(611, 407), options, copying(calls), { limits, progress, signal: controller.signal });
    await expect(painting).rejects.toThrow();
    expect(calls.filter((call) => call === "tile").length).toBe(1);
  });

  it("is the plain fade where the network knows no strength", async () => {
    const black: Network = { ...copying([]), adjustable: false, paint: async (image) => emptyPlanes(image) };
    const photo = gradient(64, 64);
    const { bytes } = await paint(photo, { ...options, strength: 0.25 }, black);
    expectClose(rgb({ ...photo, bytes }), rgb(photo).map((value) => 0.75 * value), 0.51);
  });
});
