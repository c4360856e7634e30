/** The OpenAPI 3.0 description at `/openapi.json`. Schemas of `/v2` follow the text of the Open Inference Protocol. */

import { THEME_NAMES } from "../../../image/draw/theme.js";
import { VERSION } from "../../../version.js";
import { QUERY_NAMES } from "./detectQuery.js";
import { SCHEMAS } from "./openApiSchemas.js";

const json = (schema: string) => ({ "application/json": { schema: { $ref: `#/components/schemas/${schema}` } } });
const ok = (description: string, schema?: string) => ({
  "200": { description, ...(schema === undefined ? {} : { content: json(schema) }) },
});
const refused = (...statuses: readonly (readonly [string, string])[]) =>
  Object.fromEntries(statuses.map(([status, description]) => [status, { description, content: json("error") }]));

const BAD = ["400", "The request is wrong; `error` says what is wrong and how to fix it."] as const;
const KEY = ["401", "The API key is missing or wrong."] as const;
const NO_MODEL = ["404", "There is no such model or version."] as const;
const LIMITS = [
  ["408", "The body came too slowly."],
  ["413", "The body, the picture or the batch is too large."],
  ["429", "The queue is full; `Retry-After` says when to try again."],
  ["503", "The model is not ready."],
  ["504", "The answer was not ready in time."],
] as const;

const SWITCHES = ["agnostic", "multiLabel", "augment", "retinaMasks", "square", "hideLabels", "hideConf"];
const WORDS: Readonly<Record<string, object>> = {
  model: { type: "string" },
  version: { type: "string" },
  annotate: { type: "string", enum: ["jpeg", "png"] },
  theme: { type: "string", enum: THEME_NAMES },
  imgsz: { type: "string", description: "one size, or height,width" },
  classes: { type: "string", description: "class indices, separated by commas" },
};

function query() {
  return QUERY_NAMES.map((name) => ({
    name,
    in: "query",
    schema: WORDS[name] ?? { type: SWITCHES.includes(name) ? "boolean" : "number" },
  }));
}

const path = (name: string) => ({ name, in: "path", required: true, schema: { type: "string" } });

/** The paths of a model, with and without its version. */
function modelPaths() {
  const all: Record<string, object> = {};
  for (const [prefix, parameters] of [
    ["/v2/models/{model_name}", [path("model_name")]],
    ["/v2/models/{model_name}/versions/{model_version}", [path("model_name"), path("model_version")]],
  ] as const) {
    const get = (summary: string, schema: string) => ({
      get: { summary, responses: { ...ok(summary, schema), ...refused(KEY, NO_MODEL) } },
      parameters,
    });
    all[prefix] = get("Model metadata", "metadata_model_response");
    all[`${prefix}/ready`] = get("Model ready", "model_ready_response");
    all[`${prefix}/config`] = get("Model configuration", "model_config");
    all[`${prefix}/infer`] = {
      parameters,
      post: {
        summary: "Inference: `images` FP32 [n, 3, h, w], RGB from 0 to 1 → `output0`",
        requestBody: {
          required: true,
          content: {
            ...json("inference_request"),
            "application/octet-stream": { schema: { type: "string", format: "binary" } },
          },
        },
        responses: { ...ok("Outputs", "inference_response"), ...refused(BAD, KEY, NO_MODEL, ...LIMITS) },
      },
    };
  }
  return all;
}

export function openApi() {
  const file = { type: "string", format: "binary" };
  const image = { schema: file };
  return {
    openapi: "3.0.3",
    info: { title: "yolov5 serve", version: VERSION, license: { name: "MIT" } },
    security: [{}, { bearer: [] }, { key: [] }],
    paths: {
      "/detect": {
        post: {
          summary: "Finds objects in pictures",
          parameters: query(),
          requestBody: {
            required: true,
            content: {
              "image/*": image,
              "application/octet-stream": image,
              "multipart/form-data": {
                schema: { type: "object", properties: { image: { type: "array", items: file } } },
              },
            },
          },
          responses: {
            "200": {
              description: "The JSON of `yolov5 detect`; with `annotate` the picture with everything drawn on it",
              content: { ...json("detect_response"), "image/jpeg": image, "image/png": image },
            },
            ...refused(BAD, KEY, NO_MODEL, ...LIMITS),
          },
        },
      },
      "/metrics": { get: { summary: "Prometheus metrics", responses: { ...ok("Text"), ...refused(KEY) } } },
      "/v2": { get: { summary: "Server metadata", responses: ok("Server metadata", "metadata_server_response") } },
      "/v2/health/live": { get: { summary: "Server live", security: [{}], responses: ok("It runs", "live_response") } },
      "/v2/health/ready": {
        get: {
          summary: "Server ready",
          security: [{}],
          responses: {
            ...ok("All models are warm", "ready_response"),
            "503": { description: "Not yet, or not any more" },
          },
        },
      },
      ...modelPaths(),
      "/v2/repository/index": {
        post: {
          summary: "Models, versions, states",
          responses: { ...ok("Index", "repository_index_response"), ...refused(KEY) },
        },
      },
      "/v2/repository/models/{model_name}/load": {
        parameters: [path("model_name")],
        post: { summary: "Reads a model's file again", responses: { ...ok("Loaded"), ...refused(BAD, KEY, NO_MODEL) } },
      },
      "/v2/repository/models/{model_name}/unload": {
        parameters: [path("model_name")],
        post: { summary: "Unloads a model", responses: { ...ok("Unloaded"), ...refused(KEY, NO_MODEL) } },
      },
    },
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        key: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
      schemas: SCHEMAS,
    },
  };
}
