/** An ONNX graph for one input shape: constants are computed, and the shapes of all other values are inferred where possible. */

import { CheckpointError } from "../../../errors.js";
import { computes, evaluateNode, fromTensor, integers, Meter, type OnnxValue } from "../../../onnx/evaluate/index.js";
import { elementCount, type HostTensor } from "../../../tensor/index.js";
import type { Budget } from "../../../weights/budget.js";
import { cutText } from "../../../weights/describe.js";
import type { OnnxModel, OnnxNode, OnnxPort } from "../../../weights/onnx/types.js";
import { inferShapes } from "./inferShapes.js";

/** Placeholder sides for those that a file leaves open: two different ones, to distinguish height from width. */
const OPEN_SIDES = [128, 256] as const;
const MAX_SIDE = 8192;
const MAX_BATCH = 1024;
/** Maximum elements of the input: a batch of pictures at the largest side in use. */
const MAX_INPUT = 3 * 2 ** 26;
/** Maximum elements of one value: a fixed number, plus so many per element of the input. */
const VALUE_BASE = 2 ** 24;
const VALUE_FACTOR = 16;
/** Maximum steps of everything that is computed here. */
const WORK_BASE = 2 ** 27;
const WORK_FACTOR = 256;
/** Maximum bytes alive at one time while outputs are decoded. */
const LIVE_BASE = 2 ** 27;
const LIVE_FACTOR = 256;

export class FoldedGraph {
  readonly model: OnnxModel;
  readonly input: OnnxPort;
  /** [N, C, H, W] that all shapes here belong to. */
  readonly inputShape: readonly [number, number, number, number];
  /** Whether height and width are fixed, in the file or by the caller. */
  readonly fixedSize: boolean;
  readonly meter: Meter;
  /** Bytes that decoding an output may hold at one time. */
  readonly liveLimit: number;
  private readonly shapes = new Map<string, readonly number[]>();
  private readonly folded = new Map<string, OnnxValue>();
  private readonly renamed = new Map<string, string>();
  private readonly makers = new Map<string, OnnxNode>();
  private readonly readers = new Map<string, OnnxNode[]>();

  /**
   * @param budget the limit for everything computed from the file.
   * @param sides height and width for a file that leaves them open.
   * @throws CheckpointError for inputs that no picture fits; errors of evaluation.
   */
  constructor(
    model: OnnxModel,
    readonly budget: Budget,
    sides?: readonly [height: number, width: number],
  ) {
    this.model = model;
    this.input = onlyInput(model);
    const [n, c, h, w] = this.input.shape;
    this.fixedSize = sides !== undefined || (h !== undefined && w !== undefined);
    const [height, width] = sides ?? OPEN_SIDES;
    this.inputShape = checkedShape([n ?? 1, c ?? 3, h ?? height, w ?? width]);
    const elements = elementCount(this.inputShape);
    this.meter = meterFor(this.inputShape);
    this.liveLimit = LIVE_BASE + LIVE_FACTOR * elements;
    this.shapes.set(this.input.name, this.inputShape);
    for (const node of model.nodes) this.add(node);
  }

  get opset(): number {
    return this.model.opset;
  }

  private add(node: OnnxNode): void {
    for (const output of node.outputs) if (output !== "") this.makers.set(output, node);
    for (const input of new Set(node.inputs)) {
      const readers = this.readers.get(input);
      if (readers) readers.push(node);
      else this.readers.set(input, [node]);
    }
    const fixed = node.inputs.every((name) => name === "" || this.isConstant(name));
    if (node.operator === "Identity" && node.domain === "" && fixed) {
      this.renamed.set(node.outputs[0], this.source(node.inputs[0]));
      return;
    }
    const shape = node.operator === "Shape" ? this.shapeOf(node.inputs[0]) : undefined;
    if (node.domain === "" && ((fixed && computes(node.operator)) || shape)) {
      const values = shape
        ? evaluateNode({ ...this.call(node), inputs: [placeholder(shape)] })
        : evaluateNode(this.call(node));
      for (const [i, output] of node.outputs.entries()) if (values[i]) this.hold(output, values[i]);
      return;
    }
    const shapes = inferShapes(node, this);
    for (const [i, output] of node.outputs.entries()) if (shapes?.[i]) this.shapes.set(output, shapes[i]);
  }

  private hold(name: string, value: OnnxValue): void {
    this.budget.charge(value.data.byteLength + 128, "the constants that its graph computes");
    this.folded.set(name, value);
  }

  private call(node: OnnxNode) {
    const inputs = node.inputs.map((name) => (name === "" ? undefined : this.constant(name)));
    return { node, inputs, opset: this.opset, meter: this.meter };
  }

  private source(name: string): string {
    return this.renamed.get(name) ?? name;
  }

  isConstant(name: string): boolean {
    const source = this.source(name);
    return this.model.constants.has(source) || this.folded.has(source);
  }

  /** The value of a constant; undefined for anything else. */
  constant(name: string): OnnxValue | undefined {
    const source = this.source(name);
    const known = this.folded.get(source);
    if (known) return known;
    const tensor = this.model.constants.get(source);
    if (!tensor) return undefined;
    const value = fromTensor(tensor);
    this.hold(source, value);
    return value;
  }

  /** A constant as the tensor in the file, in its own type; computed ones as float32. */
  tensor(name: string): HostTensor | undefined {
    const stored = this.model.constants.get(this.source(name));
    if (stored) return stored;
    const value = this.folded.get(this.source(name));
    return value && { dtype: "float32", shape: value.shape, data: Float32Array.from(value.data) };
  }

  /** The shape of a value or constant; undefined if it is not known. */
  shapeOf(name: string): readonly number[] | undefined {
    const source = this.source(name);
    return this.shapes.get(source) ?? this.folded.get(source)?.shape ?? this.model.constants.get(source)?.shape;
  }

  /** The node that produces a value; undefined for inputs and constants of the file. */
  maker(name: string): OnnxNode | undefined {
    return this.makers.get(name);
  }

  /** Nodes that read a value. */
  readersOf(name: string): readonly OnnxNode[] {
    return this.readers.get(name) ?? [];
  }
}

/** The limit on what is computed on the host for one input of this shape. */
export function meterFor(inputShape: readonly number[]): Meter {
  const elements = elementCount(inputShape);
  return new Meter(WORK_BASE + WORK_FACTOR * elements, VALUE_BASE + VALUE_FACTOR * elements);
}

/** A value of which only the shape is used. */
function placeholder(shape: readonly number[]): OnnxValue {
  return { ...integers([]), shape };
}

function onlyInput({ inputs }: OnnxModel): OnnxPort {
  const [input, ...others] = inputs;
  if (!input || others.length > 0 || input.shape.length !== 4) {
    const list = inputs
      .map(({ name, shape }) => `${cutText(name)} [${shape.map((n) => n ?? "?").join(", ")}]`)
      .slice(0, 8);
    throw new CheckpointError(
      `is an ONNX model with the inputs ${list.join(", ") || "(none)"}; exports of YOLO have one: pictures [N, 3, height, width]`,
    );
  }
  return input;
}

function checkedShape(shape: readonly [number, number, number, number]): readonly [number, number, number, number] {
  const [n, c, h, w] = shape;
  const within = (value: number, most: number): boolean => Number.isInteger(value) && value >= 1 && value <= most;
  if (
    !within(n, MAX_BATCH) ||
    !within(c, 64) ||
    !within(h, MAX_SIDE) ||
    !within(w, MAX_SIDE) ||
    n * c * h * w > MAX_INPUT
  ) {
    throw new CheckpointError(
      `is an ONNX model for an input of ${shape.join("×")}, larger than any picture; the file is damaged or hostile`,
      { shape },
    );
  }
  return shape;
}
