/**
 * One peer in a process of its own: native runtimes then neither crash nor slow each other, and the bench asks each for
 * one timed run in turn. Messages from the parent: { id, method, params }; answers: { id, result } or { id, error }.
 */

import { readFile } from "node:fs/promises";

/** What opens a session for an engine and a provider; each gives { session, Tensor, adapter }. */
const OPENERS = {
  "onnxruntime-node": openNode,
  "onnxruntime-web": openWeb,
};

let run;

const methods = {
  /** Opens the model, runs it once and gives the outputs, so that the bench can compare them before it times anything. */
  async open({ engine, provider, model, input, threads }) {
    const bytes = await readFile(model);
    const load = await OPENERS[engine]({ provider, threads });
    const started = performance.now();
    const { session, Tensor, adapter } = await load(bytes);
    const name = session.inputNames[0];
    const data = new Float32Array(input.data);
    run = () => session.run({ [name]: new Tensor("float32", data, input.shape) });
    const outputs = await run();
    const coldMs = performance.now() - started;
    const copies = session.outputNames.map((output) => ({
      shape: [...outputs[output].dims],
      data: Float32Array.from(outputs[output].data),
    }));
    return { coldMs, adapter, outputs: copies };
  },
  /** Milliseconds of one run, host memory to host memory. */
  async time() {
    const started = performance.now();
    await run();
    return performance.now() - started;
  },
};

async function openNode({ provider, threads }) {
  const { InferenceSession, Tensor } = await import("onnxruntime-node");
  return async (bytes) => {
    const options = { executionProviders: [provider], intraOpNumThreads: threads, interOpNumThreads: 1 };
    return { session: await InferenceSession.create(bytes, options), Tensor };
  };
}

async function openWeb({ provider, threads }) {
  const gpu = provider === "webgpu" ? await provideGpu() : undefined;
  const { InferenceSession, Tensor, env } = await import(gpu ? "onnxruntime-web/webgpu" : "onnxruntime-web");
  env.wasm.numThreads = gpu ? 1 : threads;
  return async (bytes) => {
    const session = await InferenceSession.create(bytes, { executionProviders: [provider] });
    const info = gpu ? (await env.webgpu.device)?.adapterInfo : undefined;
    return { session, Tensor, adapter: info?.description || info?.device || undefined };
  };
}

/** Puts Dawn (npm webgpu) where browsers have `navigator.gpu`. */
async function provideGpu() {
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  const gpu = create([]);
  if (typeof navigator === "undefined")
    Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
  // Dawn's binding refuses views of shared memory, which is what the WASM heap is: copy them first.
  const { writeBuffer } = globals.GPUQueue.prototype;
  globals.GPUQueue.prototype.writeBuffer = function (buffer, offset, source, start, size) {
    const view = ArrayBuffer.isView(source) ? source : new Uint8Array(source);
    if (!(view.buffer instanceof SharedArrayBuffer)) return writeBuffer.call(this, buffer, offset, source, start, size);
    const unit = view.BYTES_PER_ELEMENT ?? 1;
    const from = view.byteOffset + (start ?? 0) * unit;
    const bytes = size === undefined ? view.byteOffset + view.byteLength - from : size * unit;
    return writeBuffer.call(this, buffer, offset, new Uint8Array(view.buffer, from, bytes).slice());
  };
  return gpu;
}

process.on("message", async ({ id, method, params }) => {
  try {
    process.send({ id, result: await methods[method](params) });
  } catch (error) {
    process.send({ id, error: error instanceof Error ? error.message : String(error) });
  }
});
process.on("disconnect", () => process.exit(0));
