/** A path through a plan: its dispatches, what is read back to the host, and how it is converted. */

import { type HostTensor, tensor } from "../../../tensor/index.js";
import type { DeviceContext } from "../device/deviceContext.js";
import type { Encodable } from "../device/encode.js";
import { StagingRing } from "../device/staging.js";
import type { DenseTensor } from "../lower/plan.js";

export interface RunPath<T> {
  readonly dispatches: readonly Encodable[];
  readonly readback: Readback;
  /** Commands before the dispatches. */
  begin(encoder: GPUCommandEncoder): void;
  /** What was read back; the memory is gone afterwards. */
  read(mapped: ArrayBuffer): T;
}

/** Ranges of buffers that come back after each run, one after another in a staging buffer. */
export class Readback {
  readonly staging: StagingRing;
  /** Where each range starts in a staging buffer. */
  readonly offsets: readonly number[];
  /** Bytes that come back from each run. */
  readonly runBytes: number;
  private readonly ranges: readonly Required<GPUBufferBinding>[];

  constructor(context: DeviceContext, ranges: readonly Required<GPUBufferBinding>[]) {
    this.ranges = ranges;
    let end = 0;
    this.offsets = ranges.map(({ size }) => {
      const offset = end;
      end += size;
      return offset;
    });
    this.runBytes = end;
    this.staging = new StagingRing(context, end);
  }

  encode(encoder: GPUCommandEncoder, staging: GPUBuffer): void {
    this.ranges.forEach(({ buffer, offset, size }, i) => {
      encoder.copyBufferToBuffer(buffer, offset, staging, this.offsets[i], size);
    });
  }
}

/** A graph's output as it lies in a staging buffer. */
export interface ReadOutput {
  readonly tensor: DenseTensor;
  readonly shape: readonly number[];
}

/** Copies outputs out of a staging buffer. */
export function readOutputs(
  outputs: readonly ReadOutput[],
  offsets: readonly number[],
  mapped: ArrayBuffer,
): HostTensor[] {
  return outputs.map(({ tensor: { elements }, shape }, i) =>
    tensor("float32", shape, new Float32Array(mapped, offsets[i], elements).slice()),
  );
}
