/** This engine as a subject of the bench. */

import { shownAddress } from "../../api/address.js";
import { NumericError } from "../../errors.js";
import type { RgbImage } from "../../image/index.js";
import { openBackend } from "../../node/backends.js";
import { readRegularFile } from "../../node/files/regularFile.js";
import { readOnnxFile } from "../../node/onnxFile.js";
import { openWeights } from "../../node/weightSource.js";
import { graphFlops, optimize } from "../../ops/index.js";
import type { BackendChoice, BackendName } from "../../runtime/backend.js";
import type { HostTensor } from "../../tensor/index.js";
import { computeDTypeFor, createMember, type OpenedModel, openModelFile } from "../../yolov5/loadModel.js";
import { inputSize } from "../options/sizeNote.js";
import type { Output } from "../output.js";
import { DownloadProgress } from "../progress.js";
import { tuneWithBar } from "../tuning.js";
import { ColdStart } from "./cold.js";
import type { OwnEngine } from "./engine.js";
import { benchInput } from "./input.js";
import { measurePeaks } from "./peaks/peaks.js";

export interface OwnEngineOptions {
  readonly weights: string;
  readonly backend: BackendChoice;
  readonly config: unknown;
  readonly half: boolean;
  /** Choose kernels by measuring them first. */
  readonly tune: boolean;
  readonly imgsz: readonly [number, number] | undefined;
  readonly batch: number;
  readonly picture: RgbImage | undefined;
  /** For backends that compute on the CPU. */
  readonly threads: number;
}

/** Opens, compiles and runs once, timed. Reading or downloading the file and drawing random weights are not timed. */
export async function openOwnEngine(options: OwnEngineOptions, output: Output): Promise<OwnEngine> {
  const { weights, batch } = options;
  const open = await prepare(options, output);
  const onNote = (note: string): void => output.line(`note: ${note}`);
  if (options.tune) await tuneFirst(await open(), options, output);
  const cold = new ColdStart();
  const opened = await cold.time("open", open);
  const backend = await cold.time("device", () => openBackend(options.backend, { onNote, threads: options.threads }));
  try {
    const dtype = computeDTypeFor(opened, backend, { half: options.half, onNote });
    const member = { path: shownAddress(weights), dtype, onNote, onStage: cold.add };
    const { network, info } = await cold.time("graph", () => createMember(opened, backend, member));
    const imgsz = inputSize(info, options, (text) => output.warn(text));
    const input = benchInput({ ...info, imgsz, batch, picture: options.picture });
    const shape = [batch, 3, imgsz[0], imgsz[1]] as const;
    // Compiles separately, to time its stages.
    const outputs = await cold.time("firstRun", () => network.forward(input));
    checkOutputs(outputs, shownAddress(weights));
    return {
      engine: "yolov5-ts",
      backend: backend.name,
      model: shownAddress(weights),
      dtype: network.dtype,
      adapter: backend.adapter,
      threads: threadsOf(backend.name, options.threads),
      coldMs: cold.totalMs,
      coldStages: cold.times,
      imgsz: [imgsz[0], imgsz[1]],
      batch,
      flops: graphFlops(optimize(network.build(shape).graph)),
      subject: { input, outputs, graph: () => optimize(network.build(shape).graph) },
      run: () => network.forward(input),
      counters: () => backend.counters(),
      profile: () => network.with(shape, (executable) => executable.profile([input])),
      peaks: () => measurePeaks(backend, network.dtype, options.threads),
      async peakBytes() {
        const use = await network.with(shape, async (executable) => executable.memory());
        return use.weightBytes + use.activationBytes + use.stagingBytes;
      },
      dispose() {
        network.dispose();
        backend.dispose();
      },
    };
  } catch (error) {
    backend.dispose();
    throw error;
  }
}

/** Uses a separate backend, so that the cold start timed afterwards really is cold. */
async function tuneFirst(opened: OpenedModel, options: OwnEngineOptions, output: Output): Promise<void> {
  const backend = await openBackend(options.backend);
  try {
    const onNote = (note: string): void => output.line(`note: ${note}`);
    const tune = tuneWithBar(output);
    const dtype = computeDTypeFor(opened, backend, { half: options.half });
    const { network, info } = createMember(opened, backend, {
      path: shownAddress(options.weights),
      dtype,
      tune,
      onNote,
    });
    const [h, w] = inputSize(info, options, (text) => output.warn(text));
    if (backend.capabilities.tunes) await network.tune([options.batch, 3, h, w], tune);
    network.dispose();
  } finally {
    backend.dispose();
  }
}

/** The reference and gpu.js in Node use one thread; for GPU backends threads are irrelevant. */
function threadsOf(backend: BackendName, threads: number): number | undefined {
  if (backend === "wasm") return threads;
  return backend === "cpu" || backend === "gpujs" ? 1 : undefined;
}

/** Returns a function that opens the model once its bytes are read. */
async function prepare({ weights, config }: OwnEngineOptions, output: Output): Promise<() => Promise<OpenedModel>> {
  // Anything that is not a file is a name or an address; `openWeights` reports it otherwise.
  const bytes = await readRegularFile(weights).catch(() => undefined);
  if (bytes) return () => openModelFile(bytes, { path: weights, config, readOnnx: readOnnxFile(weights) });
  const progress = new DownloadProgress(output);
  const { onProgress } = progress;
  const onWarning = (text: string): void => output.warn(text);
  const { signal } = output.io;
  const { opened } = await openWeights(weights, { config, onProgress, onWarning, signal }).finally(() =>
    progress.stop(),
  );
  return async () => opened;
}

/** Checks the outputs: a backend that computes nonsense must not be called fast. @throws NumericError. */
function checkOutputs(outputs: readonly HostTensor[], model: string): void {
  for (const { data } of outputs) {
    let nonZero = false;
    for (const value of data) {
      if (!Number.isFinite(Number(value))) {
        throw new NumericError(`${model}: an output is ${value}; run verify, or bench without --half`, { model });
      }
      if (value !== 0) nonZero = true;
    }
    if (!nonZero) throw new NumericError(`${model}: all outputs are zero; run verify`, { model });
  }
}
