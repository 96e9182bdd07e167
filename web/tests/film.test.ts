import { describe, expect, it } from "vitest";

import { bytesOf, paceOf, secondsOf } from "../src/server/words";
import { isVideo } from "../src/shell/files";

describe("a film", () => {
  it("is told by its type, or its ending where there is no type", () => {
    const isFilm = (name: string, type = ""): boolean => isVideo({ name, type });
    expect(isFilm("a", "video/mp4")).toBe(true);
    for (const name of ["a.mkv", "A.MOV", "a.b.avi", "a.mpeg", "a.mpg"]) expect(isFilm(name)).toBe(true);
    for (const name of ["a.gif", "a.png", "mkv", "a.mkv.txt"]) expect(isFilm(name)).toBe(false);
    expect(isFilm("a.gif", "image/gif")).toBe(false);
    expect(isFilm("a.mov", "image/jpeg")).toBe(false);
  });
});

describe("what is written of a film", () => {
  it("is a time in seconds, minutes or hours", () => {
    expect(["", " ", "75", "1:15", "0:01:15.5", "1:00:00", "2,5"].map(secondsOf)).toEqual([
      undefined,
      undefined,
      75,
      75,
      75.5,
      3600,
      2.5,
    ]);
    for (const text of ["a", "1:", ":5", "1:2:3:4", "-1", "1.5:2", "1e3"]) expect(secondsOf(text)).toBeNaN();
  });

  it("is a number of bytes, or of frames a second, as people say it", () => {
    expect([10, 12_400_000, 4e9, 5_120_000_000].map(bytesOf)).toEqual(["1 MB", "12 MB", "4 GB", "5.1 GB"]);
    expect([0.42, 9.96, 23.7].map(paceOf)).toEqual([
      "0.4 frames a second",
      "10.0 frames a second",
      "24 frames a second",
    ]);
  });
});
