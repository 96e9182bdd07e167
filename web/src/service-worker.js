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
  if (request.mode === "navigate" && !isApp(new URL(request.url))) return;
  event.respondWith(answer(request, event).then(isolated));
});

/** Whether a page is the app itself, rather than the API's documentation or an address with a token for the server.
 * @param {URL} url */
function isApp(url) {
  const home = new URL("./", location.href).pathname;
  return [home, `${home}index.html`].includes(url.pathname) && !url.searchParams.has("token");
}

const keepStyles = async () => keepList(await fetch(new Request(LIST, { cache: "reload" })));

/** Keep the list of styles and the thumbnails that it names, and no others.
 * @param {Response} response */
async function keepList(response) {
  if (!response.ok) return;
  const cache = await caches.open(stylesCache);
  await cache.put(LIST, response.clone());
  const thumbnails = (await response.json()).map(
    (/** @type {any} */ { files: { thumbnail } }) =>
      new URL(`styles/${thumbnail.file}?v=${thumbnail.sha256.slice(0, 12)}`, location.href).href,
  );
  const kept = (await cache.keys()).map(({ url }) => url);
  const missing = thumbnails.filter((/** @type {string} */ url) => !kept.includes(url));
  await Promise.allSettled(missing.map((/** @type {string} */ url) => cache.add(url)));
  for (const url of kept) if (!url.endsWith(LIST) && !thumbnails.includes(url)) await cache.delete(url);
}

async function removeOld() {
  for (const name of await caches.keys()) {
    if (name.startsWith("impasto-shell-") && name !== cacheName) await caches.delete(name);
  }
}

/**
 * @param {Request} request
 * @param {any} event */
async function answer(request, event) {
  if (request.url.endsWith(LIST)) return newestList(request, event);
  const cache = await caches.open(cacheName);
  if (request.mode === "navigate") return (await cache.match("./")) ?? fetch(request);
  const kept = (await cache.match(request)) ?? (await caches.match(request, { cacheName: stylesCache }));
  return kept ?? fetch(request);
}

/** A server may have got further styles since.
 * @param {Request} request
 * @param {any} event */
async function newestList(request, event) {
  try {
    const response = await fetch(request);
    event.waitUntil(keepList(response.clone()).catch(() => undefined)); // there is no room: it works all the same
    return response;
  } catch (error) {
    const kept = await caches.match(LIST, { cacheName: stylesCache });
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
