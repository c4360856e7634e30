/**
 * The released architectures without anchors (v5u, v8, 11, 26), as their checkpoints describe them: one wiring each at five
 * widths and depths.
 */

import { type Line, P5, P6, pathAggregation } from "./wiring.js";

/** Depth multiple, width multiple, most channels before it. */
type Scale = readonly [depth: number, width: number, most: number];

type Size = "n" | "s" | "m" | "l" | "x";

const SCALES: Readonly<Record<"5" | "8" | "8-cls" | "11" | "26", Readonly<Record<Size, Scale>>>> = {
  "5": { n: [0.33, 0.25, 1024], s: [0.33, 0.5, 1024], m: [0.67, 0.75, 1024], l: [1, 1, 1024], x: [1.33, 1.25, 1024] },
  "8": { n: [0.33, 0.25, 1024], s: [0.33, 0.5, 1024], m: [0.67, 0.75, 768], l: [1, 1, 512], x: [1, 1.25, 512] },
  "8-cls": { n: [0.33, 0.25, 1024], s: [0.33, 0.5, 1024], m: [0.67, 0.75, 1024], l: [1, 1, 1024], x: [1, 1.25, 1024] },
  "11": { n: [0.5, 0.25, 1024], s: [0.5, 0.5, 1024], m: [0.5, 1, 512], l: [1, 1, 512], x: [1, 1.5, 512] },
  "26": { n: [0.5, 0.25, 1024], s: [0.5, 0.5, 1024], m: [0.5, 1, 512], l: [1, 1, 512], x: [1, 1.5, 512] },
};

/** A block of a wiring: class and arguments, for the size of network. */
type MakeBlock = (channels: number, repeats: number, ...rest: readonly unknown[]) => Line;

const downsample = (channels: number): Line => [-1, 1, "Conv", [channels, 3, 2]];

/** Down to stride 8 and up again from layers at strides 8, 16 and 32, the last being the layer before. */
function twoPaths(
  [small, middle, large]: readonly number[],
  blocks: readonly Line[],
): { lines: Line[]; outputs: number[] } {
  const up: Line = [-1, 1, "nn.Upsample", ["None", 2, "nearest"]];
  const join = (layer: number): Line => [[-1, layer], 1, "Concat", [1]];
  const first = large + 1;
  const lines = [
    ...[up, join(middle), blocks[0], up, join(small), blocks[1]],
    ...[downsample(256), join(first + 2), blocks[2], downsample(512), join(large), blocks[3]],
  ];
  return { lines, outputs: [first + 5, first + 8, first + 11] };
}

/** v8: C2f, with shortcuts in the backbone. */
function v8(variant: string): Line[] {
  const block: MakeBlock = (channels, repeats, ...rest) => [-1, repeats, "C2f", [channels, ...rest]];
  const backbone = [
    [-1, 1, "Conv", [64, 3, 2]] as Line,
    ...[128, 256, 512, 1024].flatMap((channels, i) => [
      downsample(channels),
      block(channels, i === 0 || i === 3 ? 3 : 6, true),
    ]),
  ];
  if (variant === "-cls") return [...backbone, [-1, 1, "Classify", ["nc"]]];
  const { lines, outputs } = twoPaths([4, 6, 9], [block(512, 3), block(256, 3), block(512, 3), block(1024, 3)]);
  return [...backbone, [-1, 1, "SPPF", [1024, 5]], ...lines, headOf(variant, outputs)];
}

/** 11 and 26: C3k2 and C2PSA; of the larger sizes all C3k2 hold C3k blocks. */
function v11(variant: string, size: Size, later: boolean): Line[] {
  const large = size === "m" || size === "l" || size === "x";
  const block: MakeBlock = (channels, repeats, nested, ...rest) => [
    -1,
    repeats,
    "C3k2",
    [channels, large || nested, ...rest],
  ];
  const stages = [block(256, 2, false, 0.25), block(512, 2, false, 0.25), block(512, 2, true), block(1024, 2, true)];
  const backbone = [
    [-1, 1, "Conv", [64, 3, 2]] as Line,
    ...stages.flatMap((stage, i) => [downsample([128, 256, 512, 1024][i]), stage]),
  ];
  const attention: Line = [-1, 2, "C2PSA", [1024]];
  if (variant === "-cls") return [...backbone, attention, [-1, 1, "Classify", ["nc"]]];
  const { lines, outputs } = twoPaths(
    [4, 6, 10],
    [
      ...[block(512, 2, later), block(256, 2, later), block(512, 2, later)],
      later ? block(1024, 1, true, 0.5, true) : block(1024, 2, true),
    ],
  );
  const pool: Line = [-1, 1, "SPPF", later ? [1024, 5, 3, true] : [1024, 5]];
  return [...backbone, pool, attention, ...lines, headOf(variant, outputs)];
}

function headOf(variant: string, outputs: readonly number[]): Line {
  if (variant === "-seg") return [outputs, 1, "Segment", ["nc", 32, 256]];
  if (variant === "-pose") return [outputs, 1, "Pose", ["nc", "kpt_shape"]];
  return [outputs, 1, "Detect", ["nc"]];
}

/** Names of one size: yolov5nu, yolov8n-seg, yolo11n-pose, yolo26n. */
export function newerNames(size: string): string[] {
  const variants = ["", "-seg", "-pose", "-cls"];
  return [
    ...["u", "6u"].map((ending) => `yolov5${size}${ending}`),
    ...["v8", "11"].flatMap((version) => variants.map((variant) => `yolo${version}${size}${variant}`)),
    `yolo26${size}`,
  ];
}

const NAME = /^yolo(?:v5([nsmlx])(6?)u|v8([nsmlx])(-seg|-pose|-cls)?|11([nsmlx])(-seg|-pose|-cls)?|26([nsmlx]))$/;

/** What a checkpoint of that name says of its wiring; undefined for other names. */
export function newerDescription(name: string): Readonly<Record<string, unknown>> | undefined {
  const match = NAME.exec(name);
  if (!match) return undefined;
  const [, five, six, eight, eightVariant = "", eleven, elevenVariant = "", twentySix] = match;
  const describe = (version: keyof typeof SCALES, size: string, variant: string, layers: readonly Line[]) => ({
    nc: variant === "-cls" ? 1000 : variant === "-pose" ? 1 : 80,
    scale: size,
    scales: SCALES[version],
    kpt_shape: [17, 3],
    backbone: layers,
    head: [],
  });
  if (five) {
    const { lines, outputs } = pathAggregation(six ? P6 : P5);
    return describe("5", five, "", [...lines, headOf("", outputs)]);
  }
  if (eight) return describe(eightVariant === "-cls" ? "8-cls" : "8", eight, eightVariant, v8(eightVariant));
  if (eleven) return describe("11", eleven, elevenVariant, v11(elevenVariant, eleven as Size, false));
  return { ...describe("26", twentySix, "", v11("", twentySix as Size, true)), reg_max: 1, end2end: true };
}
