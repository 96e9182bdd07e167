/** A loss curve as SVG paths: iterations to the right, the logarithm of the loss upward. */

import type { LossPoint } from "./api";

export const [WIDTH, HEIGHT] = [300, 80];
const EDGE = 4; // kept free above and below

export interface Curve {
  readonly line: string;
  /** Of the validation losses, as strokes without length; empty where there are none. */
  readonly dots: string;
}

export function curveOf(history: readonly LossPoint[]): Curve {
  const losses = history.flatMap(({ total, validation }) => (validation === null ? [total] : [total, validation]));
  const logs = losses.filter((loss) => loss > 0).map(Math.log);
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const begin = history[0]?.iteration ?? 0;
  const length = Math.max(1, (history.at(-1)?.iteration ?? 0) - begin);
  const place = (iteration: number, loss: number): string => {
    const share = high > low && loss > 0 ? (Math.log(loss) - low) / (high - low) : 0;
    const x = (WIDTH * (iteration - begin)) / length;
    return `${x.toFixed(1)} ${(EDGE + (HEIGHT - 2 * EDGE) * (1 - share)).toFixed(1)}`;
  };
  return {
    line: `M${history.map(({ iteration, total }) => place(iteration, total)).join("L")}`,
    dots: changes(history).map(({ iteration, validation }) => `M${place(iteration, validation!)}h0`).join(""),
  };
}

/** Where a validation loss was measured anew: between, points repeat the last one. */
const changes = (history: readonly LossPoint[]): LossPoint[] =>
  history.filter(({ validation }, index) => validation !== null && validation !== history[index - 1]?.validation);
