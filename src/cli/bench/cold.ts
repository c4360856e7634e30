/** A cold start by stage: what opening, compiling and the first run took. */

import type { CompileStage } from "../../runtime/backend.js";

/** In their order. `weights` ends when they are handed to the device, which may still be copying in the first run. */
export const COLD_STAGES = ["open", "device", "graph", "lowering", "kernels", "weights", "firstRun"] as const;

export type ColdStage = (typeof COLD_STAGES)[number];

/** Milliseconds; stages that a backend does not have are absent. */
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

  /** Runs `work` as a stage, or a part of one. What it tells `add` meanwhile is not counted twice. */
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
