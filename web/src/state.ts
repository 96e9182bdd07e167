/** What both views share: the styles, the options, the worker. */

import { computed, signal } from "@preact/signals";

import type { Colors, Options } from "./painting/painter";
import { Studio } from "./studio";
import { fetchStyles, type Style } from "./styles";
import type { Engine } from "./worker/protocol";
import type { Backend } from "./worker/runtime";

const TOUCH = navigator.maxTouchPoints > 1;

export const studio = new Studio({
  base: document.baseURI,
  // Phones and tablets end a page that takes too much memory, without a word.
  modest: ((navigator as { deviceMemory?: number }).deviceMemory ?? (TOUCH ? 4 : 8)) <= 4,
  backend: (new URLSearchParams(location.search).get("backend") as Backend | null) ?? undefined,
});

export const styles = signal<readonly Style[]>([]);
export const chosenName = signal("");
export const chosen = computed(() => styles.value.find(({ name }) => name === chosenName.value));

export const strength = signal(1);
export const styleScale = signal(1);
export const colors = signal<Colors>("painting");
export const options = computed<Options>(() => ({
  strength: strength.value,
  styleScale: styleScale.value,
  colors: colors.value,
}));

export const engine = signal<Engine | undefined>(undefined);
/** Said to screen readers. */
export const announcement = signal("");
/** What went wrong last, until something else is done. */
export const problem = signal("");

export const say = (text: string): void => void (announcement.value = text);
export const fail = (error: unknown): void =>
  void (problem.value = error instanceof Error ? error.message : String(error));

/** After one was trained. */
export async function reloadStyles(): Promise<void> {
  try {
    styles.value = await fetchStyles();
  } catch (error) {
    fail(error);
  }
}

export async function loadStyles(): Promise<void> {
  try {
    styles.value = await fetchStyles();
    chosenName.value = styles.value[0]?.name ?? "";
    const [style] = styles.value;
    if (style) engine.value = await studio.run("warm", { style });
  } catch (error) {
    fail(error);
  }
}
