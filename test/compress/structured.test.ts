/** Structured pruning: a pruned network equals the unpruned one with silenced channels, whatever its wiring. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { planPruning, pruneChannels, pruneTo } from "../../src/compress/prune/pruneChannels.js";
import { keptCounts, removedUnits, roundKept } from "../../src/compress/prune/select.js";
import { openWasm } from "../../src/node/wasm.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { compare } from "../../src/tensor/index.js";
import { collectStateDict, countParameters, moduleAt, walkModules } from "../../src/weights/index.js";
import { exportSafetensors } from "../../src/yolov5/checkpoint/exportSafetensors.js";
import { createMember, type OpenedModel, openModel, randomModel } from "../../src/yolov5/loadModel.js";
import { FULL } from "../support/full.js";
import { referencePath } from "../support/reference.js";
import { codes, noise, outputsOf, silenced } from "./support.js";

/** Wirings of every kind; seeded random weights where the reference material is absent. */
const random: readonly string[] = FULL
  ? ["yolov5n", "yolov5n6", "yolov5n-seg", "yolov5n-cls"]
  : ["yolov5n-seg", "yolov5n-cls"];
const zoo = ["bifpn", "ghost", "csp", "focus-spp", "transformer", "v3-tiny", "v3-spp", "leaky", "seg", "cls", "p34"];

async function checkAgainstSilenced({ module }: OpenedModel, options: { round?: number; size: number }): Promise<void> {
  const backend = await openWasm({ threads: 1 });
  try {
    const plan = planPruning(module, "l2");
    const { groups } = plan.grouping;
    const counts = keptCounts(groups, plan.scores, { amount: 0.3, scope: "global", round: options.round });
    const removed = removedUnits(groups, plan.scores, counts);
    const { module: pruned, removed: share } = pruneTo(plan, counts);
    expect(share).toBeGreaterThan(0.2);
    expect(countParameters(pruned)).toBeLessThan(0.85 * countParameters(module));
    const input = noise(options.size, options.size);
    const expected = await outputsOf(silenced(plan, removed), backend, input);
    const actual = await outputsOf(pruned, backend, input);
    for (const [i, output] of actual.entries()) expect(compare(output, expected[i]).nmse).toBeLessThan(1e-10);
  } finally {
    backend.dispose();
  }
}

describe("a pruned network equals the unpruned one with those channels silenced", () => {
  test("codes", () => checkAgainstSilenced(codes(), { round: 4, size: 128 }));
  test.each(random)("random %s", (name) => checkAgainstSilenced(randomModel(name), { round: 4, size: 128 }));
  test.each(zoo)("zoo %s", async (name) => {
    const path = referencePath("weights", "zoo", `${name}.pt`);
    if (path) await checkAgainstSilenced(openModel(readFileSync(path), { path: name }), { round: 1, size: 128 });
  });
  test.each(["v5u", "v8", "v8-seg", "v8-pose", "11", "11-seg", "26", "v8-cls"])("anchor-free %s", async (name) => {
    const path = referencePath("weights", "anchor-free", `${name}.pt`);
    if (path) await checkAgainstSilenced(openModel(readFileSync(path), { path: name }), { round: 1, size: 128 });
  });
  test.each(["yolov5n-7", "crops-pruned-25", "formats/already-fused"])("%s", async (name) => {
    const path = referencePath("weights", `${name}.pt`);
    if (path) await checkAgainstSilenced(openModel(readFileSync(path), { path: name }), { round: 4, size: 128 });
  });
});

describe("dependencies", () => {
  test("a shortcut ties all bottlenecks of a C3 to its cv1; the head keeps its outputs", () => {
    const { grouping } = planPruning(codes().module, "bn");
    const tied = grouping.groups.find(({ layers }) => layers.includes("model.4.cv1.conv"));
    expect(tied?.layers).toEqual(
      ["model.4.cv1.conv", "model.4.m.0.cv2.conv", "model.4.m.1.cv2.conv"].slice(0, tied?.layers.length),
    );
    expect(tied?.layers.length).toBeGreaterThan(1);
    expect(grouping.kept.every(({ why }) => why.includes("head"))).toBe(true);
    expect(grouping.kept.length).toBe(3);
  });

  test("attention keeps its channels, and says so", () => {
    const path = referencePath("weights", "zoo", "transformer.pt");
    if (!path) return;
    const { kept } = planPruning(openModel(readFileSync(path), { path: "transformer" }).module).grouping;
    expect(kept.some(({ why }) => /attention keeps its channels|part of a larger tensor/.test(why))).toBe(true);
  });

  test("attributes match the tensors, and the description of the unpruned widths is removed", () => {
    const { module } = pruneChannels(codes().module, { amount: 0.3, scope: "global", round: 4 });
    let convolutions = 0;
    walkModules(module, (node) => {
      const weight = node.parameters.get("weight");
      if (node.type !== "Conv2d" || !weight) return;
      convolutions++;
      if (node.attributes.has("out_channels")) expect(node.attributes.get("out_channels")).toBe(weight.shape[0]);
    });
    expect(convolutions).toBeGreaterThan(40);
    expect(module.attributes.has("yaml")).toBe(false);
    expect(moduleAt(module, "model")?.attributes.has("yaml") ?? false).toBe(false);
  });
});

describe("amounts", () => {
  test("channel counts are multiples, never below the minimum", () => {
    expect(roundKept(51.2, 64, { round: 8 })).toBe(48);
    expect(roundKept(60, 64, { round: 8 })).toBe(64);
    expect(roundKept(1, 64, { round: 8 })).toBe(16);
    expect(roundKept(3, 6, { round: 8 })).toBe(6);
    expect(roundKept(16.2, 17, { round: 8 })).toBe(16);
    expect(() => roundKept(3, 6, { round: 0 })).toThrow(/round must be a whole number/);
  });

  test("a global amount is reached despite minimum and rounding; amount 0 removes nothing", () => {
    const plan = planPruning(randomModel("yolov5n").module, "l1");
    const { groups } = plan.grouping;
    const total = groups.reduce((sum, { units }) => sum + units.length, 0);
    for (const amount of [0.1, 0.2, 0.3, 0.5]) {
      const counts = keptCounts(groups, plan.scores, { amount, scope: "global" });
      const gone = 1 - counts.reduce((a, b) => a + b, 0) / total;
      expect(Math.abs(gone - amount)).toBeLessThan(0.02);
      for (const count of counts) expect(count % 8).toBe(0);
    }
    const all = keptCounts(groups, plan.scores, { amount: 0, scope: "global" });
    expect(all).toEqual(groups.map(({ units }) => units.length));
  });

  test("invalid options are refused with the fix", () => {
    const { module } = randomModel("yolov5n");
    expect(() => pruneChannels(module, { amount: 20, scope: "global" })).toThrow(/0.2 removes 20 %/);
    const fused = referencePath("weights", "formats", "already-fused.pt");
    if (fused && existsSync(fused)) {
      const opened = openModel(readFileSync(fused), { path: "fused" });
      expect(() => pruneChannels(opened.module, { amount: 0.2, scope: "global", criterion: "bn" })).toThrow(
        /has no BatchNorm.*use criterion l1 or l2/,
      );
    }
  });
});

describe("files", () => {
  test("a pruned network is read back from .safetensors, and all backends agree on it", async () => {
    const opened = codes();
    const { module } = pruneChannels(opened.module, { amount: 0.25, scope: "layer", round: 8 });
    const cpu = createCpuBackend();
    const { info } = createMember({ ...opened, module }, cpu, { path: "pruned" });
    const bytes = exportSafetensors({ ...opened, module }, info);
    const back = openModel(bytes, { path: join("pruned.safetensors") });
    expect([...collectStateDict(back.module).keys()].length).toBeGreaterThan(100);
    const wasm = await openWasm({ threads: 1 });
    const input = noise(96, 128);
    const [expected] = await outputsOf(module, cpu, input);
    const [actual] = await outputsOf(back.module, wasm, input);
    expect(compare(actual, expected).nmse).toBeLessThan(1e-9);
    wasm.dispose();
  });
});
