import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { Size } from "../painting/planes";
import { Button, LinkButton, Progress } from "../ui/controls";
import { isFinished, type Job, type Kind, previewUrl, resultUrl } from "./api";
import { LossCurve } from "./LossCurve";
import { cancel, follow, jobsOf, keep, look, lookedAt, remove } from "./session";
import { duration, paceOf } from "./words";

interface JobStageProps {
  readonly kind: Kind;
  /** What is there before there is a job. */
  readonly invitation: JSX.Element;
  /** Further things to do with a result. */
  readonly finished?: (job: Job) => ComponentChildren;
}

/** A job on the wall: how it looks, how far it is, what can be done with it; and the others, to choose from. */
export function JobStage({ kind, invitation, finished }: JobStageProps): JSX.Element {
  const job = lookedAt(kind);
  useEffect(() => job && follow(job.id), [job?.id]);
  return (
    <figure class="stage">
      <div class="wall">{job ? <Picture key={job.id} job={job} /> : invitation}</div>
      {job && (
        <figcaption>
          <p class="label">
            <cite>{job.title}</cite>
          </p>
          <p class="facts" data-state={job.state}>
            {facts(job)}
          </p>
        </figcaption>
      )}
      {job && (
        <div class="job">
          {job.state === "running" && <Progress label={STAGES[kind]} share={job.progress} />}
          <LossCurve history={job.history} />
          {job.notes.length > 0 && (
            <ul class="notes">
              {job.notes.map((note) => (
                <li key={note}>{note}</li>
              ))}
            </ul>
          )}
          <div class="row">
            {job.state === "running" && job.iteration > 0 && <Button press={() => void keep(job)}>Stop and keep</Button>}
            {!isFinished(job) && (
              <Button icon="close" press={() => void cancel(job)} disabled={job.cancelling}>
                {job.cancelling ? "Cancelling…" : "Cancel"}
              </Button>
            )}
            {job.state === "done" && (
              <LinkButton kind="primary" icon="download" href={resultUrl(job)} download={job.result ?? ""}>
                Download
              </LinkButton>
            )}
            {job.state === "done" && finished?.(job)}
            {isFinished(job) && (
              <Button kind="quiet" press={() => void remove(job)}>
                Remove
              </Button>
            )}
            <span class="gap" />
            <Others kind={kind} shown={job} />
          </div>
        </div>
      )}
      {!job && jobsOf(kind).length > 0 && (
        <div class="row">
          <span class="gap" />
          <Others kind={kind} />
        </div>
      )}
    </figure>
  );
}

const SHOWN_SIDE = 768; // px, at least: what previews are at most

const STAGES: Readonly<Record<Kind, string>> = {
  paint: "Painting",
  train: "Learning the painting",
  film: "Painting the film",
};

function Picture({ job }: { job: Job }): JSX.Element {
  const [size, setSize] = useState<Size | undefined>(undefined);
  const [unplayable, setUnplayable] = useState(false);
  if (isPlayable(job) && !unplayable) return <PlayedFilm job={job} refused={() => setUnplayable(true)} />;
  const isShown = job.kind === "paint" || (job.kind === "film" && !isPlayable(job));
  const source = isShown && job.state === "done" ? resultUrl(job) : previewUrl(job);
  if (!source) return <p class="waiting">{waiting(job)}</p>;
  // The first previews are small: they are shown as large as the picture will be.
  const scale = size ? Math.max(1, SHOWN_SIDE / Math.max(size.width, size.height)) : 1;
  return (
    <div
      class={`picture ${job.state === "running" ? "working" : ""}`}
      hidden={!size}
      style={size && { "--width": scale * size.width, "--height": scale * size.height }}
    >
      <img
        src={source}
        alt={`${job.title}, as it looks now`}
        onLoad={({ currentTarget }) =>
          setSize({ width: currentTarget.naturalWidth, height: currentTarget.naturalHeight })
        }
      />
      {unplayable && <p class="over">This browser cannot play such a film. Download it to see it.</p>}
    </div>
  );
}

/** Whether what came of it is a video file; an animation is shown as pictures are. */
const isPlayable = ({ kind, state, result }: Job): boolean =>
  kind === "film" && state === "done" && !/\.(gif|webp|a?png)$/.test(result ?? "");

function PlayedFilm({ job, refused }: { job: Job; refused: () => void }): JSX.Element {
  const [size, setSize] = useState<Size>({ width: 1280, height: 720 }); // until it is known
  return (
    <div class="picture" style={{ "--width": size.width, "--height": size.height }}>
      <video
        controls
        loop
        playsInline
        preload="metadata"
        poster={previewUrl(job)}
        src={resultUrl(job)}
        aria-label={`${job.title}, painted`}
        onLoadedMetadata={({ currentTarget: { videoWidth: width, videoHeight: height } }) =>
          width ? setSize({ width, height }) : refused()
        }
        onError={refused}
      />
    </div>
  );
}

function waiting({ state, position, error }: Job): string {
  if (state === "queued") return position ? `In line: ${position} before it` : "Next in line";
  if (state === "running") return "Getting ready…";
  return error ?? "There is no picture.";
}

function facts({ kind, state, position, iteration, iterations, rate, remaining, seconds, stopped, error }: Job): string {
  if (state === "queued") return position ? `${position} before it` : "next in line";
  if (state === "failed") return error ?? "it failed";
  if (state === "cancelled") return "cancelled";
  if (state === "done") return `${stopped ? "stopped" : "done"} after ${duration(seconds)}`;
  if (!iteration) return "getting ready";
  const left = remaining === null ? "" : `, ${duration(remaining)} left`;
  if (kind !== "film") return `iteration ${iteration} of ${iterations}${left}`;
  return `frame ${iteration} of ${iterations}, ${paceOf(rate ?? 0)}${left}`;
}

function Others({ kind, shown }: { kind: Kind; shown?: Job }): JSX.Element | null {
  const all = jobsOf(kind);
  if (shown && all.length < 2) return null;
  return (
    <div class="samples" role="group" aria-label="Jobs">
      {all.map((job) => (
        <button
          key={job.id}
          type="button"
          title={job.title}
          aria-label={`${job.title}, ${job.state}`}
          aria-current={job.id === shown?.id}
          onClick={() => look(job)}
        >
          {job.previews ? <img src={previewUrl(job)} alt="" width="44" height="44" /> : <span>{job.title[0]}</span>}
        </button>
      ))}
    </div>
  );
}
