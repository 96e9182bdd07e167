/** ONNX Runtime Web on the fastest backend that this device computes correctly with. */

import type * as Ort from "onnxruntime-web/wasm";
import wasmGlue from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import gpuGlue from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import gpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";

import { fetchKept } from "./files";

export type Backend = "webgpu" | "wasm";

export interface Runtime {
  readonly backend: Backend;
  readonly threads: number;
  readonly ort: typeof Ort;
}

const MOST_THREADS = 8;

export async function loadRuntime(backend: Backend): Promise<Runtime> {
  const ort = backend === "webgpu" ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  const [glue, binary] = backend === "webgpu" ? [gpuGlue, gpuBinary] : [wasmGlue, wasmBinary];
  const absolute = (url: string): string => new URL(url, import.meta.url).href;
  // Threads share memory, which browsers grant only to isolated pages (docs/studio.md).
  const threads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1;
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = { mjs: absolute(glue) };
  ort.env.wasm.wasmBinary = await fetchKept(absolute(binary));
  ort.env.logLevel = "error";
  return { backend, threads, ort };
}

interface Adapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: { readonly isFallbackAdapter?: boolean; readonly architecture?: string };
}

/** Whether there is a GPU: one that the processor plays is slower than WebAssembly. */
export async function hasWebGpu(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (!adapter || adapter.isFallbackAdapter || adapter.info?.isFallbackAdapter) return false;
  return adapter.info?.architecture !== "swiftshader";
}

export function createSession(
  { ort }: Runtime,
  model: Uint8Array<ArrayBuffer>,
  backend: Backend,
): Promise<Ort.InferenceSession> {
  return ort.InferenceSession.create(model, {
    executionProviders: [backend],
    graphOptimizationLevel: "all",
    logSeverityLevel: 3, // errors
  });
}
