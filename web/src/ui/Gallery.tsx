import type { JSX } from "preact";

import { chosenName, styles } from "../state";
import { type Style, styleUrl } from "../styles";

/** The styles, as thumbnails that the models themselves painted. */
export function Gallery(): JSX.Element {
  return (
    <fieldset class="gallery">
      <legend>Style</legend>
      <div class={styles.value.length < 3 ? "few" : ""}>
        {styles.value.map((style) => (
          <Thumbnail key={style.name} style={style} />
        ))}
      </div>
    </fieldset>
  );
}

function Thumbnail({ style }: { style: Style }): JSX.Element {
  return (
    <label>
      <input
        type="radio"
        name="style"
        checked={style.name === chosenName.value}
        onChange={() => (chosenName.value = style.name)}
      />
      <img src={styleUrl(style.files.thumbnail, document.baseURI)} alt="" width="160" height="120" decoding="async" />
      <span>
        <cite>{style.title}</cite>
        <small>{[style.artist, style.year].filter(Boolean).join(", ")}</small>
      </span>
    </label>
  );
}
