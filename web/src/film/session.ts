/** The film that was chosen: its first frame is painted here, the rest by the server. */

import { signal } from "@preact/signals";

import { startVideo } from "../live/session";
import { openPhoto, photo } from "../photo/session";
import { beginFilm } from "../server/api";
import { beginning, lookAway, sending, server } from "../server/session";
import { bytesOf, secondsOf } from "../server/words";
import { chosen, colors, fail, problem, strength, styleScale } from "../state";
import { firstFrame } from "./frame";

export interface Film {
  readonly file: File;
  /** Address of the first frame on the easel; null where the browser cannot show it, undefined until that is known. */
  readonly frame?: string | null;
}

/** px of the long side, by what they are called. */
export const SIZES: Readonly<Record<string, number | undefined>> = {
  "As the film": undefined,
  "1920 px": 1920,
  "1280 px": 1280,
  "960 px": 960,
  "640 px": 640,
};

export const film = signal<Film | undefined>(undefined);
export const size = signal(Object.keys(SIZES)[0]!);
export const from = signal("");
export const to = signal("");
/** The share of it that is sent. */
export const sent = signal(0);

let upload = new AbortController();

/** A film that was dropped or chosen somewhere: whole, by the server; where there is none, live. */
export async function openFilm(file: File): Promise<void> {
  location.hash = server.value ? "film" : "live";
  await (server.value ? takeFilm(file) : startVideo(file));
}

export async function takeFilm(file: File): Promise<void> {
  problem.value = "";
  film.value = { file };
  from.value = to.value = "";
  lookAway("film");
  await showFrame();
}

/** Put its first frame on the easel, unless it stands there. */
export async function showFrame(): Promise<void> {
  const current = film.value;
  if (!current || current.frame === null || (current.frame && current.frame === photo.value?.url)) return;
  const { file } = current;
  const picture = file.type.startsWith("image/") ? file : await firstFrame(file);
  if (film.value?.file !== file) return; // another was chosen meanwhile
  if (!picture) return void (film.value = { file, frame: null });
  await openPhoto(picture, file.name);
  if (film.value?.file === file) film.value = { file, frame: photo.value?.url ?? null };
}

export async function paintFilm(): Promise<void> {
  const [current, style] = [film.value, chosen.value];
  if (!current || !style || sending.value) return;
  const most = server.value?.film_bytes ?? Infinity;
  if (current.file.size > most) {
    return fail(`The film has ${bytesOf(current.file.size)}: the server takes ${bytesOf(most)} at most.`);
  }
  const [start, stop] = [secondsOf(from.value), secondsOf(to.value)];
  if (Number.isNaN(start) || Number.isNaN(stop)) return fail("A time is written as seconds, or as minutes:seconds.");
  const options = {
    name: current.file.name,
    style: style.name,
    strength: strength.value,
    style_scale: styleScale.value,
    preserve_color: colors.value === "painting" ? undefined : colors.value,
    size: SIZES[size.value],
    start,
    stop,
  };
  upload = new AbortController();
  sent.value = 0;
  await beginning(() => beginFilm(current.file, options, (share) => (sent.value = share), upload.signal));
}

export const cancelSending = (): void => upload.abort();
