/** Cameras and microphones. */

export type Facing = "user" | "environment";

export const hasCameras = (): boolean => Boolean(navigator.mediaDevices?.getUserMedia);

export async function openCamera(facing: Facing): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 720 } },
    });
  } catch (error) {
    throw new Error(reason(error, "camera"));
  }
}

export async function openMicrophone(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    throw new Error(reason(error, "microphone"));
  }
}

export const closeStream = (stream: MediaStream): void => stream.getTracks().forEach((track) => track.stop());

export async function countCameras(): Promise<number> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind }) => kind === "videoinput").length;
}

function reason(error: unknown, what: "camera" | "microphone"): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return `The ${what} is not allowed: allow it for this page in the browser’s settings.`;
  if (name === "NotFoundError" || name === "OverconstrainedError") return `No ${what} was found.`;
  if (name === "NotReadableError") return `The ${what} is in use elsewhere.`;
  return `The ${what} cannot be opened.`;
}
