/** Run by other hosts (hosts.test.ts): all integer convolutions in each format and whole networks, as hashes of their outputs' bits. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { exactDot } from "../../../../src/kernels/wasm/index.js";
import { openWasm } from "../../../../src/node/wasm.js";
import { hashOf } from "./bits.js";
import { INTEGER_CASES } from "./integerCases.js";
import { outputsOf } from "./quantizedNetworks.js";

/** What a host says of itself. */
export interface HostReport {
  readonly dot: "unsigned" | "signed" | "none";
  /** The probe's answer when its function, called often, has been compiled again. */
  readonly later: HostReport["dot"];
  /** Kernels of the first case in the format that the host chose itself. */
  readonly kernels: string;
  /** By format and name of the case. */
  readonly hashes: Readonly<Record<string, string>>;
  /** By name of the file, in the format that the host chose itself. */
  readonly networks: Readonly<Record<string, string>>;
}

export const INTEGER_FORMATS = ["auto", "int16", "unsigned", "signed"] as const;

/** Height and width of the networks' input. */
export const NETWORK_SIDE = 64;

async function networkHashes(folder: string): Promise<Record<string, string>> {
  const backend = await openWasm({ threads: 1 });
  const hashes: Record<string, string> = {};
  for (const file of readdirSync(folder).sort()) {
    hashes[file] = hashOf(await outputsOf(readFileSync(join(folder, file)), backend, NETWORK_SIDE));
  }
  backend.dispose();
  return hashes;
}

/** @param folder of int8 files */
export async function hostReport(folder: string): Promise<HostReport> {
  const hashes: Record<string, string> = {};
  let kernels = "";
  for (const integers of INTEGER_FORMATS) {
    const backend = await openWasm({ threads: 1, integers });
    for (const { name, graph, inputs } of INTEGER_CASES) {
      const executable = await backend.compile(graph, { dtype: "int8" });
      hashes[`${integers} ${name}`] = hashOf(await executable.run(inputs));
      if (kernels === "" && integers === "auto") {
        kernels = (await executable.profile(inputs)).map(({ kernel }) => kernel).join(" ");
      }
      executable.dispose();
    }
    backend.dispose();
  }
  const dot = exactDot() ?? "none";
  const later = exactDot(undefined, 20_000) ?? "none";
  return { dot, later, kernels, hashes, networks: await networkHashes(folder) };
}
