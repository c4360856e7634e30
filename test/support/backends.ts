/** The backends that parity is proved on. */

import { openWasm } from "../../src/node/wasm.js";
import type { Backend } from "../../src/runtime/backend.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { FULL } from "./full.js";
import { openBackend, webgpuOrSkip } from "./webgpu.js";

export interface ParityBackend {
  readonly name: string;
  /** Seconds instead of milliseconds per picture: the short suite gives it fewer. */
  readonly slow: boolean;
  /** Undefined where the machine has no such device (the reason was printed); the tests then skip. */
  readonly open: () => Promise<Backend | undefined>;
}

export const CPU: ParityBackend = { name: "cpu", slow: true, open: async () => createCpuBackend() };

export const WEBGPU: ParityBackend = {
  name: "webgpu",
  slow: false,
  async open() {
    const gpu = await webgpuOrSkip();
    return gpu && openBackend(gpu);
  },
};

export const WASM: ParityBackend = { name: "wasm", slow: false, open: () => openWasm() };

/** Other instructions and thread counts than this machine's own choice: part of the long suite. */
const WASM_VARIANTS: readonly ParityBackend[] = (["relaxed", "simd", "scalar"] as const).flatMap((instructions) =>
  [1, 2].map((threads) => ({
    name: `wasm ${instructions} ${threads}`,
    slow: instructions === "scalar",
    open: () => openWasm({ instructions, threads }),
  })),
);

export function parityBackends(): readonly ParityBackend[] {
  return [CPU, WASM, WEBGPU, ...(FULL ? WASM_VARIANTS : [])];
}
