/**
 * Two read-back buffers, used in turn, so that the device computes one run while the previous run's results are read.
 */

import type { DeviceContext } from "./deviceContext.js";
import { BufferUsage } from "./flags.js";

/** Maximum number of runs in flight. */
const COUNT = 2;

export interface Staging {
  readonly buffer: GPUBuffer;
  /** Resolves, never rejects, when the last run that used it has released it. */
  free: Promise<unknown>;
}

export class StagingRing {
  private readonly context: DeviceContext;
  private readonly all: readonly Staging[];
  private turn = 0;

  constructor(context: DeviceContext, bytes: number) {
    this.context = context;
    const usage = BufferUsage.MAP_READ | BufferUsage.COPY_DST;
    this.all = Array.from({ length: COUNT }, (_, i) => ({
      buffer: context.createBuffer(bytes, usage, `staging ${i}`),
      free: Promise.resolve(),
    }));
  }

  get bytes(): number {
    return this.all.reduce((sum, { buffer }) => sum + buffer.size, 0);
  }

  /** The one that the next run uses, once it is free. */
  get next(): Staging {
    return this.all[this.turn];
  }

  advance(): void {
    this.turn = (this.turn + 1) % COUNT;
  }

  dispose(): void {
    for (const { buffer } of this.all) this.context.destroyBuffer(buffer);
  }
}
