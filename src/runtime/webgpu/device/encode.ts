/** Dispatches into a command encoder. */

import type { Dispatch } from "./bindings.js";

export type Encodable = Pick<Dispatch, "pipeline" | "bindGroup" | "workgroups">;

/** One pass. Sets only what changes from one dispatch to the next. */
export function encodeDispatches(encoder: GPUCommandEncoder, dispatches: readonly Encodable[]): void {
  const pass = encoder.beginComputePass();
  let pipeline: GPUComputePipeline | undefined;
  for (const dispatch of dispatches) {
    if (dispatch.pipeline !== pipeline) {
      pipeline = dispatch.pipeline;
      pass.setPipeline(pipeline);
    }
    pass.setBindGroup(0, dispatch.bindGroup);
    pass.dispatchWorkgroups(...dispatch.workgroups);
  }
  pass.end();
}
