/**
 * What `verify` takes for rounding, and what it does not: every reference agrees with room to spare, and one fault of each
 * kind in a layer is found at that layer. Committed fixtures, and the reference material where it is there.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { readSafetensors } from "../../src/weights/index.js";
import { layersOf } from "../../src/yolov5/graph/buildGraph.js";
import { floatLimits } from "../../src/yolov5/graph/roundingLimits.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model } from "../../src/yolov5/model.js";
import { referenceInput, tapOf, verifyModel } from "../../src/yolov5/verify.js";
import { FAULTS, injectFault, siteOf } from "../support/faults.js";
import { allOrEvery } from "../support/full.js";
import { REFERENCE, REPOSITORY } from "../support/reference.js";
import { checkpointOf } from "./support/references.js";

const FIXTURES = join(REPOSITORY, "test", "fixtures", "pytorch");
const ENDING = ".layers.safetensors";
/** Largest share of its limit that a layer may take where nothing is wrong. */
const QUIET = 0.2;
/** How far beyond its limit the smallest fault must be. */
const LOUD = 5;

const committed = ["v6", "csp", "assorted", "seg", "cls", "v8-seg", "11-pose", "26", "codes"].map((name) => ({
  name,
  weights: name === "codes" ? join(REPOSITORY, "models", "codes.safetensors") : join(FIXTURES, `${name}.pt`),
  reference: join(FIXTURES, name + ENDING),
}));
const folder = join(REFERENCE, "reference");
/** Besides the committed ones. */
const found = existsSync(folder)
  ? readdirSync(folder)
      .filter((file) => file.endsWith(ENDING))
      .map((file) => file.slice(0, -ENDING.length))
      .filter((name) => existsSync(checkpointOf(name)))
      .map((name) => ({ name, weights: checkpointOf(name), reference: join(folder, name + ENDING) }))
  : [];

const recorded = allOrEvery(found, 6);

describe.each([...committed, ...recorded])("$name", ({ name, weights, reference }) => {
  const opened = openModel(new Uint8Array(readFileSync(weights)), { path: weights });
  const bytes = new Uint8Array(readFileSync(reference));
  const open = (): Model<never> => {
    const backend = createCpuBackend();
    const member = createMember(opened, backend, { path: weights });
    return new Model(new LocalRunner<never>([member], backend, () => Promise.reject(new Error("no pictures"))));
  };

  it("agrees, with room to spare", async () => {
    const model = open();
    const { layers, firstDiverging } = await verifyModel(model, bytes);
    expect(firstDiverging).toBeNull();
    const input = referenceInput(readSafetensors(bytes).tensors, reference);
    const { graph } = model.members[0].network.build([1, 3, input.shape[2], input.shape[3]]);
    const taps = [...graph.taps.keys()];
    const limits = floatLimits(graph, taps, input, "cpu");
    const shares: number[] = [];
    for (const { name: layer, nmse, limit } of layers) {
      if (limit === undefined) continue;
      expect(nmse).toBeLessThanOrEqual(limit);
      shares.push(nmse / (await limits.measured(tapOf(layer, model.info.layers - 1) ?? layer)));
    }
    console.log(`${name}: largest NMSE ÷ limit ${Math.max(...shares).toFixed(3)}`);
    expect(Math.max(...shares)).toBeLessThan(QUIET);
  });

  it("a fault is found at its layer", async () => {
    const { layers } = layersOf(opened.module);
    const sites = layers.slice(0, -1).flatMap((layer, index) => {
      const site = siteOf(layer);
      return site ? [{ index, site }] : [];
    });
    let smallest = Number.POSITIVE_INFINITY;
    let tried = 0;
    for (const [f, fault] of FAULTS.entries()) {
      // Each kind in another layer, spread over the depth; the next one that can have it.
      const from = Math.floor((f * sites.length) / FAULTS.length);
      for (const { index, site } of [...sites.slice(from), ...sites.slice(0, from)]) {
        const undo = injectFault(site, fault);
        if (!undo) continue;
        const { layers: compared, firstDiverging } = await verifyModel(open(), bytes);
        undo();
        const found = compared.find((layer) => layer.name === `layer.${index}`);
        const ratio = (found?.nmse ?? 0) / (found?.limit ?? 1);
        smallest = Math.min(smallest, ratio);
        expect
          .soft({ fault, firstDiverging, loud: ratio > LOUD }, `${fault}: ${ratio}`)
          .toEqual({ fault, firstDiverging: `layer.${index}`, loud: true });
        tried++;
        break;
      }
    }
    console.log(`${name}: smallest fault ÷ limit ${smallest.toPrecision(3)} of ${tried}`);
    expect(tried).toBeGreaterThanOrEqual(3);
  });
});
