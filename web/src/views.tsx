import type { ComponentType } from "preact";

import { LiveView } from "./live/LiveView";
import { PhotoView } from "./photo/PhotoView";

export interface View {
  readonly id: string;
  readonly title: string;
  readonly Content: ComponentType;
}

/** The views, in the order of the navigation. Those that need a server are added where one says that it has them. */
export const VIEWS: readonly View[] = [
  { id: "photo", title: "Photo", Content: PhotoView },
  { id: "live", title: "Live", Content: LiveView },
];
