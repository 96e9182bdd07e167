import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { startVideo } from "../live/session";
import { Compare } from "../photo/Compare";
import { keepPainted, photo } from "../photo/session";
import { JobStage } from "../server/JobStage";
import { lookAway, sending, server } from "../server/session";
import { bytesOf } from "../server/words";
import { FILMS } from "../shell/files";
import { Button, Field, FileButton, Progress, Select } from "../ui/controls";
import { PaintControls } from "../ui/PaintControls";
import { NoFilms } from "./NoFilms";
import { cancelSending, film, from, paintFilm, sent, showFrame, SIZES, size, takeFilm, to } from "./session";

/** A whole film, painted on the server. */
export function FilmView(): JSX.Element {
  useEffect(() => {
    void showFrame();
    return keepPainted();
  }, []);
  return (
    <main class="view">
      <JobStage kind="film" invitation={<Easel />} />
      <aside class="panel" aria-label="What is painted, and how">
        {server.value?.film ? <Controls /> : <NoFilms />}
      </aside>
    </main>
  );
}

/** The first frame as it will look. */
function Easel(): JSX.Element {
  const [chosen, subject] = [film.value, photo.value];
  if (!chosen) return <Invitation />;
  if (subject && subject.url === chosen.frame) return <Compare key={subject.url} photo={subject} />;
  const text = chosen.frame === null ? "This browser cannot show the film. The server can paint it." : "Opening the film…";
  return <p class="waiting">{text}</p>;
}

function Invitation(): JSX.Element {
  return (
    <div class="invitation">
      <h2>A film, every frame of it</h2>
      <p>It is painted at full quality and held still, and keeps its sound. Drop one here, or choose it.</p>
      {server.value?.film && (
        <div class="row">
          <ChooseButton>Choose a film</ChooseButton>
        </div>
      )}
    </div>
  );
}

const ChooseButton = ({ children }: { children: string }): JSX.Element => (
  <FileButton accept={FILMS} icon="film" take={(file) => void takeFilm(file)}>
    {children}
  </FileButton>
);

function Controls(): JSX.Element {
  const chosen = film.value;
  return (
    <>
      <fieldset class="place">
        <legend>Film</legend>
        {chosen && (
          <p class="name">
            <button type="button" title="Show its first frame" onClick={() => (lookAway("film"), void showFrame())}>
              {chosen.file.name}
            </button>
            <span class="faint">{bytesOf(chosen.file.size)}</span>
          </p>
        )}
        <div>
          <ChooseButton>{chosen ? "Another film" : "Choose a film"}</ChooseButton>
          {chosen && (
            <Button icon="brush" press={() => ((location.hash = "live"), void startVideo(chosen.file))}>
              See it live
            </Button>
          )}
        </div>
      </fieldset>
      <PaintControls strokes />
      <Select label="Size" value={size.value} names={Object.keys(SIZES)} change={(name) => (size.value = name)} />
      <div class="pair even">
        <Field label="From" value={from.value} change={(text) => (from.value = text)} longest={12} hint="0:00" />
        <Field label="To" value={to.value} change={(text) => (to.value = text)} longest={12} hint="the end" />
      </div>
      <div class="download">
        {sending.value ? (
          <>
            <Progress label="Sending the film" share={sent.value} />
            <Button press={cancelSending}>Cancel</Button>
          </>
        ) : (
          <Button kind="primary" icon="film" press={() => void paintFilm()} disabled={!chosen}>
            Paint the film
          </Button>
        )}
      </div>
    </>
  );
}
