// @ts-check
/**
 * Keeps the app itself for offline use; models and the runtime's wasm are kept by the worker (worker/files.ts).
 *
 * All answers carry the headers that isolate the page, so that hosts which cannot send them have threads, too, from the
 * second visit on.
 */

const shell = /** @type {string[]} */ (/** @type {unknown} */ ("SHELL")); // filled in by the build
const cacheName = "impasto-shell-" + "VERSION";
const stylesCache = "impasto-styles"; // the list of styles and their thumbnails
const LIST = "styles/styles.json";
const scope = /** @type {any} */ (self);

scope.addEventListener("install", (/** @type {any} */ event) => {
  event.waitUntil(
    caches
      .open(cacheName)
      .then((cache) => cache.addAll(shell.map((file) => new Request(file, { cache: "reload" }))))
      .then(() => keepStyles().catch(() => undefined)) // without them it works, but for thumbnails offline
      .then(() => scope.skipWaiting()),
  );
});

scope.addEventListener("activate", (/** @type {any} */ event) => {
  event.waitUntil(removeOld().then(() => scope.clients.claim()));
});

scope.addEventListener("fetch", (/** @type {any} */ event) => {
  /** @type {Request} */
  const request = event.request;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  if (new URL(request.url).pathname.includes("/api/")) return;
  event.respondWith(answer(request).then(isolated));
});

async function keepStyles() {
  const cache = await caches.open(stylesCache);
  await cache.add(new Request(LIST, { cache: "reload" }));
  const listed = await (await cache.match(LIST))?.json();
  const thumbnails = listed.map((/** @type {any} */ { files: { thumbnail: { file, sha256 } } }) =>
    `styles/${file}?v=${sha256.slice(0, 12)}`);
  await cache.addAll(thumbnails);
}

async function removeOld() {
  for (const name of await caches.keys()) {
    if (name.startsWith("impasto-shell-") && name !== cacheName) await caches.delete(name);
  }
}

/** @param {Request} request */
async function answer(request) {
  if (request.url.endsWith(LIST)) return newest(request);
  const cache = await caches.open(cacheName);
  if (request.mode === "navigate") return (await cache.match("./")) ?? fetch(request);
  const kept = (await cache.match(request)) ?? (await caches.match(request, { cacheName: stylesCache }));
  return kept ?? fetch(request);
}

/** A server may have got further styles since.
 * @param {Request} request */
async function newest(request) {
  const cache = await caches.open(stylesCache);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(LIST, response.clone()).catch(() => undefined);
    return response;
  } catch (error) {
    const kept = await cache.match(LIST);
    if (!kept) throw error;
    return kept;
  }
}

/** @param {Response} response */
function isolated(response) {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = response;
  return new Response(status === 204 || status === 304 ? null : response.body, { status, statusText, headers });
}
