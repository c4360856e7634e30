/** The demo page in Firefox and WebKit: it opens, says what the engine lacks, and finds what PyTorch finds. */

import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Detection } from "../../../src/index.js";
import { allOr } from "../../support/full.js";
import { expectBoxes, parityCase } from "../support/boxes.js";
import { demoSites, LONG } from "../support/demo.js";
import { createWorkspace, type Workspace } from "../support/dist.js";
import { type Engine, FIREFOX_ENGINE, WEBKIT_ENGINE } from "../support/engines.js";
import { buildDemo, plainSites } from "../support/pages.js";
import { type Site, serveSite } from "../support/server.js";

const ENGINES = [FIREFOX_ENGINE, WEBKIT_ENGINE];
for (const { name, missing } of ENGINES) if (missing !== undefined) console.warn(`skipped: ${name}: ${missing}`);
const installed = ENGINES.filter(({ missing }) => missing === undefined);

const TEXT = (selector: string): string => `(document.querySelector(${JSON.stringify(selector)})?.textContent ?? "")`;

/** Waits in the page until an expression is true. */
async function until(engine: Engine, holds: string): Promise<void> {
  const end = Date.now() + 300_000;
  // Asked again and again, since the page loads itself once more for its threads.
  while (!(await engine.run<boolean>(`return Boolean(${holds})`).catch(() => false))) {
    if (Date.now() > end) throw new Error(`never: ${holds}; ${await engine.run(`return document.body.innerText`)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const IDLE = `document.querySelector("#busy").hidden`;

/** Drops a file of the site on the page. */
function drop(engine: Engine, address: string): Promise<unknown> {
  return engine.run(`
    const data = new DataTransfer();
    const blob = await (await fetch(${JSON.stringify(address)})).blob();
    data.items.add(new File([blob], ${JSON.stringify(basename(address))}));
    for (const type of ["dragenter", "drop"]) {
      document.body.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
    }`);
}

/** What "Copy JSON" would put on the clipboard, which not every engine lets a test read. */
async function copied(engine: Engine): Promise<readonly Detection[]> {
  await engine.run(`
    Object.defineProperty(navigator, "clipboard", {
      configurable: true,
      value: { writeText: async (text) => { globalThis.copiedText = text; } },
    });
    document.querySelector("#copy").click();`);
  await until(engine, "globalThis.copiedText");
  return JSON.parse(await engine.run<string>("return globalThis.copiedText")).detections;
}

describe.skipIf(installed.length === 0)("other browser engines", LONG, () => {
  let workspace: Workspace;
  let site: Site;

  beforeAll(async () => {
    workspace = createWorkspace();
    const from = await buildDemo(workspace);
    site = await serveSite([...plainSites(workspace), ...demoSites(from)]);
  });
  afterAll(async () => {
    await site?.close();
    workspace?.dispose();
  });

  describe.each(installed)("$name", ({ launch }) => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await launch();
    });
    afterAll(() => engine?.close());

    test.each(
      allOr(
        [
          ["demo-alone", false],
          ["demo-isolated", true],
        ] as const,
        [["demo-isolated", true]] as const,
      ),
    )("%s: after dropping a checkpoint and a picture, the boxes equal PyTorch's on wasm", async (path, isolated) => {
      const wanted = parityCase(640);
      const official = wanted.weights.endsWith("yolov5n.pt");
      await engine.open(`${site.origin}/${path}/`);
      await until(engine, `document.querySelector("#list li") && ${IDLE}`);
      expect(await engine.run(`return globalThis.crossOriginIsolated`)).toBe(isolated);
      // Debian's WebKit isolates pages, but its pages have no SharedArrayBuffer.
      const shared = await engine.run<boolean>(`return typeof SharedArrayBuffer === "function"`);
      const several = isolated && shared;
      expect(await engine.run(`return ${TEXT("#badge-text")}`)).toMatch(several ? /[2-8] threads$/ : /1 thread$/);
      const oneThread = isolated ? "One thread: this browser has no SharedArrayBuffer" : "One thread: ";
      if (!several) expect(await engine.run(`return ${TEXT("#threads")}`)).toContain(oneThread);
      expect(await engine.run(`return ${TEXT("#why")}`)).toContain("Not on WebGPU");
      await drop(engine, `/plain/${wanted.weightsUrl}`);
      await until(engine, `${TEXT("#model-name")}.includes(${JSON.stringify(basename(wanted.weights))}) && ${IDLE}`);
      await drop(engine, `/plain/${wanted.pictureUrl}`);
      if (official) await until(engine, `${TEXT("#summary")}.includes("4 persons, 1 bus") && ${IDLE}`);
      else await until(engine, `document.querySelector("#list li") && ${IDLE}`);
      if (official) expectBoxes(await copied(engine), wanted.expected);
      else expect((await copied(engine)).length).toBeGreaterThan(0);
    });
  });
});
