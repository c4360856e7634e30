/** Run by other hosts (hosts.test.ts): all integer convolutions in each format, as hashes of their outputs' bits. */

import { createHash } from "node:crypto";
import { exactDot } from "../../../../src/kernels/wasm/index.js";
import { openWasm } from "../../../../src/node/wasm.js";
import { INTEGER_CASES } from "./integerCases.js";

/** What a host says of itself. */
export interface HostReport {
  readonly dot: "unsigned" | "signed" | "none";
  /** The probe's answer when its function, called often, has been compiled again. */
  readonly later: HostReport["dot"];
  /** Kernels of the first case in the format that the host chose itself. */
  readonly kernels: string;
  /** By format and name of the case. */
  readonly hashes: Readonly<Record<string, string>>;
}

export const INTEGER_FORMATS = ["auto", "int16", "unsigned", "signed"] as const;

export async function hostReport(): Promise<HostReport> {
  const hashes: Record<string, string> = {};
  let kernels = "";
  for (const integers of INTEGER_FORMATS) {
    const backend = await openWasm({ threads: 1, integers });
    for (const { name, graph, inputs, floatInInt16 } of INTEGER_CASES) {
      if (floatInInt16) continue;
      const executable = await backend.compile(graph, { dtype: "int8" });
      const [{ data }] = await executable.run(inputs);
      hashes[`${integers} ${name}`] = createHash("sha256")
        .update(new Uint8Array((data as Float32Array).slice().buffer))
        .digest("hex");
      if (kernels === "" && integers === "auto") {
        kernels = (await executable.profile(inputs)).map(({ kernel }) => kernel).join(" ");
      }
      executable.dispose();
    }
    backend.dispose();
  }
  const dot = exactDot() ?? "none";
  const later = exactDot(undefined, 20_000) ?? "none";
  return { dot, later, kernels, hashes };
}
