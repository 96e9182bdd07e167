import { signal } from "@preact/signals";
import type { JSX } from "preact";

import { server } from "../server/session";
import { engine, fail, say, studio, styles } from "../state";
import { megabytes, MODELS } from "../styles";
import { Button } from "../ui/controls";
import { canInstall, install, worksOffline } from "./installing";

/** What is done of keeping all styles: 1 is everything. */
const kept = signal<number | undefined>(undefined);

async function keepAll(): Promise<void> {
  kept.value = 0;
  try {
    await studio.run("keep", { styles: styles.value }, { progress: (share) => (kept.value = share) });
    kept.value = 1;
    say("All styles are kept for offline use.");
  } catch (error) {
    kept.value = undefined;
    fail(error);
  }
}

const SENT = "Pictures are sent to this studio’s server.";
const READ = "Your pictures are painted on this device; this studio’s server reads those that the browser cannot.";
const STAY = "Your pictures stay on this device.";

/** sends: whether the view sends pictures to the server. */
export function Footer({ sends }: { sends: boolean }): JSX.Element {
  return (
    <footer>
      <p>{sends ? SENT : server.value ? READ : STAY}</p>
      <Backend />
      <span class="gap" />
      {worksOffline.value && <Offline />}
      {canInstall.value && (
        <Button kind="quiet" press={() => void install()}>
          Install
        </Button>
      )}
    </footer>
  );
}

function Backend(): JSX.Element | null {
  if (!engine.value) return null;
  const { backend, threads } = engine.value;
  const text = backend === "webgpu" ? "WebGPU" : `WebAssembly, ${threads === 1 ? "1 thread" : `${threads} threads`}`;
  return (
    <p class="faint" data-backend={backend} data-threads={threads}>
      {text}
    </p>
  );
}

function Offline(): JSX.Element {
  if (kept.value === 1) return <p class="faint">All styles are kept for offline use</p>;
  if (kept.value !== undefined) return <p class="faint">Keeping the styles… {Math.round(100 * kept.value)} %</p>;
  const bytes = styles.value.flatMap(({ files }) => MODELS.map((use) => files[use].bytes));
  return (
    <Button kind="quiet" press={() => void keepAll()}>
      Keep all styles offline ({megabytes(bytes.reduce((sum, one) => sum + one, 0))})
    </Button>
  );
}
