import { inflateSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import type { Picture } from "../src/painting/sources";
import { crc32, encodePng } from "../src/worker/png";

function picture(width: number, height: number, alpha: (index: number) => number): Picture {
  const bytes = new Uint8ClampedArray(4 * width * height);
  for (let at = 0; at < bytes.length; at++) bytes[at] = at % 4 === 3 ? alpha(at >> 2) : (at * 7919) % 251;
  return { width, height, bytes };
}

/** Chunks by name, and the pixels under both filters that are written. */
async function decoded(blob: Blob): Promise<{ width: number; channels: number; pixels: number[] }> {
  const data = new DataView(await blob.arrayBuffer());
  const body: Buffer[] = [];
  let [width, channels] = [0, 0];
  for (let at = 8; at < data.byteLength; ) {
    const length = data.getUint32(at);
    const name = Buffer.from(data.buffer, at + 4, 4).toString();
    const content = Buffer.from(data.buffer, at + 8, length);
    expect(data.getUint32(at + 8 + length)).toBe(crc32(Buffer.from(data.buffer, at + 4, length + 4)));
    if (name === "IHDR") [width, channels] = [content.readUInt32BE(0), content[9] === 6 ? 4 : 3];
    if (name === "IDAT") body.push(content);
    at += 12 + length;
  }
  const raw = inflateSync(Buffer.concat(body));
  const stride = width * channels;
  const pixels: number[] = [];
  for (let row = 0; row * (stride + 1) < raw.length; row++) {
    const filter = raw[row * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = pixels.length;
      const before = filter === 1 ? (x < channels ? 0 : pixels[at - channels]!) : row ? pixels[at - stride]! : 0;
      pixels.push((raw[row * (stride + 1) + 1 + x]! + before) & 255);
    }
  }
  return { width, channels, pixels };
}

describe("a PNG file", () => {
  it("knows CRC-32's check value", () => {
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  });

  it("holds every pixel, with alpha where there is any", async () => {
    const one = picture(37, 150, (index) => (index % 5 ? 255 : 3));
    const found = await decoded(await encodePng(one));
    expect(found).toEqual({ width: 37, channels: 4, pixels: [...one.bytes] });
  });

  it("has no alpha where it is not needed", async () => {
    const one = picture(16, 3, () => 255);
    const found = await decoded(await encodePng(one));
    expect(found).toEqual({ width: 16, channels: 3, pixels: [...one.bytes].filter((_, index) => index % 4 < 3) });
  });
});
