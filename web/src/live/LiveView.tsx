import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

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
      </aside>
    </main>
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
      {canRecord() && (
        <Button icon={recording.value ? "stop" : "record"} press={toggleRecording} pressed={recording.value}>
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
      {`${rate < 10 ? rate.toFixed(1) : Math.round(rate)} frames a second at ${size.width} × ${size.height} px`}
    </p>
  );
}
