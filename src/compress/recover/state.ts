/** A training run as bytes: a line of JSON, then float32 numbers. A run that reads them goes on as if it had not ended. */

import { CheckpointError } from "../../errors.js";
import type { AdamWState } from "./adamw.js";

/** A look at watched pictures. */
export interface CurvePoint {
  /** Of pruning and training, from 1 on, where there are several. */
  readonly round?: number | undefined;
  readonly step: number;
  /** Mean over the steps since the last point. */
  readonly loss: number;
  /** From the teacher, on the watched pictures as they are. */
  readonly distance: number;
  /** mAP50-95 with the teacher's boxes as labels, from 0 to 1, where it is measured. */
  readonly agreement?: number | undefined;
}

/** Looks whose mean decides; one alone says little where few pictures are watched. */
const LOOKS_TOGETHER = 3;

/**
 * The point whose weights are kept: the latest at which the network, over three looks, was no further from the teacher than at the
 * start. Training that goes well goes on getting better, by less than a single look can tell; training that goes badly
 * leaves the start.
 */
export function keptPoint(curve: readonly CurvePoint[]): CurvePoint {
  const worth = ({ agreement, distance }: CurvePoint): number => agreement ?? -distance;
  for (let i = curve.length - 1; i > 0; i--) {
    const looks = curve.slice(Math.max(1, i + 1 - LOOKS_TOGETHER), i + 1);
    const mean = looks.reduce((sum, point) => sum + worth(point), 0) / looks.length;
    if (mean >= worth(curve[0])) return curve[i];
  }
  return curve[0];
}

export interface TrainingState {
  readonly weights: readonly Float32Array[];
  readonly optimiser: AdamWState;
  /** Weights at the point of the curve that is kept. */
  readonly best: readonly Float32Array[];
  readonly curve: CurvePoint[];
  /** Sum of losses since the last point of the curve, and their count. */
  pending: readonly [sum: number, count: number];
  seconds: number;
}

interface Header {
  readonly format: "yolov5-ts training state 1";
  /** Says which run it is: networks, pictures, settings. */
  readonly run: string;
  readonly steps: number;
  readonly sizes: readonly number[];
  readonly curve: readonly CurvePoint[];
  readonly pending: readonly [number, number];
  readonly seconds: number;
}

const arraysOf = ({ weights, optimiser, best }: TrainingState): Float32Array[] => [
  ...weights,
  ...optimiser.first,
  ...optimiser.second,
  ...optimiser.averages,
  ...best,
];

export function writeState(state: TrainingState, run: string): Uint8Array {
  const header: Header = {
    format: "yolov5-ts training state 1",
    run,
    steps: state.optimiser.steps,
    sizes: state.weights.map(({ length }) => length),
    curve: state.curve,
    pending: state.pending,
    seconds: state.seconds,
  };
  const text = new TextEncoder().encode(`${JSON.stringify(header)}\n`);
  const arrays = arraysOf(state);
  const bytes = new Uint8Array(text.length + arrays.reduce((sum, { byteLength }) => sum + byteLength, 0));
  bytes.set(text);
  let at = text.length;
  for (const { buffer, byteOffset, byteLength } of arrays) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}

/**
 * Reads bytes into a state of the right sizes.
 * @throws CheckpointError for bytes that are no state, or that of another run.
 */
export function readState(bytes: Uint8Array, state: TrainingState, run: string): void {
  const end = bytes.indexOf(10);
  let header: Partial<Header> = {};
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(0, Math.max(0, end)))) as Partial<Header>;
  } catch {
    // It has no format, which is said below.
  }
  if (header.format !== "yolov5-ts training state 1") {
    throw new CheckpointError("is no training state of yolov5-ts; give another file", {});
  }
  if (header.run !== run) {
    throw new CheckpointError(
      "is the training state of another run (other networks, pictures or options); remove it or give another file",
      {},
    );
  }
  const arrays = arraysOf(state);
  const wanted = end + 1 + arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (bytes.length !== wanted) {
    throw new CheckpointError(`is cut: ${bytes.length} of ${wanted} bytes; remove it to begin again`, {});
  }
  let at = end + 1;
  for (const array of arrays) {
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(bytes.subarray(at, at + array.byteLength));
    at += array.byteLength;
  }
  state.optimiser.steps = header.steps ?? 0;
  state.curve.push(...(header.curve ?? []));
  state.pending = header.pending ?? [0, 0];
  state.seconds = header.seconds ?? 0;
}
