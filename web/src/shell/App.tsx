import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { openFilm } from "../film/session";
import { startVideo } from "../live/session";
import { announcement, problem } from "../state";
import { Button } from "../ui/controls";
import { viewOf, views } from "../views";
import { isVideo, receiveFiles } from "./files";
import { Footer } from "./Footer";

const address = (): string => location.hash.slice(1);

/** A dropped or pasted file goes to the view that can paint it. */
async function receive(file: File): Promise<void> {
  const current = viewOf(address());
  if (isVideo(file)) return current?.id === "live" ? startVideo(file) : openFilm(file);
  const view = current?.take ? current : viewOf("photo")!;
  location.hash = view.id;
  view.take!(file);
}

export function App(): JSX.Element {
  const [id, setId] = useState(address);
  const [hovering, setHovering] = useState(false);
  useEffect(() => {
    receiveFiles((file) => void receive(file), setHovering);
    addEventListener("hashchange", () => {
      problem.value = "";
      setId(address());
      scrollTo(0, 0);
    });
  }, []);
  const view = viewOf(id);
  return (
    <>
      <header>
        <h1>Impasto</h1>
        <nav aria-label="Views">
          {views.value.map(({ id, title }) => (
            <a key={id} href={`#${id}`} aria-current={id === view?.id ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
      </header>
      {view ? <view.Content /> : <main class="view" />}
      <Footer sends={view?.sends ?? false} />
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
