/** One runtime, one style at a time, and what fits into this device's memory. */

import { type Options, paint, type Watching } from "../painting/painter";
import { LIMITS, smaller } from "../painting/plan";
import { emptyPlanes, type Planes } from "../painting/planes";
import type { Picture } from "../painting/sources";
import type { Style } from "../styles";
import { loadStyle, type LoadedStyle } from "./network";
import type { Engine as Description, Start } from "./protocol";
import { hasWebGpu, loadRuntime, type Runtime } from "./runtime";

const CHECK_SIDE = 64; // px
const CHECK_TOLERANCE = 0.05; // on average, of [0, 1]: what half precision on a GPU may differ by

export class Engine {
  private runtime: Runtime | undefined;
  private loaded: LoadedStyle | undefined;
  private limits;

  constructor(private readonly start: Start) {
    this.limits = (start.modest && smaller(LIMITS)) || LIMITS;
  }

  async paint(photo: Picture, style: Style, options: Options, watching: Watching = {}): Promise<Picture> {
    const network = await this.load(style);
    for (;;) {
      try {
        return await paint(photo, options, network, { ...watching, limits: this.limits });
      } catch (error) {
        const less = watching.signal?.aborted ? undefined : smaller(this.limits);
        if (!less) throw error;
        this.limits = less; // mostly, memory was short
      }
    }
  }

  async describe(style: Style): Promise<Description> {
    await this.load(style);
    const { backend, threads } = this.runtime!;
    return { backend, threads };
  }

  /** The style, loaded and run once: the first run is the slowest. */
  private async load(style: Style): Promise<LoadedStyle> {
    if (this.loaded?.style.name === style.name) return this.loaded;
    this.runtime ??= await this.choose(style);
    const next = await loadStyle(style, this.runtime, this.start.base);
    await next.paint(pattern(), 1);
    await this.loaded?.release();
    this.loaded = next;
    return next;
  }

  /** WebGPU where it computes what WebAssembly does: drivers have had errors in normalizations. */
  private async choose(style: Style): Promise<Runtime> {
    const wanted = this.start.backend;
    if (wanted === "wasm" || !(wanted === "webgpu" || (await hasWebGpu()))) return loadRuntime("wasm");
    try {
      const runtime = await loadRuntime("webgpu");
      const results = [];
      for (const backend of ["webgpu", "wasm"] as const) {
        const network = await loadStyle(style, runtime, this.start.base, backend);
        results.push(await network.paint(pattern(), 1));
        await network.release();
      }
      if (difference(results[0]!, results[1]!) <= CHECK_TOLERANCE) return runtime;
    } catch (error) {
      console.warn("WebGPU does not work here:", error);
    }
    return loadRuntime("wasm");
  }
}

function pattern(): Planes {
  const planes = emptyPlanes({ width: CHECK_SIDE, height: CHECK_SIDE });
  planes.data.forEach((_, index) => (planes.data[index] = 0.5 + 0.5 * Math.sin(index / 7) * Math.cos(index / 450)));
  return planes;
}

function difference(one: Planes, other: Planes): number {
  const sum = one.data.reduce((total, value, index) => total + Math.abs(value - other.data[index]!), 0);
  return sum / one.data.length;
}
