import { existsSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

import { defineConfig, type Plugin } from "vite";

const STYLES = "public/styles/styles.json";
const ASSETS = "`python -m impasto.studio.assets web/public/styles` in the folder above";
const DOCS = /(^|\/)docs/; // of the API: no part of the app
const FIRST_LOAD = 3e6; // bytes, at most

// Threads need shared memory, which browsers grant to isolated pages only (docs/studio.md).
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

// The page can ask nothing of any other place: pictures stay on the device.
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "media-src 'self' blob:",
  "connect-src 'self' blob:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Writes the service worker with the list of what the app needs offline, and prints what a first visit loads. */
function appShell(): Plugin {
  return {
    name: "app-shell",
    apply: "build",
    transformIndexHtml: (_, { path }) =>
      DOCS.test(path) // served by Impasto's server alone, which has a policy of its own
        ? []
        : [{ tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: POLICY }, injectTo: "head-prepend" }],
    generateBundle(_, bundle) {
      const isRuntime = (file: string): boolean => file.endsWith(".wasm");
      const size = (file: string): Buffer => {
        const item = bundle[file]!;
        return Buffer.from(item.type === "chunk" ? item.code : item.source);
      };
      const shell = Object.keys(bundle).filter((file) => !isRuntime(file) && !DOCS.test(file) && !file.endsWith(".map"));
      const thumbnails = styles().map(({ files }) => files.thumbnail);
      if (thumbnails.length === 0) this.warn(`no styles: \`impasto studio\` has its own, a static site needs ${ASSETS}`);
      const listed = [
        "./",
        ...shell.filter((file) => file !== "index.html"),
        "manifest.webmanifest",
        "icon.svg",
      ];
      const version = hash(shell.map((file) => size(file).toString("latin1")).join());
      const source = readFileSync("src/service-worker.js", "utf8")
        .replace('"SHELL"', JSON.stringify(listed))
        .replace('"VERSION"', JSON.stringify(version));
      this.emitFile({ type: "asset", fileName: "service-worker.js", source });

      const swagger = "node_modules/swagger-ui-dist";
      for (const file of ["LICENSE", "NOTICE"]) {
        const text = readFileSync(`${swagger}/${file}`, "utf8");
        this.emitFile({ type: "asset", fileName: `licences/swagger-ui-${file}.txt`, source: text });
      }

      const plain = shell.reduce((sum, file) => sum + size(file).length, 0);
      const packed = shell.reduce((sum, file) => sum + gzipSync(size(file)).length, 0);
      const pictures = thumbnails.reduce((sum, { bytes }) => sum + bytes, 0);
      const kilobytes = (bytes: number): string => `${Math.round(bytes / 1000)} kB`;
      this.info(
        `first load without runtime and models: ${kilobytes(plain + pictures)}, ` +
          `${kilobytes(packed + pictures)} compressed`,
      );
      if (plain + pictures > FIRST_LOAD) this.error(`the first load is larger than ${kilobytes(FIRST_LOAD)}`);
    },
  };
}

interface Listed {
  readonly files: { readonly thumbnail: { readonly file: string; readonly bytes: number; readonly sha256: string } };
}

/** Those of a static site. */
const styles = (): Listed[] => (existsSync(STYLES) ? (JSON.parse(readFileSync(STYLES, "utf8")) as Listed[]) : []);

function hash(text: string): string {
  let value = 5381;
  for (let index = 0; index < text.length; index++) value = (value * 33) ^ text.charCodeAt(index);
  return (value >>> 0).toString(36);
}

export default defineConfig({
  base: "./",
  plugins: [appShell()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "development|production"] },
  worker: { format: "es" },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { input: ["index.html", "docs.html"] },
  },
  optimizeDeps: { exclude: ["onnxruntime-web"] },
  server: { headers, fs: { allow: [".", "../examples"] } },
  preview: { headers },
});
