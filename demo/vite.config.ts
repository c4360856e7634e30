/** The demo page: `vite demo` serves it, `vite build demo` writes it to demo/dist. It uses the built package. */

import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const from = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Content-Security-Policy of the built page: its own scripts, WebAssembly, blob workers; no inline code, no eval. */
const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "connect-src 'self' https: http: blob: data:",
  "object-src 'none'",
  "base-uri 'self'",
].join("; ");

const contentPolicy: Plugin = {
  name: "content-policy",
  apply: "build",
  transformIndexHtml: () => [
    {
      tag: "meta",
      attrs: { "http-equiv": "Content-Security-Policy", content: POLICY },
      injectTo: "head-prepend",
    },
  ],
};

/** Programs besides the page's, whose names browsers and index.html know: without a hash, next to index.html. */
const BESIDE = { starting: from("src/hosting/starting.ts"), "service-worker": from("src/hosting/serviceWorker.ts") };

const besidePage: Plugin = {
  name: "beside-page",
  apply: "build",
  transformIndexHtml: {
    order: "post",
    // `starting` comes first, so that it sees others fail. A page opened as a file has no origin: with crossorigin it
    // would lose its style, too.
    handler: (html) => ({
      html: html.replaceAll(" crossorigin ", " "),
      tags: [{ tag: "script", attrs: { src: "./starting.js" }, injectTo: "head-prepend" }],
    }),
  },
};

/** With these headers the WASM backend may use threads. */
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  root: from("."),
  base: "./",
  plugins: [contentPolicy, besidePage],
  resolve: {
    alias: [
      { find: /^yolov5-ts$/, replacement: from("../dist/page.js") },
      { find: /^yolov5-ts\/solutions$/, replacement: from("../dist/solutions.js") },
      { find: /^yolov5-ts\/models\//, replacement: from("../models/") },
    ],
  },
  server: { headers: ISOLATION, fs: { allow: [from("..")] } },
  preview: { headers: ISOLATION },
  // The policy forbids inline scripts and styles, and browsers with WebGPU need no modulepreload polyfill.
  build: {
    outDir: from("dist"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    chunkSizeWarningLimit: 1200,
    rollupOptions: {
      input: { index: from("index.html"), ...BESIDE },
      output: { entryFileNames: ({ name }) => (name in BESIDE ? "[name].js" : "assets/[name]-[hash].js") },
    },
  },
});
