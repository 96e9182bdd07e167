/** The worker: takes tasks one after the other, tells of progress, can be told to stop. */

import type { Options } from "../painting/painter";
import type { Picture } from "../painting/sources";
import { MODELS, type Style, styleUrl } from "../styles";
import { Engine } from "./engine";
import { fetchKept } from "./files";
import { decode, encode, readBitmap, scaled } from "./images";
import { Unreadable } from "./kinds";
import type { Painted, Reply, Request, Start, Task, Tasks } from "./protocol";

interface Context {
  readonly signal: AbortSignal;
  progress(share: number): void;
}

type Handlers = { [K in Task]: (input: Tasks[K][0], context: Context) => Promise<Tasks[K][1]> };

let start: Start;
let engine: Engine;
let photo: Picture;
let smallPhoto: Picture | undefined; // the photograph at the size of the last preview

const handlers: Handlers = {
  async start(given) {
    start = given;
    engine = new Engine(given);
  },
  warm: ({ style }) => engine.describe(style),
  async open({ file }) {
    photo = await decode(file);
    smallPhoto = undefined;
    return { width: photo.width, height: photo.height };
  },
  preview({ style, options, size }, context) {
    if (smallPhoto?.width !== size.width || smallPhoto.height !== size.height) smallPhoto = scaled(photo, size);
    return timed(smallPhoto, style, options, context);
  },
  async render({ style, options, format }, context) {
    return encode(await engine.paint(photo, style, options, context), format);
  },
  frame({ style, options, bitmap, size }, context) {
    return timed(readBitmap(bitmap, size), style, options, context);
  },
  async keep({ styles }, { progress }) {
    const files = styles.flatMap((style) => MODELS.map((use) => style.files[use]));
    for (const [index, file] of files.entries()) {
      await fetchKept(styleUrl(file, start.base));
      progress((index + 1) / files.length);
    }
  },
};

async function timed(picture: Picture, style: Style, options: Options, context: Context): Promise<Painted> {
  const begun = performance.now();
  const painted = await engine.paint(picture, style, options, context);
  return { ...painted, seconds: (performance.now() - begun) / 1000 };
}

const running = new Map<number, AbortController>();
let last: Promise<void> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<Request>) => {
  if (data.task === "cancel") {
    running.get(data.id)?.abort();
    return;
  }
  const controller = new AbortController();
  running.set(data.id, controller);
  last = last.then(() => handle(data, controller.signal)).then(() => void running.delete(data.id));
};

async function handle({ id, task, input }: Exclude<Request, { task: "cancel" }>, signal: AbortSignal): Promise<void> {
  try {
    signal.throwIfAborted();
    const run = handlers[task] as (input: unknown, context: Context) => Promise<unknown>;
    const value = await run(input, { signal, progress: (progress) => reply({ id, progress }) });
    reply({ id, value }, isPicture(value) ? [value.bytes.buffer] : []);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    reply({ id, error: message, cancelled: signal.aborted, unreadable: error instanceof Unreadable });
  }
}

function reply(message: Reply, transferred: Transferable[] = []): void {
  self.postMessage(message, { transfer: transferred });
}

const isPicture = (value: unknown): value is Picture => (value as Picture | undefined)?.bytes instanceof Uint8ClampedArray;
