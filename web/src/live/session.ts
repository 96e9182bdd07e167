/** Video, painted frame by frame. A frame is taken when the worker is free: none wait. */

import { signal } from "@preact/signals";

import { fit } from "../painting/plan";
import type { Size } from "../painting/planes";
import type { Picture } from "../painting/sources";
import { closeStream, countCameras, type Facing, openCamera } from "../shell/camera";
import { saveFile } from "../shell/files";
import { chosen, colors, engine, fail, problem, say, strength, studio } from "../state";
import { Cancelled } from "../studio";
import { Frames } from "./frames";
import { counted, framesPerSecond, NO_FRAMES } from "./rate";
import { record } from "./recording";
import { adapted, atSide, workingSize } from "./resolution";
import { type Sound, soundOfMicrophone, soundOfVideo } from "./sound";

const BEGIN_SIDE = 256; // px
const SHOWN_SIDE = 1280; // px, at most: of the canvas that is seen and recorded

export interface Live {
  readonly kind: "camera" | "file";
  readonly name: string;
  readonly mirrored: boolean;
  readonly size: Size;
  /** What is played, if it is a file. */
  readonly file?: File;
}

export interface Pace {
  readonly rate: number;
  readonly size: Size;
}

export const live = signal<Live | undefined>(undefined);
export const pace = signal<Pace | undefined>(undefined);
export const opening = signal(false);
export const cameras = signal(0);
export const recording = signal(false);
/** Whether the microphone is recorded with a camera's pictures. A file has its own sound. */
export const withSound = signal(false);

const canvas = document.createElement("canvas");
const small = document.createElement("canvas");
let running = new AbortController();
let recorder: MediaRecorder | undefined;
let played: HTMLVideoElement | undefined;
let facing: Facing = "user";

/** The canvas that the painting is shown on. */
export const shown = (): HTMLCanvasElement => canvas;

export async function startCamera(): Promise<void> {
  await start(async (video, stop) => {
    const stream = await openCamera(facing);
    stop.addEventListener("abort", () => closeStream(stream), { once: true });
    video.srcObject = stream;
    cameras.value = await countCameras();
    return { kind: "camera", name: "live", mirrored: facing === "user" };
  });
}

export async function flipCamera(): Promise<void> {
  facing = facing === "user" ? "environment" : "user";
  await startCamera();
}

export async function startVideo(file: File): Promise<void> {
  await start(async (video, stop) => {
    const url = URL.createObjectURL(file);
    stop.addEventListener("abort", () => URL.revokeObjectURL(url), { once: true });
    Object.assign(video, { src: url, loop: true });
    return { kind: "file", name: file.name.replace(/\.[^.]*$/, ""), mirrored: false, file };
  });
}

export function stop(): void {
  if (recorder?.state === "recording") recorder.stop();
  running.abort();
  live.value = undefined;
  pace.value = undefined;
}

async function start(
  prepare: (video: HTMLVideoElement, stop: AbortSignal) => Promise<Omit<Live, "size">>,
): Promise<void> {
  stop();
  running = new AbortController();
  const { signal } = running;
  problem.value = "";
  opening.value = true;
  try {
    const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
    const source = await prepare(video, signal);
    await playing(video);
    if (signal.aborted) return;
    const size = { width: video.videoWidth, height: video.videoHeight };
    Object.assign(canvas, fit(size, Math.min(SHOWN_SIDE, Math.max(size.width, size.height))));
    live.value = { ...source, size };
    played = video;
    say(source.kind === "camera" ? "The camera is on." : "The video plays.");
    document.addEventListener("visibilitychange", () => (document.hidden ? video.pause() : void video.play()), { signal });
    signal.addEventListener("abort", () => video.pause(), { once: true });
    void paintFrames(video, source.mirrored, signal);
  } catch (error) {
    running.abort();
    fail(error);
  } finally {
    opening.value = false;
  }
}

async function paintFrames(video: HTMLVideoElement, mirrored: boolean, stop: AbortSignal): Promise<void> {
  const frames = new Frames(video, stop);
  let resolution = atSide(BEGIN_SIDE);
  let rate = NO_FRAMES;
  try {
    for (await frames.next(); !stop.aborted; await frames.next()) {
      const style = chosen.value;
      if (!style) continue;
      const begun = performance.now();
      const size = workingSize({ width: video.videoWidth, height: video.videoHeight }, resolution.side);
      const bitmap = await createImageBitmap(video, {
        resizeWidth: size.width,
        resizeHeight: size.height,
        resizeQuality: "medium",
      });
      const options = { strength: strength.value, styleScale: 1, colors: colors.value };
      const painted = await studio.run("frame", { style, options, bitmap, size }, { transfer: [bitmap] });
      if (stop.aborted) return;
      draw(painted, mirrored);
      const now = performance.now();
      resolution = adapted(resolution, now - begun);
      rate = counted(rate, now);
      pace.value = { rate: framesPerSecond(rate), size };
      if (!engine.value) engine.value = await studio.run("warm", { style });
    }
  } catch (error) {
    if (error instanceof Cancelled || stop.aborted) return;
    fail(error);
    running.abort();
    live.value = undefined;
  }
}

function draw({ width, height, bytes }: Picture, mirrored: boolean): void {
  Object.assign(small, { width, height });
  small.getContext("2d")!.putImageData(new ImageData(bytes, width, height), 0, 0);
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? canvas.width : 0, 0);
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

export function snapshot(): void {
  canvas.toBlob((file) => {
    if (!file) return;
    saveFile(file, `${fileName()}.png`);
    say("Saved.");
  });
}

export const canRecord = (): boolean => typeof MediaRecorder !== "undefined" && "captureStream" in canvas;

/** Begin to record; or end it and save. */
export async function toggleRecording(): Promise<void> {
  if (recorder) return recorder.stop();
  const { signal } = running;
  const name = fileName();
  let sound: Sound | undefined;
  try {
    if (live.value?.kind === "file") sound = await soundOfVideo(played!, signal);
    else if (withSound.value) sound = await soundOfMicrophone();
    if (signal.aborted || recorder) return sound?.end(); // meanwhile
    recorder = record(canvas, sound?.track, (file, ending) => {
      sound?.end();
      saveFile(file, `${name}.${ending}`);
      recorder = undefined;
      recording.value = false;
      say("The recording is saved.");
    });
    recording.value = true;
    say("Recording.");
  } catch (error) {
    sound?.end();
    fail(error);
  }
}

const fileName = (): string => `${live.value?.name ?? "live"}-${chosen.value?.name ?? "impasto"}`;

function playing(video: HTMLVideoElement): Promise<void> {
  return new Promise((resolve, reject) => {
    const unreadable = (): void => reject(new Error("This file is no video that the browser can play."));
    video.onerror = unreadable;
    video.onloadeddata = () => void video.play().then(resolve, unreadable);
  });
}
