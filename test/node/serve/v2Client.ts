/**
 * A client of the Open Inference Protocol (V2) over REST, written from the protocol's text and that of Triton's binary tensor
 * data extension alone. It behaves as Triton's Python client does where the text leaves a choice: it asks the server which
 * model and tensors there are, and takes the shape that the metadata gives.
 */

export interface Tensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

interface Metadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }[];
  readonly outputs: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }[];
}

interface ResponseOutput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data?: readonly number[];
  readonly parameters?: { readonly binary_data_size?: number };
}

export interface InferResponseJson {
  readonly model_name: string;
  readonly model_version?: string;
  readonly id?: string;
  readonly outputs: readonly ResponseOutput[];
}

export class V2Client {
  private readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async get(path: string): Promise<unknown> {
    const answer = await fetch(`${this.url}/${path}`);
    await refused(answer);
    return answer.json();
  }

  async modelNames(): Promise<string[]> {
    const answer = await fetch(`${this.url}/v2/repository/index`, { method: "POST", body: "" });
    return ((await answer.json()) as { name: string }[]).map(({ name }) => name);
  }

  metadata(model: string): Promise<Metadata> {
    return this.get(`v2/models/${encodeURIComponent(model)}`) as Promise<Metadata>;
  }

  /** Inference with JSON tensors, flat. */
  async inferJson(model: string, shape: readonly number[], data: Float32Array): Promise<InferResponseJson> {
    const inputs = [{ name: "images", shape, datatype: "FP32", data: [...data] }];
    return this.json(model, { id: "42", inputs });
  }

  async json(model: string, request: object): Promise<InferResponseJson> {
    const answer = await fetch(`${this.url}/v2/models/${encodeURIComponent(model)}/infer`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    await refused(answer);
    return (await answer.json()) as InferResponseJson;
  }

  /** Inference with binary tensors both ways. */
  async inferBinary(model: string, shape: readonly number[], data: Float32Array): Promise<Tensor[]> {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const request = {
      inputs: [{ name: "images", shape, datatype: "FP32", parameters: { binary_data_size: bytes.length } }],
      parameters: { binary_data_output: true },
    };
    const json = Buffer.from(JSON.stringify(request));
    const answer = await fetch(`${this.url}/v2/models/${encodeURIComponent(model)}/infer`, {
      method: "POST",
      headers: { "inference-header-content-length": String(json.length), "content-type": "application/octet-stream" },
      body: Buffer.concat([json, bytes]),
    });
    await refused(answer);
    const body = Buffer.from(await answer.arrayBuffer());
    const end = Number(answer.headers.get("inference-header-content-length"));
    const { outputs } = JSON.parse(body.subarray(0, end).toString()) as InferResponseJson;
    let at = end;
    return outputs.map(({ name, datatype, shape: outputShape, parameters }) => {
      const size = parameters?.binary_data_size ?? 0;
      const part = body.subarray(at, at + size);
      at += size;
      return { name, datatype, shape: outputShape, data: new Float32Array(new Uint8Array(part).buffer) };
    });
  }
}

async function refused(answer: Response): Promise<void> {
  if (answer.ok) return;
  const { error } = (await answer.json()) as { error: string };
  throw new Error(`${answer.status}: ${error}`);
}

export interface Box {
  readonly box: readonly [number, number, number, number];
  readonly score: number;
  readonly cls: number;
}

/** YOLOv5's boxes from `output0` [1, N, 5 + classes]: confidence is objectness times class, then NMS of each class. */
export function boxesOf({ shape, data }: Pick<Tensor, "shape" | "data">, conf: number, iou: number): Box[] {
  const [, rows, columns] = shape;
  const candidates: Box[] = [];
  for (let r = 0; r < rows; r++) {
    const [x, y, w, h, objectness, ...classes] = data.subarray(r * columns, (r + 1) * columns);
    if (!(objectness > conf)) continue;
    const best = classes.reduce((top, score, i) => (score > classes[top] ? i : top), 0);
    const score = objectness * classes[best];
    if (score > conf) candidates.push({ box: [x - w / 2, y - h / 2, x + w / 2, y + h / 2], score, cls: best });
  }
  const kept: Box[] = [];
  for (const candidate of candidates.toSorted((a, b) => b.score - a.score)) {
    if (!kept.some((other) => other.cls === candidate.cls && overlap(other.box, candidate.box) > iou))
      kept.push(candidate);
  }
  return kept;
}

function overlap(a: Box["box"], b: Box["box"]): number {
  const w = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const h = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const area = ([x1, y1, x2, y2]: Box["box"]): number => (x2 - x1) * (y2 - y1);
  return (w * h) / (area(a) + area(b) - w * h);
}
