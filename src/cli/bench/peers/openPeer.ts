/** A peer as an engine that the bench measures: the same weights as an ONNX file, the same input, outputs compared first. */

import type { ComputeDType } from "../../../runtime/backend.js";
import { compare, type HostTensor, sameShape, tensor } from "../../../tensor/index.js";
import type { BenchEngine, OwnEngine } from "../engine.js";
import { type PeerKind, peerName } from "./catalogue.js";
import { PeerProcess } from "./peerProcess.js";

/** A peer that is not timed. */
export interface RefusedPeer {
  /** `onnxruntime-web/wasm`. */
  readonly engine: string;
  readonly model: string;
  readonly reason: string;
  /** True where it ran, and gave something else than this engine. */
  readonly wrong: boolean;
}

export type OpenedPeer =
  | { readonly engine: BenchEngine; readonly refused?: undefined }
  | { readonly engine?: undefined; readonly refused: RefusedPeer };

/**
 * Distance that rounding explains, as a share of the largest value of a column (a box coordinate, a score): peers compute
 * in float32, this engine in its dtype. A wrong layer is off by far more.
 */
const TOLERANCE: { readonly [D in ComputeDType]: number } = { float32: 2e-3, float16: 5e-2, int8: 0.25 };

export interface PeerOptions {
  /** `bench/peers`. */
  readonly folder: string;
  /** Path of the ONNX file. */
  readonly model: string;
  readonly threads: number;
}

/** Opens a peer with the model of one of our own engines, runs it once, compares. */
export async function openPeer(peer: PeerKind, own: OwnEngine, options: PeerOptions): Promise<OpenedPeer> {
  const { folder, model, threads } = options;
  const { input, outputs: expected } = own.subject;
  const child = new PeerProcess(folder);
  const refuse = (reason: string, wrong: boolean): OpenedPeer => {
    child.close();
    return { refused: { engine: peerName(peer), model: own.model, reason, wrong } };
  };
  try {
    const opened = await child.call("open", {
      engine: peer.engine,
      provider: peer.backend,
      model,
      input: { data: input.data, shape: input.shape },
      threads,
    });
    const outputs = opened.outputs.map(({ shape, data }) => tensor("float32", shape, data));
    const { maxDifference, problem } = checkOutputs(outputs, expected, own.dtype);
    if (problem !== undefined) return refuse(problem, true);
    const engine: BenchEngine = {
      ...peer,
      model: own.model,
      dtype: "float32",
      adapter: undefined,
      threads: peer.cpu ? threads : undefined,
      maxDifference,
      coldMs: opened.coldMs,
      imgsz: own.imgsz,
      batch: own.batch,
      flops: own.flops,
      run: () => child.call("time"),
      time: () => child.call("time"),
      peakBytes: async () => undefined,
      dispose: () => child.close(),
    };
    return { engine };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error), false);
  }
}

/** The largest difference between the outputs of a peer and ours, and what is wrong with it. */
export function checkOutputs(
  actual: readonly HostTensor[],
  expected: readonly HostTensor[],
  dtype: ComputeDType,
): { readonly maxDifference: number; readonly problem?: string } {
  const shapes = (list: readonly HostTensor[]): string => list.map(({ shape }) => `[${shape}]`).join(" ");
  if (actual.length !== expected.length || actual.some(({ shape }, i) => !sameShape(shape, expected[i].shape))) {
    return { maxDifference: Number.NaN, problem: `its outputs are ${shapes(actual)}, not ${shapes(expected)}` };
  }
  const comparisons = actual.map((output, i) => compare(output, expected[i]));
  const maxDifference = Math.max(...comparisons.map(({ maxAbs }) => maxAbs));
  for (const [i, output] of actual.entries()) {
    const wrong = wrongElement(output, expected[i], dtype);
    if (wrong < 0) continue;
    const values = `${output.data[wrong]} where ours is ${expected[i].data[wrong]}`;
    return { maxDifference, problem: `its output ${i} is not ours: ${values} (element ${wrong})` };
  }
  return { maxDifference };
}

/** Share of elements that may be further off: in int8 a score near a decision can go either way. */
const MOST_BEYOND: { readonly [D in ComputeDType]: number } = { float32: 0, float16: 0, int8: 1e-3 };

/**
 * The first element too far off, or −1. Predictions [N, rows, columns] are judged column by column, of int8 by no less than
 * a score's range: scores of a class that is nowhere in the picture are all noise.
 */
function wrongElement(actual: HostTensor, expected: HostTensor, dtype: ComputeDType): number {
  const columns = expected.shape.length === 3 ? expected.shape[2] : 1;
  const largest = new Float64Array(columns).fill(dtype === "int8" ? 1 : 0);
  for (let i = 0; i < expected.data.length; i++) {
    largest[i % columns] = Math.max(largest[i % columns], Math.abs(Number(expected.data[i])));
  }
  let first = -1;
  let beyond = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const difference = Math.abs(Number(actual.data[i]) - Number(expected.data[i]));
    if (!Number.isFinite(difference)) return i;
    if (difference <= TOLERANCE[dtype] * largest[i % columns]) continue;
    if (first < 0) first = i;
    beyond++;
  }
  return beyond > MOST_BEYOND[dtype] * expected.data.length ? first : -1;
}
