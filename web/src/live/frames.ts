/** Tells when a video shows a frame that was not taken yet. One that came while the last was painted is there at once. */

type FrameCallback = (callback: () => void) => number;

export class Frames {
  private fresh = false;
  private wake: (() => void) | undefined;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly signal: AbortSignal,
  ) {
    this.watch();
    const noticed = (): void => this.wake?.();
    document.addEventListener("visibilitychange", noticed, { signal });
    signal.addEventListener("abort", noticed, { once: true });
  }

  /** Until there is one, and the page is seen; or until it is all over. */
  async next(): Promise<void> {
    while (!this.signal.aborted && (!this.fresh || document.hidden)) {
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    this.fresh = false;
  }

  private watch(): void {
    if (this.signal.aborted) return;
    const request: FrameCallback = this.video.requestVideoFrameCallback?.bind(this.video) ?? requestAnimationFrame;
    request(() => {
      this.fresh = true;
      this.wake?.();
      this.watch();
    });
  }
}
