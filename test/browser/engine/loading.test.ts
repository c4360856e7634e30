/** Loading in a page: progress, cache, abort, and a message for each failure. */

import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { chromiumMissing } from "../support/chromium.js";
import { type EngineWindow, plainSites } from "../support/pages.js";
import { SiteAndBrowser } from "../support/siteAndBrowser.js";

describe.skipIf(chromiumMissing())("the browser entry", () => {
  const tests = new SiteAndBrowser((workspace) => [{ at: "/answers/", from: answers }, ...plainSites(workspace)]);

  test("loading reports progress, caches, aborts, and explains each failure in a plain sentence", async () => {
    const { page } = await tests.open("/plain/");
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const failure = async (work: Promise<unknown>): Promise<string> =>
        work.then(
          () => "no error",
          (error: Error) => `${error.name}: ${error.message}`,
        );
      const progress: number[] = [];
      const options = { backend: "cpu", cache: true } as const;
      const onProgress = ({ loaded, total = 0 }: { loaded: number; total: number | undefined }): void => {
        progress.push(loaded / total);
      };
      (await engine.load("models/codes.safetensors", { ...options, onProgress })).dispose();
      const kept = await (await caches.open(engine.CACHE_NAME)).match("models/codes.safetensors");
      const counted = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("codes.safetensors"));
      (await engine.load("models/codes.safetensors", options)).dispose();
      const again = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("codes.safetensors"));
      const inWorker: number[] = [];
      const worker = await engine.loadInWorker("models/codes.safetensors", {
        backend: "cpu",
        onProgress: ({ loaded }) => inWorker.push(loaded),
      });
      worker.dispose();
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 50);
      const { signal } = abort;
      return {
        progress,
        kept: kept !== undefined,
        fetches: [counted.length, again.length],
        inWorker: inWorker.at(-1),
        missing: await failure(engine.load("nothing/here.pt")),
        page: await failure(engine.load("/answers/page")),
        empty: await failure(engine.load("/answers/empty")),
        cut: await failure(engine.load("/answers/cut")),
        cors: await failure(engine.load(`http://127.0.0.1:${location.port}/plain/models/codes.safetensors`)),
        workerMissing: await failure(engine.loadInWorker("nothing/here.pt")),
        aborted: await failure(engine.load("/answers/slow", { signal })),
        workerAborted: await failure(engine.loadInWorker("/answers/slow", { signal: AbortSignal.timeout(500) })),
        text: await failure(engine.load(new Blob(["hello, I am no checkpoint at all"]))),
      };
    });
    expect(found.progress.at(-1)).toBe(1);
    expect(found.kept).toBe(true);
    expect(found.fetches[1]).toBe(found.fetches[0]);
    expect(found.inWorker).toBeGreaterThan(900_000);
    expect(found.missing).toMatch(/^DownloadError: nothing\/here\.pt: the server answered 404/);
    expect(found.workerMissing).toMatch(/^DownloadError: .*nothing\/here\.pt: the server answered 404/);
    expect(found.page).toMatch(/^DownloadError: .*sent a web page instead of the file/);
    expect(found.empty).toMatch(/^DownloadError: .*empty file/);
    expect(found.cut).toMatch(/^DownloadError: .*the connection ended after \d+ of 100000 bytes/);
    expect(found.cors).toMatch(/^DownloadError: .*Access-Control-Allow-Origin/);
    expect(found.aborted).toMatch(/^AbortError/);
    expect(found.workerAborted).toMatch(/^TimeoutError/);
    expect(found.text).toMatch(/^CheckpointError: /);
    await page.close();
  });
});
/** Answers that are no checkpoints. */
function answers(path: string, response: ServerResponse): boolean {
  switch (path) {
    case "page":
      response.setHeader("Content-Type", "text/html");
      response.end("<!doctype html><title>Not here</title>");
      return true;
    case "empty":
      response.end();
      return true;
    case "cut":
      response.setHeader("Content-Length", 100_000);
      response.write(Buffer.alloc(1000));
      setTimeout(() => response.destroy(), 50);
      return true;
    case "slow":
      response.setHeader("Content-Length", 100_000);
      response.write(Buffer.alloc(1000));
      return true;
    default:
      return false;
  }
}
