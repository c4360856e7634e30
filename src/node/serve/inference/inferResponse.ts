/** The network's outputs → an answer of the Open Inference Protocol, with numbers in its JSON or bytes after it. */

import type { ServedModel } from "../models/openModel.js";
import type { OutputTensor } from "../work/jobs.js";
import type { WantedOutput } from "./inferRequest.js";

export interface InferResponse {
  readonly body: Buffer;
  /** Length of the JSON, if bytes follow it. */
  readonly jsonLength: number | undefined;
}

/** @param outputs of the model; those wanted as numbers have their text. */
export function inferResponse(
  model: ServedModel,
  id: string | undefined,
  wanted: readonly WantedOutput[],
  outputs: readonly OutputTensor[],
): InferResponse {
  const { name, version } = model.spec;
  const binary: Buffer[] = [];
  const tensors = wanted.map(({ index, binary: asBytes }) => {
    const { shape, data, text } = outputs[index];
    const head = { name: model.face.outputs[index].name, datatype: "FP32", shape };
    if (!asBytes) return `${JSON.stringify(head).slice(0, -1)},"data":${text}}`;
    binary.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    return JSON.stringify({ ...head, parameters: { binary_data_size: data.byteLength } });
  });
  const head = JSON.stringify({ model_name: name, model_version: version, ...(id === undefined ? {} : { id }) });
  const json = Buffer.from(`${head.slice(0, -1)},"outputs":[${tensors.join()}]}`);
  if (binary.length === 0) return { body: json, jsonLength: undefined };
  return { body: Buffer.concat([json, ...binary]), jsonLength: json.length };
}
