/** What a studio server does for this page: its jobs, kept up to date, and which of them is looked at. */

import { signal } from "@preact/signals";

import { fail, problem, reloadStyles, say } from "../state";
import { Cancelled } from "../studio";
import {
  beginJob,
  cancelJob,
  type Capabilities,
  deleteJob,
  fetchCapabilities,
  fetchJobs,
  type Fields,
  isFinished,
  type Job,
  type Kind,
  stopJob,
  watchJob,
} from "./api";

const PAUSE = 3000; // ms between looks at the jobs that nobody watches

/** undefined: not known yet. null: there is none. */
export const server = signal<Capabilities | null | undefined>(undefined);
/** The newest first. */
export const jobs = signal<readonly Job[]>([]);
/** Of each kind, the one that is looked at; null for none of them. */
export const looked = signal<Readonly<Partial<Record<Kind, string | null>>>>({});
/** While a job is sent to the server. */
export const sending = signal(false);

export async function findServer(): Promise<void> {
  server.value = await fetchCapabilities().then(
    (found) => found ?? null,
    (error: unknown) => (fail(error), null),
  );
  if (!server.value) return;
  await refresh();
  setInterval(() => !document.hidden && jobs.value.some((job) => !isFinished(job)) && void refresh(), PAUSE);
}

export const jobsOf = (kind: Kind): readonly Job[] => jobs.value.filter((job) => job.kind === kind);

/** The job that is looked at: the one that was chosen, or the newest. */
export function lookedAt(kind: Kind): Job | undefined {
  if (looked.value[kind] === null) return undefined;
  const own = jobsOf(kind);
  return own.find(({ id }) => id === looked.value[kind]) ?? own[0];
}

export const look = ({ kind, id }: Job): void => void (looked.value = { ...looked.value, [kind]: id });

export const lookAway = (kind: Kind): void => void (looked.value = { ...looked.value, [kind]: null });

/** Keep a job up to date while it is looked at. Returns how to stop. */
export const follow = (id: string): (() => void) => watchJob(id, update);

export const begin = (kind: Kind, fields: Fields): Promise<void> => beginning(() => beginJob(kind, fields));

/** Send a job to the server, and look at it. */
export async function beginning(send: () => Promise<Job>): Promise<void> {
  sending.value = true;
  problem.value = "";
  try {
    const job = await send();
    jobs.value = [job, ...jobs.value.filter(({ id }) => id !== job.id)];
    look(job);
    say(`${job.title} is in line.`);
  } catch (error) {
    if (!(error instanceof Cancelled)) fail(error);
  } finally {
    sending.value = false;
  }
}

export const keep = (job: Job): Promise<void> => done(stopJob(job).then(update));

export const cancel = (job: Job): Promise<void> => done(cancelJob(job).then(update));

/** Forget a finished one. */
export const remove = (job: Job): Promise<void> => done(deleteJob(job).then(() => drop(job)));

async function done(asked: Promise<void>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    fail(error);
  }
}

const drop = (job: Job): void => void (jobs.value = jobs.value.filter(({ id }) => id !== job.id));

async function refresh(): Promise<void> {
  const before = new Set(jobs.value.map(({ id }) => id));
  const listed = await fetchJobs().catch(() => undefined); // who asks for something is told; the next look may find it
  if (!listed) return;
  const now = new Map(jobs.value.map((job) => [job.id, job]));
  const begun = jobs.value.filter(({ id }) => !before.has(id) && !listed.some((job) => job.id === id));
  const known = listed.filter(({ id }) => now.has(id) || !before.has(id)); // the others were removed meanwhile
  jobs.value = [...begun, ...known.map((job) => merged(now.get(job.id), job))];
  for (const job of jobs.value) notice(now.get(job.id), job);
}

/** The newer of what is known of a job and what was listed, which has no curve. */
function merged(known: Job | undefined, listed: Job): Job {
  if (!known) return listed;
  return isFinished(known) ? known : { ...listed, history: known.history };
}

function update(job: Job): void {
  const before = jobs.value.find(({ id }) => id === job.id);
  jobs.value = jobs.value.map((one) => (one.id === job.id ? job : one));
  notice(before, job);
}

/** Tell what came of a job, once. */
function notice(before: Job | undefined, now: Job): void {
  if (!before || isFinished(before) || !isFinished(now)) return;
  if (now.state === "failed") return fail(now.error);
  say(now.state === "done" ? `${now.title} is done.` : `${now.title} was cancelled.`);
  if (now.kind === "train" && now.state === "done") void reloadStyles();
}
