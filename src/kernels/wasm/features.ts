/** What the host's WebAssembly can run, found by validating tiny modules. */

import { ModuleBuilder, type Target, vec } from "./emit/index.js";

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
  return validates({ simd: true, relaxed: true, shared: false }, (module) =>
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
