import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import type { Colors } from "../painting/painter";
import { photo as easel } from "../photo/session";
import { fail } from "../state";
import { Button, Select, Slider } from "../ui/controls";
import { Colours, Strength, StrokeSize } from "../ui/PaintControls";
import { JobStage } from "./JobStage";
import { forget, type Given, given, Place } from "./Place";
import { begin, sending, server } from "./session";

const MOST_PAINTINGS = 4;
const SIZES = { low: 256, high: 2048, step: 64 }; // px

const photo = signal<Given | undefined>(undefined);
const paintings = signal<readonly Given[]>([]);
const preset = signal("default");
const size = signal(512);
const strength = signal(1);
const styleScale = signal(1);
const colors = signal<Colors>("painting");

/** A picture that was dropped or pasted goes where one is missing. */
export function takeForPainting(file: File): void {
  if (!photo.value) photo.value = given(file);
  else if (paintings.value.length < MOST_PAINTINGS) paintings.value = [...paintings.value, given(file)];
  else fail("There are four paintings already: remove one first.");
}

/** The iterative method, on the server. */
export function PaintView(): JSX.Element {
  useEffect(() => void takeFromEasel(), []);
  return (
    <main class="view">
      <JobStage kind="paint" invitation={<Invitation />} />
      <aside class="panel" aria-label="What is painted, and how">
        {server.value?.paint ? <Controls /> : <NotHere />}
      </aside>
    </main>
  );
}

/** The photograph that was taken over from the photo view; until another is chosen here, this view follows that one. */
let taken: { readonly from: string; readonly picture: Given } | undefined;

async function takeFromEasel(): Promise<void> {
  const subject = easel.value;
  if (!subject || taken?.from === subject.url || photo.value !== taken?.picture) return;
  const blob = await fetch(subject.url).then((response) => response.blob(), () => undefined); // it may be gone again
  if (!blob || photo.value !== taken?.picture) return;
  if (taken) forget(taken.picture);
  taken = { from: subject.url, picture: given(new File([blob], subject.name, { type: blob.type })) };
  photo.value = taken.picture;
}

function Invitation(): JSX.Element {
  return (
    <div class="invitation">
      <h2>Any photograph, after any painting</h2>
      <p>The pixels themselves are painted over, again and again, until they are the painting’s. It takes a minute or two.</p>
    </div>
  );
}

function NotHere(): JSX.Element {
  return (
    <p>
      This server has no torch to paint with. Install it with <code>pip install 'impasto[torch]'</code>, and start the
      studio again.
    </p>
  );
}

function Controls(): JSX.Element {
  const ready = photo.value && paintings.value.length > 0;
  return (
    <>
      <Place
        legend="Photograph"
        pictures={photo.value ? [photo.value] : []}
        ask="Choose a photograph"
        take={(file) => (photo.value = given(file))}
        drop={(picture) => {
          forget(picture);
          photo.value = undefined;
        }}
      />
      <Place
        legend="Paintings"
        pictures={paintings.value}
        ask={paintings.value.length ? "Another one" : "Choose a painting"}
        room={MOST_PAINTINGS}
        take={(file) => (paintings.value = [...paintings.value, given(file)])}
        drop={(picture) => {
          forget(picture);
          paintings.value = paintings.value.filter((one) => one !== picture);
        }}
      />
      <Select
        label="Preset"
        value={preset.value}
        names={server.value?.presets ?? []}
        change={(name) => (preset.value = name)}
      />
      <Slider
        label="Size"
        value={size.value}
        {...SIZES}
        text={`${size.value} px`}
        change={(value) => (size.value = value)}
      />
      <Strength share={strength} />
      <StrokeSize scale={styleScale} />
      <Colours kept={colors} />
      <div class="download">
        <Button kind="primary" icon="brush" press={() => void beginPainting()} disabled={!ready || sending.value}>
          {sending.value ? "Sending…" : "Paint"}
        </Button>
      </div>
    </>
  );
}

const beginPainting = (): Promise<void> =>
  begin("paint", {
    photo: photo.value!.file,
    paintings: paintings.value.map(({ file }) => file),
    preset: preset.value,
    size: size.value,
    strength: strength.value,
    style_scale: styleScale.value,
    preserve_color: colors.value === "painting" ? undefined : colors.value,
  });
