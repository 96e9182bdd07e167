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

/** night-cafe_1888.jpg → Night cafe 1888 */
export function titleOf(name: string): string {
  const words = name.replace(/\.[^.]*$/, "").replace(/[-_\s]+/g, " ").trim();
  return words && words[0]!.toUpperCase() + words.slice(1);
}
