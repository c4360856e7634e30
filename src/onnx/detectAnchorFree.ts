/** Decoding of heads without anchors as ONNX operators. */

import { mapsOfLevel, type NodeOf } from "../ops/index.js";
import type { OnnxGraph } from "./onnxGraph.js";

/** The maps of all levels to [N, rows, columns]. `shapes` are those of the maps. */
export function lowerDetectAnchorFree(
  g: OnnxGraph,
  { attrs, name }: NodeOf<"detectAnchorFree">,
  maps: readonly string[],
  shapes: readonly (readonly number[])[],
): string {
  const { strides, classes, extras, keypointSize } = attrs;
  const perLevel = mapsOfLevel(attrs);
  const levels = strides.map((stride, level) => {
    const first = level * perLevel;
    const [n, , h, w] = shapes[first];
    const at: LevelOf = { name: `${name}.${level}`, n, h, w, stride };
    const flat = (map: string, channels: number, what: string): string =>
      g.node("Reshape", [map, g.longs([n, channels, h * w])], `${at.name}.${what}.cells`);
    const parts = [
      lowerBox(g, attrs, maps[first], at),
      g.node("Sigmoid", [flat(maps[first + 1], classes, "scores")], `${at.name}.scores`),
    ];
    if (extras > 0 && keypointSize === 0) parts.push(flat(maps[first + 2], extras, "mask"));
    if (extras > 0 && keypointSize > 0) parts.push(lowerKeypoints(g, attrs, maps[first + 2], at));
    return g.node("Concat", parts, `${at.name}.columns`, { axis: 1 });
  });
  const all = levels.length === 1 ? levels[0] : g.node("Concat", levels, `${name}.columns`, { axis: 2 });
  return g.node("Transpose", [all], name, { perm: [0, 2, 1] });
}

interface LevelOf {
  readonly name: string;
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly stride: number;
}

/** [N, 4·bins, H, W] → [N, 4, H·W]: centre and size, or corners. */
function lowerBox(
  g: OnnxGraph,
  { bins, corners }: NodeOf<"detectAnchorFree">["attrs"],
  map: string,
  { name, n, h, w, stride }: LevelOf,
): string {
  let sides: string;
  if (bins.length === 0) sides = g.node("Reshape", [map, g.longs([n, 4, h * w])], `${name}.distances`);
  else {
    const split = g.node("Reshape", [map, g.longs([n, 4, bins.length, h * w])], `${name}.bins`);
    const shares = g.node("Softmax", [split], `${name}.shares`, { axis: 2 });
    const weighted = g.node("Mul", [shares, g.floats(bins, [1, 1, bins.length, 1])], `${name}.weighted`);
    sides = g.node("ReduceSum", [weighted, g.longs([2])], `${name}.distances`, { keepdims: 0 });
  }
  const [before, after] = [g.reserve(`${name}.before`), g.reserve(`${name}.after`)];
  g.nodeOf("Split", [sides, g.longs([2, 2])], [before, after], { axis: 1 });
  const centres = g.floats(cells(h, w, 0.5), [1, 2, h * w]);
  const near = g.node("Sub", [centres, before], `${name}.near`);
  const far = g.node("Add", [centres, after], `${name}.far`);
  const halved = (): string =>
    g.node("Mul", [g.node("Add", [near, far], `${name}.sum`), g.floats([0.5])], `${name}.centre`);
  const parts = corners ? [near, far] : [halved(), g.node("Sub", [far, near], `${name}.size`)];
  return g.node("Mul", [g.node("Concat", parts, `${name}.box`, { axis: 1 }), g.floats([stride])], `${name}.pixels`);
}

/** [N, count·size, H, W] → the same numbers [N, count·size, H·W], places in input pixels, with σ of the third. */
function lowerKeypoints(
  g: OnnxGraph,
  { extras, keypointSize: size }: NodeOf<"detectAnchorFree">["attrs"],
  map: string,
  { name, n, h, w, stride }: LevelOf,
): string {
  const count = extras / size;
  const points = g.node("Reshape", [map, g.longs([n, count, size, h * w])], `${name}.points`);
  const parts = [g.reserve(`${name}.places`), ...(size > 2 ? [g.reserve(`${name}.visible`)] : [])];
  const sizes = size > 2 ? [2, size - 2] : [2];
  if (size > 2) g.nodeOf("Split", [points, g.longs(sizes)], parts, { axis: 2 });
  else parts[0] = points;
  const doubled = g.node("Mul", [parts[0], g.floats([2])], `${name}.doubled`);
  const moved = g.node("Add", [doubled, g.floats(cells(h, w, 0), [1, 1, 2, h * w])], `${name}.moved`);
  parts[0] = g.node("Mul", [moved, g.floats([stride])], `${name}.places.pixels`);
  if (size > 2) parts[1] = g.node("Sigmoid", [parts[1]], `${name}.visibility`);
  const joined = parts.length === 1 ? parts[0] : g.node("Concat", parts, `${name}.keypoints`, { axis: 2 });
  return g.node("Reshape", [joined, g.longs([n, extras, h * w])], `${name}.keypoints.cells`);
}

/** Columns of all cells, then rows, each and `offset`. */
function cells(h: number, w: number, offset: number): number[] {
  const count = h * w;
  return Array.from({ length: 2 * count }, (_, i) => (i < count ? i % w : Math.floor((i - count) / w)) + offset);
}
