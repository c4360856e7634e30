/** The head's decoding as ONNX operators, in the same steps as in PyTorch's export. */

import type { NodeOf } from "../ops/index.js";
import type { OnnxGraph } from "./onnxGraph.js";

/** One map [N, na·no, H, W] per level to [N, Σ na·H·W, no]. `shapes` are those of the maps. */
export function lowerDetect(
  g: OnnxGraph,
  { attrs, name }: NodeOf<"detect">,
  maps: readonly string[],
  shapes: readonly (readonly number[])[],
): string {
  const { outputs: no, maskCoefficients } = attrs;
  const levels = maps.map((map, level) => {
    const [n, , h, w] = shapes[level];
    const anchors = attrs.anchors[level];
    const na = anchors.length / 2;
    const stride = g.floats([attrs.strides[level]]);
    const part = (what: string): string => `${name}.${level}.${what}`;
    const split = g.node("Reshape", [map, g.longs([n, na, no, h, w])], part("split"));
    const rows = g.node("Transpose", [split], part("rows"), { perm: [0, 1, 3, 4, 2] });
    const sizes = [2, 2, no - 4 - maskCoefficients, ...(maskCoefficients > 0 ? [maskCoefficients] : [])];
    let raw = rows;
    // Mask coefficients stay as they are, so the sigmoid then follows the split.
    if (maskCoefficients === 0) raw = g.node("Sigmoid", [rows], part("sigmoid"));
    const parts = sizes.map((_, i) => g.reserve(part(["xy", "wh", "scores", "mask"][i])));
    g.nodeOf("Split", [raw, g.longs(sizes)], parts, { axis: 4 });
    if (maskCoefficients > 0) {
      for (let i = 0; i < 3; i++) parts[i] = g.node("Sigmoid", [parts[i]], `${parts[i]}.sigmoid`);
    }
    const doubled = (x: string): string => g.node("Mul", [x, g.floats([2])], `${x}.doubled`);
    const cells = g.floats(gridCells(h, w), [1, 1, h, w, 2]);
    const centre = g.node("Add", [doubled(parts[0]), cells], part("centre"));
    parts[0] = g.node("Mul", [centre, stride], part("xy.pixels"));
    const twice = doubled(parts[1]);
    const square = g.node("Mul", [twice, twice], part("wh.square"));
    parts[1] = g.node("Mul", [square, g.floats(anchors, [1, na, 1, 1, 2])], part("wh.pixels"));
    const joined = g.node("Concat", parts, part("joined"), { axis: 4 });
    return g.node("Reshape", [joined, g.longs([n, na * h * w, no])], part("boxes"));
  });
  return levels.length === 1 ? levels[0] : g.node("Concat", levels, name, { axis: 1 });
}

/** (column − ½, row − ½) of every cell. */
function gridCells(h: number, w: number): number[] {
  const cells: number[] = [];
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) cells.push(x - 0.5, y - 0.5);
  return cells;
}
