/** Times and titles as people write them. */

/** 0.4 → "a moment", 75 → "1 min 15 s", 5400 → "1 h 30 min". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 1) return "a moment";
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** night-cafe_1888.jpg → Night cafe 1888 */
export function titleOf(name: string): string {
  const words = name.replace(/\.[^.]*$/, "").replace(/[-_\s]+/g, " ").trim();
  return words && words[0]!.toUpperCase() + words.slice(1);
}
