/** Convolutions: odd sizes, channels around multiples of four, groups, dilation. */

import { type ConvProblem, storedTensor } from "../../../src/kernels/wgsl/index.js";
import { type Activation, IDENTITY } from "../../../src/ops/index.js";
import { ACTIVATIONS, type OpCase, SILU } from "./opCase.js";

interface ConvShape {
  readonly n?: number;
  readonly c: number;
  readonly o: number;
  readonly h: number;
  readonly w: number;
  readonly k?: readonly [number, number];
  readonly s?: readonly [number, number];
  readonly p?: readonly [number, number];
  readonly d?: readonly [number, number];
  readonly g?: number;
  readonly act?: Activation;
  readonly bias?: boolean;
  readonly residual?: boolean;
}

export function convCase(shape: ConvShape): OpCase<"conv2d"> {
  const { n = 1, c, o, h, w, k = [3, 3], s = [1, 1], d = [1, 1], g = 1, act = SILU } = shape;
  const { p = [Math.floor(k[0] / 2), Math.floor(k[1] / 2)], bias = true, residual = false } = shape;
  const size = (a: 0 | 1, x: number): number => Math.floor((x + 2 * p[a] - d[a] * (k[a] - 1) - 1) / s[a]) + 1;
  const attrs = {
    stride: s,
    padding: p,
    dilation: d,
    groups: g,
    activation: act,
    hasBias: bias,
    hasResidual: residual,
  };
  return {
    name: `conv2d x=${n},${c},${h},${w} o=${o} k=${k} s=${s} p=${p} d=${d} g=${g} ${act.kind}${bias ? "" : " no bias"}${residual ? " residual" : ""}`,
    type: "conv2d",
    attrs,
    inputs: [[n, c, h, w], ...(residual ? [[n, o, size(0, h), size(1, w)]] : [])],
    weights: [[o, c / g, k[0], k[1]], ...(bias ? [[o]] : [])],
    depth: (c / g) * k[0] * k[1],
  };
}

/** Convolutions without groups: every general kernel must do them all. */
export const CONV_CASES: readonly OpCase<"conv2d">[] = [
  convCase({ c: 1, o: 1, h: 1, w: 1, k: [1, 1] }),
  convCase({ c: 3, o: 17, h: 7, w: 13, k: [1, 1] }),
  convCase({ c: 5, o: 3, h: 13, w: 7 }),
  convCase({ c: 17, o: 5, h: 20, w: 13, s: [2, 2] }),
  convCase({ c: 16, o: 16, h: 20, w: 20, residual: true }),
  convCase({ c: 17, o: 17, h: 13, w: 13, residual: true, act: { kind: "relu" } }),
  convCase({ c: 3, o: 16, h: 20, w: 20, k: [6, 6], s: [2, 2], p: [2, 2] }),
  convCase({ n: 2, c: 1, o: 5, h: 8, w: 6, k: [2, 4], s: [2, 2], p: [0, 2] }),
  convCase({ c: 3, o: 8, h: 13, w: 20, k: [6, 6], s: [2, 2], p: [2, 2] }),
  convCase({ c: 8, o: 20, h: 13, w: 20, d: [2, 2], p: [2, 2] }),
  convCase({ c: 8, o: 8, h: 13, w: 20, k: [1, 3], s: [1, 2] }),
  convCase({ c: 8, o: 8, h: 13, w: 20, k: [3, 1], s: [2, 1], bias: false }),
  convCase({ c: 64, o: 64, h: 7, w: 7, k: [1, 1], bias: false }),
  convCase({ c: 33, o: 70, h: 20, w: 20, k: [1, 1] }),
  convCase({ n: 3, c: 5, o: 9, h: 7, w: 13 }),
  convCase({ c: 4, o: 36, h: 7, w: 7, k: [5, 5], p: [0, 0] }),
  ...ACTIVATIONS.map((act) => convCase({ c: 5, o: 6, h: 7, w: 7, act })),
];

export const GROUP_CASES: readonly OpCase<"conv2d">[] = [
  convCase({ c: 6, o: 9, h: 7, w: 13, g: 3 }),
  convCase({ c: 8, o: 8, h: 13, w: 13, g: 2, residual: true }),
  convCase({ c: 5, o: 10, h: 7, w: 7, g: 5 }),
  convCase({ c: 17, o: 17, h: 13, w: 20, g: 17, residual: true }),
  convCase({ c: 3, o: 3, h: 20, w: 7, g: 3, k: [5, 5], s: [2, 2], d: [2, 2] }),
  convCase({ n: 2, c: 16, o: 16, h: 7, w: 7, g: 16, bias: false }),
];

/** Shapes that other kernels choose: point, window, depthwise and grouped ones, strides, sizes about a tile. */
export const MORE_CONV_CASES: readonly OpCase<"conv2d">[] = [
  convCase({ c: 8, o: 16, h: 5, w: 7, k: [1, 1], p: [0, 0] }),
  convCase({ c: 3, o: 5, h: 9, w: 7, k: [1, 1], p: [0, 0], act: IDENTITY }),
  convCase({ n: 2, c: 7, o: 13, h: 4, w: 3, k: [1, 1], p: [0, 0], residual: true }),
  convCase({ c: 64, o: 255, h: 1, w: 1, k: [1, 1], p: [0, 0], act: IDENTITY, bias: false }),
  convCase({ c: 16, o: 12, h: 6, w: 6, k: [1, 1], s: [2, 2], p: [0, 0], act: IDENTITY }),
  convCase({ c: 3, o: 16, h: 17, w: 19, k: [6, 6], s: [2, 2], p: [2, 2] }),
  convCase({ n: 2, c: 3, o: 10, h: 18, w: 22, k: [6, 6], s: [2, 2], p: [2, 2] }),
  convCase({ c: 3, o: 8, h: 12, w: 10, k: [6, 6], s: [2, 2], p: [2, 2], act: IDENTITY, bias: false }),
  convCase({ n: 2, c: 3, o: 9, h: 12, w: 10, k: [3, 3], p: [1, 1] }),
  convCase({ c: 1, o: 4, h: 8, w: 8, k: [5, 5], p: [2, 2], act: IDENTITY }),
  convCase({ c: 4, o: 8, h: 7, w: 9, k: [3, 3], p: [1, 1], act: IDENTITY }),
  convCase({ c: 16, o: 16, h: 20, w: 20, k: [3, 3], p: [1, 1], residual: true }),
  convCase({ n: 2, c: 20, o: 24, h: 13, w: 11, k: [3, 3], p: [1, 1] }),
  convCase({ c: 12, o: 20, h: 5, w: 6, k: [3, 3], p: [0, 0], act: IDENTITY }),
  convCase({ c: 10, o: 7, h: 3, w: 2, k: [3, 3], p: [1, 1], act: IDENTITY, bias: false }),
  convCase({ c: 8, o: 16, h: 15, w: 13, k: [3, 3], s: [2, 2], p: [1, 1] }),
  convCase({ n: 2, c: 20, o: 12, h: 26, w: 24, k: [3, 3], s: [2, 2], p: [1, 1], residual: true }),
  convCase({ c: 8, o: 28, h: 17, w: 16, k: [3, 3], s: [2, 2], p: [0, 0], act: IDENTITY }),
  convCase({ n: 2, c: 9, o: 8, h: 8, w: 8, k: [3, 3], s: [2, 1], p: [1, 0], act: IDENTITY }),
  convCase({ c: 8, o: 8, h: 12, w: 12, k: [3, 3], p: [2, 2], d: [2, 2], act: IDENTITY }),
  convCase({ c: 6, o: 10, h: 9, w: 9, k: [1, 3], p: [0, 1], act: { kind: "relu" } }),
  convCase({ c: 8, o: 8, h: 9, w: 9, k: [3, 1], p: [1, 0], act: IDENTITY }),
  convCase({ c: 8, o: 8, h: 6, w: 5, k: [3, 3], p: [1, 1], g: 8, residual: true }),
  convCase({ n: 2, c: 7, o: 7, h: 9, w: 9, k: [5, 5], s: [2, 2], p: [2, 2], g: 7, act: IDENTITY }),
  convCase({ c: 8, o: 16, h: 5, w: 5, k: [3, 3], p: [1, 1], g: 8, act: IDENTITY }),
  convCase({ c: 8, o: 8, h: 5, w: 5, k: [3, 3], p: [1, 1], g: 2 }),
  convCase({ c: 6, o: 9, h: 5, w: 5, k: [3, 3], p: [1, 1], g: 3, act: IDENTITY }),
  convCase({ c: 6, o: 12, h: 5, w: 5, k: [1, 1], p: [0, 0], g: 6, act: IDENTITY }),
  convCase({ c: 24, o: 24, h: 4, w: 4, k: [3, 3], p: [1, 1], g: 2, act: IDENTITY, residual: true }),
];

function transposed(
  [n, c, h, w]: readonly [number, number, number, number],
  o: number,
  k: number,
  s: number,
  p: number,
  {
    g = 1,
    outputPadding = 0,
    d = 1,
  }: { readonly g?: number; readonly outputPadding?: number; readonly d?: number } = {},
): OpCase<"convTranspose2d"> {
  return {
    name: `convTranspose2d x=${n},${c},${h},${w} o=${o} k=${k} s=${s} p=${p} g=${g} outputPadding=${outputPadding} d=${d}`,
    type: "convTranspose2d",
    attrs: {
      stride: [s, s],
      padding: [p, p],
      dilation: [d, d],
      outputPadding: [outputPadding, outputPadding],
      groups: g,
      activation: SILU,
      hasBias: true,
    },
    inputs: [[n, c, h, w]],
    weights: [[c, o / g, k, k], [o]],
    depth: (c / g) * k * k,
  };
}

export const TRANSPOSED_CASES: readonly OpCase[] = [
  transposed([2, 5, 7, 5], 3, 2, 2, 0),
  transposed([2, 8, 7, 5], 12, 3, 2, 1, { g: 4, outputPadding: 1 }),
  transposed([2, 6, 7, 5], 6, 4, 2, 1, { g: 6 }),
  transposed([1, 8, 5, 4], 8, 2, 2, 0),
  transposed([2, 6, 3, 5], 10, 4, 2, 1),
  transposed([1, 8, 4, 4], 8, 4, 2, 1, { g: 8 }),
  transposed([1, 4, 3, 3], 6, 3, 3, 0, { g: 2, outputPadding: 1 }),
  transposed([1, 4, 3, 3], 4, 1, 2, 0),
  transposed([1, 4, 5, 5], 4, 3, 1, 1, { d: 2 }),
];

/** The kernels' view of a case. */
export function convProblemOf({ attrs, inputs, weights }: OpCase<"conv2d">): ConvProblem {
  const [n, c, h, w] = inputs[0];
  const [o, , kh, kw] = weights[0];
  const size = (axis: 0 | 1, x: number, k: number): number =>
    Math.floor((x + 2 * attrs.padding[axis] - attrs.dilation[axis] * (k - 1) - 1) / attrs.stride[axis]) + 1;
  return {
    ...attrs,
    residual: attrs.hasResidual ? "input" : "none",
    input: storedTensor(n, c, h, w),
    output: storedTensor(n, o, size(0, h, kh), size(1, w, kw)),
    inChannels: c,
    outChannels: o,
    kernel: [kh, kw],
    inputChannels: Array.from({ length: Math.ceil(c / 4) * 4 }, (_, i) => (i < c ? i : -1)),
    compactInput: true,
  };
}
