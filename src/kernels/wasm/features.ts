/** What the host's WebAssembly can run, found by validating tiny modules, and what it computes, by running one. */

import { type DotActivations, ModuleBuilder, type Target, vec } from "./emit/index.js";

const RELAXED: Target = { simd: true, relaxed: true, shared: false };

function validates(target: Target, use: (module: ModuleBuilder) => void): boolean {
  const module = new ModuleBuilder(target);
  use(module);
  return WebAssembly.validate(module.finish(1, 1));
}

export function hasSimd(): boolean {
  return validates({ simd: true, relaxed: false, shared: false }, (module) =>
    module.define("probe", 0, {}, (f) => f.storeVec(0, vec.splat(1))),
  );
}

/** Whether the fused multiply-add of relaxed SIMD can be compiled. */
export function hasRelaxedSimd(): boolean {
  return validates(RELAXED, (module) =>
    module.define("probe", 0, {}, (f) => f.storeVec(0, vec.madd(vec.splat(1), vec.splat(1), vec.splat(1)))),
  );
}

/** Shared memory: browsers give it to cross-origin-isolated pages only. */
export function hasSharedMemory(): boolean {
  try {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    return typeof SharedArrayBuffer === "function" && memory.buffer instanceof SharedArrayBuffer;
  } catch {
    return false;
  }
}

/** Sums of four products: a weight, and a byte as its bits. Large ones of both signs, alone and mixed. */
const DOT_CASES: readonly (readonly [weights: readonly number[], bytes: readonly number[]])[] = [
  [[127], [255]],
  [[-127], [255]],
  [[127], [128]],
  [[-127], [128]],
  [[127], [127]],
  [[-127], [127]],
  [
    [127, 127, -127, -127],
    [255, 255, 0, 0],
  ],
  [
    [127, -127, 127, -127],
    [128, 127, 255, 1],
  ],
  [
    [127, 127, 0, 1],
    [200, 255, 77, 129],
  ],
];
/** What the sum starts from: beyond 24 bits, so that a host that computed in float32 is found out. */
const DOT_START = 2 ** 25 + 1;

/**
 * Which bytes the host's int8 dot product is exact for. The specification leaves open what happens to numbers of more than
 * seven bits, and processors differ, whatever the version of the host: so it is asked for products that tell.
 * @param target relaxed, as the kernels are emitted
 * @param rounds how often to ask: hosts compile a function that is called often once more, by another compiler
 * @returns undefined where it is exact for neither, or where it cannot be compiled
 */
export function exactDot(target: Target = RELAXED, rounds = 1): DotActivations | undefined {
  const module = new ModuleBuilder({ ...target, shared: false });
  module.define("dot", 0, { exported: true }, (f) => {
    f.storeVec(64, vec.dotI8(vec.load(0), vec.load(16), vec.load(32)));
  });
  const bytes = module.finish(1, 1);
  if (!WebAssembly.validate(bytes)) return undefined;
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const dot = exports.dot as () => void;
  const weightsAt = new Int8Array(memory.buffer, 0, 16);
  const bytesAt = new Uint8Array(memory.buffer, 16, 16);
  new Int32Array(memory.buffer, 32, 4).fill(DOT_START);
  const results = new Int32Array(memory.buffer, 64, 4);
  const exact = new Set<DotActivations>(["unsigned", "signed"]);
  for (let i = 0; i < rounds * DOT_CASES.length; i++) {
    const [weights, values] = DOT_CASES[i % DOT_CASES.length];
    weightsAt.forEach((_, lane) => {
      weightsAt[lane] = weights[lane % weights.length];
      bytesAt[lane] = values[lane % values.length];
    });
    dot();
    for (const kind of exact) {
      const read = kind === "unsigned" ? bytesAt : new Int8Array(memory.buffer, 16, 16);
      let sum = DOT_START;
      for (let lane = 0; lane < 4; lane++) sum += weightsAt[lane] * read[lane];
      if (results.some((result) => result !== sum)) exact.delete(kind);
    }
  }
  return [...exact][0];
}
