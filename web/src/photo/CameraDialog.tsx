import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { closeStream, openCamera } from "../shell/camera";
import { fail } from "../state";
import { Button } from "../ui/controls";
import { openPhoto } from "./session";

/** Takes one photograph. */
export function CameraDialog({ close }: { close: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const video = useRef<HTMLVideoElement>(null);

  useEffect(() => {
    dialog.current!.showModal();
    const opening = openCamera("user");
    opening.then(
      (stream) => video.current && (video.current.srcObject = stream),
      (error: unknown) => {
        fail(error);
        close();
      },
    );
    return () => void opening.then(closeStream, () => undefined);
  }, []);

  const take = (): void => {
    const { videoWidth: width, videoHeight: height } = video.current!;
    if (!width) return;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d")!.drawImage(video.current!, 0, 0);
    canvas.toBlob((file) => {
      if (file) void openPhoto(file, "photograph");
      close();
    });
  };

  return (
    <dialog ref={dialog} class="camera" aria-label="Take a photograph" onClose={close}>
      <video ref={video} autoplay muted playsInline />
      <div class="row">
        <Button press={close} kind="quiet">
          Cancel
        </Button>
        <Button press={take} kind="primary" icon="camera">
          Take it
        </Button>
      </div>
    </dialog>
  );
}
