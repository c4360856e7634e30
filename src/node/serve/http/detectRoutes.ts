/** `POST /detect`: pictures in, the JSON of `yolov5 detect` or annotated pictures out. */

import type { FastifyInstance } from "fastify";
import { printableJson } from "../../../printable.js";
import type { ServedModel } from "../models/openModel.js";
import { RequestError, refusalOf } from "../requestError.js";
import { type Serving, untilClosed } from "../serving.js";
import type { DetectJob, ServeAnswer } from "../work/jobs.js";
import { readBody } from "./body.js";
import { type DetectQuery, detectQuery } from "./detectQuery.js";
import { partsOf } from "./pictureParts.js";
import { requestNotes } from "./requestNotes.js";

export function detectRoutes(app: FastifyInstance, serving: Serving): void {
  const { repository, options, metrics } = serving;
  const limits = { ...options, budget: serving.budget };

  app.post("/detect", async (request, reply) => {
    const closed = untilClosed(reply.raw);
    const url = new URL(request.url, "http://localhost");
    // Refused before the body is read.
    const early = detectQuery(url.searchParams);
    repository.find(early.model, early.version);
    const started = performance.now();
    const { bytes, release } = await readBody(request.raw, limits);
    try {
      metrics.stage("read", performance.now() - started);
      const { pictures, fields } = await partsOf(bytes, request.headers["content-type"]);
      const query = fields.length === 0 ? early : detectQuery([...url.searchParams, ...fields]);
      const model = repository.find(query.model, query.version);
      checkSize(query, model);
      const { annotate } = query;
      if (annotate && pictures.length > 1) {
        throw new RequestError(
          400,
          "request",
          `annotate takes one picture, got ${pictures.length}; send one request each`,
        );
      }
      const jobs = pictures.map(
        (picture): DetectJob => ({ kind: "detect", ...picture, options: query.options, annotate }),
      );
      const answers = await serving.compute(model, jobs, keyOf(query), closed, requestNotes(request).work);
      const [first] = answers;
      if (annotate && !(first instanceof Error) && first.kind === "detect" && first.picture) {
        const { buffer, byteOffset, byteLength } = first.picture;
        reply.type(annotate.format === "png" ? "image/png" : "image/jpeg");
        return Buffer.from(buffer, byteOffset, byteLength);
      }
      reply.type("application/json; charset=utf-8");
      return jsonOf(model, jobs, answers);
    } finally {
      release();
    }
  });
}

/** Jobs with the same options can share a batch. */
function keyOf({ options }: DetectQuery): string {
  return `detect ${JSON.stringify(options)}`;
}

/** A large input would take memory from all others. @throws RequestError 400. */
function checkSize({ options }: DetectQuery, { maxImgsz }: ServedModel): void {
  const largest = Math.max(...[options.imgsz ?? 0].flat());
  if (largest <= maxImgsz) return;
  throw new RequestError(400, "request", `imgsz ${largest} is above this server's limit of ${maxImgsz}`);
}

/** The JSON of `yolov5 detect`; a picture that failed has its error. */
function jsonOf(
  { spec, info, device }: ServedModel,
  jobs: readonly DetectJob[],
  answers: readonly (ServeAnswer | Error)[],
): string {
  const entries = answers.map((answer, i) => {
    if (answer instanceof Error) return JSON.stringify({ source: jobs[i].source, error: refusalOf(answer).message });
    return answer.kind === "detect" ? answer.entry : "";
  });
  const { task, names } = info;
  const head = printableJson({ model: { path: spec.name, version: spec.version, task, names }, backend: device });
  return `${head.slice(0, -1)},"images":[${entries.join()}]}`;
}
