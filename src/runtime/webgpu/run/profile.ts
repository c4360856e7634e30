/** Times every dispatch: with timestamp queries if the adapter has them, otherwise by waiting for one submit each. */

import type { NodeTiming } from "../../backend.js";
import type { Dispatch } from "../device/bindings.js";
import type { DeviceContext } from "../device/deviceContext.js";
import { BufferUsage, MapMode } from "../device/flags.js";

/** WebGPU's largest query set. */
const MAX_QUERIES = 4096;

function timing(dispatch: Dispatch, ms: number): NodeTiming {
  const { node, call, flops } = dispatch.step;
  const kernel = call.variant ? `${call.kernel.name} ${call.variant}` : call.kernel.name;
  return { name: node.name, type: node.type, kernel, ms, flops, bytes: dispatch.bytes };
}

function encodeOne(encoder: GPUCommandEncoder, dispatch: Dispatch, descriptor?: GPUComputePassDescriptor): void {
  const pass = encoder.beginComputePass(descriptor);
  pass.setPipeline(dispatch.pipeline);
  pass.setBindGroup(0, dispatch.bindGroup);
  pass.dispatchWorkgroups(...dispatch.workgroups);
  pass.end();
}

async function byTimestamps(context: DeviceContext, dispatches: readonly Dispatch[]): Promise<number[]> {
  const { device } = context;
  const count = dispatches.length * 2;
  const querySet = device.createQuerySet({ type: "timestamp", count });
  const resolved = context.createBuffer(count * 8, BufferUsage.QUERY_RESOLVE | BufferUsage.COPY_SRC, "queries");
  const staging = context.createBuffer(count * 8, BufferUsage.MAP_READ | BufferUsage.COPY_DST, "query staging");
  try {
    const encoder = device.createCommandEncoder();
    dispatches.forEach((dispatch, i) => {
      encodeOne(encoder, dispatch, {
        timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
      });
    });
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, count * 8);
    context.submit(encoder.finish());
    await context.guard(staging.mapAsync(MapMode.READ));
    const times = new BigUint64Array(staging.getMappedRange());
    return dispatches.map((_, i) => Number(times[2 * i + 1] - times[2 * i]) / 1e6);
  } finally {
    querySet.destroy();
    context.destroyBuffer(resolved);
    context.destroyBuffer(staging);
  }
}

async function bySubmits(context: DeviceContext, dispatches: readonly Dispatch[]): Promise<number[]> {
  const times: number[] = [];
  for (const dispatch of dispatches) {
    const started = performance.now();
    const encoder = context.device.createCommandEncoder();
    encodeOne(encoder, dispatch);
    context.submit(encoder.finish());
    await context.guard(context.device.queue.onSubmittedWorkDone());
    times.push(performance.now() - started);
  }
  return times;
}

/** Runs the dispatches once, in order, timing each. Inputs must have been uploaded. */
export async function profileDispatches(
  context: DeviceContext,
  dispatches: readonly Dispatch[],
): Promise<NodeTiming[]> {
  const queries = context.device.features.has("timestamp-query") && dispatches.length * 2 <= MAX_QUERIES;
  const times = await (queries ? byTimestamps(context, dispatches) : bySubmits(context, dispatches));
  context.counters.dispatches += dispatches.length;
  return dispatches.map((dispatch, i) => timing(dispatch, times[i]));
}
