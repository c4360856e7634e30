/** Descriptor of `detect.wgsl`. */

import activation from "./activation.wgsl";
import source from "./detect.wgsl";
import { defineKernel, foldWorkgroups, type KernelCall } from "./kernel.js";
import { pixelCount, type Stored } from "./stored.js";

const detect = defineKernel(
  "detect",
  source,
  { x: "read", anchorSizes: "read", y: "write" },
  { modules: [activation] },
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

export function detectCall(level: DetectLevel): KernelCall {
  const { input } = level;
  return {
    kernel: detect,
    overrides: {},
    params: {
      uints: [
        input.height,
        input.width,
        input.plane,
        pixelCount(input),
        level.anchors,
        level.outputs,
        level.outputs - level.maskCoefficients,
        level.rows,
        level.firstRow,
      ],
      floats: [level.stride],
    },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(input) / 64), input.quads),
  };
}
