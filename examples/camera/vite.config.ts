/** The headers isolate the page from other origins, which gives the WASM backend threads. */

import { defineConfig } from "vite";

const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  server: { headers },
  preview: { headers },
  build: { target: "es2022", chunkSizeWarningLimit: 1200 },
});
