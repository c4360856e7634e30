/** The page to try the server out, its OpenAPI description, and the metrics. */

import { createHash } from "node:crypto";
import type { FastifyInstance } from "fastify";
import type { Serving } from "../serving.js";
import { openApi } from "./openApi.js";
import { PAGE, PAGE_SCRIPT, PAGE_STYLE } from "./page.js";

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

export function siteRoutes(app: FastifyInstance, { metrics }: Serving): void {
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(PAGE_SCRIPT)}`,
    `style-src ${hashOf(PAGE_STYLE)}`,
    "img-src blob:",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const description = openApi();
  app.get("/", async (_request, reply) => {
    reply.header("content-security-policy", policy).header("x-content-type-options", "nosniff");
    return reply.type("text/html; charset=utf-8").send(PAGE);
  });
  app.get("/openapi.json", async () => description);
  app.get("/metrics", async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}
