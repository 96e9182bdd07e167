import astronaut from "../../../examples/astronaut.jpg?url";
import chelsea from "../../../examples/chelsea.jpg?url";

import { openPhoto } from "./session";

export interface Sample {
  readonly name: string;
  readonly title: string;
  readonly url: string;
}

/** Photographs to begin with. */
export const SAMPLES: readonly Sample[] = [
  { name: "astronaut", title: "An astronaut", url: astronaut },
  { name: "chelsea", title: "A cat", url: chelsea },
];

export async function openSample({ url, name }: Sample): Promise<void> {
  const response = await fetch(url);
  await openPhoto(await response.blob(), name);
}
