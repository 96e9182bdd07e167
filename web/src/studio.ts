/** The worker, as functions. */

import { Unreadable } from "./worker/kinds";
import type { Reply, Request, Start, Task, Tasks } from "./worker/protocol";

export class Cancelled extends Error {}

interface Watching {
  readonly signal?: AbortSignal;
  readonly progress?: (share: number) => void;
  readonly transfer?: Transferable[];
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
  readonly progress: ((share: number) => void) | undefined;
}

export class Studio {
  private readonly worker = new Worker(new URL("./worker/worker.ts", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;

  constructor(start: Start) {
    this.worker.onmessage = ({ data }: MessageEvent<Reply>) => this.receive(data);
    this.worker.onerror = (event) => {
      const error = new Error(event.message || "The painting stopped: this browser could not go on.");
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    };
    void this.run("start", start);
  }

  run<K extends Task>(task: K, input: Tasks[K][0], { signal, progress, transfer }: Watching = {}): Promise<Tasks[K][1]> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new Cancelled());
      this.waiting.set(id, { resolve, reject, progress });
      signal?.addEventListener("abort", () => this.cancel(id), { once: true });
      this.post({ id, task, input } as Request, transfer);
    });
  }

  /** At once for whoever waits; the worker stops when the tile that it paints is done. */
  private cancel(id: number): void {
    this.waiting.get(id)?.reject(new Cancelled());
    this.waiting.delete(id);
    this.post({ id, task: "cancel" });
  }

  private post(request: Request, transfer: Transferable[] = []): void {
    this.worker.postMessage(request, transfer);
  }

  private receive(reply: Reply): void {
    const waiting = this.waiting.get(reply.id);
    if (!waiting) return;
    if ("progress" in reply) return waiting.progress?.(reply.progress);
    this.waiting.delete(reply.id);
    if ("value" in reply) waiting.resolve(reply.value as never);
    else if (reply.cancelled) waiting.reject(new Cancelled());
    else waiting.reject(reply.unreadable ? new Unreadable(reply.error) : new Error(reply.error));
  }
}
