/** Unstructured pruning against the masks of torch.nn.utils.prune.global_unstructured, and patterns (test/fixtures/compress/make.py). */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { atOnce } from "../../src/breathe.js";
import {
  type BlockPattern,
  blockMaskPieces,
  type GroupPattern,
  groupMaskPieces,
  prunePatternPieces,
} from "../../src/compress/prune/patterns.js";
import { convolutionWeights, l1Masks, pruneUnstructured } from "../../src/compress/prune/unstructured.js";
import { type HostTensor, tensor, toFloat32 } from "../../src/tensor/index.js";
import { collectStateDict } from "../../src/weights/index.js";
import { openModel, randomModel } from "../../src/yolov5/loadModel.js";
import { REPOSITORY, referencePath } from "../support/reference.js";

interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly seed: number;
  readonly levels: number;
  readonly amount: number;
  /** Lengths of runs of equal values, zeros first. */
  readonly masks: readonly (readonly number[])[];
}

interface PatternCase {
  readonly shape: readonly number[];
  readonly seed: number;
  readonly sparsity: GroupPattern | BlockPattern;
  readonly mask: readonly number[];
}

const fixture = JSON.parse(
  await readFile(join(REPOSITORY, "test", "fixtures", "compress", "unstructured.json"), "utf8"),
) as { readonly cases: readonly Case[]; readonly patterns: readonly PatternCase[] };

/** The generator of make.py. */
function* generator(seed: number, levels: number): Generator<number, never> {
  let x = seed;
  for (;;) {
    x = (Math.imul(1664525, x) + 1013904223) >>> 0;
    yield (((x >>> 8) % levels) * 2 + 1 - levels) / levels;
  }
}

function weightsOf({ shapes, seed, levels }: Pick<Case, "shapes" | "seed" | "levels">) {
  const numbers = generator(seed, levels);
  return shapes.map((shape) => {
    const count = shape.reduce((a, b) => a * b, 1);
    return tensor(
      "float32",
      shape,
      Float32Array.from({ length: count }, () => numbers.next().value),
    );
  });
}

function unpack(runs: readonly number[]): Uint8Array {
  return Uint8Array.from(runs.flatMap((length, i) => new Array<number>(length).fill(i % 2)));
}

describe("masks equal PyTorch's", () => {
  test.each(fixture.cases)("$name", (vector) => {
    const masks = l1Masks(weightsOf(vector), vector.amount);
    expect(masks.map((mask) => Array.from(mask))).toEqual(vector.masks.map((runs) => Array.from(unpack(runs))));
  });
});

const masksOf = (weights: readonly HostTensor[], sparsity: GroupPattern | BlockPattern): Uint8Array[] =>
  atOnce("of" in sparsity ? groupMaskPieces(weights, sparsity) : blockMaskPieces(weights, sparsity));

describe("patterns equal those of PyTorch's WeightNormSparsifier", () => {
  test.each(fixture.patterns.map((c) => [JSON.stringify(c.sparsity), c.shape.join("×"), c] as const))(
    "%s of %s",
    (_, __, { shape, seed, sparsity, mask }) => {
      const [own] = masksOf(weightsOf({ shapes: [shape], seed, levels: 2 ** 20 }), sparsity);
      expect(Array.from(own)).toEqual(Array.from(unpack(mask)));
    },
  );

  test("at the edge of other numbers of channels: groups are dense, blocks are smaller", () => {
    const ones = tensor("float32", [3, 6, 1, 1], new Float32Array(18).fill(1));
    const [group] = masksOf([ones], { keep: 2, of: 4 });
    expect(group).toEqual(new Uint8Array(18).fill(1));
    const small = tensor(
      "float32",
      [3, 6, 1, 1],
      Float32Array.from({ length: 18 }, (_, i) => (i % 6 > 3 ? 1 : 2)),
    );
    const [blocks] = masksOf([small], { share: 0.5, block: [2, 4] });
    expect([...blocks].map((bit, i) => (bit === 0 ? i : -1)).filter((i) => i >= 0)).toEqual([4, 5, 10, 11, 16, 17]);
  });

  test("that make no sense are refused", () => {
    for (const [keep, of] of [
      [0, 4],
      [4, 4],
      [1.5, 4],
    ]) {
      expect(() => masksOf([], { keep, of })).toThrow(/must keep some of each group/);
    }
    expect(() => masksOf([], { share: 2, block: [1, 4] })).toThrow(/between 0 and 1/);
    expect(() => masksOf([], { share: 0.5, block: [0, 4] })).toThrow(/above 0/);
  });
});

describe("a trained network", () => {
  const path = referencePath("weights", "yolov5n.pt");

  test.skipIf(!path)("keeps two of four input channels, the largest, in all convolutions but the first", async () => {
    const { module } = openModel(await readFile(path as string), { path: path as string });
    const result = atOnce(prunePatternPieces(module, { keep: 2, of: 4 }));
    const before = convolutionWeights(module);
    let dense = 0;
    for (const [k, weight] of convolutionWeights(result.module).entries()) {
      const [outputs, inputs, kh, kw] = weight.shape;
      const [data, old] = [weight, before[k]].map((stored) => toFloat32(stored).data);
      if (inputs % 4 !== 0) {
        dense++;
        expect(data).toEqual(old);
        continue;
      }
      for (let at = 0; at < outputs * inputs * kh * kw; at += 4 * kh * kw) {
        for (let place = 0; place < kh * kw; place++) {
          const group = [0, 1, 2, 3].map((i) => at + i * kh * kw + place);
          const kept = group.filter((i) => data[i] !== 0);
          const least = Math.min(...kept.map((i) => Math.abs(old[i])));
          const lost = Math.max(...group.filter((i) => data[i] === 0).map((i) => Math.abs(old[i])));
          if (kept.length > 2 || lost > least) expect.fail(`convolution ${k}: ${group} keeps ${kept}`);
        }
      }
    }
    expect([dense, result.dense]).toEqual([1, 1]);
    expect(result.zeros / result.weights).toBeGreaterThan(0.498);
  });

  test.skipIf(!path)("loses whole blocks, and as many of all as were asked for", async () => {
    const { module } = openModel(await readFile(path as string), { path: path as string });
    const { module: sparse, zeros, weights, dense } = atOnce(prunePatternPieces(module, { share: 0.5, block: [4, 1] }));
    expect([dense, Math.abs(zeros / weights - 0.5) < 0.005]).toEqual([0, true]);
    let mixed = 0;
    for (const weight of convolutionWeights(sparse)) {
      const [outputs, inputs, kh, kw] = weight.shape;
      const { data } = toFloat32(weight);
      const row = inputs * kh * kw;
      for (let block = 0; block + 4 <= outputs; block += 4) {
        for (let at = block * row; at < (block + 1) * row; at++) {
          const count = [0, 1, 2, 3].filter((i) => data[at + i * row] === 0).length;
          if (count > 0 && count < 4) mixed++;
        }
      }
    }
    // Weights that are zero in the file.
    expect(mixed).toBeLessThan(weights / 1000);
  });
});

describe("a network", () => {
  test("loses exactly the given amount of convolution weights", () => {
    const { module } = randomModel("yolov5n");
    const result = pruneUnstructured(module, 0.2);
    expect(result.zeros).toBe(Math.round(0.2 * result.weights));
    const before = collectStateDict(module);
    for (const [name, after] of collectStateDict(result.module)) {
      const old = toFloat32(before.get(name) ?? after).data;
      const changed = toFloat32(after).data.filter((v, i) => v !== old[i]);
      if (!/conv\.weight$|\.m\.\d\.weight$/.test(name)) expect([name, changed.length]).toEqual([name, 0]);
      else expect(changed.every((v) => v === 0)).toBe(true);
    }
  });

  test("amounts outside 0 to 1 are refused", () => {
    expect(() => l1Masks([], 1.5)).toThrow(/amount 1.5 must be between 0 and 1/);
    expect(() => l1Masks([], Number.NaN)).toThrow(/must be between/);
  });
});
