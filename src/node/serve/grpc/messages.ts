/**
 * The messages and the service of the Open Inference Protocol for gRPC, with Triton's calls for repository and reloading,
 * written from the specifications of both. Field numbers are what clients rely on.
 */

type Field = readonly [number: number, type: string];
interface Message {
  readonly fields: Readonly<Record<string, object>>;
  readonly nested?: Readonly<Record<string, Message>>;
  readonly oneofs?: Readonly<Record<string, { readonly oneof: readonly string[] }>>;
}

/** `repeated int64` and `map<T>` as the protocol's files have them. */
function message(fields: Readonly<Record<string, Field>>, nested?: Readonly<Record<string, Message>>): Message {
  const entries = Object.entries(fields).map(([name, [id, words]]): [string, object] => {
    const value = /^map<(.+)>$/.exec(words)?.[1];
    if (value !== undefined) return [name, { keyType: "string", type: value, id }];
    const type = words.replace(/^repeated /, "");
    return [name, type === words ? { type, id } : { rule: "repeated", type, id }];
  });
  return { fields: Object.fromEntries(entries), ...(nested === undefined ? {} : { nested }) };
}

const choice = (fields: Readonly<Record<string, Field>>): Message => ({
  ...message(fields),
  oneofs: { parameter_choice: { oneof: Object.keys(fields) } },
});

const tensorMessage = message({
  name: [1, "string"],
  datatype: [2, "string"],
  shape: [3, "repeated int64"],
  parameters: [4, "map<InferParameter>"],
  contents: [5, "InferTensorContents"],
});
const nameAndVersion = message({ name: [1, "string"], version: [2, "string"] });
const readyMessage = message({ ready: [1, "bool"] });
const empty = message({});

const MESSAGES: Readonly<Record<string, Message>> = {
  ServerLiveRequest: empty,
  ServerLiveResponse: message({ live: [1, "bool"] }),
  ServerReadyRequest: empty,
  ServerReadyResponse: readyMessage,
  ModelReadyRequest: nameAndVersion,
  ModelReadyResponse: readyMessage,
  ServerMetadataRequest: empty,
  ServerMetadataResponse: message({ name: [1, "string"], version: [2, "string"], extensions: [3, "repeated string"] }),
  ModelMetadataRequest: nameAndVersion,
  ModelMetadataResponse: message(
    {
      name: [1, "string"],
      versions: [2, "repeated string"],
      platform: [3, "string"],
      inputs: [4, "repeated TensorMetadata"],
      outputs: [5, "repeated TensorMetadata"],
    },
    { TensorMetadata: message({ name: [1, "string"], datatype: [2, "string"], shape: [3, "repeated int64"] }) },
  ),
  ModelInferRequest: message(
    {
      model_name: [1, "string"],
      model_version: [2, "string"],
      id: [3, "string"],
      parameters: [4, "map<InferParameter>"],
      inputs: [5, "repeated InferInputTensor"],
      outputs: [6, "repeated InferRequestedOutputTensor"],
      raw_input_contents: [7, "repeated bytes"],
    },
    {
      InferInputTensor: tensorMessage,
      InferRequestedOutputTensor: message({ name: [1, "string"], parameters: [2, "map<InferParameter>"] }),
    },
  ),
  ModelInferResponse: message(
    {
      model_name: [1, "string"],
      model_version: [2, "string"],
      id: [3, "string"],
      parameters: [4, "map<InferParameter>"],
      outputs: [5, "repeated InferOutputTensor"],
      raw_output_contents: [6, "repeated bytes"],
    },
    { InferOutputTensor: tensorMessage },
  ),
  InferParameter: choice({
    bool_param: [1, "bool"],
    int64_param: [2, "int64"],
    string_param: [3, "string"],
    double_param: [4, "double"],
    uint64_param: [5, "uint64"],
  }),
  InferTensorContents: message({
    bool_contents: [1, "repeated bool"],
    int_contents: [2, "repeated int32"],
    int64_contents: [3, "repeated int64"],
    uint_contents: [4, "repeated uint32"],
    uint64_contents: [5, "repeated uint64"],
    fp32_contents: [6, "repeated float"],
    fp64_contents: [7, "repeated double"],
    bytes_contents: [8, "repeated bytes"],
  }),
  ModelRepositoryParameter: choice({ bool_param: [1, "bool"], int64_param: [2, "int64"], string_param: [3, "string"] }),
  RepositoryIndexRequest: message({ repository_name: [1, "string"], ready: [2, "bool"] }),
  RepositoryIndexResponse: message(
    { models: [1, "repeated ModelIndex"] },
    {
      ModelIndex: message({ name: [1, "string"], version: [2, "string"], state: [3, "string"], reason: [4, "string"] }),
    },
  ),
  RepositoryModelLoadRequest: message({
    repository_name: [1, "string"],
    model_name: [2, "string"],
    parameters: [3, "map<ModelRepositoryParameter>"],
  }),
  RepositoryModelLoadResponse: empty,
  RepositoryModelUnloadRequest: message({
    repository_name: [1, "string"],
    model_name: [2, "string"],
    parameters: [3, "map<ModelRepositoryParameter>"],
  }),
  RepositoryModelUnloadResponse: empty,
};

export const CALLS = [
  "ServerLive",
  "ServerReady",
  "ModelReady",
  "ServerMetadata",
  "ModelMetadata",
  "ModelInfer",
  "RepositoryIndex",
  "RepositoryModelLoad",
  "RepositoryModelUnload",
] as const;
export type Call = (typeof CALLS)[number];

export const SERVICE = "inference.GRPCInferenceService";

/** The whole as protobuf.js reads it. */
export function protocolDescription() {
  const methods = Object.fromEntries(
    CALLS.map((call) => [call, { requestType: `${call}Request`, responseType: `${call}Response` }]),
  );
  const nested: Record<string, Message | { readonly methods: typeof methods }> = { ...MESSAGES };
  nested.GRPCInferenceService = { methods };
  return { nested: { inference: { nested } } };
}
