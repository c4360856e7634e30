/** Descriptors of `detect.wgsl` and `detect_candidates.wgsl`. */

import { defineKernel, foldWorkgroups, type KernelCall, type Params } from "../kernel.js";
import activation from "../map/activation.wgsl";
import { pixelCount, type Stored } from "../stored.js";
import decode from "./decode.wgsl";
import detectSource from "./detect.wgsl";
import candidatesSource from "./detect_candidates.wgsl";
import score from "./score.wgsl";

const modules = [activation, score, decode];

const detect = defineKernel("detect", detectSource, { x: "read", anchorSizes: "read", y: "write" }, { modules });

const detectCandidates = defineKernel(
  "detect_candidates",
  candidatesSource,
  { x: "read", anchorSizes: "read", found: "write", y: "write" },
  { modules },
);

export interface DetectLevel {
  /** Channels stored in order. */
  readonly input: Stored;
  readonly anchors: number;
  readonly outputs: number;
  readonly maskCoefficients: number;
  /** Rows of all levels, and the first of this one. */
  readonly rows: number;
  readonly firstRow: number;
  readonly stride: number;
}

/** The parameters of a level for both kernels. */
function levelParams({ input, outputs, maskCoefficients, firstRow, stride }: DetectLevel): Params {
  return {
    height: input.height,
    width: input.width,
    plane: input.plane,
    outPixels: pixelCount(input),
    outputs,
    rawFrom: outputs - maskCoefficients,
    firstRow,
    stride,
  };
}

export function detectCall(level: DetectLevel): KernelCall {
  const { input } = level;
  return {
    kernel: detect,
    overrides: {},
    params: {
      ...levelParams(level),
      anchors: level.anchors,
      rows: level.rows,
    },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(input) / 64), input.quads),
  };
}

/** Below this a GPU may flush a float32 to 0. */
const SMALLEST_NORMAL = 2 ** -126;

/**
 * What scores must exceed on the device, for a threshold that the host then applies exactly to what comes back: a little less,
 * should a driver's compiler round a product in another way, and less than any score where it might lose the smallest ones.
 */
export function deviceThreshold(threshold: number): number {
  const below = Math.fround(threshold) * (1 - 2 ** -20);
  return below < SMALLEST_NORMAL ? -1 : below;
}

/**
 * Writes the rows whose scores exceed `threshold` (as `deviceThreshold` gives it), at most `capacity` a picture.
 * `found`: u32 words, for each picture a counter that is 0 before the first level, then for each slot a row number.
 * `y`: [pictures, capacity, outputs].
 */
export function detectCandidatesCall(level: DetectLevel, capacity: number, threshold: number): KernelCall {
  const { input } = level;
  return {
    kernel: detectCandidates,
    overrides: {},
    params: {
      ...levelParams(level),
      capacity,
      pictures: input.pictures,
      threshold,
    },
    half: input.pixelBytes === 8,
    workgroups: foldWorkgroups(Math.ceil(pixelCount(input) / 64), level.anchors),
  };
}
