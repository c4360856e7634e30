/**
 * σ of heads in kernels, bit by bit: with fused multiply-adds as the reference of quantized graphs defines it, without SIMD as with it.
 * Over float32 numbers of all sizes, and one by one around that where e⁻ˣ leaves float32.
 */

import { setFlagsFromString } from "node:v8";
import { describe, expect, it } from "vitest";
import { i32, ModuleBuilder, type Target, vec } from "../../../src/kernels/wasm/emit/index.js";
import { headSigmoids } from "../../../src/kernels/wasm/head/sigmoid.js";
import { hasRelaxedSimd } from "../../../src/kernels/wasm/index.js";
import { headSigmoid } from "../../../src/ops/quantized/steps.js";

// Node 20 has relaxed SIMD behind a flag.
if (!hasRelaxedSimd()) setFlagsFromString("--experimental-wasm-relaxed-simd");

const COUNT = 65536;
const [INPUTS, OUTPUTS] = [1024, 1024 + COUNT * 4];
const PAGES = 9;
const STRIDE = 32_749;
/** −128 ÷ log2 e. */
const EDGE = -88.722839;

function run(target: Omit<Target, "shared">, inputs: Uint32Array): Uint32Array {
  const module = new ModuleBuilder({ ...target, shared: false });
  module.define("run", 0, { exported: true }, (f) => {
    const at = f.i32();
    f.for(at, INPUTS, f.i32(i32.const(OUTPUTS)), 32, () => {
      const values = headSigmoids(f, [f.vec(vec.load(at)), f.vec(vec.load(at, 16))]);
      for (const [v, value] of values.entries()) f.storeVec(at, value, OUTPUTS - INPUTS + v * 16);
    });
  });
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish(1, PAGES)), { env: { memory } });
  new Uint32Array(memory.buffer, INPUTS, COUNT).set(inputs);
  (exports.run as () => void)();
  return new Uint32Array(memory.buffer, OUTPUTS, COUNT);
}

const bitsOf = (x: number): number => new Uint32Array(Float32Array.of(x).buffer)[0];
const floatsOf = (bits: Uint32Array): Float32Array => new Float32Array(bits.buffer, bits.byteOffset, bits.length);

/** Those that are no NaN, whose bits say nothing. */
function expectEqual(actual: Uint32Array, expected: Uint32Array): void {
  const [a, b] = [floatsOf(actual), floatsOf(expected)];
  expect(
    actual.filter((bits, i) => !(bits === expected[i] || (Number.isNaN(a[i]) && Number.isNaN(b[i])))),
  ).toHaveLength(0);
}

describe.each([
  ["numbers of all sizes", Uint32Array.from({ length: COUNT }, (_, i) => i * STRIDE * 2)],
  ["negative numbers of all sizes", Uint32Array.from({ length: COUNT }, (_, i) => 2 ** 31 + i * STRIDE)],
  ["where the power leaves float32", Uint32Array.from({ length: COUNT }, (_, i) => bitsOf(EDGE) - COUNT / 2 + i)],
])("σ of heads: %s", (_, inputs) => {
  it("is the reference's", () => {
    const expected = Float32Array.from(floatsOf(inputs), headSigmoid);
    expectEqual(run({ simd: true, relaxed: true }, inputs), new Uint32Array(expected.buffer));
  });

  it("is the same without SIMD", () => {
    expectEqual(run({ simd: false, relaxed: false }, inputs), run({ simd: true, relaxed: false }, inputs));
  });
});

it("is exactly 0 and 1 at the ends, and NaN for every NaN", () => {
  const inputs = new Uint32Array(COUNT);
  floatsOf(inputs).set([-89, Number.NEGATIVE_INFINITY, 89, Number.POSITIVE_INFINITY, Number.NaN, -88.7]);
  const [low, lowest, high, highest, none, least] = floatsOf(run({ simd: true, relaxed: true }, inputs));
  expect([low, lowest, high, highest, none]).toEqual([0, 0, 1, 1, Number.NaN]);
  expect(least).toBeGreaterThan(0);
});
