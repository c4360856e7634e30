/** Recovery of networks with weights that pruning has set to zero: they stay zero. */

import { afterAll, expect, it } from "vitest";
import { atOnce } from "../../../src/breathe.js";
import { prunePatternPieces } from "../../../src/compress/prune/patterns.js";
import { convolutionWeights, pruneUnstructured } from "../../../src/compress/prune/unstructured.js";
import { recover } from "../../../src/compress/recover/recover.js";
import { openWasmTrainer } from "../../../src/node/trainers.js";
import { openWasm } from "../../../src/node/wasm.js";
import { seededRandom, toFloat32 } from "../../../src/tensor/index.js";
import type { ModuleNode } from "../../../src/weights/types.js";
import { codes } from "../support.js";

const backend = await openWasm({ threads: 1 });
afterAll(() => backend.dispose());

const weightsOf = (module: ModuleNode): Float32Array[] =>
  convolutionWeights(module).map((weight) => toFloat32(weight).data);

it.each([
  ["a share", 0.5],
  ["2:4", { keep: 2, of: 4 }],
  ["blocks", { share: 0.5, block: [1, 4] }],
] as const)("weights that are zero stay zero, and the others learn: %s", async (_, sparsity) => {
  const teacher = codes().module;
  const student = (
    typeof sparsity === "number" ? pruneUnstructured(teacher, sparsity) : atOnce(prunePatternPieces(teacher, sparsity))
  ).module;
  const random = seededRandom(3);
  const picture = Uint8Array.from({ length: 96 * 80 * 3 }, () => 255 * random());
  const { module, curve } = await recover(teacher, student, {
    backend,
    openTrainer: (graph) => openWasmTrainer(graph, { threads: 1 }),
    pictures: [{ name: "noise", width: 96, height: 80, load: async () => ({ width: 96, height: 80, data: picture }) }],
    imgsz: 64,
    limit: { steps: 20 },
  });
  const [first] = curve;
  expect(curve[curve.length - 1].distance).toBeLessThan(first.distance);
  let zeros = 0;
  let changed = 0;
  const [before, after] = [weightsOf(student), weightsOf(module)];
  for (const [k, weights] of before.entries()) {
    for (const [i, weight] of weights.entries()) {
      if (weight !== 0) changed += after[k][i] === weight ? 0 : 1;
      else if (after[k][i] === 0) zeros++;
      else expect.fail(`weight ${i} of convolution ${k} has become ${after[k][i]}`);
    }
  }
  expect(zeros / before.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(0.49);
  expect(changed).toBeGreaterThan(zeros / 2);
});
