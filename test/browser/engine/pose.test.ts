/** Keypoints in pages and workers: those of Node, and a skeleton drawn with them. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeImage } from "../../../src/image/index.js";
import { openWasm } from "../../../src/node/wasm.js";
import { exportSafetensors } from "../../../src/yolov5/checkpoint/exportSafetensors.js";
import { parseModelConfig } from "../../../src/yolov5/config/modelConfig.js";
import { newerDescription } from "../../../src/yolov5/config/newerArchitectures.js";
import { randomSource } from "../../../src/yolov5/config/sources.js";
import { synthesizeModule } from "../../../src/yolov5/config/synthesize.js";
import { createMember, type OpenedModel, openModel } from "../../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../../src/yolov5/localRunner.js";
import { Model } from "../../../src/yolov5/model.js";
import type { PoseResult } from "../../../src/yolov5/output/results.js";
import { REPOSITORY, referencePath } from "../../support/reference.js";
import { chromiumMissing } from "../support/chromium.js";
import { type EngineWindow, plainSites } from "../support/pages.js";
import { SiteAndBrowser } from "../support/siteAndBrowser.js";

const OPTIONS = { imgsz: 128, conf: 0.01, maxDet: 5 };

/** The pose network of the reference material, without it one of random weights at a sixteenth of its width. */
function poseModel(): OpenedModel {
  const path = referencePath("weights", "anchor-free", "v8-pose.pt");
  if (path) return openModel(new Uint8Array(readFileSync(path)), { path });
  const description = { ...newerDescription("yolov8n-pose"), scale: "t", scales: { t: [0.33, 1 / 16, 1024] } };
  const module = synthesizeModule(parseModelConfig(description), randomSource(3), { strides: [8, 16, 32] });
  return { module, checkpoint: { format: "safetensors", module, extra: new Map() } };
}

/** The file that the page loads, and what Node finds with it. */
async function posed(): Promise<{ base64: string; wanted: PoseResult["detections"] }> {
  const backend = await openWasm({ threads: 1 });
  const opened = poseModel();
  const { info } = createMember(opened, backend, { path: "pose" });
  const bytes = exportSafetensors(opened, info);
  const read = async (path: string) => ({ image: await decodeImage(new Uint8Array(readFileSync(path))), source: path });
  const own = createMember(openModel(bytes, { path: "pose" }), backend, { path: "pose" });
  const model = new Model(new LocalRunner<string>([own], backend, read));
  const { detections } = (await model.detect(join(REPOSITORY, "examples/codes.png"), OPTIONS)) as PoseResult;
  model.dispose();
  return { base64: Buffer.from(bytes).toString("base64"), wanted: detections };
}

describe.skipIf(chromiumMissing())("a pose model in a page", () => {
  const tests = new SiteAndBrowser(plainSites);

  test("finds the same keypoints as Node, also in a worker, and draws them", async () => {
    const { base64, wanted } = await posed();
    const { page, errors } = await tests.open("/plain/");
    const found = await page.evaluate(
      async ({ base64, options }) => {
        const { engine } = globalThis as unknown as EngineWindow;
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const file = new File([bytes], "pose.safetensors");
        const resultOf = async (how: "load" | "loadInWorker") => {
          const model = await engine[how](file, { backend: "wasm" });
          const result = await model.detect("examples/codes.png", options);
          model.dispose();
          return result;
        };
        const [result, other] = [await resultOf("load"), await resultOf("loadInWorker")];
        if (result.task !== "pose" || other.task !== "pose") throw new Error(`tasks ${result.task}, ${other.task}`);
        const black = {
          width: result.width,
          height: result.height,
          data: new Uint8Array(result.width * result.height * 3),
        };
        // The network of random weights sees few points clearly; unseen ones are not drawn.
        const seen = async (visibility: number): Promise<Uint8Array> => {
          const detections = result.detections.map((found) => ({
            ...found,
            keypoints: found.keypoints.map(([x, y]) => [x, y, visibility] as const),
          }));
          const changed: typeof result = Object.create(result, { detections: { value: detections } });
          return (await engine.annotate(black, changed)).data;
        };
        const [clearly, hidden] = [await seen(1), await seen(0)];
        const drawn = clearly.reduce((sum, value, i) => sum + Number(value !== hidden[i]), 0);
        const lines = engine.poseLines(result).map((line) => line.split(" ").length);
        const pointsOf = ({ detections }: typeof result) =>
          detections.map(({ confidence, keypoints }) => ({ confidence, keypoints }));
        return { page: pointsOf(result), worker: pointsOf(other), lines, drawn };
      },
      { base64, options: OPTIONS },
    );
    expect(wanted.length).toBeGreaterThan(0);
    for (const detections of [found.page, found.worker]) {
      expect(detections.map(({ keypoints }) => keypoints.length)).toEqual(
        wanted.map(({ keypoints }) => keypoints.length),
      );
      for (const [i, { keypoints }] of detections.entries()) {
        for (const [k, numbers] of keypoints.entries()) {
          for (const [n, value] of numbers.entries()) {
            expect(Math.abs(Number(value) - Number(wanted[i].keypoints[k][n]))).toBeLessThan(0.1);
          }
        }
      }
    }
    expect(found.lines).toEqual(wanted.map(() => 5 + 17 * 3));
    expect(found.drawn).toBeGreaterThan(0);
    expect(errors).toEqual([]);
    await page.close();
  });
});
