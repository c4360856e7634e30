/** A static file server for pages under test, with the headers that matter to them. */

import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".css": "text/css",
  ".json": "application/json",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".svg": "image/svg+xml",
};

export const ISOLATION: Readonly<Record<string, string>> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

export interface Mount {
  /** Path that it answers for, ending with a slash. */
  readonly at: string;
  /** Folder, or what to answer for a path below `at` (undefined: not found). */
  readonly from: string | ((path: string, response: ServerResponse) => boolean);
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Site {
  readonly origin: string;
  /** Paths that were asked for and not found. */
  readonly missing: readonly string[];
  close(): Promise<void>;
}

/** Serves the mounts, the first that fits, on a free port of localhost. */
export async function serveSite(mounts: readonly Mount[]): Promise<Site> {
  const missing: string[] = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    for (const { at, from, headers = {} } of mounts) {
      if (!path.startsWith(at)) continue;
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      const rest = path.slice(at.length) || "index.html";
      if (typeof from === "function") {
        if (from(rest, response)) return;
        continue;
      }
      const file = normalize(join(from, rest));
      const bytes = file.startsWith(normalize(from)) ? await readFile(file).catch(() => undefined) : undefined;
      if (!bytes) continue;
      response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
      response.setHeader("Content-Length", bytes.length);
      response.end(bytes);
      return;
    }
    const icon = path.endsWith("favicon.ico");
    if (!icon) missing.push(path);
    response.statusCode = icon ? 204 : 404;
    response.end("not found");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://localhost:${port}`,
    missing,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
