/** Descriptors of `detect_anchor_free.wgsl` and `detect_anchor_free_candidates.wgsl`. */

import { defineKernel, foldWorkgroups, type KernelCall, type Params } from "../kernel.js";
import activation from "../map/activation.wgsl";
import { pixelCount, type Stored } from "../stored.js";
import decode from "./decode_anchor_free.wgsl";
import detectSource from "./detect_anchor_free.wgsl";
import candidatesSource from "./detect_anchor_free_candidates.wgsl";
import score from "./score.wgsl";

const modules = [activation, score, decode];
const maps = { boxes: "read", scores: "read", others: "read", bins: "read" } as const;

const detect = defineKernel("detect_anchor_free", detectSource, { ...maps, y: "write" }, { modules });

const detectCandidates = defineKernel(
  "detect_anchor_free_candidates",
  candidatesSource,
  { ...maps, found: "write", y: "write" },
  { modules },
);

/** Channels of all maps are stored in order. */
export interface AnchorFreeLevel {
  readonly boxes: Stored;
  readonly scores: Stored;
  /** Absent where a box has nothing further. */
  readonly others: Stored | undefined;
  readonly bins: number;
  readonly classes: number;
  readonly extras: number;
  readonly keypointSize: number;
  readonly corners: boolean;
  /** Rows of all levels, and the first of this one. */
  readonly rows: number;
  readonly firstRow: number;
  readonly stride: number;
}

/** A level, as both kernels receive it. */
function levelParams({ boxes, scores, others, corners, ...level }: AnchorFreeLevel): Params {
  return {
    height: boxes.height,
    width: boxes.width,
    plane: boxes.plane,
    scorePlane: scores.plane,
    otherPlane: others?.plane ?? 0,
    outPixels: pixelCount(boxes),
    bins: level.bins,
    classes: level.classes,
    extras: level.extras,
    keypointSize: level.keypointSize,
    corners: corners ? 1 : 0,
    firstRow: level.firstRow,
    stride: level.stride,
  };
}

export function detectAnchorFreeCall(level: AnchorFreeLevel): KernelCall {
  const { boxes, scores, others, rows } = level;
  return {
    kernel: detect,
    overrides: {},
    params: { ...levelParams(level), rows },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(boxes) / 64), 1 + scores.quads + (others?.quads ?? 0)),
  };
}

/** As `detectCandidatesCall`: the rows of which a class's score exceeds `threshold`. */
export function anchorFreeCandidatesCall(level: AnchorFreeLevel, capacity: number, threshold: number): KernelCall {
  const { boxes } = level;
  return {
    kernel: detectCandidates,
    overrides: {},
    params: { ...levelParams(level), capacity, pictures: boxes.pictures, threshold },
    half: boxes.pixelBytes === 8,
    workgroups: foldWorkgroups(Math.ceil(pixelCount(boxes) / 64)),
  };
}
