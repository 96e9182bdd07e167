import type { JSX } from "preact";

import type { LossPoint } from "./api";
import { curveOf, HEIGHT, WIDTH } from "./curve";

const digits = (loss: number): string => loss.toPrecision(3);

/** The total loss, falling; of a training, that on photographs held out as dots. */
export function LossCurve({ history }: { history: readonly LossPoint[] }): JSX.Element | null {
  const first = history[0];
  const last = history.at(-1);
  if (!first || !last || history.length < 2) return null;
  const { line, dots } = curveOf(history);
  return (
    <figure class="curve">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`The loss went from ${digits(first.total)} to ${digits(last.total)}`}
      >
        <path d={line} />
        {dots && <path class="dots" d={dots} />}
      </svg>
      <dl>
        <Loss name="Loss" value={last.total} />
        <Loss name="Content" value={last.content} />
        <Loss name="Style" value={last.style} />
      </dl>
    </figure>
  );
}

function Loss({ name, value }: { name: string; value: number }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{digits(value)}</dd>
    </div>
  );
}
