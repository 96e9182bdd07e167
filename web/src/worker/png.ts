/** PNG without a canvas, which would limit the size and round colours under a translucent alpha. */

import type { Picture } from "../painting/sources";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const ROWS = 64; // filtered at a time

export async function encodePng(picture: Picture): Promise<Blob> {
  const opaque = isOpaque(picture.bytes);
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, picture.width);
  header.setUint32(4, picture.height);
  header.setUint8(8, 8);
  header.setUint8(9, opaque ? 2 : 6);
  const data = await deflated(scanlines(picture, opaque ? 3 : 4));
  return new Blob(
    [
      SIGNATURE,
      ...chunk("IHDR", new Uint8Array(header.buffer)),
      ...chunk("sRGB", Uint8Array.of(0)),
      ...chunk("IDAT", data),
      ...chunk("IEND", new Uint8Array()),
    ],
    { type: "image/png" },
  );
}

/** Rows, each filtered by the difference to the one above or to the left, whichever is smaller in sum. */
function* scanlines({ width, height, bytes }: Picture, channels: number): Generator<Uint8Array<ArrayBuffer>> {
  const length = width * channels;
  let above = new Uint8Array(length);
  for (let top = 0; top < height; top += ROWS) {
    const count = Math.min(ROWS, height - top);
    const block = new Uint8Array(count * (length + 1));
    for (let row = 0; row < count; row++) {
      const line = packed(bytes.subarray(4 * (top + row) * width, 4 * (top + row + 1) * width), channels, length);
      const out = block.subarray(row * (length + 1), (row + 1) * (length + 1));
      const [left, up] = [new Uint8Array(length), new Uint8Array(length)];
      let [leftCost, upCost] = [0, 0];
      for (let at = 0; at < length; at++) {
        left[at] = line[at]! - (at < channels ? 0 : line[at - channels]!);
        up[at] = line[at]! - above[at]!;
        leftCost += Math.min(left[at]!, 256 - left[at]!);
        upCost += Math.min(up[at]!, 256 - up[at]!);
      }
      out[0] = upCost < leftCost ? 2 : 1;
      out.set(upCost < leftCost ? up : left, 1);
      above = line;
    }
    yield block;
  }
}

function packed(pixels: Uint8ClampedArray, channels: number, length: number): Uint8Array<ArrayBuffer> {
  const line = new Uint8Array(length);
  for (let from = 0, to = 0; to < length; from += 4, to += channels) {
    for (let channel = 0; channel < channels; channel++) line[to + channel] = pixels[from + channel]!;
  }
  return line;
}

async function deflated(blocks: Iterable<Uint8Array<ArrayBuffer>>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new CompressionStream("deflate");
  const result = new Response(stream.readable).arrayBuffer();
  const writer = stream.writable.getWriter();
  for (const block of blocks) await writer.write(block);
  await writer.close();
  return new Uint8Array(await result);
}

function* chunk(kind: string, data: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setUint32(0, data.length);
  for (let index = 0; index < 4; index++) head[4 + index] = kind.charCodeAt(index);
  const tail = new Uint8Array(4);
  new DataView(tail.buffer).setUint32(0, crc32(data, crc32(head.subarray(4))));
  yield head;
  yield data;
  yield tail;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

export function crc32(data: Uint8Array, before = 0): number {
  let value = ~before;
  for (const byte of data) value = TABLE[(value ^ byte) & 255]! ^ (value >>> 8);
  return ~value >>> 0;
}

function isOpaque(bytes: Uint8ClampedArray): boolean {
  for (let at = 3; at < bytes.length; at += 4) if (bytes[at] !== 255) return false;
  return true;
}
