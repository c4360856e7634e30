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

type Line = readonly [number | readonly number[], number, string, readonly unknown[]];

interface Stage {
  readonly channels: number;
  readonly repeats: number;
}

/** Stages at strides 4, 8, 16, 32 and, for P6, 64. */
const P5: readonly Stage[] = [
  { channels: 128, repeats: 3 },
  { channels: 256, repeats: 6 },
  { channels: 512, repeats: 9 },
  { channels: 1024, repeats: 3 },
];
const P6: readonly Stage[] = [...P5.slice(0, 3), { channels: 768, repeats: 3 }, { channels: 1024, repeats: 3 }];

/** Stem and stages: stage k ends in layer 2k + 2. */
function backbone(stages: readonly Stage[]): Line[] {
  return [
    [-1, 1, "Conv", [64, 6, 2, 2]],
    ...stages.flatMap(({ channels, repeats }): Line[] => [
      [-1, 1, "Conv", [channels, 3, 2]],
      [-1, repeats, "C3", [channels]],
    ]),
  ];
}

/** Backbone, SPPF, a path down to stride 8 and one up again (Liu et al. 2018); and the layers that the head reads. */
function pathAggregation(stages: readonly Stage[]): { lines: Line[]; outputs: number[] } {
  const top = stages.length - 1;
  const lines: Line[] = [...backbone(stages), [-1, 1, "SPPF", [stages[top].channels, 5]]];
  const outputs: number[] = [];
  const laterals: number[] = [];
  for (let level = top - 1; level >= 1; level--) {
    const { channels } = stages[level];
    laterals[level] = lines.length;
    lines.push([-1, 1, "Conv", [channels, 1, 1]]);
    lines.push([-1, 1, "Upsample", [null, 2, "nearest"]], [[-1, 2 * level + 2], 1, "Concat", [1]]);
    lines.push([-1, 3, "C3", [channels, false]]);
  }
  outputs.push(lines.length - 1);
  for (let level = 2; level <= top; level++) {
    lines.push([-1, 1, "Conv", [stages[level - 1].channels, 3, 2]], [[-1, laterals[level - 1]], 1, "Concat", [1]]);
    lines.push([-1, 3, "C3", [stages[level].channels, false]]);
    outputs.push(lines.length - 1);
  }
  return { lines, outputs };
}

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

/** Names accepted by `architecture`: yolov5n … yolov5x, optionally with the suffix 6, -seg or -cls. */
export function architectureNames(): string[] {
  return [...SIZES.keys()].flatMap((size) => ["", "6", "-seg", "-cls"].map((variant) => `yolov5${size}${variant}`));
}

/**
 * The description of a released architecture with 80 classes (1000 for classification).
 * @throws OptionError with the known names.
 */
export function architecture(name: string): ModelConfig {
  const match = /^yolov5([nsmlx])(6|-seg|-cls)?$/.exec(name);
  const size = match && SIZES.get(match[1]);
  if (!match || !size) {
    throw new OptionError(`random:${name} is not an architecture; choose one of ${architectureNames().join(", ")}`, {
      name,
    });
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
