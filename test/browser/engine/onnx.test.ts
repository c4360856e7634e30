/** ONNX exports in pages and workers: the model's own boxes, read by code that comes with the first of them. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { exportOnnx } from "../../../src/onnx/index.js";
import { optimize } from "../../../src/ops/index.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { createMember, openModel } from "../../../src/yolov5/loadModel.js";
import { REPOSITORY } from "../../support/reference.js";
import { chromiumMissing } from "../support/chromium.js";
import { type EngineWindow, type Policy, plainSites } from "../support/pages.js";
import { SiteAndBrowser } from "../support/siteAndBrowser.js";

/** The embedded model as an export of 128×128, in base64. */
function exported(): string {
  const path = join(REPOSITORY, "models/codes.safetensors");
  const opened = openModel(new Uint8Array(readFileSync(path)), { path });
  const { network, info } = createMember(opened, createCpuBackend(), { path });
  const metadata = { names: JSON.stringify(info.names), stride: String(info.stride) };
  return Buffer.from(exportOnnx(optimize(network.build([1, 3, 128, 128]).graph), { metadata })).toString("base64");
}

function watchReader(page: Page): string[] {
  const asked: string[] = [];
  page.on("request", (request) => {
    const chunk = /\/dist\/browser\/(onnx)-\w+\.js$/.exec(request.url());
    if (chunk) asked.push(chunk[1]);
  });
  return asked;
}

describe.skipIf(chromiumMissing())("an ONNX export in a page", () => {
  const tests = new SiteAndBrowser(plainSites);
  const base64 = exported();

  test.each([
    ["/plain/", "wasm"],
    ["/wasm/", "wasm"],
    ["/strict/", "cpu"],
  ] as const satisfies readonly (readonly [Policy, string])[])("works under %s on %s", async (policy, backend) => {
    const { page, errors } = await tests.open(policy);
    const asked = watchReader(page);
    const found = await page.evaluate(
      async ({ base64, backend }) => {
        const { engine } = globalThis as unknown as EngineWindow;
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const boxesOf = async (how: "load" | "loadInWorker", source: string | File): Promise<number[][]> => {
          const model = await engine[how](source, { backend });
          const { xyxy } = await model.detect("examples/codes.png", { imgsz: 256 });
          model.dispose();
          return xyxy.map((box) => Array.from(box));
        };
        const wanted = await boxesOf("load", "models/codes.safetensors");
        const file = new File([bytes], "codes.onnx");
        const refused = new File([bytes.subarray(0, 5000)], "cut.onnx");
        const failure = async (how: "load" | "loadInWorker"): Promise<string> =>
          boxesOf(how, refused).then(
            () => "read",
            (error: Error) => `${error.name}: ${error.message}`,
          );
        return {
          wanted,
          page: await boxesOf("load", file),
          worker: await boxesOf("loadInWorker", file),
          failures: [await failure("load"), await failure("loadInWorker")],
        };
      },
      { base64, backend },
    );
    expect(found.wanted.length).toBeGreaterThan(3);
    for (const boxes of [found.page, found.worker]) {
      expect(boxes.length).toBe(found.wanted.length);
      for (const [i, box] of boxes.entries()) {
        for (const [k, value] of box.slice(0, 4).entries())
          expect(Math.abs(value - found.wanted[i][k])).toBeLessThan(0.05);
      }
    }
    expect(found.failures).toEqual(
      [0, 1].map(() => expect.stringMatching(/^CheckpointError: cut\.onnx: is damaged \(/)),
    );
    expect(asked.length).toBeGreaterThan(0);
    if (policy === "/plain/") expect(errors).toEqual([]);
    await page.close();
  });
});
