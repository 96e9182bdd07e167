import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { Icon } from "../ui/icons";
import { moved, placed } from "./divider";
import { painted, painting, type Photo } from "./session";

const BEGIN = 0.3;

/** The painting over the photograph, and the divider between them. */
export function Compare({ photo }: { photo: Photo }): JSX.Element {
  const [place, setPlace] = useState(BEGIN);
  const frame = useRef<HTMLDivElement>(null);
  const { width, height } = photo.size;

  const follow = (event: PointerEvent): void => {
    const { left, width } = frame.current!.getBoundingClientRect();
    setPlace(placed((event.clientX - left) / width));
  };

  return (
    <div
      ref={frame}
      class={`picture ${painting.value ? "working" : ""}`}
      style={{ "--width": width, "--height": height, "--place": place }}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        follow(event);
      }}
      onPointerMove={(event) => event.currentTarget.hasPointerCapture(event.pointerId) && follow(event)}
    >
      <img src={photo.url} alt="The photograph" draggable={false} />
      <PaintedCanvas />
      <div
        class="divider"
        role="slider"
        tabIndex={0}
        aria-label="Divider between the photograph and the painting"
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(100 * place)}
        aria-valuetext={`${Math.round(100 * (1 - place))} % of the painting shown`}
        hidden={!painted.value}
        onKeyDown={(event) => {
          const next = moved(place, event.key, event.shiftKey);
          if (next === undefined) return;
          event.preventDefault();
          setPlace(next);
        }}
      >
        <span>
          <Icon name="grip" />
        </span>
      </div>
    </div>
  );
}

function PaintedCanvas(): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const picture = painted.value;
  useEffect(() => {
    if (!picture || !canvas.current) return;
    const { width, height, bytes } = picture;
    Object.assign(canvas.current, { width, height });
    canvas.current.getContext("2d")!.putImageData(new ImageData(bytes, width, height), 0, 0);
  }, [picture]);
  return <canvas ref={canvas} role="img" aria-label="The painting" hidden={!picture} />;
}
