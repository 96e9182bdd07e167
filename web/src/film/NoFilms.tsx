import type { JSX } from "preact";

import { server } from "../server/session";

/** Why no film can be painted here, and what to do. */
export const NoFilms = (): JSX.Element => (
  <p>
    {server.value ? "This server cannot paint films. " : "A whole film, with its sound, takes the studio’s own server. "}
    Install it with <code>pip install 'impasto[studio,video]'</code> and run <code>impasto studio</code>.
  </p>
);
