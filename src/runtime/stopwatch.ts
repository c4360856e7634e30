/** Times of the parts of a compilation, reported as each one ends. */

import type { CompileStage, OnStage } from "./backend.js";

export class Stopwatch {
  private readonly onStage: OnStage | undefined;
  private since = performance.now();

  constructor(onStage: OnStage | undefined) {
    this.onStage = onStage;
  }

  /** What passed since the last call, or since the start, was `stage`. */
  lap(stage: CompileStage): void {
    const now = performance.now();
    this.onStage?.(stage, now - this.since);
    this.since = now;
  }
}
