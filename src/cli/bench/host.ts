/** The machine that a bench runs on. */

import { availableParallelism, cpus } from "node:os";

/** The JSON's `device`. @param adapter what ran the engines; default: the processor */
export function hostOf(adapter?: string) {
  const cpu = cpus()[0]?.model.trim() ?? "unknown";
  return { adapter: adapter ?? cpu, cpu, cores: availableParallelism(), node: process.versions.node };
}
