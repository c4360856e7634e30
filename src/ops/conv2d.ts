/** conv2d: PyTorch's cross-correlation with groups, dilation, bias, activation and residual. */

import { atOnce, type Pieces } from "../breathe.js";
import { ShapeError } from "../errors.js";
import { formatShape, type HostTensor, sameShape } from "../tensor/index.js";
import { activationFunction, checkActivation } from "./activations.js";
import type { OpAttributes } from "./attributes.js";
import type { TensorDesc } from "./graph/graph.js";
import { MAX_STEP } from "./graph/limits.js";
import { checkShape, checkVector, nchw, type Op } from "./op.js";
import { checkGroups, checkKernel, checkPair, floatOutput, floats, windowOutput } from "./shapes.js";

type Attributes = OpAttributes["conv2d"];

/** Pixels whose windows are unrolled at once: columns of K float64 values for each stay within the L2 cache. */
const TILE = 128;

function infer(inputs: readonly TensorDesc[], attrs: Attributes, node: string): TensorDesc[] {
  const [x, weight] = inputs;
  const [n, c, h, w] = nchw(x, "conv2d", node);
  const [o, cPerGroup, kh, kw] = nchw(weight, "conv2d", node, "weight", "OIHW");
  checkPair(attrs.stride, "stride", 1, "conv2d", node, MAX_STEP);
  checkPair(attrs.padding, "padding", 0, "conv2d", node);
  checkPair(attrs.dilation, "dilation", 1, "conv2d", node);
  checkKernel([kh, kw], attrs.dilation, "conv2d", node);
  checkActivation(attrs.activation, "conv2d", node);
  const { groups } = attrs;
  checkGroups(groups, "conv2d", node);
  if (c !== cPerGroup * groups) {
    throw new ShapeError(
      `conv2d: input channels ${c} must equal weight channels ${cPerGroup} × groups ${groups} (${node})`,
      { c, cPerGroup, groups, node },
    );
  }
  checkShape(o % groups === 0, "conv2d", `output channels ${o} must be divisible by groups ${groups}`, node);
  const oh = windowOutput(h, kh, attrs.stride[0], attrs.padding[0], attrs.dilation[0]);
  const ow = windowOutput(w, kw, attrs.stride[1], attrs.padding[1], attrs.dilation[1]);
  checkShape(oh > 0 && ow > 0, "conv2d", `input ${h}×${w} is smaller than the ${kh}×${kw} kernel`, node);
  const wanted = 2 + (attrs.hasBias ? 1 : 0) + (attrs.hasResidual ? 1 : 0);
  checkShape(inputs.length === wanted, "conv2d", `needs ${wanted} inputs, got ${inputs.length}`, node);
  if (attrs.hasBias) checkVector(inputs[2], o, "bias", "conv2d", node);
  const shape = [n, o, oh, ow];
  if (attrs.hasResidual) {
    const residual = inputs[inputs.length - 1].shape;
    checkShape(
      sameShape(residual, shape),
      "conv2d",
      `residual must be ${formatShape(shape)}, got ${formatShape(residual)}`,
      node,
    );
  }
  return [{ shape, dtype: x.dtype }];
}

/** What the inner loops of one group of one picture need. */
interface GroupWork {
  readonly columns: Float64Array;
  readonly weights: Float64Array;
  readonly sums: Float64Array;
}

/** Unrolls the windows of `count` output pixels from `first` on: `columns[k·TILE + p]`. */
function unroll(
  x: Float32Array,
  base: number,
  geometry: { c: number; h: number; w: number; kh: number; kw: number; ow: number },
  attrs: Attributes,
  first: number,
  count: number,
  columns: Float64Array,
): void {
  const { c, h, w, kh, kw, ow } = geometry;
  const [sh, sw] = attrs.stride;
  let k = 0;
  for (let channel = 0; channel < c; channel++) {
    const plane = base + channel * h * w;
    for (let dy = 0; dy < kh; dy++) {
      const rowShift = dy * attrs.dilation[0] - attrs.padding[0];
      for (let dx = 0; dx < kw; dx++, k++) {
        const columnShift = dx * attrs.dilation[1] - attrs.padding[1];
        const row = k * TILE;
        let oy = Math.floor(first / ow);
        let oxAt = first - oy * ow;
        for (let p = 0; p < count; p++) {
          const iy = oy * sh + rowShift;
          const ix = oxAt * sw + columnShift;
          columns[row + p] = iy >= 0 && iy < h && ix >= 0 && ix < w ? x[plane + iy * w + ix] : 0;
          if (++oxAt === ow) {
            oxAt = 0;
            oy++;
          }
        }
      }
    }
  }
}

/** sums[o·TILE + p] = Σₖ weights[o·K + k] · columns[k·TILE + p], in 4×4 register tiles. */
function multiply(work: GroupWork, outputs: number, depth: number, count: number): void {
  const { columns, weights, sums } = work;
  for (let o = 0; o < outputs; o += 4) {
    const w0 = o * depth;
    const w1 = w0 + depth;
    const w2 = w1 + depth;
    const w3 = w2 + depth;
    for (let p = 0; p < count; p += 4) {
      let a00 = 0,
        a01 = 0,
        a02 = 0,
        a03 = 0;
      let a10 = 0,
        a11 = 0,
        a12 = 0,
        a13 = 0;
      let a20 = 0,
        a21 = 0,
        a22 = 0,
        a23 = 0;
      let a30 = 0,
        a31 = 0,
        a32 = 0,
        a33 = 0;
      for (let k = 0, at = p; k < depth; k++, at += TILE) {
        const b0 = columns[at];
        const b1 = columns[at + 1];
        const b2 = columns[at + 2];
        const b3 = columns[at + 3];
        const x0 = weights[w0 + k];
        a00 += x0 * b0;
        a01 += x0 * b1;
        a02 += x0 * b2;
        a03 += x0 * b3;
        const x1 = weights[w1 + k];
        a10 += x1 * b0;
        a11 += x1 * b1;
        a12 += x1 * b2;
        a13 += x1 * b3;
        const x2 = weights[w2 + k];
        a20 += x2 * b0;
        a21 += x2 * b1;
        a22 += x2 * b2;
        a23 += x2 * b3;
        const x3 = weights[w3 + k];
        a30 += x3 * b0;
        a31 += x3 * b1;
        a32 += x3 * b2;
        a33 += x3 * b3;
      }
      let s = o * TILE + p;
      sums[s] = a00;
      sums[s + 1] = a01;
      sums[s + 2] = a02;
      sums[s + 3] = a03;
      s += TILE;
      sums[s] = a10;
      sums[s + 1] = a11;
      sums[s + 2] = a12;
      sums[s + 3] = a13;
      s += TILE;
      sums[s] = a20;
      sums[s + 1] = a21;
      sums[s + 2] = a22;
      sums[s + 3] = a23;
      s += TILE;
      sums[s] = a30;
      sums[s + 1] = a31;
      sums[s + 2] = a32;
      sums[s + 3] = a33;
    }
  }
}

/** A piece is the window of `TILE` output pixels, of all channels of a group. */
function* referencePieces(inputs: readonly HostTensor[], attrs: Attributes): Pieces<HostTensor[]> {
  const [x, weight] = inputs;
  const [n, , h, w] = x.shape;
  const [o, c, kh, kw] = weight.shape;
  const { groups } = attrs;
  const [{ shape }] = infer(inputs, attrs, "reference");
  const [, , oh, ow] = shape;
  const out = floatOutput(shape, x);
  const bias = attrs.hasBias ? floats(inputs[2]) : undefined;
  const residual = attrs.hasResidual ? floats(inputs[inputs.length - 1]) : undefined;
  const activate = activationFunction(attrs.activation);
  const perGroup = o / groups;
  const padded = Math.ceil(perGroup / 4) * 4;
  const depth = c * kh * kw;
  const work: GroupWork = {
    columns: new Float64Array(depth * TILE + 4),
    weights: new Float64Array(padded * depth),
    sums: new Float64Array(padded * TILE),
  };
  const input = floats(x);
  const geometry = { c, h, w, kh, kw, ow };
  for (let g = 0; g < groups; g++) {
    work.weights.set(floats(weight).subarray(g * perGroup * depth, (g + 1) * perGroup * depth));
    for (let image = 0; image < n; image++) {
      const base = (image * groups + g) * c * h * w;
      for (let first = 0; first < oh * ow; first += TILE) {
        const count = Math.min(TILE, oh * ow - first);
        unroll(input, base, geometry, attrs, first, count, work.columns);
        multiply(work, perGroup, depth, count);
        for (let channel = 0; channel < perGroup; channel++) {
          const output = g * perGroup + channel;
          const at = (image * o + output) * oh * ow + first;
          const add = bias ? bias[output] : 0;
          for (let p = 0; p < count; p++) {
            const value = activate(work.sums[channel * TILE + p] + add);
            out.data[at + p] = residual ? value + residual[at + p] : value;
          }
        }
        yield;
      }
    }
  }
  return [out];
}

export const conv2dOp: Op<"conv2d"> = {
  type: "conv2d",
  infer,
  reference: (inputs, attrs) => atOnce(referencePieces(inputs, attrs)),
  referencePieces,
  flops([, weight], [y]) {
    const [o, c, kh, kw] = weight.shape;
    return 2 * y.shape[0] * o * y.shape[2] * y.shape[3] * c * kh * kw;
  },
};
