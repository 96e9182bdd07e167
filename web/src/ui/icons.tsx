import type { JSX } from "preact";

const PATHS = {
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 2-2 5 5M15.5 9.5h.01",
  camera: "M4 8h3.5l1.5-2.5h6L16.5 8H20v11H4zM12 16.5a3.25 3.25 0 1 0 0-6.5 3.25 3.25 0 0 0 0 6.5z",
  film: "M4 5h16v14H4zM8 5v14M16 5v14M4 9.7h4M4 14.3h4M16 9.7h4M16 14.3h4",
  flip: "M5 9a7.5 7.5 0 0 1 13.5-1.5M18.5 4v3.5H15M19 15a7.5 7.5 0 0 1-13.5 1.5M5.5 20v-3.5H9",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 19.5h14",
  sound: "M12 4.5a2.5 2.5 0 0 0-2.5 2.5v4.5a2.5 2.5 0 0 0 5 0V7A2.5 2.5 0 0 0 12 4.5zM6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3",
  stop: "M7 7h10v10H7z",
  record: "M12 17.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11z",
  close: "M7 7l10 10M17 7 7 17",
  brush: "M19.5 4.5 10 14M9 13.5c-2 0-3 1.3-3 3 0 1.5-1 2.3-2.5 2.5 3 1.5 8 .7 8-3.2 0-1.3-1.1-2.3-2.5-2.3z",
  grip: "M9.5 7.5 5 12l4.5 4.5M14.5 7.5 19 12l-4.5 4.5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
