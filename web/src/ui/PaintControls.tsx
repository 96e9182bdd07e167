import type { Signal } from "@preact/signals";
import type { JSX } from "preact";

import type { Colors } from "../painting/painter";
import { chosen, colors, strength, styleScale } from "../state";
import { Choice, Slider } from "./controls";
import { Gallery } from "./Gallery";

const STROKES = { low: -1, high: 1.6, step: 0.1 }; // powers of two

const percent = (share: number): string => `${Math.round(100 * share)} %`;

const times = (scale: number): string =>
  `${scale.toLocaleString("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1 })} ×`;

/** strokes: whether their size can be chosen. */
export function PaintControls({ strokes }: { strokes: boolean }): JSX.Element {
  return (
    <>
      <Gallery />
      <Strength share={strength} />
      {strokes && <StrokeSize scale={styleScale} />}
      <Colours kept={colors} />
    </>
  );
}

export function Strength({ share }: { share: Signal<number> }): JSX.Element {
  return (
    <Slider
      label="Strength"
      value={share.value}
      low={0}
      high={1}
      step={0.01}
      text={percent(share.value)}
      change={(value) => (share.value = value)}
    />
  );
}

export function StrokeSize({ scale }: { scale: Signal<number> }): JSX.Element {
  return (
    <Slider
      label="Stroke size"
      value={Math.log2(scale.value)}
      {...STROKES}
      text={times(scale.value)}
      change={(power) => (scale.value = 2 ** power)}
    />
  );
}

export function Colours({ kept }: { kept: Signal<Colors> }): JSX.Element {
  return (
    <Choice
      legend="Colours"
      value={kept.value}
      names={{ painting: "Painting", luminance: "Photograph", match: "Matched" }}
      change={(value) => (kept.value = value)}
    />
  );
}

/** What the picture is painted after, as the label beside it in a gallery says it. */
export function PaintingLabel(): JSX.Element | null {
  const style = chosen.value;
  if (!style) return null;
  return (
    <p class="label">
      <span>after </span>
      <cite>{style.title}</cite>
      {style.artist && `, ${[style.artist, style.year].filter(Boolean).join(", ")}`}
    </p>
  );
}
