import { describe, expect, it } from "vitest";

import { counted, framesPerSecond, NO_FRAMES } from "../src/live/rate";
import { adapted, atSide, SIDES, workingSize } from "../src/live/resolution";

/** Where a device ends up that takes so many ns a pixel of a square frame, and a fixed time besides. */
function settled(perPixel: number, fixed = 2): number {
  let resolution = atSide(256);
  for (let frame = 0; frame < 400; frame++) {
    resolution = adapted(resolution, fixed + (perPixel * resolution.side ** 2) / 1e6);
  }
  return resolution.side;
}

describe("the working resolution", () => {
  it("is the largest that holds 24 frames a second", () => {
    for (const perPixel of [20, 60, 100, 300, 800]) {
      const side = settled(perPixel);
      expect(2 + (perPixel * side ** 2) / 1e6).toBeLessThan(1000 / 24);
      const next = SIDES[SIDES.indexOf(side) + 1];
      if (next) expect(2 + (perPixel * next ** 2) / 1e6).toBeGreaterThan(0.85 * (1000 / 25.5));
    }
  });

  it("ends at the bounds on devices beyond them", () => {
    expect(settled(5)).toBe(960);
    expect(settled(20_000)).toBe(160);
  });

  it("takes no notice of one slow frame, nor of the first of a size", () => {
    let resolution = adapted(atSide(320), 900);
    for (let frame = 0; frame < 20; frame++) resolution = adapted(resolution, 36);
    resolution = adapted(resolution, 44);
    expect(resolution.side).toBe(320);
  });

  it("comes down at once where it is hopeless", () => {
    const resolution = adapted(adapted(atSide(640), 500), 400);
    expect(resolution.side).toBeLessThan(256);
  });

  it("never enlarges a frame and gives even sides", () => {
    expect(workingSize({ width: 1280, height: 720 }, 320)).toEqual({ width: 320, height: 180 });
    expect(workingSize({ width: 201, height: 97 }, 960)).toEqual({ width: 202, height: 98 });
  });
});

describe("the frame rate", () => {
  it("counts the last seconds only", () => {
    let rate = NO_FRAMES;
    for (let time = 0; time <= 5000; time += 50) rate = counted(rate, time);
    expect(framesPerSecond(rate)).toBeCloseTo(20, 5);
    expect(framesPerSecond(counted(rate, 9000))).toBe(0);
  });
});
