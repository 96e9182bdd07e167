/** The resolution that video is painted at: as high as leaves the frame rate that is wanted. */

import { fit } from "../painting/plan";
import type { Size } from "../painting/planes";

export const WANTED_RATE = 24;
/** px of the long side: few steps, so that a device that hesitates between two does not flicker. */
export const SIDES = [160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 960];
const BUDGET = 1000 / (WANTED_RATE + 1.5); // ms a frame, with a little room
const ROOM = 0.9; // of the budget that the next larger size may take
const SMOOTHING = 0.25;

const SETTLED = 6; // frames after which an average is believed; the first of a size compiles shaders
const HOPELESS = 2; // budgets: nobody waits for an average

/** cost: ms a frame, on average over the last of the `frames` painted at that side. */
export interface Resolution {
  readonly side: number;
  readonly frames: number;
  readonly cost: number;
}

export const atSide = (side: number): Resolution => ({ side, frames: 0, cost: 0 });

/** After a frame that took `milliseconds`, all told. */
export function adapted({ side, frames, cost }: Resolution, milliseconds: number): Resolution {
  if (frames === 0) return { side, frames: 1, cost: 0 };
  const average = frames === 1 ? milliseconds : cost + SMOOTHING * (milliseconds - cost);
  const same = { side, frames: frames + 1, cost: average };
  if (frames < SETTLED && average < HOPELESS * BUDGET) return same;
  const fitting = (share: number): number =>
    SIDES.findLast((one) => average * (one / side) ** 2 <= BUDGET * share) ?? SIDES[0]!;
  const next = average > BUDGET ? Math.min(side, fitting(1)) : Math.max(side, fitting(ROOM));
  return next === side ? same : atSide(next);
}

/** Of a frame, never enlarged; even sides, as video codecs want them. */
export function workingSize(frame: Size, side: number): Size {
  const { width, height } = fit(frame, Math.min(side, Math.max(frame.width, frame.height)));
  return { width: even(width), height: even(height) };
}

const even = (length: number): number => Math.max(2, 2 * Math.round(length / 2));
