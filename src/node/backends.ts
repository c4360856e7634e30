/**
 * The backends available in Node: WebGPU through npm `webgpu` and gpu.js (both optional), WASM, and the reference. The code of the
 * first two is loaded when they are opened.
 */

import { DeviceError, OptionError } from "../errors.js";
import { importOptional } from "../optionalPackage.js";
import type { Backend } from "../runtime/backend.js";
import { BACKEND_CHOICES, type BackendChoice } from "../runtime/backendNames.js";
import { createCpuBackend } from "../runtime/cpu/backend.js";
import type { AdapterSource } from "../runtime/webgpu/device/findAdapter.js";
import { quietGpu } from "./dawnOutput.js";
import type { Prepared } from "./kept/prepared.js";
import { fileTuningStore } from "./tuningStore.js";
import { mayHaveHardware, mayHaveVulkan } from "./vulkan.js";
import { openWasm } from "./wasm.js";

export interface BackendOptions {
  /** Receives the reason why `auto` skipped a backend, and a note about a tuning file that cannot be used. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Threads of the WASM backend. Default: the number of cores, at most eight. */
  readonly threads?: number | undefined;
  /** What of the WASM backend is kept in the cache folder. Default "nothing". */
  readonly keep?: Prepared | undefined;
}

/** The runtime's own WebGPU, as Deno has it. */
const ownGpu = (): GPU | undefined => (globalThis.navigator as { readonly gpu?: GPU } | undefined)?.gpu;

/**
 * Dawn's entry point for Node. The object it returns keeps the process alive until it is garbage. Where the package
 * does not load, the runtime's own WebGPU.
 * @throws DeviceError where there is no WebGPU.
 */
export async function openGpu(hardwareOnly: boolean): Promise<AdapterSource> {
  if (!mayHaveVulkan()) {
    throw new DeviceError(
      "webgpu: this machine has no Vulkan driver; install the one for your graphics card (Debian: mesa-vulkan-drivers for AMD, Intel and software rendering), or use --backend wasm",
    );
  }
  if (hardwareOnly && !mayHaveHardware()) {
    throw new DeviceError(
      "webgpu: no hardware adapter: this machine has no graphics card with a driver, only a software adapter",
      { software: true },
    );
  }
  let dawn: { create: (flags: string[]) => GPU; globals: Record<string, unknown> };
  try {
    dawn = await importOptional<typeof dawn>("webgpu");
  } catch (error) {
    const own = ownGpu();
    if (own) return own;
    throw new DeviceError(
      'WebGPU in Node needs the optional package "webgpu", which is not installed or has no build for this platform; run "npm install webgpu" (132 MB) or use --backend wasm',
      { platform: `${process.platform}-${process.arch}` },
      { cause: error },
    );
  }
  Object.assign(globalThis, dawn.globals);
  return quietGpu(dawn.create([]));
}

async function openWebGpu({ onNote }: BackendOptions, hardwareOnly = false): Promise<Backend> {
  const gpu = await openGpu(hardwareOnly);
  const { createWebGpuBackend } = await import("../runtime/webgpu/index.js");
  return createWebGpuBackend({ gpu, hardwareOnly, tuningStore: fileTuningStore(onNote) });
}

/**
 * Opens the chosen backend. `auto`: WebGPU on a hardware adapter, else WASM, else the reference; a software adapter
 * is used only on request.
 * @throws DeviceError if the chosen backend is not available; OptionError for an unknown name.
 */
export async function openBackend(choice: BackendChoice, options: BackendOptions = {}): Promise<Backend> {
  const { threads, onNote, keep = "nothing" } = options;
  const wasm = { keep, ...(threads === undefined ? {} : { threads, onNote }) };
  switch (choice) {
    case "cpu":
      return createCpuBackend();
    case "wasm":
      return openWasm(wasm);
    case "webgpu":
      return openWebGpu(options);
    case "gpujs": {
      const { createGpujsBackend } = await import("../runtime/gpujs/index.js");
      return createGpujsBackend({ importModule: () => importOptional("gpu.js") });
    }
    case "auto":
      try {
        return await openWebGpu(options, true);
      } catch (error) {
        onNote?.(`not on WebGPU: ${(error as Error).message}`);
      }
      try {
        return await openWasm(wasm);
      } catch (error) {
        onNote?.(`not on WASM: ${(error as Error).message}`);
        return createCpuBackend();
      }
    default:
      throw new OptionError(`backend ${choice} is not one of ${BACKEND_CHOICES.join(", ")}`, { choice });
  }
}
