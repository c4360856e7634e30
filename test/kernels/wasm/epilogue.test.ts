/**
 * SiLU as epilogues of integer convolutions compute it, against the exact function: its error over float32 inputs, in steps of
 * the eight bits that it is rounded to. `YOLOV5_FULL=1` goes through every float32 number, otherwise through every 997th.
 */

import { describe, expect, it } from "vitest";
import { i32, ModuleBuilder, vec } from "../../../src/kernels/wasm/emit/index.js";
import { KernelBody } from "../../../src/kernels/wasm/kernel.js";
import { activateAll } from "../../../src/kernels/wasm/map/activations.js";
import { rounding, roundingOffset } from "../../../src/kernels/wasm/move/quantize.js";
import { activationSteps } from "../../../src/ops/quantized/steps.js";
import { FULL } from "../../support/full.js";

const COUNT = 65536;
const FIELDS = ["inverse", "low", "high", "offset"] as const;
const [ARGS, INPUTS] = [0, 1024];
const [VALUES, STEPS, FREE] = [1, 2, 3].map((region) => INPUTS + region * COUNT * 4);
const PAGES = 17;

/** Values of SiLU, and the whole numbers that are stored of them, clamped and not. */
function epilogue() {
  const module = new ModuleBuilder({ simd: true, relaxed: false, unfused: true, shared: false });
  module.define("run", 0, { exported: true }, (f) => {
    const args = f.i32(i32.const(ARGS));
    const body = new KernelBody(f, args, args, args, FIELDS);
    const [whole, free] = [rounding(body), rounding(body, false)];
    const at = f.i32();
    f.for(at, INPUTS, f.i32(i32.const(INPUTS + COUNT * 4)), 16, () => {
      const [value] = activateAll(f, { kind: "silu" }, [f.vec(vec.load(at))], "eightBits");
      f.storeVec(at, value, VALUES - INPUTS);
      f.storeVec(at, whole([value])[0], STEPS - INPUTS);
      f.storeVec(at, free([value])[0], FREE - INPUTS);
    });
  });
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish(1, PAGES)), { env: { memory } });
  const { buffer } = memory;
  return {
    run: exports.run as () => void,
    inputs: new Float32Array(buffer, INPUTS, COUNT),
    bits: new Uint32Array(buffer, INPUTS, COUNT),
    values: new Float32Array(buffer, VALUES, COUNT),
    steps: new Int32Array(buffer, STEPS, COUNT),
    free: new Int32Array(buffer, FREE, COUNT),
    store(scale: number, zeroPoint: number): void {
      new Float32Array(buffer, ARGS, 3).set([1 / scale, -zeroPoint, 255 - zeroPoint]);
      new Int32Array(buffer, ARGS + 12, 1)[0] = roundingOffset(0);
    },
  };
}

const exact = (x: number): number => (x >= 0 ? x / (1 + Math.exp(-x)) : (x * Math.exp(x)) / (1 + Math.exp(x)));
/** Beyond this, sums of a network never are; the quotient then is no longer near 0. */
const LEAST = -1e30;
/** Numbers whose SiLU is below this are 0 in steps of any scale. */
const TINY = 1e-7;

describe("SiLU for eight bits", () => {
  it("is off by at most 1.03e-4 of its value: 0.027 of 255 steps", { timeout: 1_800_000 }, () => {
    const { run, inputs, bits, values } = epilogue();
    const stride = FULL ? 1 : 997;
    let largest = 0;
    let largestTiny = 0;
    for (let first = 0; first < 2 ** 32; first += COUNT * stride) {
      for (let i = 0; i < COUNT; i++) bits[i] = first + i * stride;
      run();
      for (let i = 0; i < COUNT; i++) {
        const x = inputs[i];
        if (!(x >= LEAST && x < Number.POSITIVE_INFINITY)) continue;
        const wanted = exact(x);
        const error = Math.abs(values[i] - wanted);
        if (Math.abs(wanted) < TINY) largestTiny = Math.max(largestTiny, error);
        else largest = Math.max(largest, error / Math.abs(wanted));
      }
    }
    expect(largest).toBeLessThan(1.03e-4);
    expect(largest).toBeGreaterThan(9e-5);
    expect(largestTiny).toBeLessThan(2e-8);
  });

  it.each([
    [0.02, 14],
    [2 ** -21, 0],
    [2 ** -21, 255],
    [1e30, 100],
  ])(
    "needs no clamp before bytes that saturate, in steps of %d from %d",
    { timeout: 1_800_000 },
    (scale, zeroPoint) => {
      const { run, bits, steps, free, store } = epilogue();
      store(scale, zeroPoint);
      const stride = FULL ? 1 : 997;
      let different = 0;
      for (let first = 0; first < 2 ** 32; first += COUNT * stride) {
        for (let i = 0; i < COUNT; i++) bits[i] = first + i * stride;
        run();
        for (let i = 0; i < COUNT; i++) {
          // Narrowing: as int32, that is whatever the bits of a sum have become.
          const saturated = Math.max(-zeroPoint, Math.min(255 - zeroPoint, free[i]));
          if (saturated !== Math.max(-zeroPoint, Math.min(255 - zeroPoint, steps[i]))) different++;
        }
      }
      expect(different).toBe(0);
    },
  );

  it.each([
    [0.02, 14],
    [0.1, 3],
    [0.0011, 255],
  ])("rounds to steps of %f as the reference does, and within 0.527 of the exact value", (scale, zeroPoint) => {
    const { run, inputs, steps, store } = epilogue();
    store(scale, zeroPoint);
    const silu = activationSteps({ kind: "silu" }, "integer");
    const most = scale * 300;
    for (let i = 0; i < COUNT; i++) inputs[i] = ((i / COUNT) * 2 - 1) * most;
    run();
    const clamp = (value: number): number => Math.max(-zeroPoint, Math.min(255 - zeroPoint, value));
    let largest = 0;
    const expected = Int32Array.from(inputs, (x) => {
      const own = clamp(Math.fround(silu(x) * Math.fround(1 / scale)));
      return Math.fround(own + 12582912) - 12582912;
    });
    for (const [i, x] of inputs.entries()) largest = Math.max(largest, Math.abs(steps[i] - clamp(exact(x) / scale)));
    expect(steps).toEqual(expected);
    expect(largest).toBeLessThan(0.527);
  });
});
