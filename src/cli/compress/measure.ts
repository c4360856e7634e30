/**
 * A row of the table: size, accuracy and speed after one step. Everything is measured on the bytes of the step's
 * file.
 */

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createDeflate } from "node:zlib";
import { Breather } from "../../breathe.js";
import { moduleFlopsPieces } from "../../compress/flops.js";
import { unreachable } from "../../errors.js";
import type { DetectionDataset } from "../../eval/dataset/types.js";
import type { Evaluation, PictureOutcome } from "../../eval/evaluation.js";
import type { Metrics } from "../../eval/metrics/metrics.js";
import { evaluate } from "../../eval/onDemand.js";
import type { Shard } from "../../eval/statistics/shard.js";
import type { EvaluationFigures } from "../../eval/statistics/tallies.js";
import { openBackend } from "../../node/backends.js";
import type { Backend, BackendChoice } from "../../runtime/backend.js";
import type { ModuleNode } from "../../weights/types.js";
import { exportedTensorPieces, safetensorsOf } from "../../yolov5/checkpoint/exportSafetensors.js";
import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import { computeDTypeFor, createMember, type OpenedModel, openModel } from "../../yolov5/loadModel.js";
import { LocalRunner } from "../../yolov5/localRunner.js";
import { Model } from "../../yolov5/model.js";
import type { BenchEngine } from "../bench/engine.js";
import { benchInput } from "../bench/input.js";
import { measure, quantile } from "../bench/measure.js";
import type { Output } from "../output.js";
import { steps } from "../val/progress.js";
import type { Step } from "./step.js";

/** A network and its file. */
export interface Candidate {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly opened: OpenedModel;
  readonly info: ModelInfo;
}

export interface Latency {
  readonly backend: string;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly minMs: number;
  /** Weights, activations and staging together. */
  readonly peakBytes: number;
}

export interface CompressionRow {
  readonly name: string;
  readonly bytes: number;
  /** Size when deflated, as in a zip or by a web server. */
  readonly compressedBytes: number;
  readonly parameters: number;
  readonly gflops: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly map50: number;
  readonly map50_95: number;
  readonly latency: readonly Latency[];
}

/** Writes the network as .safetensors bytes and opens it again from them. */
export async function asFile(
  name: string,
  module: ModuleNode,
  from: OpenedModel,
  backend: Backend,
  {
    half = false,
    int8,
    signal,
  }: {
    readonly half?: boolean | undefined;
    readonly int8?: Step["int8"] | undefined;
    readonly signal: AbortSignal;
  },
): Promise<Candidate> {
  const extra = new Map(
    [...from.checkpoint.extra].filter(([key]) => module === from.module || !["yaml", "cfg"].includes(key)),
  );
  const own = { module, checkpoint: { ...from.checkpoint, extra } };
  const { info } = createMember(own, backend, { path: name });
  const metadata = new Map(int8 ? [["int8", JSON.stringify(int8)]] : []);
  const breather = new Breather(signal);
  await breather.rest();
  const bytes = safetensorsOf(own, info, await breather.through(exportedTensorPieces(module, { half })), metadata);
  await breather.rest();
  const opened = openModel(bytes, { path: name });
  await breather.rest();
  const again = createMember(opened, backend, { path: name });
  return { name, bytes, opened, info: { ...again.info, names: info.names } };
}

export interface EvaluateContext {
  readonly backend: Backend;
  readonly dataset: DetectionDataset;
  readonly imgsz: number;
  readonly output: Output;
  readonly onPicture?: ((outcome: PictureOutcome) => void) | undefined;
  /** The part of the data set to measure; undefined: everything. */
  readonly shard?: Shard | undefined;
}

/** Runs something with a candidate as a model, and frees that. */
export async function withModel<T>(
  { opened, name, info }: Pick<Candidate, "opened" | "name" | "info">,
  backend: Backend,
  use: (model: Model<never>) => Promise<T>,
): Promise<T> {
  const { network } = createMember(opened, backend, { path: name, dtype: computeDTypeFor(opened, backend, {}) });
  // Not disposed: that would dispose of the backend too, which other candidates use.
  const model = new Model<never>(
    new LocalRunner([{ network, info }], backend, () => unreachable("no pictures are read here")),
  );
  try {
    return await use(model);
  } finally {
    network.dispose();
  }
}

/** Runs `val` on one candidate. */
export async function evaluateCandidate(
  candidate: Pick<Candidate, "opened" | "name" | "info">,
  { backend, dataset, imgsz, output, onPicture, shard }: EvaluateContext,
): Promise<Evaluation> {
  const bar = steps(output, `measuring ${candidate.name}`);
  try {
    return await withModel(candidate, backend, (model) =>
      evaluate(model, dataset, {
        imgsz,
        shard,
        signal: output.io.signal,
        onPicture: (outcome) => {
          bar.update(outcome.done, outcome.total);
          onPicture?.(outcome);
        },
      }),
    );
  } finally {
    bar.stop();
  }
}

/** Times all candidates, interleaved, on each backend. */
export async function measureLatencies(
  candidates: readonly Candidate[],
  options: {
    readonly backends: readonly BackendChoice[];
    readonly imgsz: number;
    readonly iterations: number;
    readonly threads: number | undefined;
  },
  output: Output,
): Promise<Latency[][]> {
  const result: Latency[][] = candidates.map(() => []);
  for (const choice of options.backends) {
    // One backend at a time: otherwise the threads of one would spin while the next is timed.
    const backend = await openBackend(choice, { threads: options.threads });
    const engines: BenchEngine[] = [];
    const bar = steps(output, `timing on ${backend.name}`);
    try {
      for (const own of candidates) engines.push(engineOf(own, backend, options.imgsz));
      const { iterations } = options;
      const times = await measure(engines, {
        iterations,
        warmup: 3,
        seconds: 300,
        signal: output.io.signal,
        onRound: (round) => bar.update(round, iterations),
      });
      for (const [i, engine] of engines.entries()) {
        result[i].push({
          backend: engine.backend,
          medianMs: quantile(times[i], 0.5),
          p95Ms: quantile(times[i], 0.95),
          minMs: Math.min(...times[i]),
          peakBytes: (await engine.peakBytes()) ?? 0,
        });
      }
    } finally {
      bar.stop();
      for (const engine of engines) engine.dispose();
      backend.dispose();
    }
  }
  return result;
}

function engineOf({ opened, name }: Candidate, backend: Backend, imgsz: number): BenchEngine {
  const dtype = computeDTypeFor(opened, backend, {});
  const { network, info } = createMember(opened, backend, { path: name, dtype });
  const shape = [1, 3, imgsz, imgsz] as const;
  const input = benchInput({ ...info, imgsz: [imgsz, imgsz], batch: 1 });
  return {
    engine: "yolov5-ts",
    backend: backend.name,
    model: name,
    dtype,
    adapter: backend.adapter,
    coldMs: Number.NaN,
    imgsz: [imgsz, imgsz],
    batch: 1,
    flops: undefined,
    run: () => network.forward(input),
    async peakBytes() {
      const use = await network.with(shape, async (executable) => executable.memory());
      return use.weightBytes + use.activationBytes + use.stagingBytes;
    },
    dispose: () => network.dispose(),
  };
}

/** The figures that count: those of keypoints for a pose model, otherwise those of boxes. */
export function figuresOf({ metrics, keypointMetrics }: EvaluationFigures): Metrics {
  return keypointMetrics ?? metrics;
}

export async function rowOf(
  candidate: Candidate,
  evaluation: Evaluation,
  latency: readonly Latency[],
  imgsz: number,
  signal: AbortSignal,
): Promise<CompressionRow> {
  const { name, bytes, info, opened } = candidate;
  return {
    name,
    bytes: bytes.length,
    compressedBytes: await deflatedSize(bytes, signal),
    parameters: info.parameters,
    gflops: (await new Breather(signal).through(moduleFlopsPieces(opened.module, [imgsz, imgsz]))) / 1e9,
    ...accuracyOf(evaluation),
    latency,
  };
}

/** The parts of a row that depend on the measured pictures. */
export function accuracyOf(
  figures: EvaluationFigures,
): Pick<CompressionRow, "precision" | "recall" | "f1" | "map50" | "map50_95"> {
  const { precision, recall, f1, map50, map50_95 } = figuresOf(figures);
  return { precision, recall, f1, map50, map50_95 };
}

/** Deflates chunk by chunk, on another thread. */
async function deflatedSize(bytes: Uint8Array, signal: AbortSignal): Promise<number> {
  const piece = 1 << 20;
  function* pieces(): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
  }
  let size = 0;
  const count = async (deflated: AsyncIterable<Buffer>): Promise<void> => {
    for await (const { length } of deflated) size += length;
  };
  await pipeline(Readable.from(pieces()), createDeflate({ level: 6 }), count, { signal });
  return size;
}
