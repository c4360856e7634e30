/**
 * Logits beyond σ's range in float32, where scores tie at exactly 1: rows, best classes and the order of boxes against
 * PyTorch (test/fixtures/decode/make.py), on every backend.
 */

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWasm } from "../../../src/node/wasm.js";
import { sigmoid32 } from "../../../src/ops/activations.js";
import { GraphBuilder, type OpAttributes } from "../../../src/ops/index.js";
import type { Backend } from "../../../src/runtime/backend.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { createGpujsBackend } from "../../../src/runtime/gpujs/index.js";
import type { HostTensor } from "../../../src/tensor/index.js";
import { softmax, topClasses } from "../../../src/yolov5/output/classify.js";
import { nonMaxSuppression } from "../../../src/yolov5/output/nms/nms.js";
import { float32Of, type Packed } from "../../ops/fixture.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";

interface HeadCase {
  readonly name: string;
  readonly attrs: OpAttributes["detect"];
  readonly maps: readonly Packed[];
  readonly prediction: Packed;
  readonly conf: number;
  readonly iou: number;
  readonly kept: readonly (readonly [row: number, classIndex: number, score: number])[];
}

const fixture = JSON.parse(readFileSync(new URL("../../fixtures/decode/saturated.json", import.meta.url), "utf8")) as {
  readonly sigmoid: { readonly logits: Packed; readonly values: Packed };
  readonly heads: readonly HeadCase[];
  readonly classifiers: readonly {
    readonly name: string;
    readonly logits: Packed;
    readonly probabilities: Packed;
    readonly top5: readonly number[];
  }[];
};

/** Distance in units of the last place, for numbers of one sign. */
function ulps(a: number, b: number): number {
  const bits = new Int32Array(Float32Array.of(a, b).buffer);
  return Math.abs(bits[0] - bits[1]);
}

it("σ equals PyTorch's to the last digit: exactly 1, exactly 0, and the steps between", () => {
  const logits = float32Of(fixture.sigmoid.logits).data;
  const values = float32Of(fixture.sigmoid.values).data;
  for (const [i, x] of logits.entries()) {
    const y = sigmoid32(x);
    if (values[i] === 1 || values[i] === 0) expect([x, y]).toEqual([x, values[i]]);
    else expect([x, ulps(y, values[i]) <= 2]).toEqual([x, true]);
  }
});

const BACKENDS: Readonly<Record<string, () => Promise<Backend | undefined>>> = {
  cpu: async () => createCpuBackend(),
  "wasm simd": () => openWasm({ instructions: "simd", threads: 1 }),
  "wasm relaxed": () => openWasm({ instructions: "relaxed", threads: 1 }),
  "wasm scalar": () => openWasm({ instructions: "scalar", threads: 1 }),
  "gpujs webasm": () => createGpujsBackend({ importModule: () => import("gpu.js"), mode: "webasm" }),
  "gpujs cpu": () => createGpujsBackend({ importModule: () => import("gpu.js"), mode: "cpu" }),
  webgpu: async () => {
    const gpu = await webgpuOrSkip();
    return gpu && openBackend(gpu);
  },
};

async function decoded(backend: Backend, { attrs, maps }: HeadCase): Promise<HostTensor> {
  const builder = new GraphBuilder();
  const inputs = maps.map(float32Of);
  const ids = inputs.map(({ shape }, i) => builder.input(`map${i}`, { shape, dtype: "float32" }));
  const executable = await backend.compile(builder.finish([builder.add("detect", "head", ids, attrs)]));
  const [prediction] = await executable.run(inputs);
  executable.dispose();
  return prediction;
}

describe.each(Object.keys(BACKENDS))("decoding on %s", (name) => {
  let backend: Backend | undefined;
  beforeAll(async () => {
    backend = await BACKENDS[name]();
  });
  afterAll(() => backend?.dispose());

  it.for(fixture.heads)("$name", async (head, { skip }) => {
    if (!backend) return skip("no such device");
    const prediction = await decoded(backend, head);
    const expected = float32Of(head.prediction);
    const columns = expected.shape[2];
    let worst = 0;
    for (const [i, wanted] of expected.data.entries()) {
      const value = Number(prediction.data[i]);
      const scale = i % columns < 4 ? Math.max(1, Math.abs(wanted)) : 1;
      worst = Math.max(worst, Math.abs(value - wanted) / scale);
      // What is exactly 1 or 0 there is exactly that here.
      if (i % columns > 3 && (wanted === 1 || wanted === 0)) expect(value).toBe(wanted);
    }
    // wh squares σ: twice the error of the exponential (PyTorch's own is 1 ulp, the kernels' 3e-7), and a rounding a step.
    expect(worst).toBeLessThanOrEqual(name === "cpu" ? 3e-7 : 1e-6);
    const options = { conf: head.conf, iou: head.iou, maskCoefficients: head.attrs.maskCoefficients };
    const [kept] = nonMaxSuppression(prediction, options);
    expect(kept.map(({ row, classIndex }) => [row, classIndex])).toEqual(
      head.kept.map(([row, classIndex]) => [row, classIndex]),
    );
    for (const [i, { confidence }] of kept.entries()) expect(Math.abs(confidence - head.kept[i][2])).toBeLessThan(5e-7);
  });
});

it.each(fixture.classifiers)("softmax: $name", ({ logits, probabilities, top5 }) => {
  const actual = softmax(float32Of(logits).data);
  const expected = float32Of(probabilities).data;
  for (const [i, wanted] of expected.entries()) {
    if (wanted === 0) expect(actual[i]).toBe(0);
    else expect(Math.abs(actual[i] - wanted)).toBeLessThanOrEqual(4e-7 * wanted + 2e-45);
  }
  expect(topClasses(actual, []).map((c) => c.class)).toEqual(top5);
});
