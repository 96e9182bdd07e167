import type { JSX } from "preact";

import { IMAGES } from "../shell/files";
import { FileButton } from "../ui/controls";
import { Icon } from "../ui/icons";

/** A picture that will be sent to the server. */
export interface Given {
  readonly file: File;
  readonly url: string;
}

export const given = (file: File): Given => ({ file, url: URL.createObjectURL(file) });

export const forget = ({ url }: Given): void => URL.revokeObjectURL(url);

interface PlaceProps {
  readonly legend: string;
  readonly pictures: readonly Given[];
  readonly ask: string;
  readonly take: (file: File) => void;
  readonly drop: (picture: Given) => void;
  /** How many there may be. */
  readonly room?: number;
}

/** Where a picture, or several, are put before a job begins. */
export function Place({ legend, pictures, ask, take, drop, room = 1 }: PlaceProps): JSX.Element {
  return (
    <fieldset class="place" tabIndex={-1}>
      <legend>{legend}</legend>
      <div>
        {pictures.map((picture) => (
          <span key={picture.url} class="given">
            <img src={picture.url} alt={picture.file.name /* shown where a browser cannot read it, but the server can */} />
            <button
              type="button"
              aria-label={`Remove ${picture.file.name}`}
              onClick={({ currentTarget }) => {
                currentTarget.closest("fieldset")?.focus(); // or the focus would be lost with the button
                drop(picture);
              }}
            >
              <Icon name="close" />
            </button>
          </span>
        ))}
        {pictures.length < room && (
          <FileButton accept={IMAGES} icon="picture" take={take}>
            {ask}
          </FileButton>
        )}
      </div>
    </fieldset>
  );
}
