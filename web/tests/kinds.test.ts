import { describe, expect, it } from "vitest";

import { isHeic, unreadable } from "../src/worker/kinds";

const start = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

describe("a file that the browser cannot read", () => {
  it("is HEIC by its brand", () => {
    expect(["\0\0\0\x18ftypheic\0\0\0\0", "\0\0\0\x18ftypmif1heic"].map((text) => isHeic(start(text)))).toEqual([true, true]);
    const others = ["", "\0\0\0\x18ftypavif", "\0\0\0\x18ftypmp42", "heicftyp", "no picture", "\0\0\0\x18ftyphei"];
    expect(others.map((text) => isHeic(start(text)))).toEqual(others.map(() => false));
  });

  it("is told with what to do", async () => {
    const heic = await unreadable(new Blob([start("\0\0\0\x18ftypheic\0\0\0\0")]));
    expect(heic.message).toMatch(/HEIC.*save it as JPEG/);
    expect((await unreadable(new Blob([start("no picture")]))).message).toMatch(/no picture that the browser can read/);
  });
});
