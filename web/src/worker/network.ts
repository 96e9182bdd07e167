/** A style's model files as a `Network`. Those for tiles are fetched when a picture is first cut into tiles. */

import type { InferenceSession, Tensor } from "onnxruntime-web/wasm";

import { rolled } from "../painting/grain";
import type { Network } from "../painting/painter";
import { CHANNELS, type Planes } from "../painting/planes";
import { type Style, type StyleFile, styleUrl } from "../styles";
import { fetchKept } from "./files";
import { type Backend, createSession, type Runtime } from "./runtime";

const GRAIN = "grain.map";
const STATISTICS = "statistics";

type Feeds = Record<string, Tensor>;

export interface LoadedStyle extends Network {
  readonly style: Style;
  release(): Promise<void>;
}

export async function loadStyle(
  style: Style,
  runtime: Runtime,
  base: string,
  backend: Backend = runtime.backend,
): Promise<LoadedStyle> {
  const { Tensor } = runtime.ort;
  const open = async (file: StyleFile): Promise<InferenceSession> =>
    createSession(runtime, await fetchKept(styleUrl(file, base)), backend);
  const whole = await open(style.files.whole);
  let tiled: Promise<readonly [InferenceSession, InferenceSession]> | undefined;
  let grain: Float32Array | undefined;

  const forTiles = () =>
    (tiled ??= Promise.all([open(style.files.measure), open(style.files.apply)]));

  function feeds(session: InferenceSession, images: readonly Planes[], strength: number): Feeds {
    const { width, height } = images[0]!;
    const shape = [images.length, CHANNELS, height, width];
    const image = new Tensor("float32", images.length === 1 ? images[0]!.data : joined(images), shape);
    if (!session.inputNames.includes("strength")) return { image };
    return { image, strength: new Tensor("float32", Float32Array.of(strength), [1]) };
  }

  async function stylized(session: InferenceSession, image: Planes, given: Feeds): Promise<Planes> {
    const found = await session.run(given, [session.outputNames[0]!]);
    return { width: image.width, height: image.height, data: await values(found[session.outputNames[0]!]!) };
  }

  return {
    style,
    smallest: style.smallest,
    overlap: style.overlap,
    adjustable: style.adjustable,
    paint: (image, strength) => stylized(whole, image, feeds(whole, [image], strength)),
    async measure(windows, strength) {
      const [measuring] = await forTiles();
      const wanted = measuring.outputNames.filter((name) => name === STATISTICS || name === GRAIN);
      if (!wanted.length) return new Float32Array();
      const found = await measuring.run(feeds(measuring, windows, strength), wanted);
      if (found[GRAIN]) grain = await values(found[GRAIN]);
      return found[STATISTICS] ? values(found[STATISTICS]) : new Float32Array();
    },
    async paintTile(tile, strength, statistics, left, top) {
      const [, applying] = await forTiles();
      const given = feeds(applying, [tile], strength);
      if (applying.inputNames.includes(STATISTICS)) {
        given[STATISTICS] = new Tensor("float32", statistics, [2, statistics.length / 2, 1, 1]);
      }
      if (grain && applying.inputNames.includes(GRAIN)) {
        const { grain_cell: cell, grain_side: side } = style;
        given[GRAIN] = new Tensor("float32", rolled(grain, side, top / cell, left / cell), [1, 1, side, side]);
      }
      return stylized(applying, tile, given);
    },
    async release() {
      const sessions = [whole, ...((await tiled?.catch(() => [])) ?? [])];
      await Promise.all(sessions.map((session) => session.release()));
    },
  };
}

async function values(tensor: Tensor): Promise<Float32Array> {
  const data = (await tensor.getData()) as Float32Array;
  tensor.dispose();
  return data;
}

function joined(images: readonly Planes[]): Float32Array {
  const length = images[0]!.data.length;
  const data = new Float32Array(images.length * length);
  images.forEach((image, index) => data.set(image.data, index * length));
  return data;
}
