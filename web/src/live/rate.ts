/** Frames a second over the last seconds. */

const SPAN = 2000; // ms

export interface Rate {
  readonly times: readonly number[];
}

export const NO_FRAMES: Rate = { times: [] };

export function counted({ times }: Rate, now: number): Rate {
  return { times: [...times.filter((time) => now - time < SPAN), now] };
}

export function framesPerSecond({ times }: Rate): number {
  if (times.length < 2) return 0;
  return (1000 * (times.length - 1)) / (times.at(-1)! - times[0]!);
}
