/** Cameras. */

export type Facing = "user" | "environment";

export const hasCameras = (): boolean => Boolean(navigator.mediaDevices?.getUserMedia);

export async function openCamera(facing: Facing): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 720 } },
    });
  } catch (error) {
    throw new Error(reason(error));
  }
}

export const closeStream = (stream: MediaStream): void => stream.getTracks().forEach((track) => track.stop());

export async function countCameras(): Promise<number> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind }) => kind === "videoinput").length;
}

function reason(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "The camera is not allowed: allow it for this page in the browser’s settings.";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "No camera was found.";
  if (name === "NotReadableError") return "The camera is in use elsewhere.";
  return "The camera cannot be opened.";
}
