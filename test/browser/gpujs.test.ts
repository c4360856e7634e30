/** The gpu.js backend in Chromium on WebGL2 (SwiftShader): ops, layers and boxes, as a page without a bundler has it. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gpuJsForPages } from "../../scripts/gpuJsForPages.mjs";
import { allOr, FULL } from "../support/full.js";
import { REPOSITORY } from "../support/reference.js";
import { expectBoxes, type ParityCase } from "./support/boxes.js";
import { chromiumMissing, launchChromium, watchErrors } from "./support/chromium.js";
import { createWorkspace, type Workspace } from "./support/dist.js";
import { type EngineWindow, openPlain, plainSites } from "./support/pages.js";
import { type Site, serveSite } from "./support/server.js";

interface Run {
  readonly image: string;
  readonly size: number;
  readonly conf: number;
  readonly iou: number;
  readonly rect: boolean;
  readonly options: Readonly<Record<string, unknown>>;
  readonly detections: ParityCase["expected"];
}

/** The cases of every op with the backend, minified, as one script. */
async function bundleOps(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(REPOSITORY, "test/browser/pages/gpujsOps.ts")],
    absWorkingDir: REPOSITORY,
    bundle: true,
    format: "iife",
    minify: true,
    target: "es2022",
    loader: { ".wgsl": "text" },
    plugins: [gpuJsForPages],
    write: false,
    logLevel: "error",
  });
  return outputFiles[0].text;
}

describe.skipIf(chromiumMissing())("gpu.js on WebGL2", () => {
  let workspace: Workspace;
  let site: Site;
  let browser: Browser;
  let page: Page;
  let errors: readonly string[];

  beforeAll(async () => {
    workspace = createWorkspace();
    site = await serveSite(plainSites(workspace));
    browser = await launchChromium();
    page = await browser.newPage();
    errors = watchErrors(page);
    // The strictest policy: no eval, no WebAssembly.
    await openPlain(page, site.origin, "/strict/");
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    workspace?.dispose();
  });

  test("every op equals its reference", async () => {
    const other = await browser.newPage();
    await openPlain(other, site.origin, "/plain/");
    await other.addScriptTag({ content: await bundleOps() });
    const { cases, untested, wrong, adapter } = await other.evaluate(() =>
      (
        globalThis as unknown as {
          runGpujsOps: () => Promise<{ cases: number; untested: string[]; wrong: string[]; adapter: string }>;
        }
      ).runGpujsOps(),
    );
    expect(adapter).toMatch(/^gpu\.js webgl2 /);
    expect(cases).toBeGreaterThan(50);
    expect(untested).toEqual([]);
    expect(wrong).toEqual([]);
    await other.close();
  });

  test.each(allOr(["v6", "csp", "assorted", "seg"], ["v6", "seg"]))(
    "every layer and the boxes of %s equal PyTorch's",
    async (name) => {
      const { runs } = JSON.parse(readFileSync(join(REPOSITORY, "test/fixtures/pytorch", `${name}.json`), "utf8")) as {
        runs: readonly Run[];
      };
      const [run] = runs;
      const found = await page.evaluate(
        async ({ name, run }) => {
          const { engine } = globalThis as unknown as EngineWindow;
          const model = await engine.load(`fixtures/pytorch/${name}.pt`, { backend: "gpujs" });
          const layers = await (await fetch(`fixtures/pytorch/${name}.layers.safetensors`)).arrayBuffer();
          const verification = await engine.verifyModel(model, new Uint8Array(layers), { nmse: 1e-8 });
          const boxes = [];
          for (let round = 0; round < 3; round++) {
            const result = await model.detect(`fixtures/pytorch/${run.image}`, {
              imgsz: run.size,
              conf: run.conf,
              iou: run.iou,
              fit: run.rect ? "rect" : "square",
              maxDet: Number(run.options.max_det),
            });
            boxes.push(result.task === "classify" ? [] : [...result.detections]);
          }
          const { device } = model;
          model.dispose();
          return { device, boxes, layers: verification.layers };
        },
        { name, run },
      );
      expect(found.device.name).toBe("gpujs");
      expect(found.device.adapter).toMatch(/^gpu\.js webgl2 \(.+\)$/);
      expect(found.layers.filter(({ ok }) => !ok)).toEqual([]);
      expect(found.layers.length).toBeGreaterThanOrEqual(9);
      for (const boxes of found.boxes) expectBoxes(boxes, run.detections);
      expect(errors).toEqual([]);
    },
  );

  /** A page without WebGPU that calls its software WebGL2 a graphics card. `slowMs`: what its clock says a worker takes longer. */
  async function openPretending(slowMs: number): Promise<Page> {
    const other = await browser.newPage();
    await other.addInitScript((ms) => {
      Object.defineProperty(navigator, "gpu", { value: undefined });
      const { getContext } = HTMLCanvasElement.prototype;
      const contexts: unknown[] = [];
      HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, kind: string, options?: object) {
        const wanted = { ...options, failIfMajorPerformanceCaveat: false };
        const context = Reflect.apply(getContext, this, [kind, wanted]);
        contexts.push(context);
        return context;
      } as typeof getContext;
      const { getParameter } = WebGL2RenderingContext.prototype;
      const UNMASKED_RENDERER = 0x9246;
      WebGL2RenderingContext.prototype.getParameter = function (name) {
        return name === UNMASKED_RENDERER ? "Pretended GPU" : getParameter.call(this, name);
      };
      const { postMessage } = Worker.prototype;
      const now = performance.now.bind(performance);
      let late = 0;
      performance.now = () => now() + late;
      Worker.prototype.postMessage = function (...args: unknown[]) {
        late += ms;
        Reflect.apply(postMessage, this, args);
      };
      Object.assign(globalThis, { contexts });
    }, slowMs);
    await openPlain(other, site.origin, "/plain/");
    return other;
  }

  const loadedGpujs = (other: Page): Promise<boolean> =>
    other.evaluate(() => performance.getEntriesByType("resource").some(({ name }) => /\/gpujs-\w+\.js$/.test(name)));

  test("auto does not load it on software WebGL2", async () => {
    const other = await browser.newPage();
    await openPlain(other, site.origin, "/plain/");
    const names = await other.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      Object.defineProperty(navigator, "gpu", { value: undefined });
      const found: string[] = [];
      for (const how of ["load", "loadInWorker"] as const) {
        const model = await engine[how]("fixtures/pytorch/v6.pt");
        found.push(model.device.name);
        model.dispose();
      }
      return found;
    });
    expect(names).toEqual(["wasm", "wasm"]);
    expect(await loadedGpujs(other)).toBe(false);
    await other.close();
  });

  test.runIf(FULL)("auto measures it against WASM and does not use it if it is slower", async () => {
    const other = await openPretending(0);
    const found = await other.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const answers: { name: string; path: string; notes: string[] }[] = [];
      for (const how of ["load", "loadInWorker"] as const) {
        const notes: string[] = [];
        const model = await engine[how]("fixtures/pytorch/v6.pt", { onNote: (note) => notes.push(note) });
        answers.push({ name: model.device.name, path: model.info.path, notes });
        model.dispose();
      }
      return answers;
    });
    for (const { name, path, notes } of found) {
      expect(name).toBe("wasm");
      expect(path).toMatch(/fixtures\/pytorch\/v6\.pt$/);
      expect(notes).toHaveLength(2);
      expect(notes[0]).toMatch(/^not on WebGPU: /);
      expect(notes[1]).toMatch(/^not on WebGL2: it takes \d+ ms per picture, wasm \d+ ms$/);
    }
    expect(await loadedGpujs(other)).toBe(true);
    await other.close();
  });

  test("auto uses it if it is faster, and WASM takes over when the context is lost", async () => {
    const other = await openPretending(60_000);
    const found = await other.evaluate(async () => {
      const { engine, contexts } = globalThis as unknown as EngineWindow & { contexts: WebGL2RenderingContext[] };
      const notes: string[] = [];
      const model = await engine.loadInWorker("fixtures/pytorch/v6.pt", { onNote: (note) => notes.push(note) });
      const devices = [model.device.name];
      const summaries: string[] = [];
      for (let round = 0; round < 2; round++) {
        summaries.push((await model.detect("fixtures/pytorch/picture.png", { imgsz: 96, conf: 0.01 })).summary());
        devices.push(model.device.name);
        for (const context of contexts) {
          if (context instanceof WebGL2RenderingContext) context.getExtension("WEBGL_lose_context")?.loseContext();
        }
      }
      model.dispose();
      return { notes, devices, summaries };
    });
    expect(found.devices).toEqual(["gpujs", "gpujs", "wasm"]);
    expect(found.summaries[0]).toMatch(/\d/);
    expect(found.summaries[1]).toBe(found.summaries[0]);
    expect(found.notes.at(-2)).toMatch(/^WebGL2 is faster here: \d+ ms per picture, wasm \d+ ms$/);
    expect(found.notes.at(-1)).toMatch(/^WebGL2 is gone \(gpujs: .*\); running on wasm$/);
    await other.close();
  });
});
