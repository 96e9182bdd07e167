import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { hasCameras } from "../shell/camera";
import { openFilm } from "../film/session";
import { IMAGES, isVideo } from "../shell/files";
import { Button, Choice, FileButton, Progress } from "../ui/controls";
import { PaintControls, PaintingLabel } from "../ui/PaintControls";
import type { Format } from "../worker/images";
import { CameraDialog } from "./CameraDialog";
import { Compare } from "./Compare";
import { openSample, SAMPLES } from "./samples";
import { cancelDownload, download, keepPainted, openPhoto, painting, photo, rendering } from "./session";

const TOUCH = matchMedia("(pointer: coarse)").matches;

export function PhotoView(): JSX.Element {
  useEffect(() => {
    if (!photo.value) void openSample(SAMPLES[0]!);
    return keepPainted();
  }, []);
  const subject = photo.value;
  return (
    <main class="view">
      <figure class="stage">
        <div class="wall">{subject && <Compare key={subject.url} photo={subject} />}</div>
        <figcaption>
          <PaintingLabel />
          {subject && (
            <p class="facts">
              {painting.value ? "Painting…" : `${subject.size.width} × ${subject.size.height} px`}
            </p>
          )}
        </figcaption>
        <Sources />
      </figure>
      <aside class="panel" aria-label="How it is painted">
        <PaintControls strokes />
        <Download />
      </aside>
    </main>
  );
}

function Sources(): JSX.Element {
  const [asking, setAsking] = useState(false);
  const take = (file: File): void => void (isVideo(file) ? openFilm(file) : openPhoto(file, file.name));
  return (
    <div class="row">
      <FileButton accept={`${IMAGES},video/*`} icon="picture" take={take}>
        Choose a picture
      </FileButton>
      {TOUCH ? (
        <FileButton accept="image/*" capture="environment" icon="camera" take={take}>
          Camera
        </FileButton>
      ) : (
        hasCameras() && (
          <Button icon="camera" press={() => setAsking(true)}>
            Camera
          </Button>
        )
      )}
      <div class="samples" role="group" aria-label="Sample photographs">
        <span>or begin with</span>
        {SAMPLES.map((sample) => (
          <button key={sample.name} type="button" title={sample.title} onClick={() => void openSample(sample)}>
            <img src={sample.url} alt={sample.title} width="40" height="40" />
          </button>
        ))}
      </div>
      {asking && <CameraDialog close={() => setAsking(false)} />}
    </div>
  );
}

function Download(): JSX.Element {
  const [format, setFormat] = useState<Format>("png");
  const share = rendering.value;
  if (share !== undefined) {
    return (
      <div class="download">
        <Progress label="Painting at full size" share={share} />
        <Button press={cancelDownload}>Cancel</Button>
      </div>
    );
  }
  return (
    <div class="download">
      <Choice legend="Format" value={format} names={{ png: "PNG", jpeg: "JPEG" }} change={setFormat} quiet />
      <Button kind="primary" icon="download" press={() => void download(format)} disabled={!photo.value}>
        Download
      </Button>
    </div>
  );
}
