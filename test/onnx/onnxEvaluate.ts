/**
 * Evaluates ONNX models for tests, after the operators' definitions (opset 13), in plain loops and float64.
 */

import type { HostTensor } from "../../src/tensor/index.js";
import type { OnnxModel, OnnxNode } from "./onnxReader.js";
import { conv2dRun, convTranspose2dRun, maxPoolRun } from "./onnxWindows.js";

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Fills a tensor from a function of its coordinates. */
function fill(shape: readonly number[], at: (index: readonly number[]) => number): Values {
  const data = new Float64Array(product(shape));
  const index = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    data[i] = at(index);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return { shape, data };
}

const valuesOf = ({ shape, data }: HostTensor): Values => ({
  shape,
  data: Float64Array.from(data as Float32Array, Number),
});

const pick = ({ shape, data }: Values, index: readonly number[]): number =>
  data[index.reduce((flat, i, axis) => flat * shape[axis] + i, 0)];

/** Numpy's broadcasting. */
function binary(a: Values, b: Values, fn: (a: number, b: number) => number): Values {
  const rank = Math.max(a.shape.length, b.shape.length);
  const wide = (v: Values): Values => ({ ...v, shape: [...Array(rank - v.shape.length).fill(1), ...v.shape] });
  const [x, y] = [wide(a), wide(b)];
  const shape = x.shape.map((size, axis) => {
    if (size !== y.shape[axis] && size !== 1 && y.shape[axis] !== 1) throw new Error(`${a.shape} with ${b.shape}`);
    return Math.max(size, y.shape[axis]);
  });
  const from = (v: Values, index: readonly number[]): number =>
    pick(
      v,
      index.map((i, axis) => (v.shape[axis] === 1 ? 0 : i)),
    );
  return fill(shape, (index) => fn(from(x, index), from(y, index)));
}

const unary = (x: Values, fn: (x: number) => number): Values => ({ shape: x.shape, data: x.data.map(fn) });

/** Abramowitz & Stegun 7.1.5: the alternating series, exact enough for |x| < 4. */
function erf(x: number): number {
  if (Math.abs(x) > 4) return Math.sign(x);
  let sum = x;
  let term = x;
  for (let n = 1; n < 90; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function along(x: Values, axis: number, fn: (line: Float64Array) => Float64Array): Values {
  const inner = product(x.shape.slice(axis + 1));
  const size = x.shape[axis];
  const lines = Array.from({ length: x.data.length / size }, (_, line) => {
    const start = Math.floor(line / inner) * size * inner + (line % inner);
    return fn(Float64Array.from({ length: size }, (_, k) => x.data[start + k * inner]));
  });
  const shape = x.shape.map((d, i) => (i === axis ? lines[0].length : d));
  return fill(shape, (index) => {
    const outer = index.slice(0, axis).reduce((flat, i, a) => flat * shape[a] + i, 0);
    const within = index.slice(axis + 1).reduce((flat, i, a) => flat * shape[axis + 1 + a] + i, 0);
    return lines[outer * inner + within][index[axis]];
  });
}

function softmax(line: Float64Array): Float64Array {
  const top = Math.max(...line);
  const raised = line.map((v) => Math.exp(v - top));
  const sum = raised.reduce((a, b) => a + b, 0);
  return raised.map((v) => v / sum);
}

function slice(x: Values, axis: number, from: number, to: number): Values {
  const shape = x.shape.map((d, i) => (i === axis ? to - from : d));
  return fill(shape, (index) =>
    pick(
      x,
      index.map((i, a) => (a === axis ? i + from : i)),
    ),
  );
}

function concat(parts: readonly Values[], axis: number): Values {
  const shape = parts[0].shape.map((d, i) => (i === axis ? parts.reduce((sum, p) => sum + p.shape[axis], 0) : d));
  return fill(shape, (index) => {
    let i = index[axis];
    const part = parts.find((p) => {
      if (i < p.shape[axis]) return true;
      i -= p.shape[axis];
      return false;
    });
    return part
      ? pick(
          part,
          index.map((v, a) => (a === axis ? i : v)),
        )
      : Number.NaN;
  });
}

type Operator = (x: readonly Values[], a: (name: string) => unknown) => Values | Values[];

const list = (v: unknown): number[] => v as number[];

const OPERATORS: Readonly<Record<string, Operator>> = {
  Identity: ([x]) => x,
  Constant: (_, a) => valuesOf(a("value") as HostTensor),
  Conv: (x, a) => conv2dRun(x, a),
  ConvTranspose: (x, a) => convTranspose2dRun(x, a),
  MaxPool: ([x], a) => maxPoolRun(x, a),
  Add: ([x, y]) => binary(x, y, (p, q) => p + q),
  Sub: ([x, y]) => binary(x, y, (p, q) => p - q),
  Mul: ([x, y]) => binary(x, y, (p, q) => p * q),
  Div: ([x, y]) => binary(x, y, (p, q) => p / q),
  Pow: ([x, y]) => binary(x, y, (p, q) => p ** q),
  Sqrt: ([x]) => unary(x, Math.sqrt),
  Sigmoid: ([x]) => unary(x, (v) => 1 / (1 + Math.exp(-v))),
  Tanh: ([x]) => unary(x, Math.tanh),
  Relu: ([x]) => unary(x, (v) => Math.max(v, 0)),
  Softplus: ([x]) => unary(x, (v) => Math.log1p(Math.exp(v))),
  Erf: ([x]) => unary(x, erf),
  Clip: ([x, low, high]) => unary(x, (v) => Math.min(Math.max(v, low.data[0]), high.data[0])),
  LeakyRelu: ([x], a) => unary(x, (v) => (v < 0 ? v * Number(a("alpha")) : v)),
  Elu: ([x], a) => unary(x, (v) => (v < 0 ? Number(a("alpha")) * Math.expm1(v) : v)),
  HardSigmoid: ([x], a) => unary(x, (v) => Math.max(0, Math.min(1, Number(a("alpha")) * v + Number(a("beta"))))),
  BatchNormalization([x, scale, bias, mean, variance], a) {
    return fill(x.shape, (index) => {
      const c = index[1];
      const normal = (pick(x, index) - mean.data[c]) / Math.sqrt(variance.data[c] + Number(a("epsilon")));
      return normal * scale.data[c] + bias.data[c];
    });
  },
  Concat: (x, a) => concat(x, Number(a("axis"))),
  Split([x, sizes], a) {
    let from = 0;
    return Array.from(sizes.data, (size) => {
      from += size;
      return slice(x, Number(a("axis")), from - size, from);
    });
  },
  Slice: ([x, starts, ends, axes]) => slice(x, axes.data[0], starts.data[0], ends.data[0]),
  Reshape([x, wanted]) {
    const shape = Array.from(wanted.data, (size, axis) => (size === 0 ? x.shape[axis] : size));
    const open = shape.indexOf(-1);
    if (open >= 0) shape[open] = x.data.length / -product(shape);
    return { shape, data: x.data };
  },
  Flatten: ([x]) => ({ shape: [x.shape[0], product(x.shape.slice(1))], data: x.data }),
  Transpose([x], a) {
    const perm = list(a("perm"));
    return fill(
      perm.map((axis) => x.shape[axis]),
      (index) => {
        const source = perm.map(() => 0);
        perm.forEach((axis, i) => {
          source[axis] = index[i];
        });
        return pick(x, source);
      },
    );
  },
  MatMul([x, y]) {
    const shape = [...x.shape.slice(0, -1), y.shape[y.shape.length - 1]];
    return fill(shape, (index) => {
      const outer = index.slice(0, -2);
      const [i, j] = index.slice(-2);
      let sum = 0;
      for (let k = 0; k < x.shape[x.shape.length - 1]; k++)
        sum += pick(x, [...outer, i, k]) * pick(y, [...outer, k, j]);
      return sum;
    });
  },
  Softmax: ([x], a) => along(x, Number(a("axis")), softmax),
  ReduceMean: ([x], a) =>
    along(x, list(a("axes"))[0], (line) => Float64Array.of(line.reduce((s, v) => s + v, 0) / line.length)),
  ReduceSum([x, axes], a) {
    if (a("keepdims") !== 0) throw new Error("ReduceSum: keepdims");
    const [axis] = axes.data;
    const { shape, data } = along(x, axis, (line) => Float64Array.of(line.reduce((s, v) => s + v, 0)));
    return { shape: shape.filter((_, i) => i !== axis), data };
  },
  GlobalAveragePool([x]) {
    const [n, c, h, w] = x.shape;
    return fill([n, c, 1, 1], ([i, k]) => {
      const plane = x.data.subarray((i * c + k) * h * w, (i * c + k + 1) * h * w);
      return plane.reduce((s, v) => s + v, 0) / plane.length;
    });
  },
  Resize([x, , scales], a) {
    const modes = ["mode", "coordinate_transformation_mode", "nearest_mode"].map(a).join();
    if (modes !== "nearest,asymmetric,floor") throw new Error(`Resize: ${modes}`);
    return fill(
      x.shape.map((d, i) => d * scales.data[i]),
      (index) =>
        pick(
          x,
          index.map((v, i) => Math.floor(v / scales.data[i])),
        ),
    );
  },
  Pad([x, pads, value]) {
    const rank = x.shape.length;
    const shape = x.shape.map((d, i) => d + pads.data[i] + pads.data[rank + i]);
    return fill(shape, (index) => {
      const source = index.map((v, i) => v - pads.data[i]);
      return source.every((v, i) => v >= 0 && v < x.shape[i]) ? pick(x, source) : value.data[0];
    });
  },
  DepthToSpace([x], a) {
    const block = Number(a("blocksize"));
    if (a("mode") !== "DCR") throw new Error(`DepthToSpace: mode ${a("mode")}`);
    const [n, c, h, w] = x.shape;
    const channels = c / block ** 2;
    return fill([n, channels, h * block, w * block], ([i, k, y, xx]) =>
      pick(x, [i, ((y % block) * block + (xx % block)) * channels + k, Math.floor(y / block), Math.floor(xx / block)]),
    );
  },
};

/** The outputs for the given inputs, in the model's order. @throws Error for an operator or name that is unknown. */
export function evaluateOnnx(model: OnnxModel, inputs: readonly Values[]): Values[] {
  const values = new Map<string, Values>();
  for (const [name, value] of model.initializers) values.set(name, valuesOf(value));
  model.inputs.forEach(({ name }, i) => {
    values.set(name, inputs[i]);
  });
  const operandOf = (node: OnnxNode, name: string): Values => {
    const value = values.get(name);
    if (!value) throw new Error(`ONNX: ${node.name} reads ${name}, which nothing produces`);
    return value;
  };
  const nothing: Values = { shape: [0], data: new Float64Array() };
  for (const node of model.nodes) {
    const operator = OPERATORS[node.type];
    if (!operator) throw new Error(`ONNX: operator ${node.type}`);
    const operands = node.inputs.map((name) => (name === "" ? nothing : operandOf(node, name)));
    const results = [operator(operands, (name) => node.attributes.get(name))].flat();
    node.outputs.forEach((name, i) => {
      if (values.has(name)) throw new Error(`ONNX: ${name} is given twice`);
      values.set(name, results[i]);
    });
  }
  return model.outputs.map(({ name }) => values.get(name) ?? nothing);
}
