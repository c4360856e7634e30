/**
 * One table of small, awkward cases that every backend runs: odd sizes, channels around multiples of four, groups, dilation, and
 * networks of a few nodes.
 */

import { type Graph, OPS, type OpType } from "../../../src/ops/index.js";
import type { HostTensor } from "../../../src/tensor/index.js";
import { asHalves } from "../random.js";
import { CONV_CASES, GROUP_CASES, MORE_CONV_CASES, TRANSPOSED_CASES } from "./convolutions.js";
import { HEAD_CASES } from "./head.js";
import { MOVE_CASES } from "./moves.js";
import { expectedOf, NETWORK_CASES, type NetworkCase } from "./networks.js";
import { buildCase, type OpCase } from "./opCase.js";
import { POINTWISE_CASES } from "./pointwise.js";
import { REDUCE_CASES } from "./reduce.js";

export { CONV_CASES, convCase, convProblemOf, GROUP_CASES } from "./convolutions.js";
export { ACTIVATIONS, buildCase, type OpCase } from "./opCase.js";

/** Of one op that is no convolution. */
export const OTHER_CASES: readonly OpCase[] = [
  ...TRANSPOSED_CASES,
  ...REDUCE_CASES,
  ...POINTWISE_CASES,
  ...MOVE_CASES,
  ...HEAD_CASES,
];

export interface BuiltCase {
  readonly graph: Graph;
  readonly inputs: readonly HostTensor[];
  /** What the float64 reference gives, one per output. */
  readonly expected: readonly HostTensor[];
}

/** A case that any backend can run. */
export interface Case {
  readonly name: string;
  /** Products that each output element sums: widens the absolute tolerance. */
  readonly depth: number;
  readonly types: readonly OpType[];
  /** `half`: with numbers of float16 alone. */
  build(half?: boolean): BuiltCase;
}

export function caseOf(opCase: OpCase): Case {
  const { name, depth, type } = opCase;
  const build = (half = false): BuiltCase => {
    const { graph, inputs, expected } = buildCase(opCase, 1, half);
    return { graph, inputs, expected: [expected] };
  };
  return { name, depth, types: [type], build };
}

function ofNetwork({ name, graph, inputs }: NetworkCase): Case {
  const build = (half = false): BuiltCase => {
    const round = (t: HostTensor): HostTensor => (half ? asHalves(t) : t);
    const constants = new Map([...graph.constants].map(([id, t]) => [id, round(t)]));
    const made = { graph: { ...graph, constants }, inputs: inputs.map(round) };
    return { ...made, expected: expectedOf(made) };
  };
  return { name, depth: 64, types: graph.nodes.map(({ type }) => type), build };
}

const CONVOLUTIONS: readonly OpCase[] = [...CONV_CASES, ...GROUP_CASES, ...MORE_CONV_CASES];

export const CASES: readonly Case[] = [
  ...[...CONVOLUTIONS, ...OTHER_CASES].map(caseOf),
  ...NETWORK_CASES.map(ofNetwork),
];

/** Ops of the registry that no case runs: a new op is held to by every backend only once it has some. */
export function opsWithoutCase(): string[] {
  const tested = new Set<string>(CASES.flatMap(({ types }) => types));
  return Object.keys(OPS).filter((type) => !tested.has(type));
}
