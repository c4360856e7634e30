/** The released architectures (v6.0 to v7.0), for `random:yolov5s` and friends: the same wiring at five widths and depths. */

import { OptionError } from "../../errors.js";
import type { ModelConfig } from "./modelConfig.js";
import { parseModelConfig } from "./modelConfig.js";

/** [depth multiple, width multiple] of each size. */
const SIZES: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["n", [0.33, 0.25]],
  ["s", [0.33, 0.5]],
  ["m", [0.67, 0.75]],
  ["l", [1, 1]],
  ["x", [1.33, 1.25]],
]);

/** Anchors that k-means on COCO gave: P3/8, P4/16, P5/32 at 640 px; P3 to P6 at 1280 px. */
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

type Line = readonly [number | readonly number[], number, string, readonly unknown[]];

const up = (layer: number): Line[] => [
  [-1, 1, "Upsample", [null, 2, "nearest"]],
  [[-1, layer], 1, "Concat", [1]],
];
const down = (channels: number, layer: number): Line[] => [
  [-1, 1, "Conv", [channels, 3, 2]],
  [[-1, layer], 1, "Concat", [1]],
];
const stage = (channels: number, repeats: number): Line[] => [
  [-1, 1, "Conv", [channels, 3, 2]],
  [-1, repeats, "C3", [channels]],
];
const STEM: Line = [-1, 1, "Conv", [64, 6, 2, 2]];

/** Backbone to P5, path aggregation over P3 to P5. */
function p5(head: readonly Line[]): Line[] {
  return [
    STEM,
    ...stage(128, 3),
    ...stage(256, 6),
    ...stage(512, 9),
    ...stage(1024, 3),
    [-1, 1, "SPPF", [1024, 5]],
    [-1, 1, "Conv", [512, 1, 1]],
    ...up(6),
    [-1, 3, "C3", [512, false]],
    [-1, 1, "Conv", [256, 1, 1]],
    ...up(4),
    [-1, 3, "C3", [256, false]],
    ...down(256, 14),
    [-1, 3, "C3", [512, false]],
    ...down(512, 10),
    [-1, 3, "C3", [1024, false]],
    ...head,
  ];
}

/** One stage and one level more. */
function p6(): Line[] {
  return [
    STEM,
    ...stage(128, 3),
    ...stage(256, 6),
    ...stage(512, 9),
    ...stage(768, 3),
    ...stage(1024, 3),
    [-1, 1, "SPPF", [1024, 5]],
    [-1, 1, "Conv", [768, 1, 1]],
    ...up(8),
    [-1, 3, "C3", [768, false]],
    [-1, 1, "Conv", [512, 1, 1]],
    ...up(6),
    [-1, 3, "C3", [512, false]],
    [-1, 1, "Conv", [256, 1, 1]],
    ...up(4),
    [-1, 3, "C3", [256, false]],
    ...down(256, 20),
    [-1, 3, "C3", [512, false]],
    ...down(512, 16),
    [-1, 3, "C3", [768, false]],
    ...down(768, 12),
    [-1, 3, "C3", [1024, false]],
    [[23, 26, 29, 32], 1, "Detect", ["nc", "anchors"]],
  ];
}

/** Names accepted by `architecture`: yolov5n … yolov5x, with 6, -seg or -cls behind. */
export function architectureNames(): string[] {
  return [...SIZES.keys()].flatMap((size) => ["", "6", "-seg", "-cls"].map((variant) => `yolov5${size}${variant}`));
}

/**
 * The description of a released architecture with 80 classes (1000 for classification).
 * @throws OptionError listing the names there are.
 */
export function architecture(name: string): ModelConfig {
  const match = /^yolov5([nsmlx])(6|-seg|-cls)?$/.exec(name);
  const size = match && SIZES.get(match[1]);
  if (!match || !size) {
    throw new OptionError(`random:${name} is no architecture; there are ${architectureNames().join(", ")}`, { name });
  }
  const variant = match[2] ?? "";
  const detect: Line = [[17, 20, 23], 1, "Detect", ["nc", "anchors"]];
  const segment: Line = [[17, 20, 23], 1, "Segment", ["nc", "anchors", 32, 256]];
  const classify: Line = [-1, 1, "Classify", ["nc"]];
  const lines =
    variant === "6"
      ? p6()
      : variant === "-cls"
        ? [...p5([]).slice(0, 9), classify]
        : p5([variant === "-seg" ? segment : detect]);
  return parseModelConfig({
    nc: variant === "-cls" ? 1000 : 80,
    depth_multiple: size[0],
    width_multiple: size[1],
    anchors: variant === "6" ? ANCHORS_P6 : ANCHORS,
    backbone: lines,
    head: [],
  });
}
