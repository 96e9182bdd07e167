/** What a file is that the browser cannot read. */

const BRANDS = ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"];
const START = 12; // bytes

/** A file that may be a picture, and that the browser has no decoder for. */
export class Unreadable extends Error {}

/** Whether a file is HEIC, which is what iPhones photograph in, by its first bytes. */
export function isHeic(start: Uint8Array): boolean {
  const text = String.fromCharCode(...start.subarray(4, START));
  return text.startsWith("ftyp") && BRANDS.includes(text.slice(4));
}

/** What to tell of it, and what to do. */
export async function unreadable(file: Blob): Promise<Unreadable> {
  const start = new Uint8Array(await file.slice(0, START).arrayBuffer());
  return new Unreadable(
    isHeic(start)
      ? "This is a HEIC picture, which this browser cannot read: save it as JPEG, or have the camera do so " +
        "(on an iPhone: Settings, Camera, Formats, Most Compatible)."
      : "This file is no picture that the browser can read.",
  );
}
