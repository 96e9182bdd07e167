/** As Python's round(): halves go to the even neighbour, so that sizes are those that Python plans. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

export const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
