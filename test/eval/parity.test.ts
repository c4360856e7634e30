/**
 * `val` against what PyTorch's val.py gave for real checkpoints and pictures. By default the small sets, on wasm, and
 * one on WebGPU; YOLOV5_FULL=1 runs all five on wasm, WebGPU and the CPU reference (many minutes).
 */

import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { evaluate } from "../../src/eval/onDemand.js";
import { openDataset } from "../../src/node/datasets/open.js";
import { load } from "../../src/node.js";
import type { BackendChoice } from "../../src/runtime/backend.js";
import { FULL } from "../support/full.js";
import { referencePath } from "../support/reference.js";
import { webgpuOrSkip } from "../support/webgpu.js";

interface ReferenceMetrics {
  readonly data: string;
  readonly imgsz: number;
  readonly precision: number;
  readonly recall: number;
  readonly map50: number;
  readonly map50_95: number;
  readonly map50_95_per_class: Readonly<Record<string, number>>;
}

/** The promise of the project. */
const TOLERANCE = 0.002;
const CLASS_TOLERANCE = 0.005;

const path = referencePath("reference", "val.json");
const reference = path ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, ReferenceMetrics>) : {};
const ALL = Object.keys(reference);
const webgpu = path !== undefined && (await webgpuOrSkip()) !== undefined;

const RUNS: readonly (readonly [BackendChoice, readonly string[]])[] = FULL
  ? [["wasm", ALL], ...(webgpu ? [["webgpu", ALL] as const] : []), ["cpu", ALL]]
  : [["wasm", ["crops", "dna", "pothole"]], ...(webgpu ? [["webgpu", ["crops"]] as const] : [])];
const CASES = path ? RUNS.flatMap(([backend, names]) => names.map((name) => ({ backend, name }))) : [];
if (!FULL) console.warn("skipped: COCO's 128 pictures and the CPU reference take minutes; YOLOV5_FULL=1 runs them");

describe.skipIf(!path)("val's figures equal PyTorch's", () => {
  const report: string[] = [];
  afterAll(() => console.log(report.join("\n")));

  it.each(CASES)("$name on $backend", { timeout: 3_600_000 }, async ({ backend, name }) => {
    const expected = reference[name];
    const weights = referencePath("weights", `${name}.pt`);
    const folder = referencePath("images", expected.data);
    if (!weights || !folder) return;
    const model = await load(weights, { backend });
    try {
      const dataset = await openDataset(folder, { names: model.names });
      const { metrics, failed, complete } = await evaluate(model, dataset, { imgsz: expected.imgsz });
      expect([failed.length, complete]).toEqual([0, true]);
      const figures = ["precision", "recall", "map50", "map50_95"] as const;
      const shown = figures.map((key) => `${key} ${metrics[key].toFixed(6)} (${expected[key]})`);
      report.push(`${name} on ${backend}: ${shown.join(", ")}`);
      for (const key of figures) expect(Math.abs(metrics[key] - expected[key]), key).toBeLessThanOrEqual(TOLERANCE);
      let worst = 0;
      for (const { class: index, map50_95 } of metrics.perClass) {
        const difference = Math.abs(map50_95 - expected.map50_95_per_class[model.names[index]]);
        worst = Math.max(worst, difference);
        expect(difference, model.names[index]).toBeLessThanOrEqual(CLASS_TOLERANCE);
      }
      report.push(`  largest difference of a class's mAP50-95: ${worst.toFixed(6)}`);
      expect(metrics.perClass.length).toBeGreaterThan(0);
    } finally {
      model.dispose();
    }
  });
});
