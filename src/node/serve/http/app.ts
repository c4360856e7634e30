/** The HTTP side of a server: hooks that every request passes, errors as JSON, one log line per request. */

import type { FastifyInstance, FastifyRequest } from "fastify";
import { keyCheck } from "../apiKey.js";
import { RequestError, refusalOf } from "../requestError.js";
import type { Serving } from "../serving.js";
import { detectRoutes } from "./detectRoutes.js";
import { inferenceRoutes } from "./inferenceRoutes.js";
import { requestNotes } from "./requestNotes.js";
import { siteRoutes } from "./siteRoutes.js";

/** Routes that need no API key. */
const OPEN: ReadonlySet<string> = new Set(["/", "/openapi.json", "/v2/health/live", "/v2/health/ready"]);
/** Routes whose requests wait in the queue: refused before their body is read if it is full. */
const QUEUED = /^\/detect$|\/infer$/;
/** For how long the rest of a body is discarded after its answer. */
const LINGER = 2000;
/** How often Node checks for connections that have timed out. */
const CHECK_INTERVAL = 1000;

/** Fastify's package. */
export type FastifyModule = Pick<typeof import("fastify"), "fastify" | "LogController">;

export function createApp({ fastify, LogController }: FastifyModule, serving: Serving): FastifyInstance {
  const { options, metrics } = serving;
  const { readTimeout, maxBody, logLevel, log } = options;
  const app = fastify({
    logger: { level: logLevel, ...(log === undefined ? {} : { stream: log }) },
    // One line per request, when it is answered.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: maxBody,
    // For clients that do not even send headers; bodies have their own limit, which is reached first.
    requestTimeout: 2 * readTimeout + CHECK_INTERVAL,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    // Requests that come while the server closes are answered: the listener is closed already.
    return503OnClosing: false,
    forceCloseConnections: "idle",
    http: { connectionsCheckingInterval: CHECK_INTERVAL, headersTimeout: readTimeout },
  });
  const checkKey = keyCheck(options.apiKey);

  app.addHook("onRequest", async (request) => {
    requestNotes(request);
    const route = request.routeOptions.url ?? "";
    checkOrigin(request);
    if (!OPEN.has(route)) checkKey(request.headers.authorization, textOf(request.headers["x-api-key"]));
    if (QUEUED.test(route)) serving.checkQueue();
  });

  // Also for earlier requests, because a connection that stays open keeps the server from closing.
  app.addHook("onSend", async (_request, reply) => {
    if (serving.draining) reply.header("connection", "close");
  });

  // Bodies are read by the routes, within their limits, whatever their type.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));

  app.setErrorHandler((error, request, reply) => {
    const refusal = asRefusal(error);
    requestNotes(request).refused = refusal.refusal;
    metrics.refused(refusal.refusal);
    if (refusal.status >= 500 && refusal.refusal === "failed") request.log.error({ err: error }, "failed");
    if (refusal.retryAfter !== undefined) reply.header("retry-after", String(refusal.retryAfter));
    if (refusal.status === 401) reply.header("www-authenticate", "Bearer");
    void reply.code(refusal.status).send({ error: refusal.message });
  });
  app.setNotFoundHandler((request) => {
    const path = request.url.replace(/\?.*$/, "").slice(0, 200);
    throw new RequestError(404, "request", `there is no ${request.method} ${path}; /openapi.json lists all routes`);
  });

  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "none";
    const { started, work, refused } = requestNotes(request);
    const ms = performance.now() - started;
    metrics.request(route, reply.statusCode);
    if (QUEUED.test(route)) metrics.stage("total", ms);
    const level = reply.statusCode >= 500 ? "warn" : "info";
    request.log[level](
      { method: request.method, route, status: reply.statusCode, ms: Math.round(ms), refused, ...work },
      "request",
    );
    discardRest(request);
  });

  siteRoutes(app, serving);
  detectRoutes(app, serving);
  inferenceRoutes(app, serving);
  return app;
}

/** Fastify's own refusals (a wrong method, a broken URL) next to ours. */
function asRefusal(error: unknown): RequestError {
  const { statusCode, message } = error as { readonly statusCode?: unknown; readonly message?: unknown };
  const own = typeof statusCode === "number" && statusCode >= 400 && statusCode < 500;
  return own ? new RequestError(statusCode, "request", String(message)) : refusalOf(error);
}

/**
 * A page of another site can send requests to a server on the visitor's own machine. It must not use it, although it could
 * not read the answer.
 * @throws RequestError 403.
 */
function checkOrigin({ headers, method }: FastifyRequest): void {
  const { origin, host } = headers;
  if (method === "GET" || origin === undefined || origin === "null") return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new RequestError(403, "origin", "requests from pages of other sites are refused");
}

const textOf = (header: string | readonly string[] | undefined): string | undefined =>
  typeof header === "string" ? header : header?.[0];

/**
 * An answer may come before its request's body. Closing the connection at once could lose the answer, so the rest of the
 * body is read and thrown away for a moment; clients that are still sending then are cut off.
 */
function discardRest({ raw }: FastifyRequest): void {
  if (raw.complete || raw.destroyed) return;
  raw.on("error", () => undefined).resume();
  const timer = setTimeout(() => {
    if (!raw.complete) raw.socket.destroy();
  }, LINGER);
  timer.unref();
  raw.once("close", () => clearTimeout(timer));
}
