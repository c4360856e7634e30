/** The Open Inference Protocol (V2) over REST, with Triton's extensions for binary tensors, repository and configuration. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { parseInferRequest } from "../inference/inferRequest.js";
import { inferResponse } from "../inference/inferResponse.js";
import { modelConfig, modelMetadata, SERVER_METADATA } from "../inference/metadata.js";
import { computeTensors, isModelReady, loadModel, repositoryIndex } from "../inference/modelCalls.js";
import { RequestError } from "../requestError.js";
import { type Serving, untilClosed } from "../serving.js";
import { readBody } from "./body.js";
import { requestNotes } from "./requestNotes.js";

interface ModelParams {
  readonly name: string;
  readonly version?: string;
}

/** Bodies of requests that only control the server. */
const CONTROL_BYTES = 2 ** 16;

const paramsOf = (request: FastifyRequest): ModelParams => request.params as ModelParams;

export function inferenceRoutes(app: FastifyInstance, serving: Serving): void {
  const { repository, options, metrics } = serving;
  const limits = { ...options, budget: serving.budget };
  const control = { ...limits, maxBody: CONTROL_BYTES };

  app.get("/v2", async () => SERVER_METADATA);
  app.get("/v2/health/live", async () => ({ live: true }));
  app.get("/v2/health/ready", async (_request, reply) => {
    const { ready } = serving;
    return reply.code(ready ? 200 : 503).send({ live: true, ready });
  });

  const infer = async (request: FastifyRequest, reply: FastifyReply): Promise<Buffer> => {
    const closed = untilClosed(reply.raw);
    const { name, version } = paramsOf(request);
    repository.find(name, version);
    const started = performance.now();
    const { bytes, release } = await readBody(request.raw, limits);
    try {
      metrics.stage("read", performance.now() - started);
      const model = repository.find(name, version);
      const header = request.headers["inference-header-content-length"];
      const { id, shape, data, outputs } = parseInferRequest(
        bytes,
        header === undefined ? undefined : String(header),
        model,
      );
      const texts = outputs.flatMap(({ index, binary }) => (binary ? [] : [index]));
      checkOnce(outputs.map(({ index }) => index));
      const notes = requestNotes(request).work;
      const tensors = await computeTensors(serving, model, { shape, data, texts }, { signal: closed, notes });
      const { body, jsonLength } = inferResponse(model, id, outputs, tensors);
      if (jsonLength === undefined) reply.type("application/json");
      else reply.type("application/octet-stream").header("inference-header-content-length", String(jsonLength));
      return body;
    } finally {
      release();
    }
  };

  for (const path of ["/v2/models/:name", "/v2/models/:name/versions/:version"]) {
    app.get(path, async (request) => {
      const { name, version } = paramsOf(request);
      return modelMetadata(repository.find(name, version), repository.versions(name));
    });
    app.get(`${path}/config`, async (request) => {
      const { name, version } = paramsOf(request);
      return modelConfig(repository.find(name, version));
    });
    app.get(`${path}/ready`, async (request, reply) => {
      const { name, version } = paramsOf(request);
      const ready = isModelReady(serving, name, version);
      return reply.code(ready ? 200 : 503).send({ name, ready });
    });
    app.post(`${path}/infer`, infer);
  }

  app.post("/v2/repository/index", async (request) => {
    const { bytes, release } = await readBody(request.raw, control);
    release();
    const onlyReady = bytes.length > 0 && readyOf(new TextDecoder().decode(bytes));
    return repositoryIndex(serving, onlyReady);
  });
  app.post("/v2/repository/models/:name/load", async (request, reply) => {
    (await readBody(request.raw, control)).release();
    await loadModel(serving, paramsOf(request).name);
    return reply.send({});
  });
  app.post("/v2/repository/models/:name/unload", async (request, reply) => {
    (await readBody(request.raw, control)).release();
    await repository.unload(paramsOf(request).name);
    return reply.send({});
  });
}

function readyOf(text: string): boolean {
  try {
    return (JSON.parse(text) as { ready?: unknown } | null)?.ready === true;
  } catch {
    throw new RequestError(400, "request", "the body is not JSON");
  }
}

/** An output as text and as bytes would be computed twice. */
function checkOnce(indices: readonly number[]): void {
  if (new Set(indices).size < indices.length) throw new RequestError(400, "request", "an output is requested twice");
}
