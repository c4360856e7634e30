/**
 * Detection as an HTTP service. POST a picture and get JSON:
 *
 *     node examples/httpService.mjs --weights best.pt --port 8080
 *     curl --data-binary @bus.jpg 'http://localhost:8080/detect?conf=0.4'
 *
 * GET /health says which model runs on what. Ctrl-C answers the requests that are under way, then ends.
 */

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { EngineError, load } from "yolov5-ts";

const MAX_BYTES = 32 * 2 ** 20;
/** More than these at one time are turned away, so that a burst costs neither memory nor minutes. */
const MAX_REQUESTS = 32;
/** Errors of these kinds are the client's: a file that is no picture, a threshold of 3. */
const CLIENT_ERRORS = ["IMAGE", "OPTION"];

const { values } = parseArgs({
  options: { weights: { type: "string" }, port: { type: "string", default: "8080" } },
});
const model = await load(values.weights);
await model.warmup();
let running = 0;

class HttpError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @param {import("node:http").IncomingMessage} request */
async function readBody(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new HttpError(413, `a picture may have ${MAX_BYTES} bytes at most`);
    chunks.push(chunk);
  }
  if (length === 0) throw new HttpError(400, "the body is empty; send the bytes of a picture");
  return Buffer.concat(chunks);
}

/** @param {import("node:http").IncomingMessage} request @param {AbortSignal} signal */
async function answer(request, signal) {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  if (pathname === "/health") return { task: model.task, names: model.names, device: model.device };
  if (pathname !== "/detect") throw new HttpError(404, "POST a picture to /detect");
  if (request.method !== "POST") throw new HttpError(405, "POST the bytes of a picture");
  if (running >= MAX_REQUESTS) throw new HttpError(503, "busy; try again");
  running++;
  try {
    const conf = searchParams.get("conf");
    const options = conf === null ? { signal } : { signal, conf: Number(conf) };
    return await model.detect(await readBody(request), options);
  } finally {
    running--;
  }
}

/** @param {unknown} error */
function statusOf(error) {
  if (error instanceof HttpError) return error.status;
  return error instanceof EngineError && CLIENT_ERRORS.includes(error.code) ? 400 : 500;
}

const server = createServer(async (request, response) => {
  // A client that hangs up no longer needs its answer.
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  let status = 200;
  let body;
  try {
    body = await answer(request, gone.signal);
  } catch (error) {
    status = statusOf(error);
    body = { error: status === 500 ? "internal error" : /** @type {Error} */ (error).message };
    if (status === 500 && !gone.signal.aborted) console.error(error);
  }
  // What is left of a rejected body is not read.
  if (!request.complete) response.setHeader("Connection", "close");
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
});

server.listen(Number(values.port), () => {
  const address = server.address();
  console.log(`listening on http://localhost:${typeof address === "object" ? address?.port : address}`);
});

for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.once(signal, () => {
    server.close(() => model.dispose());
    server.closeIdleConnections();
  });
}
