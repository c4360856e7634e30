/**
 * Winograd's algorithm (Lavin & Gray 2016) for 3×3 kernels, 4×4 output pixels at a time, as data: how a line of input
 * becomes points, how points become outputs, and which points share their weights. Both axes use the same line.
 *
 * Stride 1, F(4, 3): a line of 6 inputs, points 0, ±√½, ±√2, ∞; 36 products a tile instead of 144. These points have a
 * quarter of the squared error of the usual 0, ±1, ±2, ∞ (docs/wasm.md).
 *
 * Stride 2: a line of 9 inputs. The middle weight meets the four even inputs as they are; the outer two are a kernel of
 * two taps over the five odd inputs, F(4, 2) with points ±½, ±1, ∞. 81 products a tile instead of 144.
 */

import { type FunctionBuilder, type Vec, type VecLocal, vec } from "../emit/index.js";

export interface WinogradScheme {
  readonly name: string;
  readonly stride: 1 | 2;
  /** Inputs of a line, and its points. */
  readonly line: number;
  /** Points of a line of inputs. */
  readonly input: (f: FunctionBuilder, d: readonly VecLocal[]) => Vec[];
  /** Four outputs of a line of points. */
  readonly output: (f: FunctionBuilder, m: readonly VecLocal[]) => Vec[];
  /** Weights of each point of a line in terms of the three weights of the kernel. */
  readonly kernel: readonly (readonly [number, number, number])[];
  /** Number of each point (row, column): those that share weights stand together, as `runs` says. */
  readonly plane: (row: number, column: number) => number;
  /** In the order of planes: so many weight matrices, each for so many planes. */
  readonly runs: readonly { readonly matrices: number; readonly planes: number }[];
}

/** Output pixels of a tile along each axis. */
export const WINOGRAD_TILE = 4;

/** Weight matrices of a scheme. */
export function matricesOf({ runs }: WinogradScheme): number {
  return runs.reduce((sum, { matrices }) => sum + matrices, 0);
}

/** Planes of a scheme: points of a tile. */
export function planesOf({ line }: WinogradScheme): number {
  return line * line;
}

const A = Math.SQRT1_2;
const B = Math.SQRT2;

export const WINOGRAD_STRIDE_1: WinogradScheme = {
  name: "conv2d_winograd",
  stride: 1,
  line: 6,
  // A² = ½, B² = 2.
  input(f, d) {
    const evenA = f.vec(vec.madd(vec.splat(-2), d[2], d[4]));
    const oddA = f.vec(vec.madd(vec.splat(-2), d[1], d[3]));
    const evenB = f.vec(vec.madd(vec.splat(-0.5), d[2], d[4]));
    const oddB = f.vec(vec.madd(vec.splat(-0.5), d[1], d[3]));
    return [
      vec.madd(vec.splat(-2.5), d[2], f.vec(vec.add(d[0], d[4]))),
      vec.madd(vec.splat(A), oddA, evenA),
      vec.madd(vec.splat(-A), oddA, evenA),
      vec.madd(vec.splat(B), oddB, evenB),
      vec.madd(vec.splat(-B), oddB, evenB),
      vec.madd(vec.splat(-2.5), d[3], f.vec(vec.add(d[1], d[5]))),
    ];
  },
  output(f, m) {
    const sumA = f.vec(vec.add(m[1], m[2]));
    const differenceA = f.vec(vec.sub(m[1], m[2]));
    const sumB = f.vec(vec.add(m[3], m[4]));
    const differenceB = f.vec(vec.sub(m[3], m[4]));
    return [
      vec.add(vec.add(sumA, sumB), m[0]),
      vec.madd(vec.splat(B), differenceB, f.vec(vec.mul(vec.splat(A), differenceA))),
      vec.madd(vec.splat(2), sumB, f.vec(vec.mul(vec.splat(0.5), sumA))),
      vec.madd(vec.splat(B ** 3), differenceB, f.vec(vec.madd(vec.splat(A ** 3), differenceA, m[5]))),
    ];
  },
  // (1, p, p²) ÷ Π (p − q) over the other finite points q.
  kernel: [
    [1, 0, 0],
    [-2 / 3, (-2 / 3) * A, -1 / 3],
    [-2 / 3, (2 / 3) * A, -1 / 3],
    [1 / 6, B / 6, 1 / 3],
    [1 / 6, -B / 6, 1 / 3],
    [0, 0, 1],
  ],
  plane: (row, column) => row * 6 + column,
  runs: [{ matrices: 36, planes: 1 }],
};

/** Of a line's nine points the first four are the even inputs, the other five belong to the two-tap kernel. */
const EVEN = 4;
const ODD = 5;

export const WINOGRAD_STRIDE_2: WinogradScheme = {
  name: "conv2d_winograd_s2",
  stride: 2,
  line: EVEN + ODD,
  input(f, line) {
    // Inputs 0, 2, …, 8 meet the outer weights, 1, 3, 5, 7 the middle one.
    const d = [0, 2, 4, 6, 8].map((i) => line[i]);
    const evenA = f.vec(vec.sub(d[3], d[1]));
    const oddA = f.vec(vec.sub(d[2], d[0]));
    const evenB = f.vec(vec.madd(vec.splat(-0.25), d[1], d[3]));
    const oddB = f.vec(vec.madd(vec.splat(-0.25), d[0], d[2]));
    return [
      line[1],
      line[3],
      line[5],
      line[7],
      vec.madd(vec.splat(0.5), oddA, evenA),
      vec.madd(vec.splat(-0.5), oddA, evenA),
      vec.add(evenB, oddB),
      vec.sub(evenB, oddB),
      vec.madd(vec.splat(-1.25), d[2], f.vec(vec.madd(vec.splat(0.25), d[0], d[4]))),
    ];
  },
  output(f, m) {
    const sumA = f.vec(vec.add(m[4], m[5]));
    const differenceA = f.vec(vec.sub(m[4], m[5]));
    const sumB = f.vec(vec.add(m[6], m[7]));
    const differenceB = f.vec(vec.sub(m[6], m[7]));
    const half = vec.madd(vec.splat(0.125), differenceA, f.vec(vec.add(differenceB, m[8])));
    return [
      vec.add(vec.add(sumA, sumB), m[0]),
      vec.madd(vec.splat(0.5), differenceA, f.vec(vec.add(differenceB, m[1]))),
      vec.madd(vec.splat(0.25), sumA, f.vec(vec.add(sumB, m[2]))),
      vec.add(f.vec(half), m[3]),
    ];
  },
  kernel: [
    ...new Array<readonly [number, number, number]>(EVEN).fill([0, 1, 0]),
    [-4 / 3, 0, -2 / 3],
    [4 / 3, 0, -2 / 3],
    [2 / 3, 0, 2 / 3],
    [-2 / 3, 0, 2 / 3],
    [0, 0, 1],
  ],
  // First 25 planes with weights of their own, then 5 × 4 and 5 × 4 with even rows or columns, then 16 of the middle weight.
  plane(row, column) {
    if (row >= EVEN && column >= EVEN) return (row - EVEN) * ODD + column - EVEN;
    if (column >= EVEN) return ODD * ODD + (column - EVEN) * EVEN + row;
    if (row >= EVEN) return ODD * ODD + ODD * EVEN + (row - EVEN) * EVEN + column;
    return ODD * ODD + 2 * ODD * EVEN + row * EVEN + column;
  },
  runs: [
    { matrices: ODD * ODD, planes: 1 },
    { matrices: 2 * ODD, planes: EVEN },
    { matrices: 1, planes: EVEN * EVEN },
  ],
};
