/** One of the two passes of a training step: what goes in, its dispatches, what is read back. */

import type { DevicePlan, Dispatch } from "../device/bindings.js";
import type { DeviceContext } from "../device/deviceContext.js";
import { encodeDispatches } from "../device/encode.js";
import { MapMode } from "../device/flags.js";
import { Pace } from "../device/pace.js";
import type { DenseTensor } from "../lower/plan.js";
import { Readback } from "../run/runPath.js";

export class Pass {
  private readonly readback: Readback;
  private readonly pace = new Pace();

  constructor(
    private readonly context: DeviceContext,
    private readonly onDevice: DevicePlan,
    private readonly dispatches: readonly Dispatch[],
    private readonly inputs: readonly DenseTensor[],
    private readonly outputs: readonly DenseTensor[],
  ) {
    this.readback = new Readback(
      context,
      outputs.map((tensor) => onDevice.range(tensor)),
    );
  }

  get bytes(): number {
    return this.readback.staging.bytes;
  }

  async run(given: readonly Float32Array[]): Promise<readonly Float32Array[]> {
    const { context, readback, outputs } = this;
    const { device } = context;
    for (const [i, input] of this.inputs.entries()) {
      const { buffer, offset } = this.onDevice.range(input);
      const { [i]: data } = given;
      // A view of shared memory is refused.
      const own = data.buffer instanceof ArrayBuffer ? (data as Float32Array<ArrayBuffer>) : new Float32Array(data);
      device.queue.writeBuffer(buffer, offset, own);
    }
    const encoder = device.createCommandEncoder();
    encodeDispatches(encoder, this.dispatches);
    const { buffer: staging } = readback.staging.next;
    readback.encode(encoder, staging);
    context.counters.dispatches += this.dispatches.length;
    context.counters.bytesRead += readback.runBytes;
    context.submit(encoder.finish());
    const started = performance.now();
    if (context.software) await context.guard(this.pace.rest());
    await context.guard(staging.mapAsync(MapMode.READ));
    this.pace.learn(performance.now() - started);
    context.check();
    const mapped = staging.getMappedRange();
    const results = outputs.map(({ elements }, i) => new Float32Array(mapped, readback.offsets[i], elements).slice());
    staging.unmap();
    return results;
  }
}
