/**
 * The buffers that results come back through: two, used in turn, so that the device computes one run while the results of
 * the one before are read.
 */

import type { DeviceContext } from "./deviceContext.js";
import { BufferUsage } from "./flags.js";

/** Runs that can be on their way at once. */
const COUNT = 2;

export interface Staging {
  readonly buffer: GPUBuffer;
  /** Settles, never rejects, when the run that used it last has let go of it. */
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
