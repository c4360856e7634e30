/** A network of a few layers with a head of one level, as each opset has its operators: what exporters write, in small. */

import type { HostTensor } from "../../../src/tensor/index.js";
import { floats, longs, type WrittenFile, type WrittenNode } from "../../support/onnxWriter.js";
import { randomTensor } from "../../support/random.js";

const [SIZE, STRIDE, CHANNELS, ANCHORS, OUTPUTS] = [64, 8, 8, 3, 7];
const CELLS = SIZE / STRIDE;
export const SIZES = [10, 13, 16, 30, 33, 23];

export interface TinyOptions {
  readonly opset?: number;
  /** Shapes of reshapes are computed from the input's, and the input's are open. */
  readonly dynamic?: boolean;
}

/** Collects nodes and constants. */
class Writer {
  readonly nodes: WrittenNode[] = [];
  readonly constants: Record<string, HostTensor> = {};

  constructor(private readonly opset: number) {}

  constant(value: HostTensor): string {
    const name = `c${Object.keys(this.constants).length}`;
    this.constants[name] = value;
    return name;
  }

  node(operator: string, inputs: readonly string[], attributes: WrittenNode["attributes"] = {}, name?: string): string {
    const output = name ?? `v${this.nodes.length}`;
    this.nodes.push({ operator, inputs, outputs: [output], attributes });
    return output;
  }

  /** Integers that were an attribute before `since`, and are an input from then on. */
  private ints(name: string, values: readonly number[], since: number): [string[], WrittenNode["attributes"]] {
    return this.opset >= since ? [[this.constant(longs(...values))], {}] : [[], { [name]: values }];
  }

  split(x: string, sizes: readonly number[], axis: number): string[] {
    const [inputs, attributes] = this.ints("split", sizes, 13);
    const outputs = sizes.map((_, i) => `s${this.nodes.length}_${i}`);
    this.nodes.push({ operator: "Split", inputs: [x, ...inputs], outputs, attributes: { ...attributes, axis } });
    return outputs;
  }

  slice(x: string, start: number, end: number, axis: number): string {
    if (this.opset < 10) return this.node("Slice", [x], { starts: [start], ends: [end], axes: [axis] });
    return this.node("Slice", [x, ...[start, end, axis].map((value) => this.constant(longs(value)))]);
  }

  unsqueeze(x: string): string {
    const [inputs, attributes] = this.ints("axes", [0], 13);
    return this.node("Unsqueeze", [x, ...inputs], attributes);
  }

  upsample(x: string): string {
    const scales = this.constant(floats([4], [1, 1, 2, 2]));
    if (this.opset < 10) return this.node("Upsample", [x, scales], { mode: "nearest" });
    if (this.opset < 11) return this.node("Resize", [x, scales], { mode: "nearest" });
    const mode = { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };
    return this.node("Resize", [x, "", scales], mode);
  }
}

function conv(
  w: Writer,
  x: string,
  inputs: number,
  outputs: number,
  kernel: number,
  seed: number,
  name?: string,
): string {
  const weight = w.constant(randomTensor([outputs, inputs, kernel, kernel], seed, 0.3));
  const bias = w.constant(randomTensor([outputs], seed + 1, 0.3));
  const attributes = { kernel_shape: [kernel, kernel], strides: [kernel, kernel], pads: [0, 0, 0, 0], group: 1 };
  return w.node("Conv", [x, weight, bias], attributes, name);
}

const silu = (w: Writer, x: string): string => w.node("Mul", [x, w.node("Sigmoid", [x])]);

/** A convolution, a split that is joined again, a pool and an upsampling: [1, CHANNELS, 8, 8]. */
function backbone(w: Writer): string {
  const x = silu(w, conv(w, "images", 3, CHANNELS, STRIDE, 1));
  const [a, b] = w.split(x, [CHANNELS / 2, CHANNELS / 2], 1);
  const joined = w.node("Concat", [a, w.slice(x, 0, 4, 1), b], { axis: 1 });
  const pooled = w.node("MaxPool", [joined], { kernel_shape: [2, 2], strides: [2, 2] });
  return silu(w, conv(w, w.upsample(pooled), 12, CHANNELS, 1, 11));
}

/** The map's shape [N, na, no, H, W]: constants, or computed from the map. */
function splitShape(w: Writer, map: string, dynamic: boolean): string {
  if (!dynamic) return w.constant(longs(1, ANCHORS, OUTPUTS, CELLS, CELLS));
  const shape = w.node("Shape", [map]);
  const sides = [2, 3].map((axis) => w.unsqueeze(w.node("Gather", [shape, w.constant(scalar(axis))], { axis: 0 })));
  return w.node("Concat", [w.constant(longs(1, ANCHORS, OUTPUTS)), ...sides], { axis: 0 });
}

const scalar = (value: number): HostTensor => ({ ...longs(value), shape: [] });

/** Column and row of each cell, from Range as dynamic exports compute them. */
function grid(w: Writer, map: string, dynamic: boolean): string {
  if (!dynamic) {
    const cells = Array.from({ length: CELLS * CELLS }, (_, i) => [i % CELLS, Math.floor(i / CELLS)]).flat();
    return w.constant(floats([1, 1, CELLS, CELLS, 2], cells));
  }
  const shape = w.node("Shape", [map]);
  const [rows, columns] = [2, 3].map((axis) => {
    const size = w.node("Gather", [shape, w.constant(scalar(axis))], { axis: 0 });
    const range = w.node("Range", [w.constant(scalar(0)), size, w.constant(scalar(1))]);
    return w.node("Cast", [range], { to: 1 });
  });
  const zero = (x: string): string => w.node("Mul", [x, w.constant(floats([], [0]))]);
  const columnOf = (x: string, axes: readonly number[]): string => w.node("Reshape", [x, w.constant(longs(...axes))]);
  const down = columnOf(rows, [1, 1, -1, 1, 1]);
  const across = columnOf(columns, [1, 1, 1, -1, 1]);
  const both = [w.node("Add", [across, zero(down)]), w.node("Add", [zero(across), down])];
  return w.node("Concat", both, { axis: 4 });
}

/** YOLOv5's decoding of one level. */
function decode(w: Writer, map: string, dynamic: boolean): void {
  const split = w.node("Reshape", [map, splitShape(w, map, dynamic)]);
  const y = w.node("Sigmoid", [w.node("Transpose", [split], { perm: [0, 1, 3, 4, 2] })]);
  const number = (value: number): string => w.constant(floats([], [value]));
  const times = (x: string, factor: string): string => w.node("Mul", [x, factor]);
  const [xy, wh, scores] = w.split(y, [2, 2, OUTPUTS - 4], 4);
  const moved = w.node("Sub", [times(xy, number(2)), number(0.5)]);
  const centre = times(w.node("Add", [moved, grid(w, map, dynamic)]), number(STRIDE));
  const square = w.node("Pow", [times(wh, number(2)), number(2)]);
  const size = times(square, w.constant(floats([1, ANCHORS, 1, 1, 2], SIZES)));
  const joined = w.node("Concat", [centre, size, scores], { axis: 4 });
  w.node("Reshape", [joined, w.constant(longs(1, -1, OUTPUTS))], {}, "output0");
}

export const METADATA = { stride: "8", names: "{0: 'a', 1: 'b'}" };

export function tinyExport({
  opset = 13,
  dynamic = false,
}: TinyOptions = {}): WrittenFile & { readonly constants: Readonly<Record<string, HostTensor>> } {
  const w = new Writer(opset);
  const map = conv(w, backbone(w), CHANNELS, ANCHORS * OUTPUTS, 1, 21, "map");
  decode(w, map, dynamic);
  const { nodes, constants } = w;
  const inputs = { images: dynamic ? [1, 3, "height", "width"] : [1, 3, SIZE, SIZE] };
  return { opset, nodes, constants, inputs, outputs: { output0: [1, "rows", OUTPUTS] }, metadata: METADATA };
}

export const FACTOR = 1.25;

/** The output of the last convolution times a factor, as YOLOv7 and others export what they multiply it by. */
export function scaledInFile(file = tinyExport()): WrittenFile {
  const nodes = file.nodes.flatMap((node): WrittenNode[] =>
    node.outputs[0] === "map"
      ? [
          { ...node, outputs: ["unscaled"] },
          { operator: "Mul", inputs: ["unscaled", "factor"], outputs: ["map"], name: "/scale" },
        ]
      : [node],
  );
  return { ...file, nodes, constants: { ...file.constants, factor: floats([], [FACTOR]) } };
}
