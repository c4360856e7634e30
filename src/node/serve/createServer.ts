/** `createServer`, whose code and packages are imported when it is called. */

import type { ServeOptions } from "./options.js";
import type { YoloServer } from "./runningServer.js";

/**
 * Starts a server in Node: `POST /detect`, the Open Inference Protocol (V2) over REST and gRPC, metrics. Needs the optional
 * packages `fastify` and `prom-client`, for gRPC `@grpc/grpc-js` and `@grpc/proto-loader`.
 * @returns the server once all its models are warm. `/v2/health/live` answers from the start, and `/v2/health/ready` answers 503 until then.
 * @throws OptionError for an invalid option, a port in use or a missing package; the errors of `load`.
 * @example
 * const server = await createServer({ models: "best.pt", port: 8000 });
 * process.once("SIGTERM", () => server.close());
 */
export async function createServer(options: ServeOptions = {}): Promise<YoloServer> {
  const { startServer } = await import("./server.js");
  return startServer(options);
}
