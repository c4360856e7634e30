/** What a page with a worker loads before its first boxes, and decoders that come with the first picture of their format. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allOr } from "../support/full.js";
import { REPOSITORY } from "../support/reference.js";
import { chromiumMissing, launchChromium, watchErrors } from "./support/chromium.js";
import { createWorkspace, type Workspace } from "./support/dist.js";
import { type EngineWindow, type Policy, plainSites } from "./support/pages.js";
import { type Site, serveSite } from "./support/server.js";

/** gzipped, in bytes: every script that was sent, also twice. As docs/browser.md has it. */
const MOST: Readonly<Record<string, number>> = {
  "browser.html auto": 177_000,
  "page.html auto": 243_000,
  "page.html wasm": 243_000,
  "browser.html webgpu": 213_000,
  "page.html webgpu": 279_000,
  "load wasm": 186_000,
  "load webgpu": 222_000,
};

/** Name → bytes in base64, of the decoders' own tests: sound and damaged, and what is no picture. */
const FILES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(["decode.json", "tiff.json"].flatMap(filesOf)),
  "small.avif": readFileSync(join(REPOSITORY, "test/fixtures/image/small.avif")).toString("base64"),
  "text.jpg": btoa("hello, I am no picture"),
  "empty.jpg": "",
};

function filesOf(fixture: string): [string, string][] {
  const text = readFileSync(join(REPOSITORY, "test/fixtures/image", fixture), "utf8");
  const { files } = JSON.parse(text) as { files: Readonly<Record<string, { readonly base64: string }>> };
  return Object.entries(files).map(([name, { base64 }]) => [name, base64]);
}

describe.skipIf(chromiumMissing())("the worker of a page", () => {
  let workspace: Workspace;
  let site: Site;
  let browser: Browser;
  /** Files that the server sent since a test began. */
  let sent: { readonly path: string; readonly gzipped: number }[] = [];

  beforeAll(async () => {
    workspace = createWorkspace();
    const dist = join(workspace.packageFolder, "dist");
    site = await serveSite([
      {
        at: "/plain/dist/",
        from: (path) => {
          sent.push({ path, gzipped: gzipSync(readFileSync(join(dist, path)), { level: 9 }).length });
          return false;
        },
      },
      ...["page", "browser"].map((entry) => ({
        at: `/plain/${entry}.html`,
        from: (_: string, response: import("node:http").ServerResponse) => {
          response.setHeader("Content-Type", "text/html");
          response.end(`<!doctype html><p>A page without a bundler.</p><script type="module">
            import { load, loadInWorker } from "./dist/${entry}.js";
            Object.assign(globalThis, { load, loadInWorker });
            document.body.dataset.ready = "";
          </script>`);
          return true;
        },
      })),
      ...plainSites(workspace),
    ]);
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    workspace?.dispose();
  });

  async function open(path: string): Promise<{ page: Page; errors: readonly string[] }> {
    const page = await browser.newPage();
    const errors = watchErrors(page);
    sent = [];
    await page.goto(site.origin + path);
    await page.waitForSelector("body[data-ready]");
    return { page, errors };
  }

  test.each([
    ["browser.html", "auto"],
    ["page.html", "auto"],
    ["page.html", "wasm"],
    ["browser.html", "webgpu"],
    ["page.html", "webgpu"],
  ] as const)(
    "%s with the embedded model and a PNG on %s: scripts before the first boxes stay within their bound",
    async (entry, backend) => {
      const { page, errors } = await open(`/plain/${entry}`);
      const boxes = await page.evaluate(async (backend) => {
        const { loadInWorker } = globalThis as unknown as EngineWindow["engine"];
        const model = await loadInWorker("models/codes.safetensors", { backend });
        const result = await model.detect("examples/codes.png", { imgsz: 320 });
        return result.xyxy.length;
      }, backend);
      expect(boxes).toBeGreaterThan(5);
      const total = sent.reduce((sum, { gzipped }) => sum + gzipped, 0);
      console.log(
        `${entry} on ${backend}: ${total} bytes gzipped: ${sent.map((file) => `${file.path} ${file.gzipped}`).join(", ")}`,
      );
      expect(sent.length).toBeGreaterThan(3);
      // What computes is in the worker alone.
      expect(sent.filter(({ path }) => /^browser\/(engine|webgpu|decode)-/.test(path))).toEqual([]);
      expect(total).toBeLessThanOrEqual(MOST[`${entry} ${backend}`]);
      // Each decoder comes with its first picture, once.
      const before = sent.length;
      const again = await page.evaluate(async (backend) => {
        const { loadInWorker } = globalThis as unknown as EngineWindow["engine"];
        const model = await loadInWorker("models/codes.safetensors", { backend });
        const drawn = await createImageBitmap(await (await fetch("examples/codes.png")).blob());
        const canvas = new OffscreenCanvas(drawn.width, drawn.height);
        canvas.getContext("2d")?.drawImage(drawn, 0, 0);
        const jpeg = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
        const counts = [];
        for (let i = 0; i < 3; i++) counts.push((await model.detect(jpeg, { imgsz: 320 })).xyxy.length);
        model.dispose();
        return counts;
      }, backend);
      expect(new Set(again).size).toBe(1);
      expect(sent.slice(before).map(({ path }) => path)).toEqual([expect.stringMatching(/^browser\/jpeg-\w+\.js$/)]);
      expect(errors).toEqual([]);
      await page.close();
    },
  );

  test.each(["wasm", "webgpu"] as const)(
    "load on %s on the page's own thread: scripts stay within their bound too",
    async (backend) => {
      const { page, errors } = await open("/plain/browser.html");
      const boxes = await page.evaluate(async (backend) => {
        const { load } = globalThis as unknown as EngineWindow["engine"];
        const model = await load("models/codes.safetensors", { backend });
        return (await model.detect("examples/codes.png", { imgsz: 320 })).xyxy.length;
      }, backend);
      expect(boxes).toBeGreaterThan(5);
      const total = sent.reduce((sum, { gzipped }) => sum + gzipped, 0);
      console.log(`load on ${backend}: ${total} bytes gzipped`);
      expect(total).toBeLessThanOrEqual(MOST[`load ${backend}`]);
      expect(errors).toEqual([]);
      await page.close();
    },
  );

  test.each(allOr<Policy>(["/plain/", "/wasm/", "/isolated/", "/strict/"], ["/isolated/", "/strict/"]))(
    "%s: every format gives the same pixels, warnings and errors in the worker as on the page",
    async (policy) => {
      const { page } = await open(policy);
      // Under this policy there is no WebAssembly.
      const backend = policy === "/strict/" ? "cpu" : "wasm";
      // The reference is slow.
      const some = Object.entries(FILES).filter((_, i) => backend === "wasm" || i % 8 === 0);
      const found = await page.evaluate(
        async ({ files, backend }) => {
          const { engine } = globalThis as unknown as EngineWindow;
          const models = {
            page: await engine.load("models/codes.safetensors", { backend }),
            worker: await engine.loadInWorker("models/codes.safetensors", { backend }),
          };
          const outcomes: Record<string, Record<string, string>> = {};
          for (const [name, base64] of Object.entries(files)) {
            const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
            const each: Record<string, string> = {};
            for (const [where, model] of Object.entries(models)) {
              const warnings: string[] = [];
              each[where] = await model
                .detect(new File([bytes], name), { imgsz: 32, conf: 0.0001, onWarning: (text) => warnings.push(text) })
                .then(
                  (result) => JSON.stringify([result.width, result.height, result.xyxy.slice(0, 5), warnings]),
                  (error: Error) => `${error.constructor.name} ${error.name}: ${error.message}`,
                );
            }
            outcomes[name] = each;
          }
          for (const model of Object.values(models)) model.dispose();
          return outcomes;
        },
        { files: Object.fromEntries(some), backend } as const,
      );
      expect(Object.keys(found).length).toBeGreaterThan(10);
      for (const [name, { page, worker }] of Object.entries(found)) expect(worker, name).toBe(page);
      await page.close();
    },
  );

  test("if a decoder's worker cannot start or dies, there is a note or an error, and the next picture is read", async () => {
    const { page } = await open("/plain/");
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const notes: string[] = [];
      const onNote = (note: string): void => void notes.push(note);
      const own = Worker;
      const made: Worker[] = [];
      let refuse = false;
      class Watched extends own {
        constructor(url: string | URL, options?: WorkerOptions) {
          if (refuse) throw new Error("no more workers");
          super(url, options);
          made.push(this);
        }
      }
      Object.assign(globalThis, { Worker: Watched });
      const canvas = new OffscreenCanvas(64, 64);
      canvas.getContext("2d")?.fillRect(0, 0, 9, 9);
      const jpeg = await canvas.convertToBlob({ type: "image/jpeg" });
      const webp = await canvas.convertToBlob({ type: "image/webp" });
      const model = await engine.loadInWorker("models/codes.safetensors", { backend: "wasm", onNote });
      const detect = (picture: Blob): Promise<string> =>
        model.detect(picture, { imgsz: 64 }).then(
          () => "answered",
          (error: Error) => `${error.name}: ${error.message}`,
        );
      const first = await detect(jpeg);
      const decoder = made[1];
      // Dies, and with it the picture that it is given; browsers tell it later.
      decoder.terminate();
      const dying = detect(jpeg);
      const late = await Promise.race([dying, new Promise((resolve) => setTimeout(resolve, 500, "waiting"))]);
      decoder.dispatchEvent(new ErrorEvent("error", { message: "out of memory" }));
      const died = await dying;
      const next = await detect(jpeg);
      const workers = made.length;
      refuse = true;
      const here = await detect(webp);
      model.dispose();
      return { first, late, died, next, workers, here, notes };
    });
    expect(found.first).toBe("answered");
    expect(found.late).toBe("waiting");
    expect(found.died).toMatch(/^DeviceError: the worker that decodes pictures ended: out of memory; try again$/);
    expect(found.next).toBe("answered");
    expect(found.workers).toBe(3);
    expect(found.here).toBe("answered");
    expect(found.notes).toEqual(["no worker to decode pictures: no more workers; decoding on the page's own thread"]);
    await page.close();
  });
});
