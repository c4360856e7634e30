/** yolov5-ts in browsers: `load` a checkpoint, `detect` in pictures. No module of Node is reachable from here. */

import { fetchBytes, type PictureSource, readPictureSource } from "./browser/pictureSource.js";
import { DeviceError, OptionError } from "./errors.js";
import type { Backend, ComputeDType } from "./runtime/backend.js";
import { createCpuBackend } from "./runtime/cpu/cpuBackend.js";
import { createWasmBackend } from "./runtime/wasm/index.js";
import { createWebGpuBackend } from "./runtime/webgpu/index.js";
import { createMember, openModel } from "./yolov5/loadModel.js";
import { Model } from "./yolov5/model.js";

export type { PictureSource } from "./browser/pictureSource.js";
export * from "./common.js";

export type BackendChoice = "auto" | "webgpu" | "wasm" | "cpu";
/** URL, file or bytes of a checkpoint. */
export type WeightSource = string | URL | Blob | ArrayBuffer | Uint8Array;

export interface LoadOptions {
  /** Default `auto`: WebGPU on a hardware adapter, else WASM, else the reference. */
  readonly backend?: BackendChoice | undefined;
  readonly half?: boolean | undefined;
  /** Sentences about what was decided on the way. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Model description (yaml content) for a state dict that carries none. */
  readonly config?: unknown;
  readonly signal?: AbortSignal | undefined;
}

async function openWebGpu(hardwareOnly = false): Promise<Backend> {
  if (typeof navigator === "undefined" || !navigator.gpu) {
    throw new DeviceError("this browser has no WebGPU; use backend auto or cpu");
  }
  return createWebGpuBackend({ gpu: navigator.gpu, hardwareOnly });
}

async function openBackend(choice: BackendChoice, onNote?: (note: string) => void): Promise<Backend> {
  if (choice === "cpu") return createCpuBackend();
  if (choice === "wasm") return createWasmBackend();
  if (choice === "webgpu") return openWebGpu();
  if (choice !== "auto") throw new OptionError(`backend ${String(choice)} is not one of auto, webgpu, wasm, cpu`);
  try {
    return await openWebGpu(true);
  } catch (error) {
    onNote?.(`not on WebGPU: ${(error as Error).message}`);
  }
  try {
    return await createWasmBackend();
  } catch (error) {
    onNote?.(`no WASM: ${(error as Error).message}`);
    return createCpuBackend();
  }
}

async function bytesOf(source: WeightSource, signal?: AbortSignal): Promise<{ bytes: Uint8Array; path: string }> {
  if (typeof source === "string" || source instanceof URL) {
    return { bytes: await fetchBytes(String(source), signal), path: String(source) };
  }
  if (source instanceof Blob) {
    return {
      bytes: new Uint8Array(await source.arrayBuffer()),
      path: "name" in source ? String(source.name) : "checkpoint",
    };
  }
  return { bytes: source instanceof Uint8Array ? source : new Uint8Array(source), path: "checkpoint" };
}

/**
 * Loads a model, or several as an ensemble.
 * @throws CheckpointError, DownloadError: what the file is and what to do; DeviceError: no such backend here.
 */
export async function load(
  source: WeightSource | readonly WeightSource[],
  options: LoadOptions = {},
): Promise<Model<PictureSource>> {
  const sources: readonly WeightSource[] = Array.isArray(source) ? source : [source as WeightSource];
  const opened = [];
  for (const item of sources) {
    const { bytes, path } = await bytesOf(item, options.signal);
    opened.push({ path, model: openModel(bytes, { path, config: options.config }) });
  }
  const backend = await openBackend(options.backend ?? "auto", options.onNote);
  const dtype: ComputeDType = options.half ? "float16" : "float32";
  try {
    const members = opened.map(({ model, path }) => createMember(model, backend, { path, dtype }));
    return new Model(members, backend, readPictureSource);
  } catch (error) {
    backend.dispose();
    throw error;
  }
}
