/** The backends that parity is proved on. */

import type { Backend } from "../../src/runtime/backend.js";
import { createCpuBackend } from "../../src/runtime/cpu/cpuBackend.js";

export interface ParityBackend {
  readonly name: string;
  /** Seconds instead of milliseconds a picture: the short suite gives it fewer. */
  readonly slow: boolean;
  readonly open: () => Promise<Backend>;
}

export function parityBackends(): readonly ParityBackend[] {
  return [{ name: "cpu", slow: true, open: async () => createCpuBackend() }];
}
