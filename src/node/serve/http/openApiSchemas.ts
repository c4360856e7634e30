/** Schemas of the OpenAPI description, by the names that the Open Inference Protocol uses. */

const text = { type: "string" } as const;
const number = { type: "number" } as const;
const whole = { type: "integer" } as const;
const yes = { type: "boolean" } as const;
const list = (items: object) => ({ type: "array", items }) as const;
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` }) as const;
const object = (properties: Readonly<Record<string, object>>, required: readonly string[] = Object.keys(properties)) =>
  ({ type: "object", properties, required }) as const;

const tensor = {
  name: text,
  shape: list(whole),
  datatype: text,
  parameters: ref("parameters"),
  data: ref("tensor_data"),
};

export const SCHEMAS = {
  error: object({ error: text }),
  live_response: object({ live: yes }),
  ready_response: object({ live: yes, ready: yes }),
  model_ready_response: object({ name: text, ready: yes }),
  metadata_server_response: object({ name: text, version: text, extensions: list(text) }),
  metadata_tensor: object({ name: text, datatype: text, shape: list(whole) }),
  metadata_model_response: object({
    name: text,
    versions: list(text),
    platform: text,
    inputs: list(ref("metadata_tensor")),
    outputs: list(ref("metadata_tensor")),
  }),
  model_config: object({ name: text, platform: text, backend: text, max_batch_size: whole }),
  parameters: { type: "object" },
  tensor_data: list({ anyOf: [ref("tensor_data"), number, text, yes] }),
  // `data` is absent where the bytes follow the JSON.
  request_input: object(tensor, ["name", "shape", "datatype"]),
  request_output: object({ name: text, parameters: ref("parameters") }, ["name"]),
  response_output: object(tensor, ["name", "shape", "datatype"]),
  inference_request: object(
    {
      id: text,
      parameters: ref("parameters"),
      inputs: list(ref("request_input")),
      outputs: list(ref("request_output")),
    },
    ["inputs"],
  ),
  inference_response: object(
    {
      model_name: text,
      model_version: text,
      id: text,
      parameters: ref("parameters"),
      outputs: list(ref("response_output")),
    },
    ["model_name", "outputs"],
  ),
  repository_index_response: list(object({ name: text, version: text, state: text, reason: text }, ["name", "state"])),
  detect_response: object({
    model: object({ path: text, version: text, task: text, names: list(text) }),
    backend: object({ name: text, adapter: text, dtype: text }),
    images: list(
      object(
        {
          source: text,
          error: text,
          width: whole,
          height: whole,
          input: list(whole),
          detections: list(ref("detection")),
          top5: list(object({ class: whole, name: text, confidence: number })),
          speed: object({ preprocess: number, inference: number, postprocess: number }),
        },
        [],
      ),
    ),
  }),
  detection: object({
    xmin: number,
    ymin: number,
    xmax: number,
    ymax: number,
    confidence: number,
    class: whole,
    name: text,
  }),
} as const;
