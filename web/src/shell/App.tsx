import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { startVideo } from "../live/session";
import { openPhoto } from "../photo/session";
import { announcement, problem } from "../state";
import { Button } from "../ui/controls";
import { type View, VIEWS } from "../views";
import { isVideo, receiveFiles } from "./files";
import { Footer } from "./Footer";

const current = (): View => VIEWS.find(({ id }) => location.hash === `#${id}`) ?? VIEWS[0]!;

/** A dropped or pasted file goes to the view that can paint it. */
async function receive(file: File): Promise<void> {
  if (isVideo(file)) {
    location.hash = "live";
    await startVideo(file);
  } else {
    location.hash = "photo";
    await openPhoto(file, file.name);
  }
}

export function App(): JSX.Element {
  const [view, setView] = useState(current);
  const [hovering, setHovering] = useState(false);
  useEffect(() => {
    receiveFiles((file) => void receive(file), setHovering);
    addEventListener("hashchange", () => {
      problem.value = "";
      setView(current());
      scrollTo(0, 0);
    });
  }, []);
  const { Content } = view;
  return (
    <>
      <header>
        <h1>Impasto</h1>
        <nav aria-label="Views">
          {VIEWS.map(({ id, title }) => (
            <a key={id} href={`#${id}`} aria-current={id === view.id ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
      </header>
      <Content />
      <Footer />
      {problem.value && (
        <div class="problem" role="alert">
          <p>{problem.value}</p>
          <Button kind="quiet" press={() => (problem.value = "")}>
            Close
          </Button>
        </div>
      )}
      <p class="unseen" role="status">
        {announcement.value}
      </p>
      {hovering && <div class="drop">Drop a picture or a video</div>}
    </>
  );
}
