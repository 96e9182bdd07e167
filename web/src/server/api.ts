/** The studio server's HTTP API: impasto/studio/api.py and models.py, as far as the front end asks. */

import { Cancelled } from "../studio";

export interface Capabilities {
  readonly paint: boolean;
  readonly train: boolean;
  readonly film: boolean;
  /** That a film may have, at most. */
  readonly film_bytes: number;
  readonly presets: readonly string[];
  readonly content: readonly string[];
}

export interface LossPoint {
  readonly iteration: number;
  readonly content: number;
  readonly style: number;
  readonly total: number;
  readonly validation: number | null;
}

export type Kind = "paint" | "train" | "film";

export interface Job {
  readonly id: string;
  readonly kind: Kind;
  readonly title: string;
  readonly state: "queued" | "running" | "done" | "failed" | "cancelled";
  readonly position: number;
  readonly progress: number;
  readonly rate: number | null;
  readonly iteration: number;
  readonly iterations: number;
  readonly seconds: number;
  readonly remaining: number | null;
  readonly error: string | null;
  readonly stopped: string | null;
  readonly notes: readonly string[];
  readonly cancelling: boolean;
  readonly previews: number;
  readonly result: string | null;
  readonly history: readonly LossPoint[];
}

export type Fields = Readonly<Record<string, string | number | File | readonly File[] | undefined>>;

export const isFinished = ({ state }: Job): boolean => state !== "queued" && state !== "running";

/** A request that the server refused. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** What the server can do; undefined where there is none, as on a static host. */
export async function fetchCapabilities(): Promise<Capabilities | undefined> {
  try {
    return await ask("capabilities");
  } catch (error) {
    if (error instanceof Refused && error.status === 401) throw error; // it is there
    return undefined;
  }
}

/** A picture that a browser has no decoder for, as one that it has. */
export async function readPicture(picture: Blob): Promise<Blob> {
  const form = new FormData();
  form.append("image", picture);
  return (await answer("decode", { method: "POST", body: form })).blob();
}

/** All jobs, without their loss curves, the newest first. */
export const fetchJobs = (): Promise<Job[]> => ask("jobs");

export const beginJob = (kind: Kind, fields: Fields): Promise<Job> =>
  ask(`jobs/${kind}`, { method: "POST", body: formOf(fields) });

/** Films are large: how much of one is sent is told. */
export function beginFilm(
  film: File, options: Fields, sent: (share: number) => void, signal: AbortSignal,
): Promise<Job> {
  const address = new URL(url("jobs/film"));
  for (const [name, value] of entriesOf(options)) address.searchParams.append(name, String(value));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not tell
    request.open("POST", address);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => sent(loaded / total);
    request.onload = () =>
      void checked(new Response(request.responseText, { status: request.status }))
        .then((response) => response.json())
        .then(resolve, reject);
    request.onerror = () => reject(new Error(SILENT));
    request.onabort = () => reject(new Cancelled());
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(film);
  });
}

/** End it, and keep what there is. */
export const stopJob = ({ id }: Job): Promise<Job> => ask(`jobs/${id}/stop`, { method: "POST" });

export const cancelJob = ({ id }: Job): Promise<Job> => ask(`jobs/${id}/cancel`, { method: "POST" });

/** Forget a finished one, with its files. */
export const deleteJob = ({ id }: Job): Promise<void> => ask(`jobs/${id}`, { method: "DELETE" });

/** Tells how far a job is whenever it changes, until it is finished. Returns how to stop. */
export function watchJob(id: string, tell: (job: Job) => void): () => void {
  const source = new EventSource(url(`jobs/${id}/events`));
  source.onmessage = ({ data }: MessageEvent<string>) => {
    const job = JSON.parse(data) as Job;
    if (isFinished(job)) source.close(); // or it would ask again
    tell(job);
  };
  return () => source.close();
}

/** Changes with each preview, so that each is fetched. */
export const previewUrl = ({ id, previews }: Job): string | undefined =>
  previews ? url(`jobs/${id}/preview?${previews}`) : undefined;

export const resultUrl = ({ id }: Job): string => url(`jobs/${id}/result`);

const SILENT = "The server does not answer: is it still running?";

const url = (path: string): string => new URL(`api/${path}`, document.baseURI).href;

async function ask<T>(path: string, request?: RequestInit): Promise<T> {
  const response = await answer(path, request);
  return response.status === 204 ? (undefined as T) : response.json();
}

async function answer(path: string, request?: RequestInit): Promise<Response> {
  const response = await fetch(url(path), request).catch(() => {
    throw new Error(SILENT);
  });
  return checked(response);
}

async function checked(response: Response): Promise<Response> {
  if (!response.ok) throw new Refused(await reasonOf(response), response.status);
  return response;
}

/** What the server says of a refusal; of fields that are wrong, it lists several. */
async function reasonOf(response: Response): Promise<string> {
  const { detail } = (await response.json().catch(() => ({}))) as { detail?: string | { msg: string; loc: string[] }[] };
  if (typeof detail === "string") return sentence(detail);
  const first = detail?.[0];
  return sentence(first ? `${first.loc.at(-1)}: ${first.msg}` : `the server answered ${response.status}`);
}

const sentence = (text: string): string => `${text[0]?.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

function formOf(fields: Fields): FormData {
  const form = new FormData();
  for (const [name, one] of entriesOf(fields)) form.append(name, one instanceof File ? one : String(one));
  return form;
}

/** Those that are given; of several files, each. */
const entriesOf = (fields: Fields): [string, string | number | File][] =>
  Object.entries(fields).flatMap(([name, value]) => {
    if (value === undefined || value === "") return [];
    const all = Array.isArray(value) ? (value as readonly File[]) : [value as string | number | File];
    return all.map((one): [string, string | number | File] => [name, one]);
  });
