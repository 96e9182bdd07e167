import type { Options } from "../painting/painter";
import type { Size } from "../painting/planes";
import type { Picture } from "../painting/sources";
import type { Style } from "../styles";
import type { Format } from "./images";
import type { Backend } from "./runtime";

/** base: of relative addresses. modest: start with small tiles. backend: instead of the fastest one that works. */
export interface Start {
  readonly base: string;
  readonly modest: boolean;
  readonly backend?: Backend | undefined;
}

export interface Engine {
  readonly backend: Backend;
  readonly threads: number;
}

/** seconds: that it took to paint. */
export interface Painted extends Picture {
  readonly seconds: number;
}

/** What the worker does: arguments and result of each task. It holds the photograph that was opened last. */
export interface Tasks {
  start: [Start, void];
  warm: [{ style: Style }, Engine];
  open: [{ file: Blob }, Size];
  preview: [{ style: Style; options: Options; size: Size }, Painted];
  render: [{ style: Style; options: Options; format: Format }, Blob];
  frame: [{ style: Style; options: Options; bitmap: ImageBitmap; size: Size }, Painted];
  keep: [{ styles: readonly Style[] }, void];
}

export type Task = keyof Tasks;

export type Request =
  | { [K in Task]: { readonly id: number; readonly task: K; readonly input: Tasks[K][0] } }[Task]
  | { readonly id: number; readonly task: "cancel" };

export type Reply =
  | { readonly id: number; readonly progress: number }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string; readonly cancelled: boolean; readonly unreadable: boolean };
