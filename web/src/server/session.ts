/** What a studio server does for this page: its jobs, kept up to date, and which of them is looked at. */

import { signal } from "@preact/signals";

import { fail, problem, reloadStyles, say } from "../state";
import {
  beginJob,
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
/** Of each kind, the one that is looked at. */
export const looked = signal<Readonly<Partial<Record<Kind, string>>>>({});
/** While a job is sent to the server. */
export const sending = signal(false);

export async function findServer(): Promise<void> {
  server.value = (await fetchCapabilities()) ?? null;
  if (!server.value) return;
  await refresh();
  setInterval(() => !document.hidden && jobs.value.some((job) => !isFinished(job)) && void refresh(), PAUSE);
}

export const jobsOf = (kind: Kind): readonly Job[] => jobs.value.filter((job) => job.kind === kind);

/** The job that is looked at: the one that was chosen, or the newest. */
export function lookedAt(kind: Kind): Job | undefined {
  const own = jobsOf(kind);
  return own.find(({ id }) => id === looked.value[kind]) ?? own[0];
}

export const look = ({ kind, id }: Job): void => void (looked.value = { ...looked.value, [kind]: id });

/** Keep a job up to date while it is looked at. Returns how to stop. */
export const follow = (id: string): (() => void) => watchJob(id, update);

export async function begin(kind: Kind, fields: Fields): Promise<void> {
  sending.value = true;
  problem.value = "";
  try {
    const job = await beginJob(kind, fields);
    jobs.value = [job, ...jobs.value];
    look(job);
    say(job.position ? `In line, after ${job.position} others.` : "It begins.");
  } catch (error) {
    fail(error);
  } finally {
    sending.value = false;
  }
}

export const keep = (job: Job): Promise<void> => done(stopJob(job).then(update));

/** Cancel; or forget what is finished. */
export const discard = (job: Job): Promise<void> => done(deleteJob(job).then(refresh));

async function done(asked: Promise<void>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    fail(error);
  }
}

async function refresh(): Promise<void> {
  const known = new Map(jobs.value.map((job) => [job.id, job]));
  try {
    const listed = await fetchJobs();
    jobs.value = listed.map((job) => ({ ...job, history: known.get(job.id)?.history ?? job.history }));
    for (const job of jobs.value) notice(known.get(job.id), job);
  } catch {
    // The next look may find it again; whoever asks for something is told.
  }
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
