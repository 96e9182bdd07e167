// @ts-check
/**
 * Keeps the app itself for offline use; models and the runtime's wasm are kept by the worker (worker/files.ts).
 *
 * All answers carry the headers that isolate the page, so that hosts which cannot send them have threads, too, from the
 * second visit on.
 */

const shell = /** @type {string[]} */ (/** @type {unknown} */ ("SHELL")); // filled in by the build
const cacheName = "impasto-shell-" + "VERSION";
const scope = /** @type {any} */ (self);

scope.addEventListener("install", (/** @type {any} */ event) => {
  event.waitUntil(
    caches
      .open(cacheName)
      .then((cache) => cache.addAll(shell.map((file) => new Request(file, { cache: "reload" }))))
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

async function removeOld() {
  for (const name of await caches.keys()) {
    if (name.startsWith("impasto-shell-") && name !== cacheName) await caches.delete(name);
  }
}

/** @param {Request} request */
async function answer(request) {
  const cache = await caches.open(cacheName);
  if (request.mode === "navigate") return (await cache.match("./")) ?? fetch(request);
  return (await cache.match(request)) ?? fetch(request);
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
