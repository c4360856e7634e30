/** Metadata of the server and its models in the Open Inference Protocol, the same over REST and gRPC. */

import { VERSION } from "../../../version.js";
import type { Face, ServedModel } from "../models/openModel.js";

/** Extensions of the protocol, by the names that Triton gave them. */
export const SERVER_METADATA = {
  name: "yolov5-ts",
  version: VERSION,
  extensions: ["binary_tensor_data", "model_repository", "model_configuration"],
} as const;

const ports = (face: Face) => {
  const one = ({ name, shape }: Face["input"]) => ({ name, datatype: "FP32", shape });
  return { inputs: [one(face.input)], outputs: face.outputs.map(one) };
};

/** @param versions of the model. */
export function modelMetadata({ spec, face }: ServedModel, versions: readonly string[]) {
  return { name: spec.name, versions, platform: "yolov5-ts", ...ports(face) };
}

/** The model as Triton's ModelConfig, with the batch in its shapes as Triton shows an ONNX file of one size. */
export function modelConfig({ spec, face, maxBatch, scheduler }: ServedModel) {
  const one = ({ name, shape }: Face["input"]) => ({ name, data_type: "TYPE_FP32", dims: shape });
  return {
    name: spec.name,
    platform: "yolov5-ts",
    backend: "yolov5-ts",
    max_batch_size: 0,
    input: [one(face.input)],
    output: face.outputs.map(one),
    dynamic_batching: { preferred_batch_size: [maxBatch], max_queue_delay_microseconds: scheduler.maxDelay * 1000 },
  };
}
