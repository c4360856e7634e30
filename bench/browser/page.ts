/** The engines in the page: this one from its built entry, onnxruntime-web from bench/peers, each as its users have it. */

import { benchInput } from "../../src/cli/bench/input.js";
import { checkOutputs } from "../../src/cli/bench/peers/checkOutputs.js";
import { type Float32Tensor, type HostTensor, tensor } from "../../src/tensor/index.js";

export interface OpenRequest {
  readonly engine: "yolov5-ts" | "onnxruntime-web";
  /** Backend, or execution provider. */
  readonly backend: string;
  readonly threads: number;
  readonly imgsz: readonly [number, number];
}

export interface OpenAnswer {
  /** From the model's bytes to the first outputs, the engine's own code loaded. */
  readonly coldMs: number;
  readonly adapter: string | undefined;
  /** Of peers: the largest difference between their outputs and ours, and what is wrong with it. */
  readonly maxDifference?: number | undefined;
  readonly problem?: string | undefined;
}

export interface BenchWindow {
  /** Opens an engine as the next one; its own engine must be the first. */
  openEngine(request: OpenRequest): Promise<OpenAnswer>;
  /** Milliseconds of one run, host memory to host memory. */
  timeEngine(index: number): Promise<number>;
}

type Run = (input: Float32Tensor) => Promise<HostTensor[]>;
interface Opened {
  readonly run: Run;
  readonly adapter: string | undefined;
}

/** The entry of onnxruntime-web for each provider. */
const ENTRIES: Readonly<Record<string, string>> = {
  wasm: "ort.wasm.min.mjs",
  webgpu: "ort.webgpu.min.mjs",
  webgl: "ort.webgl.min.mjs",
};

/** What is used of onnxruntime-web, whose package is installed apart from ours. */
interface Ort {
  readonly env: { readonly wasm: { numThreads: number } };
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => object;
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: object,
    ): Promise<{
      readonly inputNames: readonly string[];
      readonly outputNames: readonly string[];
      run(inputs: object): Promise<Record<string, { readonly dims: readonly number[]; readonly data: Float32Array }>>;
    }>;
  };
}

const runs: Run[] = [];
let input: Float32Tensor | undefined;
let expected: readonly HostTensor[] | undefined;

async function bytesOf(url: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(url)).arrayBuffer());
}

async function openOwn({ backend, threads }: OpenRequest): Promise<() => Promise<Opened>> {
  const url = "/dist/page.js";
  const engine = (await import(url)) as typeof import("../../src/index.js");
  const bytes = await bytesOf("/model/weights");
  return async () => {
    const model = await engine.load(bytes, { backend: backend as "wasm", threads });
    return { run: (data) => model.forward(data), adapter: model.device.adapter };
  };
}

async function openPeer({ backend, threads }: OpenRequest): Promise<() => Promise<Opened>> {
  const url = `/ort/${ENTRIES[backend]}`;
  const { InferenceSession, Tensor, env } = (await import(url)) as Ort;
  env.wasm.numThreads = backend === "wasm" ? threads : 1;
  const bytes = await bytesOf("/model/model.onnx");
  return async () => {
    const session = await InferenceSession.create(bytes, { executionProviders: [backend] });
    const { inputNames, outputNames } = session;
    const run: Run = async ({ data, shape }) => {
      const outputs = await session.run({ [inputNames[0]]: new Tensor("float32", data, shape) });
      return outputNames.map((name) => tensor("float32", [...outputs[name].dims], outputs[name].data));
    };
    return { run, adapter: undefined };
  };
}

const page: BenchWindow = {
  async openEngine(request) {
    input ??= benchInput({ task: "detect", imgsz: request.imgsz, stride: 32, batch: 1 });
    const own = request.engine === "yolov5-ts";
    const open = await (own ? openOwn(request) : openPeer(request));
    const started = performance.now();
    const { run, adapter } = await open();
    const outputs = await run(input);
    const coldMs = performance.now() - started;
    expected ??= outputs;
    const checked = outputs === expected ? {} : checkOutputs(outputs, expected, "float32");
    runs.push(run);
    return { coldMs, adapter, ...checked };
  },
  async timeEngine(index) {
    if (!input) throw new Error("no engine is open");
    const started = performance.now();
    await runs[index](input);
    return performance.now() - started;
  },
};

Object.assign(globalThis, page);
document.body.dataset.ready = "";
