/** Timing: warm-up, then all engines interleaved round by round, so that a busy machine slows them all equally. */

import { setTimeout } from "node:timers/promises";
import { Breather } from "../../breathe.js";
import { throwIfInterrupted } from "../interrupt.js";
import type { ColdTimes } from "./cold.js";
import type { BenchEngine } from "./engine.js";
import type { FrameWork } from "./frameWork.js";

export interface MeasureOptions {
  readonly iterations: number;
  readonly warmup: number;
  /** Time limit for all engines together, in seconds. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** Pause between runs of different engines, which may otherwise disturb each other. */
  readonly pauseMs?: number | undefined;
  /** Called between the warm-up and the timed rounds. */
  readonly onWarm?: (() => void) | undefined;
  readonly onRound?: ((round: number) => void) | undefined;
}

/** Milliseconds of each timed run, per engine in the given order. Runs at least one round. */
export async function measure(engines: readonly BenchEngine[], options: MeasureOptions): Promise<number[][]> {
  // A backend that never yields would block Ctrl-C.
  const breather = new Breather();
  const deadline = performance.now() + options.seconds * 1000;
  // Slow engines need no long warm-up: it ends at a quarter of the time.
  const warm = performance.now() + options.seconds * 250;
  for (let round = 0; round < options.warmup && performance.now() < warm; round++) {
    for (const engine of engines) {
      throwIfInterrupted(options.signal);
      await engine.run();
      await breather.rest();
    }
  }
  options.onWarm?.();
  const times: number[][] = engines.map(() => []);
  for (let round = 0; round < options.iterations; round++) {
    if (round > 0 && performance.now() > deadline) break;
    for (const [i, engine] of engines.entries()) {
      throwIfInterrupted(options.signal);
      // The previous engine's threads may still be spinning, waiting for more work.
      if (options.pauseMs) await setTimeout(options.pauseMs);
      times[i].push(await timeOf(engine));
      await breather.rest();
    }
    options.onRound?.(round + 1);
  }
  return times;
}

async function timeOf(engine: BenchEngine): Promise<number> {
  if (engine.time) return engine.time();
  const started = performance.now();
  await engine.run();
  return performance.now() - started;
}

/** The quantile at `share` (0 to 1), by nearest rank; for 0.5 the mean of the two middle values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const { length } = sorted;
  if (length === 0) return Number.NaN;
  if (share === 0.5 && length % 2 === 0) return (sorted[length / 2 - 1] + sorted[length / 2]) / 2;
  return sorted[Math.min(length - 1, Math.max(0, Math.ceil(share * length) - 1))];
}

/** A row of the command's JSON. */
export interface BenchRow {
  readonly engine: string;
  readonly backend: string;
  readonly model: string;
  readonly dtype: string;
  readonly imgsz: readonly [number, number];
  readonly batch: number;
  /** For engines that compute on the CPU. */
  readonly threads: number | null;
  readonly coldMs: number;
  /** For this engine: `coldMs` by stage. */
  readonly coldStages: ColdTimes | null;
  readonly medianMs: number;
  readonly p95Ms: number;
  /** The fastest run, which a busy machine distorts least. */
  readonly minMs: number;
  /** Pictures per second. */
  readonly fps: number;
  readonly gflopsPerSecond: number | null;
  readonly peakBytes: number | null;
  /** For this engine on GPUs: the work each timed run submitted to the device. */
  readonly perFrame: FrameWork | null;
  /** For peers: the largest difference between their outputs and ours. */
  readonly maxDifference: number | null;
  /** Number of timed runs. */
  readonly runs: number;
}

export async function rowOf(engine: BenchEngine, times: readonly number[], perFrame?: FrameWork): Promise<BenchRow> {
  const medianMs = quantile(times, 0.5);
  const { backend, model, dtype, imgsz, batch, coldMs, flops } = engine;
  return {
    engine: engine.engine,
    backend,
    model,
    dtype,
    imgsz,
    batch,
    threads: engine.threads ?? null,
    coldMs,
    coldStages: engine.coldStages ?? null,
    medianMs,
    p95Ms: quantile(times, 0.95),
    minMs: Math.min(...times),
    fps: (batch * 1000) / medianMs,
    gflopsPerSecond: flops === undefined ? null : flops / medianMs / 1e6,
    peakBytes: (await engine.peakBytes()) ?? null,
    perFrame: perFrame ?? null,
    maxDifference: engine.maxDifference ?? null,
    runs: times.length,
  };
}
