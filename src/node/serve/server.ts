/** A whole server: models, queue, HTTP and gRPC; starting, and closing without losing a request. */

import { setTimeout as after } from "node:timers/promises";
import { OptionError } from "../../errors.js";
import { importOptional, type OptionalPackage } from "../../optionalPackage.js";
import { throwIfAborted } from "../../yolov5/calls/abort.js";
import { listenError } from "../net/listen.js";
import { checkWeights } from "../weightSource.js";
import { QueueLimit } from "./batching/queueLimit.js";
import { type GrpcServer, startGrpc } from "./grpc/grpcServer.js";
import { createApp } from "./http/app.js";
import { Metrics } from "./metrics.js";
import { modelSpecs } from "./models/modelSpecs.js";
import { openModel } from "./models/openModel.js";
import { ModelRepository } from "./models/repository.js";
import { resolveServeOptions, type ServeOptions } from "./options.js";
import type { YoloServer } from "./runningServer.js";
import { Serving } from "./serving.js";

/** @throws OptionError, and what `load` throws. */
export async function startServer(given: ServeOptions): Promise<YoloServer> {
  const options = resolveServeOptions(given);
  const specs = modelSpecs(options.models);
  // A mistyped path is reported before anybody can connect.
  for (const { weights } of specs) await checkWeights(weights);
  const fastify = await needed<typeof import("fastify")>("fastify", "serve");
  const prometheus = await needed<typeof import("prom-client")>("prom-client", "serve");
  const limit = new QueueLimit(options.maxQueue);
  const metrics = new Metrics(prometheus, limit);
  const repository = new ModelRepository(specs, (spec, onBroken) =>
    openModel(spec, { options, limit, models: specs.length, onBroken }),
  );
  const serving = new Serving(options, repository, metrics, limit);
  const app = createApp(fastify, serving);
  let grpc: GrpcServer | undefined;
  try {
    if (options.grpcPort !== undefined) {
      const packages = await Promise.all([
        needed<typeof import("@grpc/grpc-js")>("@grpc/grpc-js", "gRPC"),
        needed<typeof import("@grpc/proto-loader")>("@grpc/proto-loader", "gRPC"),
      ]);
      grpc = await startGrpc(...packages, serving, options.grpcPort);
    }
    // Live from here on; ready when all models are warm.
    const url = await listen(app, options);
    await repository.loadAll();
    throwIfAborted(options.signal);
    app.log.info({ url, grpc: grpc?.address, models: repository.index }, "ready");
    return running(serving, app, url, grpc);
  } catch (error) {
    await Promise.all([app.close(), grpc?.close(0), repository.close()]);
    throw error;
  }
}

type App = ReturnType<typeof createApp>;

async function listen(app: App, { host, port }: { readonly host: string; readonly port: number }): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    throw listenError(error, { host, port });
  }
}

function running(serving: Serving, app: App, url: string, grpc: GrpcServer | undefined): YoloServer {
  const { options, repository } = serving;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    // Readiness says no, and answers close their connections; requests that still arrive are served.
    serving.draining = true;
    app.log.info("closing");
    await after(options.drainDelay);
    repository.hurry();
    const late = setTimeout(() => app.server.closeAllConnections(), options.drainTimeout);
    await Promise.all([app.close(), grpc?.close(options.drainTimeout)]);
    clearTimeout(late);
    await repository.close();
  };
  const models = repository.index.map(({ name, version }) => {
    const { info, device, workers, maxBatch } = repository.find(name, version);
    return { name, version, path: info.path, task: info.task, device, workers, maxBatch };
  });
  return {
    url,
    grpcAddress: grpc?.address,
    models,
    get ready() {
      return serving.ready;
    },
    reload: (name) => repository.load(name ?? models[0].name),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** @throws OptionError that says what to install. */
async function needed<Module>(name: OptionalPackage, what: keyof typeof INSTALL): Promise<Module> {
  try {
    const module = await importOptional<Module & { default?: Module }>(name);
    return module.default ?? module;
  } catch {
    throw new OptionError(
      `${what} needs the optional package ${name}, which is not installed; run "npm install ${INSTALL[what]}"`,
      { name },
    );
  }
}

const INSTALL = { serve: "fastify prom-client", gRPC: "@grpc/grpc-js @grpc/proto-loader" } as const;
