/** A cold start by stage: the time for opening, compiling and the first run. */

import type { CompileStage } from "../../runtime/backend.js";

/**
 * In order. `weights` ends when the weights are handed to the device, which may still be copying during the first
 * run.
 */
const COLD_STAGES = ["open", "device", "graph", "lowering", "kernels", "weights", "firstRun"] as const;

export type ColdStage = (typeof COLD_STAGES)[number];

/** Milliseconds; stages that a backend lacks are absent. */
export type ColdTimes = Readonly<Partial<Record<ColdStage, number>>>;

const LABELS: Readonly<Record<ColdStage, string>> = {
  open: "open file",
  device: "device",
  graph: "graph and passes",
  lowering: "lowering",
  kernels: "kernels",
  weights: "weights",
  firstRun: "first run",
};

/** Adds up the stages of one start. */
export class ColdStart {
  private readonly ms = new Map<ColdStage, number>();

  readonly add = (stage: ColdStage | CompileStage, ms: number): void => {
    this.ms.set(stage, (this.ms.get(stage) ?? 0) + ms);
  };

  /** Times `work` as a stage, or part of one. Times that it passes to `add` meanwhile are not counted twice. */
  async time<T>(stage: ColdStage, work: () => T | Promise<T>): Promise<T> {
    const [started, before] = [performance.now(), this.totalMs];
    const result = await work();
    this.add(stage, performance.now() - started - (this.totalMs - before));
    return result;
  }

  get times(): ColdTimes {
    return Object.fromEntries(
      COLD_STAGES.flatMap((stage) => (this.ms.has(stage) ? [[stage, this.ms.get(stage)]] : [])),
    );
  }

  get totalMs(): number {
    return [...this.ms.values()].reduce((sum, ms) => sum + ms, 0);
  }
}

/** `open file 12.0, device 55.1, …`. */
export function coldLine(times: ColdTimes): string {
  return COLD_STAGES.flatMap((stage) => {
    const ms = times[stage];
    return ms === undefined ? [] : [`${LABELS[stage]} ${ms.toFixed(1)}`];
  }).join(", ");
}
