/** The photograph on the easel: opened, painted anew when anything changes, rendered at full size on request. */

import { effect, signal } from "@preact/signals";

import { fit, planSizes } from "../painting/plan";
import type { Options } from "../painting/painter";
import type { Size } from "../painting/planes";
import { chosen, engine, fail, options, problem, say, studio } from "../state";
import { Cancelled } from "../studio";
import type { Style } from "../styles";
import { readPicture } from "../server/api";
import { server } from "../server/session";
import { saveFile } from "../shell/files";
import type { Format } from "../worker/images";
import { Unreadable } from "../worker/kinds";
import type { Painted } from "../worker/protocol";

export interface Photo {
  readonly name: string;
  readonly url: string;
  readonly size: Size;
}

const DIRECT_SIDE = 1536; // px: up to here, a preview is the picture itself
const PREVIEW_SIDE = 1024; // px: what larger pictures are painted at first, too
const DRAFT_SIDES = { least: 160, first: 256 }; // px
const PATIENCE = 0.5; // s, before there must be something to see
const PAUSE = 80; // ms, without a further change

export const photo = signal<Photo | undefined>(undefined);
export const painted = signal<Painted | undefined>(undefined);
export const painting = signal(false);
/** The share of the full size that is done, while it is rendered. */
export const rendering = signal<number | undefined>(undefined);

let speed: number | undefined; // px a second
let render = new AbortController();

export async function openPhoto(file: Blob, name: string): Promise<void> {
  problem.value = "";
  render.abort();
  try {
    const [picture, size] = await opened(file);
    if (photo.value) URL.revokeObjectURL(photo.value.url);
    painted.value = undefined;
    photo.value = { name: name.replace(/\.[^.]*$/, "") || "picture", url: URL.createObjectURL(picture), size };
  } catch (error) {
    fail(error);
  }
}

/** A file as a picture that the browser shows, by way of the server where it has no decoder: HEIC, TIFF, raw. */
async function opened(file: Blob): Promise<readonly [Blob, Size]> {
  try {
    return [file, await studio.run("open", { file })];
  } catch (error) {
    if (!(error instanceof Unreadable && server.value)) throw error;
    const picture = await readPicture(file);
    return [picture, await studio.run("open", { file: picture })];
  }
}

/** Paint whenever the photograph, the style or an option changes. Returns how to stop. */
export function keepPainted(): () => void {
  return effect(() => {
    const [subject, style, wanted] = [photo.value, chosen.value, options.value];
    if (!subject || !style) return;
    const controller = new AbortController();
    void paintPreview(subject, style, wanted, controller.signal);
    return () => controller.abort();
  });
}

async function paintPreview(subject: Photo, style: Style, wanted: Options, signal: AbortSignal): Promise<void> {
  painting.value = true;
  try {
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    engine.value = await studio.run("warm", { style }, { signal });
    const size = previewSize(subject.size);
    const draft = draftSize(size, wanted, style);
    for (const one of draft ? [draft, size] : [size]) {
      const found = await studio.run("preview", { style, options: wanted, size: one }, { signal });
      speed = cost(one, wanted, style) / found.seconds;
      painted.value = found;
    }
    problem.value = "";
    say(`Painted after ${style.title}.`);
  } catch (error) {
    if (!(error instanceof Cancelled)) fail(error);
  } finally {
    if (!signal.aborted) painting.value = false;
  }
}

/** Paint at full size and save. */
export async function download(format: Format): Promise<void> {
  const [subject, style] = [photo.value, chosen.value];
  if (!subject || !style) return;
  render = new AbortController();
  rendering.value = 0;
  say("Painting at full size.");
  try {
    const progress = (share: number): void => void (rendering.value = share);
    const input = { style, options: options.value, format };
    const file = await studio.run("render", input, { signal: render.signal, progress });
    saveFile(file, `${subject.name}-${style.name}.${format === "png" ? "png" : "jpg"}`);
    say("Saved.");
  } catch (error) {
    if (error instanceof Cancelled) say("Cancelled.");
    else fail(error);
  } finally {
    rendering.value = undefined;
  }
}

export const cancelDownload = (): void => render.abort();

const longSide = ({ width, height }: Size): number => Math.max(width, height);

const previewSize = (size: Size): Size => (longSide(size) <= DIRECT_SIDE ? size : fit(size, PREVIEW_SIDE));

/** Pixels that a network sees for a picture of that size. */
function cost(size: Size, { styleScale }: Options, { smallest }: Style): number {
  return planSizes(size, styleScale, smallest).reduce((sum, { width, height }) => sum + width * height, 0);
}

/** Something smaller to show at once, where the preview itself would take too long. */
function draftSize(size: Size, wanted: Options, style: Style): Size | undefined {
  const seconds = speed === undefined ? Infinity : cost(size, wanted, style) / speed;
  if (seconds <= PATIENCE) return undefined;
  const side = speed === undefined ? DRAFT_SIDES.first : longSide(size) * Math.sqrt(PATIENCE / 2 / seconds);
  const draft = fit(size, Math.round(Math.max(side, DRAFT_SIDES.least)));
  return longSide(draft) < 0.8 * longSide(size) ? draft : undefined;
}
