/** `--layers`: the time of every node next to the device's lower bound for it. */

import type { NodeTiming } from "../../runtime/backend.js";
import type { BenchEngine, DevicePeaks } from "./engine.js";

/** Number of profiles, whose best times count, and the time after which no further profile is started. */
const PROFILES = 5;
const SECONDS = 10;

interface LayerTiming extends NodeTiming {
  /** The longer of arithmetic time and memory-traffic time at the device's peak rates; null if those are unknown. */
  readonly floorMs: number | null;
}

/** An element of `layers` in the command's JSON. */
export interface LayerProfile {
  readonly engine: string;
  readonly backend: string;
  readonly model: string;
  readonly dtype: string;
  readonly peaks: DevicePeaks | null;
  readonly nodes: readonly LayerTiming[];
  readonly totalMs: number;
  readonly totalFloorMs: number | null;
}

/** Undefined for engines that cannot profile nodes. */
export async function profileLayers(engine: BenchEngine): Promise<LayerProfile | undefined> {
  if (!engine.profile) return undefined;
  const deadline = performance.now() + SECONDS * 1000;
  let best = await engine.profile();
  for (let i = 1; i < PROFILES && performance.now() < deadline; i++) best = faster(best, await engine.profile());
  const { backend, model, dtype } = engine;
  const peaks = (await engine.peaks?.()) ?? null;
  const nodes = best.map((node) => ({ ...node, floorMs: peaks && floorMs(node, peaks) }));
  const totalMs = nodes.reduce((sum, { ms }) => sum + ms, 0);
  const totalFloorMs = peaks && nodes.reduce((sum, node) => sum + (node.floorMs ?? 0), 0);
  return { engine: engine.engine, backend, model, dtype, peaks, nodes, totalMs, totalFloorMs };
}

function faster(a: readonly NodeTiming[], b: readonly NodeTiming[]): NodeTiming[] {
  return a.map((node, i) => (b[i].ms < node.ms ? b[i] : node));
}

export function floorMs({ flops, bytes }: NodeTiming, { gflopsPerSecond, gbPerSecond }: DevicePeaks): number {
  return Math.max(flops / gflopsPerSecond, bytes / gbPerSecond) / 1e6;
}
