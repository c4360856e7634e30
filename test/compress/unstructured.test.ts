/** Unstructured pruning against the masks of torch.nn.utils.prune.global_unstructured (test/fixtures/compress/make.py). */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { l1Masks, pruneUnstructured } from "../../src/compress/prune/unstructured.js";
import { tensor, toFloat32 } from "../../src/tensor/index.js";
import { collectStateDict } from "../../src/weights/index.js";
import { randomModel } from "../../src/yolov5/loadModel.js";
import { REPOSITORY } from "../support/reference.js";

interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly seed: number;
  readonly levels: number;
  readonly amount: number;
  /** Lengths of runs of equal values, zeros first. */
  readonly masks: readonly (readonly number[])[];
}

const fixture = JSON.parse(
  await readFile(join(REPOSITORY, "test", "fixtures", "compress", "unstructured.json"), "utf8"),
) as { readonly cases: readonly Case[] };

/** The generator of make.py. */
function* generator(seed: number, levels: number): Generator<number, never> {
  let x = seed;
  for (;;) {
    x = (Math.imul(1664525, x) + 1013904223) >>> 0;
    yield (((x >>> 8) % levels) * 2 + 1 - levels) / levels;
  }
}

function weightsOf({ shapes, seed, levels }: Case) {
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
