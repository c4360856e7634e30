/** The backends available in a page or worker, and the fallbacks of `auto`. */

import { DeviceError, OptionError } from "../errors.js";
import type { Backend, BackendChoice } from "../runtime/backend.js";
import { createCpuBackend } from "../runtime/cpu/backend.js";
import { createWasmBackend } from "../runtime/wasm/index.js";
import { findAdapter } from "../runtime/webgpu/device/findAdapter.js";
import type { createWebGpuBackend, WebGpuBackend } from "../runtime/webgpu/index.js";
import { RenewingBackend, type RenewingOptions } from "./renewingBackend.js";

/** What is needed of `runtime/webgpu`. */
export interface WebGpu {
  readonly createWebGpuBackend: typeof createWebGpuBackend;
}

/** What backends other than WebGPU need. */
export interface CpuSideOptions {
  /** Receives the reason why a backend was skipped, and a note when a lost device was replaced. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Threads of the WASM backend, if the page is cross-origin isolated. Default: the number of cores, at most eight. */
  readonly threads?: number | undefined;
}

export interface BackendOptions extends CpuSideOptions {
  /** Called once there is an adapter that may be used. */
  readonly importWebGpu: () => Promise<WebGpu>;
  readonly fitPictures?: boolean | undefined;
  /** Default `navigator.gpu`. */
  readonly gpu?: GPU | undefined;
}

/** If a browser neither grants nor refuses an adapter or device within this time, its graphics process hangs. */
const OPEN_MS = 10_000;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function openWebGpu(options: BackendOptions, hardwareOnly: boolean): Promise<WebGpuBackend> {
  const gpu = options.gpu ?? globalThis.navigator?.gpu;
  if (!gpu) {
    const why =
      globalThis.isSecureContext === false
        ? "WebGPU needs a secure page (https or localhost)"
        : "this browser has no WebGPU";
    throw new DeviceError(`${why}; use backend auto, wasm or cpu`);
  }
  try {
    // Most of WebGPU's code is a chunk that only a page with an adapter needs.
    await inTime(findAdapter(gpu, { hardwareOnly }), () => undefined);
    const webGpu = await options.importWebGpu();
    const opening = webGpu.createWebGpuBackend({ gpu, hardwareOnly, fitPictures: options.fitPictures });
    return await inTime(opening, (backend) => backend.dispose());
  } catch (error) {
    // The engine's message talks about drivers and flags, which does not help a page's visitor.
    if (error instanceof DeviceError && error.message.startsWith("webgpu: no adapter found")) {
      throw new DeviceError(
        "webgpu: no adapter found: this browser does not support the graphics card or its driver; use backend auto or wasm",
        error.details,
        { cause: error },
      );
    }
    if (error instanceof DeviceError) throw error;
    throw new DeviceError(`webgpu: ${messageOf(error)}`, {}, { cause: error });
  }
}

/**
 * @param release receives what comes too late.
 * @throws DeviceError if the browser takes too long.
 */
async function inTime<T>(opening: Promise<T>, release: (opened: T) => void): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new DeviceError(`webgpu: the browser returned no device within ${OPEN_MS / 1000} s`));
      opening.then(release, () => undefined);
    }, OPEN_MS);
  });
  try {
    return await Promise.race([opening, late]);
  } finally {
    clearTimeout(timer);
  }
}

function renewing(backend: WebGpuBackend, options: Omit<RenewingOptions, "isLost">): Backend {
  // If both promises are settled, the first one wins.
  const isLost = () => Promise.race([backend.device.lost.then(() => true), Promise.resolve().then(() => false)]);
  return new RenewingBackend(backend, { ...options, isLost });
}

/** @throws DeviceError if there is no WebAssembly, or the page's policy forbids it. */
async function openWasm(options: CpuSideOptions): Promise<Backend> {
  if (typeof WebAssembly !== "object") throw new DeviceError("wasm: this browser has no WebAssembly");
  try {
    // The smallest module: just the eight-byte header.
    await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  } catch (error) {
    throw new DeviceError(
      "wasm: the page's Content-Security-Policy forbids WebAssembly; add 'wasm-unsafe-eval' to script-src",
      {},
      { cause: error },
    );
  }
  const { threads, onNote } = options;
  return createWasmBackend(threads === undefined ? {} : { threads, onNote });
}

/** WebGL2 through gpu.js, in chunks loaded only here. Not in the worker, which is a single file without it. */
async function openGpujs(): Promise<Backend> {
  if (typeof document === "undefined") {
    throw new DeviceError(
      "gpujs: only runs on a page's main thread; load the model there, or use backend auto or wasm",
    );
  }
  const { createGpujsBackend } = await import("../runtime/gpujs/index.js");
  return createGpujsBackend({ importModule: () => import("gpu.js"), mode: "webgl2" });
}

/** For `auto`, after WebGL2 was measured to be faster: a lost context is replaced by WASM. */
export async function openGpujsElseWasm(options: CpuSideOptions = {}): Promise<Backend> {
  const { onNote } = options;
  const isLost = async (): Promise<boolean> => false;
  return new RenewingBackend(await openGpujs(), {
    renews: false,
    isLost,
    onNote,
    fallback: () => openCpuSide(options),
  });
}

async function openCpuSide(options: CpuSideOptions): Promise<Backend> {
  try {
    return await openWasm(options);
  } catch (error) {
    options.onNote?.(
      `not on WASM: ${messageOf(error).replace(/^wasm: /, "")}; running on the reference, which is slow`,
    );
    return createCpuBackend();
  }
}

/**
 * Opens the chosen backend. `auto`: WebGPU on a hardware adapter, else WASM, else the reference, with a note for each
 * fallback. A lost WebGPU device is reopened and the call repeated; with `auto`, falls back to WASM if that fails.
 * @throws DeviceError if the chosen backend is not available (never for `auto`); OptionError for an unknown name.
 */
export async function openBackend(choice: BackendChoice, options: BackendOptions): Promise<Backend> {
  const { onNote } = options;
  switch (choice) {
    case "cpu":
      return createCpuBackend();
    case "wasm":
      return openWasm(options);
    case "gpujs":
      return openGpujs();
    case "webgpu":
      return renewing(await openWebGpu(options, false), { onNote });
    case "auto":
      try {
        const webgpu = await openWebGpu(options, true);
        return renewing(webgpu, { onNote, fallback: () => openCpuSide(options) });
      } catch (error) {
        // With auto there is no need for advice on what to choose instead.
        onNote?.(`not on WebGPU: ${messageOf(error).replace(/^webgpu: |; use backend .*$/g, "")}`);
        return openCpuSide(options);
      }
    default:
      throw new OptionError(`backend ${String(choice)} is not one of auto, webgpu, wasm, cpu, gpujs`, { choice });
  }
}
