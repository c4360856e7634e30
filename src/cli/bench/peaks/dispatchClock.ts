/**
 * Times one dispatch of a shader: with timestamp queries if the device has them, otherwise from submit to completion.
 */

import { BufferUsage, MapMode } from "../../../runtime/webgpu/device/flags.js";
import { Pace } from "../../../runtime/webgpu/device/pace.js";

/** Dispatches are repeated until they take this long, so that start-up cost is negligible. */
const LEAST_MS = 20;
const MOST_DISPATCHES = 4096;
/** Number of measurements, the best of which counts. */
const RUNS = 3;
/** Two timestamps. */
const BYTES = 16;

interface Queries {
  readonly set: GPUQuerySet;
  readonly resolved: GPUBuffer;
  readonly staging: GPUBuffer;
}

export class DispatchClock {
  private readonly device: GPUDevice;
  private readonly software: boolean;
  private readonly queries: Queries | undefined;

  constructor(device: GPUDevice, software: boolean) {
    this.device = device;
    this.software = software;
    if (!device.features.has("timestamp-query")) return;
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = BufferUsage;
    this.queries = {
      set: device.createQuerySet({ type: "timestamp", count: 2 }),
      resolved: device.createBuffer({ size: BYTES, usage: QUERY_RESOLVE | COPY_SRC }),
      staging: device.createBuffer({ size: BYTES, usage: MAP_READ | COPY_DST }),
    };
  }

  /** Milliseconds per dispatch, averaged over many. `buffers`: storage buffers, in binding order of group 0. */
  async time(code: string, buffers: readonly GPUBuffer[], workgroups: number): Promise<number> {
    const { device } = this;
    const pipeline = await device.createComputePipelineAsync({
      layout: "auto",
      compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
    });
    const bindGroup = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const encode = (pass: GPUComputePassEncoder, dispatches: number): void => {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      for (let i = 0; i < dispatches; i++) pass.dispatchWorkgroups(workgroups);
    };
    let dispatches = 1;
    let pace = new Pace();
    let ms = await this.pass((pass) => encode(pass, dispatches), pace);
    while (ms < LEAST_MS && dispatches < MOST_DISPATCHES) {
      dispatches *= 2;
      pace = new Pace();
      ms = await this.pass((pass) => encode(pass, dispatches), pace);
    }
    for (let i = 1; i < RUNS; i++) ms = Math.min(ms, await this.pass((pass) => encode(pass, dispatches), pace));
    return ms / dispatches;
  }

  dispose(): void {
    this.queries?.set.destroy();
    this.queries?.resolved.destroy();
    this.queries?.staging.destroy();
  }

  private async pass(encode: (pass: GPUComputePassEncoder) => void, pace: Pace): Promise<number> {
    const { device, queries } = this;
    const encoder = device.createCommandEncoder();
    const timestampWrites = queries && {
      querySet: queries.set,
      beginningOfPassWriteIndex: 0,
      endOfPassWriteIndex: 1,
    };
    const pass = encoder.beginComputePass(timestampWrites ? { timestampWrites } : {});
    encode(pass);
    pass.end();
    if (queries) {
      encoder.resolveQuerySet(queries.set, 0, 2, queries.resolved, 0);
      encoder.copyBufferToBuffer(queries.resolved, 0, queries.staging, 0, BYTES);
    }
    const started = performance.now();
    device.queue.submit([encoder.finish()]);
    if (this.software) await pace.rest();
    await (queries ? queries.staging.mapAsync(MapMode.READ) : device.queue.onSubmittedWorkDone());
    const waited = performance.now() - started;
    pace.learn(waited);
    if (!queries) return waited;
    const [from, to] = new BigUint64Array(queries.staging.getMappedRange());
    const ms = Number(to - from) / 1e6;
    queries.staging.unmap();
    return ms;
  }
}
