/** Where the divider between the photograph and the painting stands: a share of the width, moved by keys. */

import { clamp } from "../painting/numbers";

const STEPS: Readonly<Record<string, number>> = {
  ArrowLeft: -0.02,
  ArrowDown: -0.02,
  ArrowRight: 0.02,
  ArrowUp: 0.02,
  PageDown: -0.1,
  PageUp: 0.1,
  Home: -1,
  End: 1,
};

/** After a key was pressed; undefined if it moves nothing. */
export function moved(place: number, key: string, wide: boolean): number | undefined {
  const step = STEPS[key];
  return step === undefined ? undefined : placed(place + (wide ? 5 * step : step));
}

export const placed = (place: number): number => Math.round(1000 * clamp(place, 0, 1)) / 1000;
