import { computed } from "@preact/signals";
import type { ComponentType } from "preact";

import { FilmView } from "./film/FilmView";
import { LiveView } from "./live/LiveView";
import { PhotoView } from "./photo/PhotoView";
import { openPhoto } from "./photo/session";
import { PaintView, takeForPainting } from "./server/PaintView";
import { server } from "./server/session";
import { takeForTraining, TrainView } from "./server/TrainView";

export interface View {
  readonly id: string;
  readonly title: string;
  readonly Content: ComponentType;
  /** What becomes of a picture that is dropped or pasted while the view is seen; without it, the first view has it. */
  readonly take?: (picture: File) => void;
  /** Whether pictures are sent to the server. */
  readonly sends?: true;
}

const OWN: readonly View[] = [
  { id: "photo", title: "Photo", Content: PhotoView, take: (file) => void openPhoto(file, file.name) },
  { id: "live", title: "Live", Content: LiveView },
];
const OF_A_SERVER: readonly View[] = [
  { id: "film", title: "Film", Content: FilmView, sends: true },
  { id: "paint", title: "Paint", Content: PaintView, take: takeForPainting, sends: true },
  { id: "train", title: "Train", Content: TrainView, take: takeForTraining, sends: true },
];

/** The views, in the order of the navigation. */
export const views = computed(() => (server.value ? [...OWN, ...OF_A_SERVER] : OWN));

/** The view of an address; undefined while it is not known whether there is one. */
export function viewOf(id: string): View | undefined {
  if (server.value === undefined && OF_A_SERVER.some((view) => view.id === id)) return undefined;
  return views.value.find((view) => view.id === id) ?? OWN[0];
}
