/**
 * The released architectures (v6.0 to v7.0), for `random:yolov5s` and friends: the same wiring at five widths and depths. Those of
 * the newer package are in `newerArchitectures.ts`.
 */

import { OptionError } from "../../errors.js";
import type { ModelConfig } from "./modelConfig.js";
import { parseModelConfig } from "./modelConfig.js";
import { newerDescription, newerNames } from "./newerArchitectures.js";
import { backbone, type Line, P5, P6, pathAggregation } from "./wiring.js";

/** [depth multiple, width multiple] of each size. */
const SIZES: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["n", [0.33, 0.25]],
  ["s", [0.33, 0.5]],
  ["m", [0.67, 0.75]],
  ["l", [1, 1]],
  ["x", [1.33, 1.25]],
]);

/** Anchors from k-means on COCO: P3/8, P4/16, P5/32 at 640 px; P3 to P6 at 1280 px. */
const ANCHORS = [
  [10, 13, 16, 30, 33, 23],
  [30, 61, 62, 45, 59, 119],
  [116, 90, 156, 198, 373, 326],
];
const ANCHORS_P6 = [
  [19, 27, 44, 40, 38, 94],
  [96, 68, 86, 152, 180, 137],
  [140, 301, 303, 264, 238, 542],
  [436, 615, 739, 380, 925, 792],
];

/** All layers of a variant: "", "6", "-seg" or "-cls". */
function layersOf(variant: string): Line[] {
  if (variant === "-cls") return [...backbone(P5), [-1, 1, "Classify", ["nc"]]];
  const { lines, outputs } = pathAggregation(variant === "6" ? P6 : P5);
  const head: Line =
    variant === "-seg"
      ? [outputs, 1, "Segment", ["nc", "anchors", 32, 256]]
      : [outputs, 1, "Detect", ["nc", "anchors"]];
  return [...lines, head];
}

/** Names accepted by `architecture`: yolov5n … yolov5x, optionally with the suffix 6, -seg or -cls, and those without anchors. */
export function architectureNames(): string[] {
  return [...SIZES.keys()].flatMap((size) => [
    ...["", "6", "-seg", "-cls"].map((variant) => `yolov5${size}${variant}`),
    ...newerNames(size),
  ]);
}

/**
 * The description of a released architecture with 80 classes (1000 for classification, 1 for pose).
 * @throws OptionError with the known names.
 */
export function architecture(name: string): ModelConfig {
  const newer = newerDescription(name);
  if (newer) return parseModelConfig(newer);
  const match = /^yolov5([nsmlx])(6|-seg|-cls)?$/.exec(name);
  const size = match && SIZES.get(match[1]);
  if (!match || !size) {
    const smallest = ["yolov5n", "yolov5n6", "yolov5n-seg", "yolov5n-cls", ...newerNames("n")];
    throw new OptionError(
      `random:${name} is not an architecture; choose one of ${smallest.join(", ")}, or one with s, m, l or x instead of n`,
      { name },
    );
  }
  const variant = match[2] ?? "";
  return parseModelConfig({
    nc: variant === "-cls" ? 1000 : 80,
    depth_multiple: size[0],
    width_multiple: size[1],
    anchors: variant === "6" ? ANCHORS_P6 : ANCHORS,
    backbone: layersOf(variant),
    head: [],
  });
}
