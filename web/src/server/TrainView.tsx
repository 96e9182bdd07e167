import { signal } from "@preact/signals";
import type { JSX } from "preact";

import { chosenName, styles } from "../state";
import { Button, Field, Select, Slider } from "../ui/controls";
import { StrokeSize } from "../ui/PaintControls";
import type { Job } from "./api";
import { JobStage } from "./JobStage";
import { forget, type Given, given, Place } from "./Place";
import { begin, sending, server } from "./session";
import { duration, titleOf } from "./words";

const MINUTES = [5, 10, 20, 30, 45, 60, 90, 120, 180, 240] as const;

const painting = signal<Given | undefined>(undefined);
const title = signal("");
const artist = signal("");
const year = signal("");
const content = signal("");
const minutes = signal(20);
const styleScale = signal(1);

export function takeForTraining(file: File): void {
  const before = painting.value;
  if (before) forget(before);
  if (!title.value || (before && title.value === titleOf(before.file.name))) title.value = titleOf(file.name);
  painting.value = given(file);
}

/** A new style, trained on the server. */
export function TrainView(): JSX.Element {
  return (
    <main class="view">
      <JobStage kind="train" invitation={<Invitation />} finished={(job) => <UseIt job={job} />} />
      <aside class="panel" aria-label="What is learned, and how">
        {server.value?.train ? <Controls /> : <NotHere />}
      </aside>
    </main>
  );
}

function Invitation(): JSX.Element {
  return (
    <div class="invitation">
      <h2>Teach it a painting</h2>
      <p>A network learns to paint any photograph, and video, in its manner. The style then hangs among the others.</p>
    </div>
  );
}

function NotHere(): JSX.Element {
  return (
    <p>
      This server cannot train. It needs <code>pip install 'impasto[train]'</code> and photographs to learn from:{" "}
      <code>impasto studio --content photos/</code>
    </p>
  );
}

/** Paint with the new style. */
function UseIt({ job }: { job: Job }): JSX.Element | null {
  const style = styles.value.find(({ name }) => `${name}.onnx` === job.result);
  if (!style) return null;
  return (
    <Button
      icon="brush"
      press={() => {
        chosenName.value = style.name;
        location.hash = "photo";
      }}
    >
      Paint with it
    </Button>
  );
}

function Controls(): JSX.Element {
  const folders = server.value?.content ?? [];
  const folder = content.value || folders[0] || "";
  const ready = painting.value && title.value.trim();
  return (
    <>
      <Place
        legend="Painting"
        pictures={painting.value ? [painting.value] : []}
        ask="Choose a painting"
        take={takeForTraining}
        drop={(picture) => {
          forget(picture);
          painting.value = undefined;
          if (title.value === titleOf(picture.file.name)) title.value = "";
        }}
      />
      <Field label="Title" value={title.value} change={(text) => (title.value = text)} longest={120} />
      <div class="pair">
        <Field label="Artist" value={artist.value} change={(text) => (artist.value = text)} longest={120} />
        <Field label="Year" value={year.value} change={(text) => (year.value = text)} longest={40} />
      </div>
      <Select label="Photographs to learn from" value={folder} names={folders} change={(name) => (content.value = name)} />
      <Slider
        label="Time"
        value={MINUTES.findIndex((one) => one === minutes.value)}
        low={0}
        high={MINUTES.length - 1}
        step={1}
        text={duration(60 * minutes.value)}
        change={(index) => (minutes.value = MINUTES[index]!)}
      />
      <StrokeSize scale={styleScale} />
      <div class="download">
        <Button
          kind="primary"
          icon="brush"
          press={() => void beginTraining(folder)}
          disabled={!ready || sending.value}
        >
          {sending.value ? "Sending…" : "Train"}
        </Button>
      </div>
    </>
  );
}

const beginTraining = (folder: string): Promise<void> =>
  begin("train", {
    painting: painting.value!.file,
    content: folder,
    title: title.value.trim(),
    artist: artist.value.trim(),
    year: year.value.trim(),
    minutes: minutes.value,
    style_scale: styleScale.value,
  });
