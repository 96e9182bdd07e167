/** Decode and encode: what the browser's own codecs read and write, upright and in sRGB. */

import type { Size } from "../painting/planes";
import { photograph, type Picture, resized } from "../painting/sources";
import { unreadable } from "./kinds";
import { encodePng } from "./png";

export type Format = "png" | "jpeg";

const QUALITY = 0.95;

export async function decode(file: Blob): Promise<Picture> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image", premultiplyAlpha: "none" }).catch(
    async () => {
      throw await unreadable(file);
    },
  );
  const picture = readBitmap(bitmap, bitmap);
  photograph(picture); // says if there is nothing to see
  return picture;
}

/** A bitmap's pixels at a size; the bitmap is closed. */
export function readBitmap(bitmap: ImageBitmap, { width, height }: Size): Picture {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error(`The browser cannot hold a picture of ${width} × ${height} px.`);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return { width, height, bytes: context.getImageData(0, 0, width, height).data as Uint8ClampedArray<ArrayBuffer> };
}

export function encode(picture: Picture, format: Format): Promise<Blob> {
  return format === "png" ? encodePng(picture) : encodeJpeg(picture);
}

async function encodeJpeg({ width, height, bytes }: Picture): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) throw new Error(`The browser cannot write a JPEG of ${width} × ${height} px: choose PNG.`);
  context.putImageData(new ImageData(bytes, width, height), 0, 0);
  context.globalCompositeOperation = "destination-over"; // JPEG has no alpha: white paper under it
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
}

/** A picture at another size. */
export function scaled(picture: Picture, size: Size): Picture {
  if (picture.width === size.width && picture.height === size.height) return picture;
  const { data } = resized(photograph(picture), size);
  const alpha = resized(alphaOf(picture), size).data;
  const area = size.width * size.height;
  const bytes = new Uint8ClampedArray(4 * area);
  for (let at = 0; at < area; at++) {
    for (let channel = 0; channel < 3; channel++) bytes[4 * at + channel] = 255 * data[channel * area + at]!;
    bytes[4 * at + 3] = 255 * alpha[at]!;
  }
  return { ...size, bytes };
}

function alphaOf({ width, height, bytes }: Picture) {
  const gray = new Uint8ClampedArray(bytes.length).fill(255);
  for (let at = 0; at < bytes.length; at += 4) gray[at] = bytes[at + 3]!;
  return photograph({ width, height, bytes: gray });
}
