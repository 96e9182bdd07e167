/** The painted canvas as a video file, with sound where there is some: the canvas itself has none. */

const RATE = 30; // frames a second
const BITS = 8e6; // a second, of pictures
const FORMATS = {
  silent: ["video/mp4;codecs=avc1.42E01F", "video/webm;codecs=vp9", "video/webm"],
  sounding: [
    "video/mp4;codecs=avc1.42E01F,mp4a.40.2",
    "video/webm;codecs=vp9,opus",
    "video/webm;codecs=vp8,opus",
    "video/webm",
  ],
};

/** Begin; `done` has the file when the recorder is stopped. */
export function record(
  canvas: HTMLCanvasElement,
  sound: MediaStreamTrack | undefined,
  done: (file: Blob, ending: string) => void,
): MediaRecorder {
  const stream = canvas.captureStream(RATE);
  if (sound) stream.addTrack(sound);
  const mimeType = FORMATS[sound ? "sounding" : "silent"].find((one) => MediaRecorder.isTypeSupported(one));
  const recorder = new MediaRecorder(stream, { ...(mimeType && { mimeType }), videoBitsPerSecond: BITS });
  const parts: Blob[] = [];
  recorder.ondataavailable = ({ data }) => void parts.push(data);
  recorder.onstop = () => {
    const type = recorder.mimeType.split(";")[0]!;
    done(new Blob(parts, { type }), type.includes("mp4") ? "mp4" : "webm");
  };
  recorder.start(1000);
  return recorder;
}
