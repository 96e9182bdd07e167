import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { NoFilms } from "../film/NoFilms";
import { openFilm } from "../film/session";
import { server } from "../server/session";
import { paceOf } from "../server/words";
import { hasCameras } from "../shell/camera";
import { chosen } from "../state";
import { styleUrl } from "../styles";
import { Button, FileButton } from "../ui/controls";
import { PaintControls, PaintingLabel } from "../ui/PaintControls";
import {
  cameras,
  canRecord,
  flipCamera,
  live,
  type Live,
  opening,
  pace,
  recording,
  shown,
  snapshot,
  startCamera,
  startVideo,
  stop,
  toggleRecording,
  withSound,
} from "./session";

export function LiveView(): JSX.Element {
  useEffect(() => stop, []);
  const current = live.value;
  return (
    <main class="view">
      <figure class="stage">
        <div class="wall">{current ? <Painting live={current} /> : <Invitation />}</div>
        {current && (
          <figcaption>
            <PaintingLabel />
            <Pace />
          </figcaption>
        )}
        {current && <Running live={current} />}
      </figure>
      <aside class="panel" aria-label="How it is painted">
        <PaintControls strokes={false} />
        {current?.file && <WholeFilm file={current.file} />}
      </aside>
    </main>
  );
}

/** What is seen live is small and coarse, and not held still. */
function WholeFilm({ file }: { file: File }): JSX.Element {
  if (!server.value?.film) return <NoFilms />;
  return (
    <div class="download">
      <Button icon="film" press={() => void openFilm(file)}>
        Paint the whole film
      </Button>
    </div>
  );
}

function Painting({ live: { size } }: { live: Live }): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => frame.current!.append(shown()), []);
  return (
    <div ref={frame} class="picture live" role="img" aria-label="The video, painted" style={{ "--width": size.width, "--height": size.height }} />
  );
}

function Invitation(): JSX.Element {
  const style = chosen.value;
  return (
    <div class="invitation">
      {style && <img src={styleUrl(style.files.thumbnail, document.baseURI)} alt="" width="320" height="213" />}
      <h2>Every frame, painted as it comes</h2>
      <p>From a camera, or from a video that you choose or drop here.</p>
      <div class="row">
        {hasCameras() && (
          <Button kind="primary" icon="camera" press={() => void startCamera()} disabled={opening.value}>
            Start the camera
          </Button>
        )}
        <VideoButton />
      </div>
    </div>
  );
}

function Running({ live: { kind } }: { live: Live }): JSX.Element {
  return (
    <div class="row">
      <Button icon="stop" press={stop}>
        Stop
      </Button>
      {kind === "camera" && cameras.value > 1 && (
        <Button icon="flip" press={() => void flipCamera()}>
          Other camera
        </Button>
      )}
      {kind === "file" && <VideoButton />}
      <span class="gap" />
      <Button icon="picture" press={snapshot}>
        Snapshot
      </Button>
      {canRecord() && kind === "camera" && (
        <Button
          icon="sound"
          press={() => (withSound.value = !withSound.value)}
          pressed={withSound.value}
          disabled={recording.value}
        >
          {withSound.value ? "Sound on" : "Sound off"}
        </Button>
      )}
      {canRecord() && (
        <Button icon={recording.value ? "stop" : "record"} press={() => void toggleRecording()} pressed={recording.value}>
          {recording.value ? "Finish" : "Record"}
        </Button>
      )}
    </div>
  );
}

function VideoButton(): JSX.Element {
  return (
    <FileButton accept="video/*" icon="film" take={(file) => void startVideo(file)}>
      Choose a video
    </FileButton>
  );
}

function Pace(): JSX.Element | null {
  if (!pace.value) return null;
  const { rate, size } = pace.value;
  return (
    <p class="facts" data-rate={rate.toFixed(1)}>
      {`${paceOf(rate)} at ${size.width} × ${size.height} px`}
    </p>
  );
}
