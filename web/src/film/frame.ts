/** The first frame of a film, as the browser shows it. */

const PATIENCE = 10_000; // ms

/** undefined where the browser cannot decode the film, though a server may. */
export async function firstFrame(film: Blob): Promise<Blob | undefined> {
  const url = URL.createObjectURL(film);
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, preload: "auto" });
  try {
    const isThere = await new Promise<boolean>((resolve) => {
      video.onloadeddata = () => resolve(true);
      video.onerror = () => resolve(false);
      setTimeout(() => resolve(false), PATIENCE);
      video.src = url;
    });
    const { videoWidth: width, videoHeight: height } = video;
    if (!isThere || !width) return undefined;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d")!.drawImage(video, 0, 0);
    return await new Promise((resolve) => canvas.toBlob((picture) => resolve(picture ?? undefined)));
  } finally {
    video.removeAttribute("src");
    video.load(); // lets go of the file
    URL.revokeObjectURL(url);
  }
}
