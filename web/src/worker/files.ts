/** Large files, fetched once: models and the runtime's wasm stay in the Cache API, so that they are there offline. */

const CACHE = "impasto-files";

// Absent where a page is served without encryption from elsewhere than this device.
const open = async (): Promise<Cache | undefined> => globalThis.caches?.open(CACHE).catch(() => undefined);

export async function fetchKept(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const cache = await open();
  const kept = await cache?.match(url);
  if (kept) return new Uint8Array(await kept.arrayBuffer());
  const response = await fetch(url).catch(() => undefined);
  if (!response?.ok) throw new Error("A file that is needed cannot be fetched: is this device offline?");
  const data = new Uint8Array(await response.arrayBuffer());
  await keep(cache, url, data).catch(() => undefined); // there is no room: it works all the same
  return data;
}

async function keep(cache: Cache | undefined, url: string, data: Uint8Array<ArrayBuffer>): Promise<void> {
  if (!cache) return;
  await cache.delete(url, { ignoreSearch: true }); // an earlier version
  await cache.put(url, new Response(data, { headers: { "Content-Length": String(data.length) } }));
}
