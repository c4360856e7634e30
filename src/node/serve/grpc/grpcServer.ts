/** The Open Inference Protocol over gRPC: the same models, queue and limits as over HTTP. */

import type * as Grpc from "@grpc/grpc-js";
import type * as ProtoLoader from "@grpc/proto-loader";
import { elementCount } from "../../../tensor/index.js";
import { checkListening, listenError } from "../../net/listen.js";
import { keyCheck } from "../apiKey.js";
import { badRequest, checkInput, floatsOf, wantedOutputs } from "../inference/inferRequest.js";
import { modelMetadata, SERVER_METADATA } from "../inference/metadata.js";
import { computeTensors, isModelReady, loadModel, repositoryIndex } from "../inference/modelCalls.js";
import { clientGone, type RequestError, refusalOf } from "../requestError.js";
import type { Serving } from "../serving.js";
import { CALLS, type Call, protocolDescription, SERVICE } from "./messages.js";

/** A message from proto-loader: names as in the protocol, int64 as numbers, absent fields filled in. */
type Message = Readonly<Record<string, unknown>>;
type Handler = (request: Message, signal: AbortSignal) => Promise<Message> | Message;

export interface GrpcServer {
  /** `host:port`. */
  readonly address: string;
  /** Answers what was accepted; the rest is cut off after `ms`. */
  close(ms: number): Promise<void>;
}

/** Calls that need no API key. */
const OPEN: ReadonlySet<Call> = new Set<Call>(["ServerLive", "ServerReady"]);
/** Beside the tensors. */
const MESSAGE_BYTES = 2 ** 16;

/** @throws OptionError if the port cannot be used. */
export async function startGrpc(
  grpc: typeof Grpc,
  loader: typeof ProtoLoader,
  serving: Serving,
  port: number,
): Promise<GrpcServer> {
  const { options, metrics } = serving;
  const description = loader.fromJSON(protocolDescription() as Parameters<typeof loader.fromJSON>[0], {
    keepCase: true,
    longs: Number,
    defaults: true,
  });
  const server = new grpc.Server({
    "grpc.max_receive_message_length": options.maxBody + MESSAGE_BYTES,
    "grpc.max_send_message_length": -1,
  });
  const checkKey = keyCheck(options.apiKey);
  const handlers = handlersOf(serving);
  const unary =
    (call: Call): Grpc.handleUnaryCall<Message, Message> =>
    (request, callback) => {
      const text = (name: string): string | undefined => {
        const [value] = request.metadata.get(name);
        return typeof value === "string" ? value : undefined;
      };
      const gone = new AbortController();
      request.on("cancelled", () => gone.abort(clientGone()));
      const answer = async (): Promise<Message> => {
        if (!OPEN.has(call)) checkKey(text("authorization"), text("x-api-key"));
        return handlers[call](request.request, gone.signal);
      };
      answer().then(
        (message) => {
          metrics.request(`grpc ${call}`, 200);
          callback(null, message);
        },
        (error) => {
          const refusal = refusalOf(error);
          metrics.request(`grpc ${call}`, refusal.status);
          metrics.refused(refusal.refusal);
          callback({ code: codeOf(grpc, refusal), details: refusal.message });
        },
      );
    };
  const service = description[SERVICE] as Grpc.ServiceDefinition;
  server.addService(service, Object.fromEntries(CALLS.map((call) => [call, unary(call)])));
  const { host } = options;
  const shownHost = host.includes(":") ? `[${host}]` : host;
  // The package gives the reason only in its own log.
  await checkListening({ host, port }, "gRPC port");
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${shownHost}:${port}`, grpc.ServerCredentials.createInsecure(), (error, used) => {
      if (error) reject(listenError(error, { host, port }, "gRPC port"));
      else resolve(used);
    });
  });
  const close = async (ms: number): Promise<void> => {
    const timer = setTimeout(() => server.forceShutdown(), ms);
    await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    clearTimeout(timer);
  };
  return { address: `${shownHost}:${bound}`, close };
}

function codeOf({ status }: typeof Grpc, { status: http, refusal }: RequestError): Grpc.status {
  if (http === 401) return status.UNAUTHENTICATED;
  if (http === 404) return status.NOT_FOUND;
  if (http === 429) return status.RESOURCE_EXHAUSTED;
  if (http === 499) return status.CANCELLED;
  if (http === 503) return status.UNAVAILABLE;
  if (http === 504) return status.DEADLINE_EXCEEDED;
  return http < 500 || refusal === "request" ? status.INVALID_ARGUMENT : status.INTERNAL;
}

const wordOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

function handlersOf(serving: Serving): Readonly<Record<Call, Handler>> {
  const { repository } = serving;
  return {
    ServerLive: () => ({ live: true }),
    ServerReady: () => ({ ready: serving.ready }),
    ModelReady: ({ name, version }) => ({ ready: isModelReady(serving, String(name), wordOf(version)) }),
    ServerMetadata: () => SERVER_METADATA,
    ModelMetadata: ({ name, version }) =>
      modelMetadata(repository.find(String(name), wordOf(version)), repository.versions(String(name))),
    ModelInfer: (request, signal) => infer(serving, request, signal),
    RepositoryIndex: ({ ready }) => ({ models: repositoryIndex(serving, ready === true) }),
    RepositoryModelLoad: async ({ model_name: name }) => {
      await loadModel(serving, String(name));
      return {};
    },
    RepositoryModelUnload: async ({ model_name: name }) => {
      await repository.unload(String(name));
      return {};
    },
  };
}

async function infer(serving: Serving, request: Message, signal: AbortSignal): Promise<Message> {
  serving.checkQueue();
  const model = serving.repository.find(String(request.model_name), wordOf(request.model_version));
  const inputs = request.inputs as readonly Message[];
  if (inputs.length !== 1) throw badRequest(`inputs must be one tensor, ${model.face.input.name}`);
  const [{ name, datatype, shape: given, contents }] = inputs;
  const shape = checkInput(name, datatype, given, model);
  const data = dataOf(
    request.raw_input_contents as readonly Uint8Array[],
    contents as Message | null,
    elementCount(shape),
  );
  const requested = request.outputs as readonly Message[];
  const wanted = wantedOutputs(
    requested.length === 0 ? undefined : requested.map(({ name: output }) => ({ name: output })),
    true,
    model.face,
  );
  const tensors = await computeTensors(serving, model, { shape, data, texts: [] }, { signal, notes: {} });
  return {
    model_name: model.spec.name,
    model_version: model.spec.version,
    id: request.id,
    outputs: wanted.map(({ index }) => ({
      name: model.face.outputs[index].name,
      datatype: "FP32",
      shape: tensors[index].shape,
    })),
    raw_output_contents: wanted.map(({ index }) => {
      const { data: floats } = tensors[index];
      return Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength);
    }),
  };
}

/** A tensor's values, as bytes or as numbers. @throws RequestError 400. */
function dataOf(raw: readonly Uint8Array[], contents: Message | null, count: number): Float32Array {
  const numbers = (contents?.fp32_contents ?? []) as readonly number[];
  if (raw.length > 1 || (raw.length === 1 && numbers.length > 0)) {
    throw badRequest("raw_input_contents must be the bytes of one tensor, and contents must be empty");
  }
  if (raw.length === 1) return floatsOf(raw[0], count, raw[0].length);
  if (numbers.length !== count)
    throw badRequest(`fp32_contents has ${numbers.length} numbers, but its shape needs ${count}`);
  return Float32Array.from(numbers);
}
