/** How SIMD instructions are written. */

import type { Code } from "./code.js";
import type { Vec } from "./expression.js";

export const SIMD = 0xfd;

export const vecOf = (write: (out: Code, lane: number) => void): Vec => ({ type: "vec", write });

/** Opcodes of SIMD follow their prefix as LEB128. */
export function simd(out: Code, opcode: number): void {
  out.byte(SIMD).unsigned(opcode);
}
