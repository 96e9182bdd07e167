import { describe, expect, it } from "vitest";

import { moved, placed } from "../src/photo/divider";

describe("the divider", () => {
  it("moves by arrows, further with shift, and to both ends", () => {
    expect(moved(0.5, "ArrowLeft", false)).toBe(0.48);
    expect(moved(0.5, "ArrowUp", true)).toBe(0.6);
    expect(moved(0.5, "PageDown", false)).toBe(0.4);
    expect(moved(0.5, "Home", false)).toBe(0);
    expect(moved(0.5, "End", false)).toBe(1);
  });

  it("stays on the picture and leaves other keys alone", () => {
    expect(moved(0.99, "ArrowRight", false)).toBe(1);
    expect(placed(-3)).toBe(0);
    expect(moved(0.5, "Tab", false)).toBeUndefined();
  });
});
