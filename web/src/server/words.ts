/** Times and titles as people write them. */

/** 0.4 → "a moment", 75 → "1 min 15 s", 5400 → "1 h 30 min", 1200 → "20 min". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 1) return "a moment";
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return parts(whole, "min", "s");
  return parts(Math.round(whole / 60), "h", "min");
}

function parts(small: number, large: string, rest: string): string {
  const over = small % 60;
  return `${Math.floor(small / 60)} ${large}${over ? ` ${over} ${rest}` : ""}`;
}

/** 0.42 → "0.4 frames a second", 12.3 → "12 frames a second" */
export const paceOf = (rate: number): string => `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} frames a second`;

/** What people write of a place in a film, in seconds: 75, 1:15, 0:01:15.5. undefined for nothing, NaN for what is none. */
export function secondsOf(text: string): number | undefined {
  const written = text.trim();
  if (!written) return undefined;
  if (!/^(\d+:){0,2}\d+([.,]\d+)?$/.test(written)) return NaN;
  return written.split(":").reduce((sum, part) => 60 * sum + Number(part.replace(",", ".")), 0);
}

/** 4.1e9 → "4.1 GB", 12e6 → "12 MB" */
export const bytesOf = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1).replace(".0", "")} GB` : `${Math.max(1, Math.round(bytes / 1e6))} MB`;

/** night-cafe_1888.jpg → Night cafe 1888 */
export function titleOf(name: string): string {
  const words = name.replace(/\.[^.]*$/, "").replace(/[-_\s]+/g, " ").trim();
  return words && words[0]!.toUpperCase() + words.slice(1);
}
