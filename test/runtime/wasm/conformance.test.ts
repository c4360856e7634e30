/** Every op of the WASM backend, for each kind of instructions that the host has. */

import { openWasm } from "../../../src/node/wasm.js";
import { describeConformance } from "../../support/conformance.js";

for (const [instructions, threads] of [
  ["simd", 1],
  ["relaxed", 1],
  ["scalar", 1],
  ["simd", 2],
  ["relaxed", 3],
] as const) {
  describeConformance(`wasm ${instructions}, threads ${threads}`, () => openWasm({ instructions, threads }));
}
