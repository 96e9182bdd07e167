import { describe, expect, it } from "vitest";

import type { LossPoint } from "../src/server/api";
import { curveOf, HEIGHT, WIDTH } from "../src/server/curve";
import { duration, titleOf } from "../src/server/words";

const point = (iteration: number, total: number, validation: number | null = null): LossPoint => ({
  iteration,
  total,
  validation,
  content: total / 2,
  style: total / 2,
});

const places = (path: string): number[][] =>
  path
    .split(/[ML]/)
    .filter(Boolean)
    .map((place) => place.replace("h0", "").split(" ").map(Number));

describe("a loss curve", () => {
  it("goes from the left to the right, and downward as the loss falls", () => {
    const line = places(curveOf([point(1, 1), point(2, 0.1), point(5, 0.01)]).line);
    expect(line.map(([x]) => x)).toEqual([0, WIDTH / 4, WIDTH]);
    const heights = line.map(([, y]) => y!);
    expect(heights[1]! - heights[0]!).toBeCloseTo(heights[2]! - heights[1]!, 0); // the logarithm falls evenly
    expect(Math.min(...heights)).toBeGreaterThan(0);
    expect(Math.max(...heights)).toBeLessThan(HEIGHT);
  });

  it("has a dot where a validation was measured, and none where it is repeated", () => {
    const { dots } = curveOf([point(1, 1), point(2, 0.9, 0.8), point(3, 0.8, 0.8), point(4, 0.7, 0.6)]);
    expect(places(dots)).toHaveLength(2);
    expect(curveOf([point(1, 1), point(2, 0.9)]).dots).toBe("");
  });

  it("stays a line where the loss stays, or is nothing", () => {
    for (const total of [0.5, 0]) expect(curveOf([point(1, total), point(2, total)]).line).not.toMatch(/NaN|Infinity/);
  });
});

describe("words", () => {
  it("says times as people do", () => {
    expect([0.2, 12.4, 75, 1200, 3599, 3600, 5400].map(duration)).toEqual([
      "a moment",
      "12 s",
      "1 min 15 s",
      "20 min",
      "59 min 59 s",
      "1 h",
      "1 h 30 min",
    ]);
  });

  it("makes a title of a file's name", () => {
    expect(titleOf("night-cafe_1888.jpg")).toBe("Night cafe 1888");
    expect(titleOf(".jpg")).toBe("");
  });
});
