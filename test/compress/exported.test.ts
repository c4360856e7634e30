/** ONNX exports in compression: pruned they equal their silenced twin, and int8 covers the convolutions of the `.pt`. */

import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { onnxOptions } from "../../src/cli/export/exportOnnx.js";
import { planPruning, pruneTo } from "../../src/compress/prune/pruneChannels.js";
import { keptCounts, removedUnits } from "../../src/compress/prune/select.js";
import { planQuantization } from "../../src/compress/quantize/index.js";
import { openWasm } from "../../src/node/wasm.js";
import { exportOnnx } from "../../src/onnx/index.js";
import { optimize } from "../../src/ops/index.js";
import { compare } from "../../src/tensor/index.js";
import { countParameters } from "../../src/weights/index.js";
import type { ModuleNode } from "../../src/weights/types.js";
import { createMember, type OpenedModel, openModel, randomModel } from "../../src/yolov5/loadModel.js";
import { openOnnx } from "../../src/yolov5/onnx/index.js";
import { referencePath } from "../support/reference.js";
import { noise, outputsOf, silenced } from "./support.js";

const SIDE = 128;
const SHAPE = [1, 3, SIDE, SIDE] as const;
const wasm = await openWasm({ threads: 1 });
afterAll(() => wasm.dispose());

/** The small networks of the reference material, without it larger ones with random weights. */
const NETWORKS = [
  ["v5u", "yolov5nu"],
  ["v8", "yolov8n"],
  ["v8-seg", "yolov8n-seg"],
  ["v8-pose", "yolov8n-pose"],
  ["v8-cls", "yolov8n-cls"],
  ["11", "yolo11n"],
  ["26", "yolo26n"],
] as const;

function original(name: string, released: string): OpenedModel {
  const path = referencePath("weights", "anchor-free", `${name}.pt`);
  return path ? openModel(readFileSync(path), { path }) : randomModel(released, 3);
}

function exportedModule(opened: OpenedModel): ModuleNode {
  const { network, info } = createMember(opened, wasm, { path: "best.pt" });
  const bytes = exportOnnx(optimize(network.build(SHAPE).graph), onnxOptions(info, SHAPE));
  const { module } = openOnnx(bytes, "best.onnx");
  if (!module) throw new Error("no module");
  return module;
}

describe.each(NETWORKS)("the export of %s", (name, released) => {
  const opened = original(name, released);
  const module = exportedModule(opened);

  test("pruned equals the unpruned one with those channels silenced", async () => {
    const plan = planPruning(module, "l2");
    const { groups } = plan.grouping;
    const counts = keptCounts(groups, plan.scores, { amount: 0.3, scope: "global", round: 1 });
    const removed = removedUnits(groups, plan.scores, counts);
    const { module: pruned, removed: share } = pruneTo(plan, counts);
    expect(share).toBeGreaterThan(0.2);
    expect(countParameters(pruned)).toBeLessThan(0.85 * countParameters(module));
    const input = noise(SIDE, SIDE);
    const expected = await outputsOf(silenced(plan, removed), wasm, input);
    const actual = await outputsOf(pruned, wasm, input);
    for (const [i, output] of actual.entries()) expect(compare(output, expected[i]).nmse).toBeLessThan(1e-10);
  });

  test("has as many convolutions in int8 as the checkpoint", () => {
    const convolutions = (root: ModuleNode): number => {
      const { graph } = createMember({ ...opened, module: root }, wasm, { path: name }).network.build(SHAPE);
      return planQuantization(root, graph).convolutions.size;
    };
    expect(convolutions(module)).toBeGreaterThanOrEqual(convolutions(opened.module));
  });
});
