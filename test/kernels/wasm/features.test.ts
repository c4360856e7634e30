/** The probe of the int8 dot product: told apart by what it computes, whatever the host. */

import { existsSync, readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { describe, expect, it } from "vitest";
import { exactDot, hasRelaxedSimd } from "../../../src/kernels/wasm/index.js";

/** Whether the processor has AVX-VNNI; undefined where that is not known or no question. */
const CPU = "/proc/cpuinfo";
const VNNI =
  process.arch === "x64" && existsSync(CPU) ? /^flags.*\bavx_vnni/m.test(readFileSync(CPU, "utf8")) : undefined;

// Node 20 has relaxed SIMD behind a flag.
if (!hasRelaxedSimd()) setFlagsFromString("--experimental-wasm-relaxed-simd");

describe("exactDot", () => {
  it.each(["unsigned", "signed"] as const)("recognises a product that is exact for %s bytes", (spelledDot) => {
    expect(exactDot({ simd: true, relaxed: true, shared: false, spelledDot })).toBe(spelledDot);
  });

  it("gives the same answer again, for shared memory too", () => {
    const answers = Array.from({ length: 50 }, () => exactDot({ simd: true, relaxed: true, shared: true }));
    expect(new Set(answers).size).toBe(1);
  });

  it.skipIf(VNNI === undefined)("is undefined on an x64 processor whose instructions saturate", ({ skip }) => {
    // Without VNNI bytes are multiplied in pairs of 16 bits: 255 × 127 × 4 gives 65,534 there, not 129,540.
    if (VNNI) return skip("this processor has VNNI");
    expect(exactDot()).toBeUndefined();
  });
});
