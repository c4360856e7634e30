/** The peak rates of WebAssembly on this CPU: multiply-adds in registers, and the backend's own pass over memory. */

import { setTimeout } from "node:timers/promises";
import { i32, ModuleBuilder, type Target, vec } from "../../../kernels/wasm/emit/index.js";
import { hasRelaxedSimd, hasSimd } from "../../../kernels/wasm/index.js";
import { GraphBuilder } from "../../../ops/index.js";
import type { Backend } from "../../../runtime/backend.js";
import { tensor } from "../../../tensor/index.js";
import type { DevicePeaks } from "../engine.js";

const RUNS = 12;
const TURNS = 100_000;
const UNROLL = 4;

/** Independent sums, so that latency does not count. Every host has enough registers for this many. */
const CHAINS = 10;

/** Side lengths of feature maps with 64 channels: 1, 4 and 16 MiB. */
const SIDES = [64, 128, 256];

/** GFLOP/s of one thread. */
export async function wasmCeiling(relaxed: boolean): Promise<number> {
  const target: Target = { simd: true, relaxed, shared: false };
  const module = new ModuleBuilder(target);
  module.define("spin", 1, { exported: true }, (f) => {
    const left = f.parameter(0);
    const sums = f.vecs(CHAINS);
    const [a, b] = [f.vec(vec.load(64)), f.vec(vec.load(128))];
    f.doWhile(() => {
      for (let step = 0; step < UNROLL; step++) for (const sum of sums) f.setVec(sum, vec.madd(a, b, sum));
      f.set(left, i32.sub(left, 1));
    }, left);
    for (const sum of sums) f.storeVec(192, sum);
  });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const { instance } = await WebAssembly.instantiate(module.finish(1, 1), { env: { memory } });
  const spin = instance.exports.spin as (turns: number) => void;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) {
    const started = performance.now();
    spin(TURNS);
    best = Math.min(best, performance.now() - started);
    // Lets the optimising compiler take over.
    await setTimeout(5);
  }
  return (TURNS * UNROLL * CHAINS * 8) / best / 1e6;
}

/** GB/s of all threads. One multiplication per eight bytes, so that memory is the bottleneck. */
async function bandwidth(backend: Backend): Promise<number> {
  let best = 0;
  for (const side of SIDES) {
    const shape = [1, 64, side, side];
    const b = new GraphBuilder();
    const x = b.input("x", { shape, dtype: "float32" });
    // Placed between two others, because the first and the last node may change the layout.
    const before = b.add("scale", "before", [x], { factor: 0.5 });
    const pass = b.add("scale", "pass", [before], { factor: 0.5 });
    const executable = await backend.compile(b.finish([b.add("scale", "after", [pass], { factor: 2 })]));
    const input = tensor("float32", shape, new Float32Array(64 * side * side).fill(1));
    for (let i = 0; i < RUNS; i++) {
      for (const { name, bytes, ms } of await executable.profile([input])) {
        if (name === "pass") best = Math.max(best, bytes / ms / 1e6);
      }
    }
    executable.dispose();
  }
  return best;
}

/** Undefined on hosts without SIMD. */
export async function wasmPeaks(backend: Backend, threads: number): Promise<DevicePeaks | undefined> {
  if (!hasSimd()) return undefined;
  const gflopsPerSecond = threads * (await wasmCeiling(hasRelaxedSimd()));
  return { gflopsPerSecond, gbPerSecond: await bandwidth(backend) };
}
