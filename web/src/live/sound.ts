/** Where a recording's sound comes from. */

import { openMicrophone } from "../shell/camera";

export interface Sound {
  readonly track: MediaStreamTrack;
  /** Let go of it. */
  readonly end: () => void;
}

export async function soundOfMicrophone(): Promise<Sound> {
  const [track] = (await openMicrophone()).getAudioTracks();
  return { track: track!, end: () => track!.stop() };
}

/** What a video plays, and leads nowhere else. An element can be led away once only. */
const leads = new WeakMap<HTMLVideoElement, MediaElementAudioSourceNode>();

/** A video's own sound: it is recorded, not heard. */
export async function soundOfVideo(video: HTMLVideoElement, stop: AbortSignal): Promise<Sound> {
  let lead = leads.get(video);
  if (!lead) {
    const context = new AudioContext();
    stop.addEventListener("abort", () => void context.close(), { once: true });
    lead = context.createMediaElementSource(video);
    leads.set(video, lead);
  }
  const context = lead.context as AudioContext;
  const into = context.createMediaStreamDestination();
  lead.connect(into);
  video.muted = false; // or it would be silence that is led away
  await context.resume();
  return { track: into.stream.getAudioTracks()[0]!, end: () => lead.disconnect(into) };
}
