import type { JSX } from "preact";

import { chosen, colors, strength, styleScale } from "../state";
import { Choice, Slider } from "./controls";
import { Gallery } from "./Gallery";

export const STROKES = { low: -1, high: 1.6, step: 0.1 }; // powers of two

export const percent = (share: number): string => `${Math.round(100 * share)} %`;

export const times = (scale: number): string =>
  `${scale.toLocaleString("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1 })} ×`;

/** strokes: whether their size can be chosen. */
export function PaintControls({ strokes }: { strokes: boolean }): JSX.Element {
  return (
    <>
      <Gallery />
      <Slider
        label="Strength"
        value={strength.value}
        low={0}
        high={1}
        step={0.01}
        text={percent(strength.value)}
        change={(value) => (strength.value = value)}
      />
      {strokes && (
        <Slider
          label="Stroke size"
          value={Math.log2(styleScale.value)}
          {...STROKES}
          text={times(styleScale.value)}
          change={(power) => (styleScale.value = 2 ** power)}
        />
      )}
      <Choice
        legend="Colours"
        value={colors.value}
        names={{ painting: "Painting", luminance: "Photograph", match: "Matched" }}
        change={(value) => (colors.value = value)}
      />
    </>
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
